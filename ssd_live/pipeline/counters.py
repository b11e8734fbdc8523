"""Counting and timing of a live pipeline: every captured frame has one fate, and memory stays flat
however long it runs.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

_RATE_WINDOW_SECONDS = 2.0
# Bins of one percent from 10 microseconds to 100 seconds.
_SHORTEST_SECONDS, _LONGEST_SECONDS, _BIN_RATIO = 1e-5, 1e2, 1.01
_BINS = int(np.ceil(np.log(_LONGEST_SECONDS / _SHORTEST_SECONDS) / np.log(_BIN_RATIO)))


class Cause(str, Enum):
    """Why a captured frame was not shown."""

    INFERENCE = "inference busy"
    RENDERING = "rendering busy"
    DISPLAY = "display busy"
    HIDDEN = "not visible"
    RATE_CAP = "rate cap"
    PAUSED = "paused"
    CHANGED = "source changed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class FrameCounts:
    """captured = shown + failed + sum of dropped + in_flight; in_flight is 0 once a pipeline is
    closed.
    """

    captured: int
    shown: int
    inferred: int
    failed: int
    dropped: dict[str, int]

    @property
    def in_flight(self) -> int:
        return self.captured - self.shown - self.failed - sum(self.dropped.values())

    def since(self, earlier: "FrameCounts") -> "FrameCounts":
        """What was added after an earlier frame_counts."""
        dropped = {
            cause: count - earlier.dropped.get(cause, 0) for cause, count in self.dropped.items()
        }
        return FrameCounts(
            self.captured - earlier.captured,
            self.shown - earlier.shown,
            self.inferred - earlier.inferred,
            self.failed - earlier.failed,
            {cause: count for cause, count in dropped.items() if count},
        )


def total(all_counts: Iterable[FrameCounts]) -> FrameCounts:
    """Of several pipelines."""
    each = list(all_counts)
    dropped: Counter[str] = Counter()
    for frame_counts in each:
        dropped.update(frame_counts.dropped)
    return FrameCounts(
        sum(frame_counts.captured for frame_counts in each),
        sum(frame_counts.shown for frame_counts in each),
        sum(frame_counts.inferred for frame_counts in each),
        sum(frame_counts.failed for frame_counts in each),
        dict(sorted(dropped.items())),
    )


class FrameCounter:
    """Counts fates from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._captured = self._shown = self._inferred = self._failed = 0
        self._dropped: Counter[Cause] = Counter()

    def capture(self) -> None:
        with self._lock:
            self._captured += 1

    def infer(self) -> None:
        with self._lock:
            self._inferred += 1

    def show(self) -> None:
        with self._lock:
            self._shown += 1

    def fail(self) -> None:
        with self._lock:
            self._failed += 1

    def drop(self, cause: Cause) -> None:
        with self._lock:
            self._dropped[cause] += 1

    def counts(self) -> FrameCounts:
        with self._lock:
            return FrameCounts(
                self._captured,
                self._shown,
                self._inferred,
                self._failed,
                {c.value: n for c, n in sorted(self._dropped.items())},
            )


class Rate:
    """Events a second over the last two seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def tick(self, now: float) -> None:
        with self._lock:
            self._times.append(now)
            self._forget(now)

    def per_second(self, now: float | None = None) -> float:
        """One over the mean gap; while a gap is unusually long, it counts as it stands."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._forget(now)
            if len(self._times) < 2:
                return 0.0
            gaps = len(self._times) - 1
            span = max(self._times[-1] - self._times[0], 1e-6)
            overdue = now - self._times[-1] > 2 * span / gaps
            return gaps / (now - self._times[0] if overdue else span)

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] < now - _RATE_WINDOW_SECONDS:
            self._times.popleft()


class Durations:
    """Durations in seconds, kept as a histogram whose bins are one percent wide, and the last one
    as it was.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self._lock = threading.Lock()
        self.last = 0.0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        place = int(
            np.log(max(seconds, _SHORTEST_SECONDS) / _SHORTEST_SECONDS) / np.log(_BIN_RATIO)
        )
        with self._lock:
            self._counts[min(place, _BINS - 1)] += 1
            self.last = seconds
            self.longest = max(self.longest, seconds)

    @property
    def count(self) -> int:
        with self._lock:
            return int(self._counts.sum())

    def percentile(self, percent: float) -> float:
        """Upper edge, in seconds, of the bin in which that share of the durations is reached; 0 if
        there are none.
        """
        with self._lock:
            total = self._counts.cumsum()
        if not total[-1]:
            return 0.0
        place = int(np.searchsorted(total, np.ceil(total[-1] * percent / 100)))
        return float(min(_SHORTEST_SECONDS * _BIN_RATIO ** (place + 1), self.longest))

    @classmethod
    def merged(cls, several: Iterable["Durations"]) -> "Durations":
        """Those of several pipelines, as if they had been added to one."""
        everything = cls()
        for durations in several:
            with durations._lock:
                everything._counts += durations._counts
                everything.longest = max(everything.longest, durations.longest)
        return everything

    def milliseconds(self) -> dict[str, float]:
        """p50, p95, p99 and the longest, in milliseconds, and how many there were."""
        named = {
            f"p{percent}": round(1000 * self.percentile(percent), 3) for percent in (50, 95, 99)
        }
        return named | {"max": round(1000 * self.longest, 3), "count": self.count}
