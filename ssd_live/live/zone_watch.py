"""Count at the zones of one live source, and keep each count with a picture, to be checked."""

import copy
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ssd_live.analytics.counting import CountRecord, ZoneCounter, ZoneCounts
from ssd_live.analytics.rules import Event, Rule, RuleWatcher
from ssd_live.analytics.zone_drawing import CountedZones
from ssd_live.analytics.zones import Zone
from ssd_live.detections import Detections
from ssd_live.imaging.crops import crop
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.live import LiveFrame

# So many counts are kept, the newest ones.
MOST_COUNTS = 2000
# The longer side of a picture, in pixels.
PICTURE_PIXELS = 128

# What a person says of a count: nothing yet, that it is right or wrong, or that it was missed and
# he has added it.
Verdict = Literal["", "right", "wrong", "added"]
# The standard score of a 95 % interval.
_Z = 1.959964


@dataclass(frozen=True, eq=False)
class LiveCount:
    """A count of a live source. `number` counts from 1 and is never used again for this source.

    `clock` is the time of day in seconds since 1970. `picture` is BGR (h, w, 3) uint8 with at most
    `PICTURE_PIXELS` on a side, or None.
    """

    number: int
    record: CountRecord
    clock: float
    picture: Pixels | None = None
    verdict: Verdict = ""


@dataclass(frozen=True, eq=False)
class LiveEvent:
    """An event in a live source. `clock` is its time of day in seconds since 1970.

    `live_frame` is the frame in which it was noticed, and `visible` what is shown of it.
    """

    event: Event
    clock: float
    live_frame: LiveFrame
    visible: Detections


ZoneListener = Callable[[LiveCount | LiveEvent], None]


