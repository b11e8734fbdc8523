"""Measures how long the event loop of the window was blocked.

A timer is due every 10 ms. The longest time between two timer events is the longest block.
"""

import time
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer

_INTERVAL_MS = 10


class EventLoopMonitor(QObject):
    """A timer that records the longest gap between its events, from `start` on."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._started = self._last = 0.0
        self._beats = 0
        self._longest, self._longest_at = 0.0, 0.0

    def start(self) -> None:
        """Start the timer."""
        self._started = self._last = time.monotonic()
        self._timer.start(_INTERVAL_MS)

    def forget(self) -> float:
        """Return the longest gap so far in seconds, and start again from zero."""
        longest, self._longest = self._longest, 0.0
        return longest

    def numbers(self) -> dict[str, Any]:
        """Return the interval (ms), the number of timer events, and the longest gap.

        The gap has its length (ms) and the time of its end (s after the start).
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
