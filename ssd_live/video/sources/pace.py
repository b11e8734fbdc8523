"""Keep a frame rate, and decide when frames are due."""

import threading
import time


class Metronome:
    """A timer that ticks `rate` times per second; `wait` returns at each tick.

    Ticks that a caller misses because it is late are skipped. With a `rate` of 0, `wait` returns at
    once.
    """

    def __init__(self, rate: float) -> None:
        self._period = 1 / rate if rate > 0 else 0.0
        self._due = 0.0
        self._never = threading.Event()

    def wait(self) -> None:
        """Wait until the next tick is due."""
        now = time.monotonic()
        if self._due > now:
            self._never.wait(self._due - now)
        self._due = (
            max(self._due, now - self._period) + self._period if self._due else now + self._period
        )


class Pacer:
    """A clock that says when to show each frame of a video, so that it plays at its own speed.

    If a frame would be due too far in the past or future, because the caller is late or the frame
    times jump, the clock starts again with this frame: it is due at once, and the times of later
    frames count from it.
    """

    _FARTHEST_AHEAD_SECONDS, _FARTHEST_BEHIND_SECONDS = 2.0, 0.5

    def __init__(self) -> None:
        self._offset: float | None = None
        self._speed = 1.0

    def set_speed(self, speed: float) -> None:
        """Play `speed` times as fast as the frame times say, from the next frame on."""
        if speed != self._speed:
            self._speed = speed
            self.restart()

    def restart(self) -> None:
        """Start the clock again, so that the next frame is due at once."""
        self._offset = None

    def due(self, media_time: float, now: float) -> float:
        """Return the time on the monotonic clock at which to show a frame.

        `media_time` is the frame's own time and `now` is the current time on the monotonic clock.
        All values are in seconds.
        """
        media_time /= self._speed
        if self._offset is not None:
            due = media_time + self._offset
            farthest = self._FARTHEST_AHEAD_SECONDS / min(self._speed, 1.0)
            if -self._FARTHEST_BEHIND_SECONDS <= due - now <= farthest:
                return due
        self._offset = now - media_time
        return now