@dataclass(frozen=True)
class Audit:
    """What the verdicts on counts say.

    `checked` counts were checked; `wrong` of them are wrong, and `missed` others were added. The
    error rate is the share of wrong and missed ones among the checked and missed ones, 0 to 1, and
    `low` and `high` are its 95 % interval (Wilson 1927).
    """

    checked: int
    wrong: int
    missed: int

    @property
    def error_rate(self) -> float:
        """The share of errors, from 0 to 1, or 0 if nothing was checked."""
        return self._errors / max(self._all, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the error rate, from 0 to 1."""
        count = self._all
        if not count:
            return 0.0, 1.0
        middle = self.error_rate + _Z**2 / (2 * count)
        half = _Z * math.sqrt(
            self.error_rate * (1 - self.error_rate) / count + _Z**2 / (4 * count**2)
        )
        whole = 1 + _Z**2 / count
        return max((middle - half) / whole, 0.0), min((middle + half) / whole, 1.0)

    @property
    def _errors(self) -> int:
        return self.wrong + self.missed

    @property
    def _all(self) -> int:
        return self.checked + self.missed


class ZoneWatch:
    """The counter at the zones of one live source.

    When the time goes back, as when a file is played again, the totals begin anew.

    The infer thread calls `note`, and any thread may call the other methods.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zones: tuple[Zone, ...] = ()
        self._counter: ZoneCounter | None = None
        self._size = (0, 0)
        self._source_number = 0
        self._time = -math.inf
        self._counts: dict[int, LiveCount] = {}
        self._last_number = 0
        self._rules: tuple[Rule, ...] = ()
        self._rule_watcher = RuleWatcher(())
        self._listeners: tuple[ZoneListener, ...] = ()

    def listen(self, listener: ZoneListener) -> None:
        """Call `listener` with each new count and each event of the rules from now on.

        It is called in the infer thread, and must not wait.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def unlisten(self, listener: ZoneListener) -> None:
        """Call `listener` no more. It may be one that was never called."""
        with self._lock:
            self._listeners = tuple(its for its in self._listeners if its != listener)

    def _tell(self, news: Sequence[LiveCount | LiveEvent]) -> None:
        for one in news:
            for listener in self._listeners:
                listener(one)

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones of the source."""
        return self._zones

    def set_zones(self, zones: Sequence[Zone]) -> None:
        """Use other zones. Counting begins anew, and the counts so far stay in the list."""
        with self._lock:
            self._zones = tuple(zones)
            self._counter = None

    def set_rules(self, rules: Sequence[Rule]) -> None:
        """Watch for what these rules name; they must fit the zones."""
        with self._lock:
            self._rules = tuple(rules)
            self._rule_watcher = RuleWatcher(rules)

    def clear(self) -> None:
        """Forget all counts, as when another source is opened. The zones stay."""
        with self._lock:
            self._counter = None
            self._counts.clear()

    def note(self, live_frame: LiveFrame, visible: Detections) -> None:
        """Count what the `visible` objects of a frame did. An earlier source changes nothing."""
        frame = live_frame.frame
        if not self._zones:
            return
        with self._lock:
            if live_frame.source_number < self._source_number:
                return
            size = frame.width, frame.height
            is_same = self._size == size and self._source_number == live_frame.source_number
            if self._counter is None or not is_same:
                self._counter = ZoneCounter(self._zones, size)
                self._rule_watcher = RuleWatcher(self._rules)
                self._size, self._source_number = size, live_frame.source_number
            records = []
            if frame.time < self._time:
                records = self._counter.finish()
                self._counter = ZoneCounter(self._zones, size)
                self._rule_watcher = RuleWatcher(self._rules)
            self._time = frame.time
            records += self._counter.update(frame.time, visible)
            now = time.time() - (time.monotonic() - frame.captured_at)
            counts = [self._count(record, live_frame, visible, now) for record in records]
            events = self._rule_watcher.update(frame.time, self._counter, records, now)
        self._tell(counts)
        self._tell([LiveEvent(event, now, live_frame, visible) for event in events])

    def finish(self) -> None:
        """Let all objects leave, as at the end of the source."""
        with self._lock:
            if self._counter is None:
                return
            now = time.time()
            records = self._counter.finish()
            counts = [self._keep(record, now, None, "") for record in records]
        self._tell(counts)

    def _count(
        self, record: CountRecord, live_frame: LiveFrame, visible: Detections, now: float
    ) -> LiveCount:
        """Keep a record, with a picture if its object is in the frame."""
        frame = live_frame.frame
        its = next((one for one in visible if one.track_id == record.track_id), None)
        picture = None if its is None else crop(frame, its.box, PICTURE_PIXELS)
        if picture is None:
            # Who has left is not in the frame any more, but was there at an earlier count.
            of_track = (
                count.picture
                for count in reversed(self._counts.values())
                if count.record.track_id == record.track_id
            )
            picture = next(of_track, None)
        return self._keep(record, now - (frame.time - record.time), picture, "")

    def _keep(
        self, record: CountRecord, clock: float, picture: Pixels | None, verdict: Verdict
    ) -> LiveCount:
        self._last_number += 1
        count = LiveCount(self._last_number, record, clock, picture, verdict)
        self._counts[count.number] = count
        while len(self._counts) > MOST_COUNTS:
            del self._counts[next(iter(self._counts))]
        return count

    def add(self, record: CountRecord, clock: float) -> LiveCount:
        """Add a count that was missed; `clock` is its time of day in seconds since 1970."""
        with self._lock:
            return self._keep(record, clock, None, "added")

    def judge(self, number: int, verdict: Verdict) -> None:
        """Store what a person says of a count. A count that is not kept any more is left out."""
        with self._lock:
            count = self._counts.get(number)
            if count is not None:
                self._counts[number] = replace(count, verdict=verdict)

    def remove(self, number: int) -> None:
        """Remove a count that was added by mistake."""
        with self._lock:
            self._counts.pop(number, None)

    def newest_first(self) -> list[LiveCount]:
        """Return the counts that are kept, the newest first."""
        with self._lock:
            return list(reversed(self._counts.values()))

    def totals(self) -> dict[str, ZoneCounts]:
        """Return the counts of each line and area since the zones or the source last changed."""
        with self._lock:
            if self._counter is None:
                return {zone.name: ZoneCounts() for zone in self._zones if zone.kind != "mask"}
            return copy.deepcopy(self._counter.counts)

    def counted(self) -> CountedZones | None:
        """Return the zones with their counts, to draw them; None if there is no line or area."""
        zones = self._zones
        if all(zone.kind == "mask" for zone in zones):
            return None
        return CountedZones(zones, self.totals())

    def audit(self) -> Audit:
        """Return what the verdicts say about the counts that are kept."""
        with self._lock:
            verdicts = [count.verdict for count in self._counts.values()]
        checked = sum(verdict in ("right", "wrong") for verdict in verdicts)
        return Audit(checked, verdicts.count("wrong"), verdicts.count("added"))
