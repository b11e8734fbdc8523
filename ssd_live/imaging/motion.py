"""Tell where something moves between two frames."""

import cv2
import numpy as np

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.gpu_frame import GpuFrame
from ssd_live.imaging.pixels import Pixels

# A pixel has changed if its brightness differs by more than this, of 255, and by more than this
# many times the median: everything gets brighter when a cloud goes by.
_LEAST_CHANGE, _MOST_CHANGE, _MEDIANS = 14, 28, 4
# The median is that of every second pixel in each direction.
_EVERY = 2


def brightness_grid(frame: Frame, rows: int) -> Pixels:
    """Return the brightness of pixels on a grid, uint8; it is empty for a frame in GPU memory.

    The grid has at least so many `rows`, if the frame has, and less than twice as many.
    """
    if isinstance(frame, GpuFrame) or not frame.planes:
        return np.zeros((0, 0), np.uint8)
    plane = frame.planes[0]
    step = max(plane.shape[0] // rows, 1)
    # Green has the most weight in the brightness of BGR pixels.
    grid = plane[::step, ::step] if plane.ndim == 2 else plane[::step, ::step, 1]
    return np.ascontiguousarray(grid)


def has_moved(now: Pixels, seen: Pixels, block: int, share: float) -> bool:
    """Return whether something has moved between two parts of brightness grids of the same shape.

    That is so if this `share` of the pixels of a block of `block` x `block` pixels has changed.
    """
    if not now.size:
        # The pixels are not at hand, so the longest time would miss motion.
        return True
    change = cv2.absdiff(now, seen)
    usual = float(np.median(change[::_EVERY, ::_EVERY]))
    limit = min(max(_LEAST_CHANGE, _MEDIANS * usual), _MOST_CHANGE)
    _, moved = cv2.threshold(change, limit, 255, cv2.THRESH_BINARY)
    blocks = [max(length // block, 1) for length in reversed(moved.shape)]
    shares = cv2.resize(moved, blocks, interpolation=cv2.INTER_AREA)
    return bool(shares.max() > 255 * share)
