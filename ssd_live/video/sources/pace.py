"""Keeping a rate."""

import threading
import time


class Metronome:
    """`wait` returns `rate` times a second; a late one is not made up for."""

    def __init__(self, rate: float) -> None:
        self._period = 1 / rate if rate > 0 else 0.0
        self._due = 0.0
        self._never = threading.Event()

    def wait(self) -> None:
        now = time.monotonic()
        if self._due > now:
            self._never.wait(self._due - now)
        self._due = (
            max(self._due, now - self._period) + self._period if self._due else now + self._period
        )


class Pacer:
    """Says when a frame with a time of its own is due. A jump in the times, or falling far behind,
    starts the clock anew.
    """

    _FARTHEST_AHEAD_SECONDS, _FARTHEST_BEHIND_SECONDS = 2.0, 0.5

    def __init__(self) -> None:
        self._offset: float | None = None

    def restart(self) -> None:
        self._offset = None

    def due(self, media_time: float, now: float) -> float:
        """The monotonic clock at which to show it; both in seconds."""
        if self._offset is not None:
            due = media_time + self._offset
            if -self._FARTHEST_BEHIND_SECONDS <= due - now <= self._FARTHEST_AHEAD_SECONDS:
                return due
        self._offset = now - media_time
        return now
