"""Describe what an object looks like by histograms of its colours."""

import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.frame import InputRegion
from ssd_live.imaging.pixels import Pixels

# Two histograms, of the upper and of the lower half, tell a shirt from trousers.
_HALVES = 2
_LEVELS = 5
BINS = _HALVES * _LEVELS**3
# A grid of sample points costs the same for a box of any size. It leaves out the sides of a box,
# which mostly show the background.
_ROWS, _COLUMNS = 24, 8
_SIDE, _TOP = 0.15, 0.05
_ACROSS = _SIDE + (1 - 2 * _SIDE) * (np.arange(_COLUMNS, dtype=np.float32) + 0.5) / _COLUMNS
_DOWN = _TOP + (1 - 2 * _TOP) * (np.arange(_ROWS, dtype=np.float32) + 0.5) / _ROWS
_HALF = np.repeat(np.arange(_HALVES, dtype=np.int32) * _LEVELS**3, _ROWS // _HALVES)[:, None]
# The number of a bin is the sum of these values of blue, green and red.
_LEVEL = np.arange(256) * _LEVELS // 256
_CODES = tuple((_LEVEL * _LEVELS**power).astype(np.uint8) for power in (2, 1, 0))


def colour_histograms(
    image: Pixels, boxes: NDArray[np.float32], area: InputRegion
) -> NDArray[np.float32]:
    """Return a description (N, `BINS`) float32 of what each box shows.

    `image` (H, W, 3) uint8 BGR shows the part `area` of the frame. `boxes` (N, 4) are x1, y1, x2,
    y2 in pixels of the frame; a point outside the image counts as the nearest pixel. A description
    holds the square roots of two colour histograms and has the length 1, so that the distance of
    two descriptions is that of Hellinger, times the square root of 2.
    """
    height, width = image.shape[:2]
    scale = np.array([width / area.width, height / area.height] * 2, np.float32)
    moved = (boxes - np.array([area.x, area.y] * 2, np.float32)) * scale
    sizes = moved[:, 2:] - moved[:, :2]
    x = (moved[:, :1] + sizes[:, :1] * _ACROSS).clip(0, width - 1).astype(np.int32)
    y = (moved[:, 1:2] + sizes[:, 1:] * _DOWN).clip(0, height - 1).astype(np.int32)
    places = (3 * y * width)[:, :, None] + 3 * x[:, None, :]
    samples = np.ascontiguousarray(image).ravel()
    codes = _CODES[0].take(samples.take(places))
    codes += _CODES[1].take(samples.take(places + 1))
    codes += _CODES[2].take(samples.take(places + 2))
    bins = codes + (_HALF + (np.arange(len(boxes), dtype=np.int32) * BINS)[:, None, None])
    counts = np.bincount(bins.ravel(), minlength=len(boxes) * BINS).reshape(-1, BINS)
    looks: NDArray[np.float32] = np.sqrt(counts * np.float32(1 / (_ROWS * _COLUMNS)))
    return looks.astype(np.float32)
