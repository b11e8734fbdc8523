"""Add up where objects stood in the picture, and colour it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.pixels import Pixels

# The longer side of the grid has so many cells.
_CELLS = 96
# Each cell has so many pixels on a side in the image. Whoever shows it enlarges it smoothly.
_CELL_PIXELS = 4
_SMOOTH_CELLS = 1.3
# Cells with this share of the largest value, and more, have the hottest colour.
_HOTTEST_PERCENTILE = 99.5
_MOST_ALPHA = 0.85
# The dark end of the ramp cannot be told from a shadow.
_RAMP_BEGIN, _RAMP_END = 70, 250


class HeatGrid:
    """A grid over a frame of this (width, height) in pixels, with square cells.

    `counts` (rows, columns) float32 says how often something was in each cell.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        scale = _CELLS / max(size)
        self._cell = 1 / scale
        shape = max(round(size[1] * scale), 1), max(round(size[0] * scale), 1)
        self.counts: NDArray[np.float32] = np.zeros(shape, np.float32)

    def add(self, points: NDArray[np.float32]) -> None:
        """Count points (N, 2), x and y in pixels. Those outside count at the edge."""
        rows, columns = self.counts.shape
        cells = (points / self._cell).astype(np.int64)
        np.add.at(self.counts, (cells[:, 1].clip(0, rows - 1), cells[:, 0].clip(0, columns - 1)), 1)


def heat_pixels(counts: NDArray[np.float32]) -> Pixels:
    """Return the counts (rows, columns) as an image (4 rows, 4 columns, 4) uint8, BGRA.

    It is clear where nothing was.
    """
    rows, columns = counts.shape
    smooth = cv2.GaussianBlur(counts, (0, 0), _SMOOTH_CELLS)
    hottest = float(np.percentile(smooth[smooth > 0], _HOTTEST_PERCENTILE)) if counts.any() else 1.0
    # With the square root, places where somebody was only once can be seen too.
    level = np.sqrt(np.clip(smooth / hottest, 0, 1)).astype(np.float32)
    size = columns * _CELL_PIXELS, rows * _CELL_PIXELS
    level = np.clip(cv2.resize(level, size, interpolation=cv2.INTER_LINEAR), 0, 1)
    ramp = heat_ramp()
    colours = ramp[np.rint(level * (len(ramp) - 1)).astype(int)]
    alpha = np.rint(255 * _MOST_ALPHA * np.clip(1.6 * level, 0, 1)).astype(np.uint8)
    return np.dstack([colours, alpha])


def heat_ramp() -> Pixels:
    """Return the colours (N, 3) uint8, BGR, from seldom to often."""
    every = np.arange(_RAMP_BEGIN, _RAMP_END, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(every, cv2.COLORMAP_INFERNO), np.uint8)[:, 0]
