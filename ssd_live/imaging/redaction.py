"""Hide regions of a frame, directly on YUV planes or BGR pixels, so that nothing shows in them.

What is hidden depends on a few coarse cells of the region, or on nothing of it. No pixel of the
region stays as it was.
"""

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.frame import Region
from ssd_live.imaging.overlay import yuv_colour
from ssd_live.imaging.pixels import PixelFormat, Pixels, YuvMatrix

# solid: one colour. pixelate: cells of their mean colours. blur: the same cells, with smooth
# transitions.
HidingStyle = Literal["solid", "pixelate", "blur"]

# A hidden region has so many cells along its longer side at most.
MOST_CELLS = 8
# Each side of a box grows by this share of the box; docs/redaction.md says why.
DEFAULT_MARGIN = 0.2
# Objects are hidden from this part of the display threshold on, because a miss is worse than a
# false alarm.
THRESHOLD_SHARE = 0.5
_BLACK = (0, 0, 0)


class Hider:
    """Hides regions of the frames of one source, which have one pixel format.

    `matrix` is the frames' YUV matrix and is only used for `yuv420p`.
    """

    def __init__(
        self,
        style: HidingStyle,
        pixel_format: PixelFormat = "bgr24",
        matrix: YuvMatrix | None = None,
    ) -> None:
        self._style = style
        if pixel_format == "yuv420p":
            self._subsampling: tuple[int, ...] = (1, 2, 2)
            self._values: tuple[int, ...] = yuv_colour(_BLACK, matrix or YuvMatrix())
        else:
            self._subsampling, self._values = (1,), (0,)

    def hide(self, planes: Sequence[Pixels], boxes: NDArray[np.float32]) -> None:
        """Hide what is inside `boxes` (N, 4), x1, y1, x2, y2 in pixels, in place.

        `planes` are the planes of a frame and must be writable: one (H, W, 3) uint8 for `bgr24`, or
        Y (H, W) and U, V (half the size) for `yuv420p`. Other pixels do not change, apart from
        those that share a colour value of 4:2:0 with the box.
        """
        height, width = planes[0].shape[:2]
        for box in boxes:
            region = region_of(box, (width, height))
            if region is None:
                continue
            columns, rows = cells_of(region)
            for plane, halving, value in zip(planes, self._subsampling, self._values, strict=True):
                part = plane[
                    region.y // halving : -(-(region.y + region.height) // halving),
                    region.x // halving : -(-(region.x + region.width) // halving),
                ]
                if self._style == "solid":
                    part[:] = value
                    continue
                size = part.shape[1], part.shape[0]
                # Twice as large colour values need no more cells than they are.
                cells = cv2.resize(
                    part, (min(columns, size[0]), min(rows, size[1])), interpolation=cv2.INTER_AREA
                )
                spread = cv2.INTER_NEAREST if self._style == "pixelate" else cv2.INTER_LINEAR
                part[:] = cv2.resize(cells, size, interpolation=spread)


def region_of(box: NDArray[np.float32], size: tuple[int, int]) -> Region | None:
    """Return the region that is hidden for a box x1, y1, x2, y2 in pixels, or None if it is empty.

    The box is clipped to a frame of `size` (width, height) and rounded outwards to even pixels, so
    that no colour value of 4:2:0 lies half inside. At an odd side of the frame, the region ends
    with the frame.
    """
    width, height = size
    left, top = (max(math.floor(value / 2) * 2, 0) for value in box[:2].tolist())
    right, bottom = (math.ceil(value / 2) * 2 for value in box[2:].tolist())
    right, bottom = min(right, width), min(bottom, height)
    if right <= left or bottom <= top:
        return None
    return Region(left, top, right - left, bottom - top)


def cells_of(region: Region) -> tuple[int, int]:
    """Return how many (columns, rows) of cells a region has, `MOST_CELLS` along its longer side.

    The cells are about square.
    """
    cell = max(region.width, region.height) / MOST_CELLS
    return max(round(region.width / cell), 1), max(round(region.height / cell), 1)
