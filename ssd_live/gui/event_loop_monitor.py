"""Measure how long the event loop of the window was blocked.

A timer is due every 10 ms. While the event loop is blocked, the timer has no event. So the longest
time between two timer events shows the longest block.
"""

import time
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer

_INTERVAL_MS = 10


class EventLoopMonitor(QObject):
    """A measurement of the longest time that the event loop of the window was blocked.

    From `start` on, a timer is due every 10 ms. A blocked event loop delays the timer, so a long
    gap (the time between two timer events) shows a block.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._started = self._last = 0.0
        self._beats = 0
        self._longest, self._longest_at = 0.0, 0.0

    def start(self) -> None:
        """Start the timer and the measurement."""
        self._started = self._last = time.monotonic()
        self._timer.start(_INTERVAL_MS)

    def forget(self) -> float:
        """Return the longest gap, in seconds, since `start` or the previous call, and forget it.

        A gap is the time between two timer events. From now on, only new gaps count, also in
        `numbers`.
        """
        longest, self._longest = self._longest, 0.0
        return longest

    def numbers(self) -> dict[str, Any]:
        """Return the measurements as a dictionary for JSON.

        `interval_ms` is the timer's interval, and `beats` is the number of timer events.
        `longest_gap_ms` is the longest gap between two timer events, and `longest_gap_at_s` is the
        time of its end in seconds after `start`.
        """
        return {
            "interval_ms": _INTERVAL_MS,
            "beats": self._beats,
            "longest_gap_ms": round(1000 * self._longest, 2),
            "longest_gap_at_s": round(self._longest_at, 3),
        }

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._last > self._longest:
            self._longest, self._longest_at = now - self._last, now - self._started
        self._last = now
        self._beats += 1
