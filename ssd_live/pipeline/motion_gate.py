"""Decide on which frames inference runs, by what moves."""

from typing import Literal

import cv2
import numpy as np

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.gpu_frame import GpuFrame
from ssd_live.imaging.pixels import Pixels

# The longest time between two detections, in seconds: nothing new waits longer.
LONGEST_SECONDS = 0.4
# The shortest time. A tracker fills in what lies between, even if everything moves.
_SHORTEST_SECONDS = 0.06
# The pixels that are compared lie on a grid with about this many rows.
_ROWS = 90
# A pixel has changed if its brightness differs by more than this, of 255, and by more than this
# many times the median: everything gets brighter when a cloud goes by.
_LEAST_CHANGE, _MOST_CHANGE, _MEDIANS = 14, 28, 4
# Something has moved if in one tile of the frame, with so many rows of the grid, this share has
# changed. Chosen on a labelled video, see docs/tracking.md.
_TILE = 7
_MOVED_SHARE = 0.7
# On one of so many other frames, inference runs only to tell what was missed.
_CHECKED = 40

# detect: inference runs for the tracker. check: it runs only to tell what the tracker missed.
FrameUse = Literal["detect", "check", "none"]


class MotionGate:
    """A gate that decides on which frames of one source inference runs.

    The decision depends only on the pixels and the times of the frames so far, so that it is the
    same in every run.
    """

    def __init__(self) -> None:
        self._seen: Pixels | None = None
        self._detected_at = 0.0
        self._unseen = 0

    def use(self, frame: Frame) -> FrameUse:
        """Return how `frame` is used, which is the next one in time."""
        waited = frame.time - self._detected_at
        seen = self._seen
        # A half of a millisecond more or less is rounding of the time base.
        if seen is not None and 0 <= waited < _SHORTEST_SECONDS - 5e-4:
            return self._without()
        now = _brightness(frame)
        if (
            seen is None
            or not 0 <= waited < LONGEST_SECONDS - 5e-4
            or now.shape != seen.shape
            or _has_moved(now, seen)
        ):
            self._seen, self._detected_at = now, frame.time
            return "detect"
        return self._without()

    def _without(self) -> FrameUse:
        self._unseen += 1
        return "check" if self._unseen % _CHECKED == _CHECKED // 2 else "none"


def _brightness(frame: Frame) -> Pixels:
    """Return the brightness of pixels on a grid, uint8; it is empty for a frame in GPU memory."""
    if isinstance(frame, GpuFrame) or not frame.planes:
        return np.zeros((0, 0), np.uint8)
    plane = frame.planes[0]
    step = max(plane.shape[0] // _ROWS, 1)
    # Green has the most weight in the brightness of BGR pixels.
    grid = plane[::step, ::step] if plane.ndim == 2 else plane[::step, ::step, 1]
    return np.ascontiguousarray(grid)


def _has_moved(now: Pixels, seen: Pixels) -> bool:
    if not now.size:
        # The pixels are not at hand, so the longest time would miss motion.
        return True
    change = cv2.absdiff(now, seen)
    usual = float(np.median(change[:: _TILE // 3, :: _TILE // 3]))
    limit = min(max(_LEAST_CHANGE, _MEDIANS * usual), _MOST_CHANGE)
    _, moved = cv2.threshold(change, limit, 255, cv2.THRESH_BINARY)
    tiles = [max(length // _TILE, 1) for length in reversed(moved.shape)]
    shares = cv2.resize(moved, tiles, interpolation=cv2.INTER_AREA)
    return bool(shares.max() > 255 * _MOVED_SHARE)
