"""Count and time the frames of a live pipeline.

Every captured frame is counted once: as shown, as failed or as dropped. The memory that this needs
does not grow, however long the pipeline runs.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

_RATE_WINDOW_SECONDS = 2.0
# The histogram has bins of one percent, from 10 microseconds to 100 seconds.
_SHORTEST_SECONDS, _LONGEST_SECONDS, _BIN_RATIO = 1e-5, 1e2, 1.01
_BINS = int(np.ceil(np.log(_LONGEST_SECONDS / _SHORTEST_SECONDS) / np.log(_BIN_RATIO)))


class Cause(StrEnum):
    """A cause for which a captured frame was dropped, that is, not shown."""

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
    """How many frames of a live pipeline were captured, shown, inferred, failed and dropped.

    An object is a snapshot at one moment. `inferred` counts the frames on which inference ran, and
    `failed` those that could not be processed. `dropped` maps the text of a `Cause` to the number
    of frames dropped for it. `captured` is `shown` + `failed` + the sum of `dropped` + `in_flight`,
    and `in_flight` is 0 after the pipeline was closed.
    """

    captured: int
    shown: int
    inferred: int
    failed: int
    dropped: dict[str, int]

    @property
    def in_flight(self) -> int:
        """The number of captured frames that are still in the pipeline."""
        return self.captured - self.shown - self.failed - sum(self.dropped.values())

    def since(self, earlier: "FrameCounts") -> "FrameCounts":
        """Return the growth of each count since `earlier`, a snapshot of the same pipeline."""
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
    """Return the sum of the counts of several pipelines."""
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
    """A counter of what happened to each frame; all methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._captured = self._shown = self._inferred = self._failed = 0
        self._dropped: Counter[Cause] = Counter()

    def capture(self) -> None:
        """Count a captured frame."""
        with self._lock:
            self._captured += 1

    def infer(self) -> None:
        """Count a frame on which inference ran."""
        with self._lock:
            self._inferred += 1

    def show(self) -> None:
        """Count a frame that was shown."""
        with self._lock:
            self._shown += 1

    def fail(self) -> None:
        """Count a frame that could not be processed."""
        with self._lock:
            self._failed += 1

    def drop(self, cause: Cause) -> None:
        """Count a frame that was dropped for this cause."""
        with self._lock:
            self._dropped[cause] += 1

    def counts(self) -> FrameCounts:
        """Return a snapshot of the counts."""
        with self._lock:
            return FrameCounts(
                self._captured,
                self._shown,
                self._inferred,
                self._failed,
                {c.value: n for c, n in sorted(self._dropped.items())},
            )


class Rate:
    """A measurement of the number of events per second during the last two seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def tick(self, now: float) -> None:
        """Record an event at `now`, in seconds of the monotonic clock."""
        with self._lock:
            self._times.append(now)
            self._forget(now)

    def per_second(self, now: float | None = None) -> float:
        """Return the events per second, or 0 for fewer than two events in the last two seconds.

        The result is 1 divided by the mean time between events in seconds. `now` is the time on the
        monotonic clock, by default the current time. If no event came for more than twice the mean
        time, the time since the last event is included, so that the result falls.
        """
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


class Recent:
    """The durations that were added during the last two seconds."""

    def __init__(self) -> None:
        self._durations: deque[tuple[float, float]] = deque()
        self._lock = threading.Lock()

    def add(self, now: float, seconds: float) -> None:
        """Add a duration in seconds at `now`, in seconds of the monotonic clock."""
        with self._lock:
            self._durations.append((now, seconds))
            self._forget(now)

    def percentile(self, percent: float, now: float | None = None) -> float:
        """Return a percentile of the durations in seconds, or 0 if there are none.

        `percent` is in 0..100. `now` is the time on the monotonic clock, by default the current
        time.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            self._forget(now)
            values = sorted(seconds for _, seconds in self._durations)
        return values[min(int(len(values) * percent / 100), len(values) - 1)] if values else 0.0

    def _forget(self, now: float) -> None:
        while self._durations and self._durations[0][0] < now - _RATE_WINDOW_SECONDS:
            self._durations.popleft()


class Durations:
    """A histogram of durations in seconds, with bins one percent wide.

    `last` is the duration that was added last, and `longest` the longest one. Both are exact.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self._lock = threading.Lock()
        self.last = 0.0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Add a duration in seconds."""
        place = int(
            np.log(max(seconds, _SHORTEST_SECONDS) / _SHORTEST_SECONDS) / np.log(_BIN_RATIO)
        )
        with self._lock:
            self._counts[min(place, _BINS - 1)] += 1
            self.last = seconds
            self.longest = max(self.longest, seconds)

    @property
    def count(self) -> int:
        """The number of durations added."""
        with self._lock:
            return int(self._counts.sum())

    def percentile(self, percent: float) -> float:
        """Return a percentile of the durations in seconds, or 0 if there are none.

        `percent` is in 0..100. The result is the upper edge of the bin that contains the
        percentile, but at most `longest`.
        """
        with self._lock:
            total = self._counts.cumsum()
        if not total[-1]:
            return 0.0
        place = int(np.searchsorted(total, np.ceil(total[-1] * percent / 100)))
        return float(min(_SHORTEST_SECONDS * _BIN_RATIO ** (place + 1), self.longest))

    @classmethod
    def merged(cls, several: Iterable["Durations"]) -> "Durations":
        """Return a new histogram of all durations in `several` histograms; its `last` is 0."""
        everything = cls()
        for durations in several:
            with durations._lock:
                everything._counts += durations._counts
                everything.longest = max(everything.longest, durations.longest)
        return everything

    def milliseconds(self) -> dict[str, float]:
        """Return a dict with the percentiles `p50`, `p95` and `p99`, `max` and `count`.

        The percentiles and `max`, the longest duration, are in milliseconds. `count` is the number
        of durations.
        """
        named = {
            f"p{percent}": round(1000 * self.percentile(percent), 3) for percent in (50, 95, 99)
        }
        return named | {"max": round(1000 * self.longest, 3), "count": self.count}
