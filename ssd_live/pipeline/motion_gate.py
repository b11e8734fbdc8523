"""Decide on which frames inference runs, by what moves."""

from typing import Literal

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.motion import brightness_grid, has_moved
from ssd_live.imaging.pixels import Pixels

# The longest time between two detections, in seconds: nothing new waits longer.
LONGEST_SECONDS = 0.4
# The shortest time. A tracker fills in what lies between, even if everything moves.
_SHORTEST_SECONDS = 0.06
# The pixels that are compared lie on a grid with about this many rows.
_ROWS = 90
# Something has moved if in one block of the frame, with so many rows of the grid, this share has
# changed. Chosen on a labelled video, see docs/tracking.md.
_BLOCK = 7
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
        now = brightness_grid(frame, _ROWS)
        if (
            seen is None
            or not 0 <= waited < LONGEST_SECONDS - 5e-4
            or now.shape != seen.shape
            or has_moved(now, seen, _BLOCK, _MOVED_SHARE)
        ):
            self._seen, self._detected_at = now, frame.time
            return "detect"
        return self._without()

    def _without(self) -> FrameUse:
        self._unseen += 1
        return "check" if self._unseen % _CHECKED == _CHECKED // 2 else "none"
