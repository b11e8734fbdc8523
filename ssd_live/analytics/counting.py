"""Count tracked objects that cross lines and stay in areas.

Each count is a record, so that it can be checked by a person.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.analytics.zones import Point, Zone, anchors_of
from ssd_live.detections import Detections

# An object is on a new side of a line or a border only if it is farther from it than this share of
# its own size, the square root of its area. Somebody who stands on a line is thus counted once.
HYSTERESIS = 0.1
# An object that was not seen for so long has left, in seconds. Until then, it may get its id again.
LOST_SECONDS = 5.0

Box = tuple[float, float, float, float]

# crossed: a line. entered, left: an area.
RecordKind = Literal["crossed", "entered", "left"]
# appeared: it was inside when it was first seen. lost: it was inside when it was last seen.
# ended: it was inside when the source ended.
Why = Literal["", "appeared", "lost", "ended"]


@dataclass(frozen=True)
class CountRecord:
    """One count: what an object did, where and when.

    `time` is in seconds of the source. `zone` is the name of the line or the area. `direction` is
    "in" or "out" of a line, or "". `seconds` is how long the object was in an area that it left.
    `box` is x1, y1, x2, y2 in pixels in the frame in which this was noticed, and `noticed_at` the
    time of that frame: hysteresis makes it a little later.
    """

    kind: RecordKind
    zone: str
    time: float
    track_id: int
    class_name: str
    box: Box
    noticed_at: float
    direction: Literal["", "in", "out"] = ""
    seconds: float = 0.0
    why: Why = ""


@dataclass
class ZoneCounts:
    """The counts of one line or area so far, by class.

    `went_in` and `went_out` count crossings of a line, or objects that entered and left an area.
    `inside` are the objects that are in an area now, and `seconds` the sum of the times in it of
    those that have left. `visits` counts these.
    """

    went_in: Counter[str] = field(default_factory=Counter)
    went_out: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    visits: int = 0

    @property
    def mean_seconds(self) -> float:
        """The mean time in the area of the objects that have left."""
        return self.seconds / self.visits if self.visits else 0.0


@dataclass
class _Passage:
    """Where one object is beside one line or border.

    `side` is 1 or -1 after the object was clearly on that side, and 0 before. `point` is its last
    one, x and y in pixels, and `distance` how far it is from the line, positive on the side 1. The
    sign of this last changed at `changed_at` seconds in the point `changed_in`, or never (None).
    """

    side: int = 0
    point: Point | None = None
    distance: float = 0.0
    changed_at: float | None = None
    changed_in: Point = (0.0, 0.0)

    def time_of_change(self, now: float) -> float:
        """Return when the object came to this side; `now` if it was here when it was first seen."""
        return now if self.changed_at is None else self.changed_at


@dataclass
class _Object:
    """What is known of one object: when and where it was last seen, and its place in each zone."""

    class_name: str
    time: float
    box: Box
    passages: dict[str, _Passage] = field(default_factory=dict)
    # When it came into each area that it is in.
    entered_at: dict[str, float] = field(default_factory=dict)


class ZoneCounter:
    """A counter for the tracked objects of one source, frame by frame in the order of time.

    `zones` are the zones of the source, whose masks are not used here, and `size` the (width,
    height) of its frames in pixels. An object counts from the first detection of its track on, but
    only when it has an id.
    """

    def __init__(self, zones: Iterable[Zone], size: tuple[int, int]) -> None:
        self._zones = [zone for zone in zones if zone.kind != "mask"]
        self._shapes = {zone.name: zone.pixels(size) for zone in self._zones}
        self._objects: dict[int, _Object] = {}
        self._time = -math.inf
        self.counts = {zone.name: ZoneCounts() for zone in self._zones}
        # The objects of each class that were seen.
        self.seen: Counter[str] = Counter()

    def update(self, time: float, found: Detections) -> list[CountRecord]:
        """Count what has happened up to a frame, and return a record for each count.

        `time` is the time of the frame in seconds. `found` are its tracked objects; without ids,
        nothing is counted. If the time goes back, all objects have left.
        """
        records = self.finish() if time < self._time else []
        self._time = time
        for index, one in enumerate(found):
            if one.track_id is None:
                break
            # Where an object is only expected, it may not be.
            if not one.observed:
                continue
            its = self._objects.get(one.track_id)
            is_new = its is None
            if its is None:
                its = self._objects[one.track_id] = _Object(one.name, time, one.box)
                self.seen[one.name] += 1
            elif its.class_name != one.name:
                self._rename(its, one.name)
            if found.begins is not None:
                # What it did before it had an id, or while it had none.
                begin, *box = found.begins[index].tolist()
                if begin < time and (is_new or begin > its.time):
                    records += self._moved(one.track_id, its, begin, tuple(box))
            records += self._moved(one.track_id, its, time, one.box)
        for track_id, its in list(self._objects.items()):
            if time - its.time > LOST_SECONDS:
                del self._objects[track_id]
                records += self._left_all(track_id, its, "lost")
        return records

    def finish(self) -> list[CountRecord]:
        """End all objects, and return the records of those that were in an area."""
        records = []
        for track_id, its in self._objects.items():
            records += self._left_all(track_id, its, "ended")
        self._objects.clear()
        self._time = -math.inf
        return records

    def _rename(self, its: _Object, class_name: str) -> None:
        """Change the class of an object, because the votes for it have changed."""
        self.seen[its.class_name] -= 1
        self.seen[class_name] += 1
        for name in its.entered_at:
            self.counts[name].inside[its.class_name] -= 1
            self.counts[name].inside[class_name] += 1
        its.class_name = class_name

    def _moved(self, track_id: int, its: _Object, time: float, box: Box) -> list[CountRecord]:
        """Move an object to `box` at `time`, and return what it did."""
        records = []
        for zone in self._zones:
            if zone.classes and its.class_name not in zone.classes:
                continue
            passage = its.passages.setdefault(zone.name, _Passage())
            was = passage.side
            self._pass(passage, zone, its.time, time, box)
            if passage.side == was:
                continue
            record = CountRecord("crossed", zone.name, time, track_id, its.class_name, box, time)
            if zone.kind == "line":
                if was and _is_beside(self._shapes[zone.name], passage.changed_in):
                    records.append(self._crossed(record, passage))
            elif passage.side > 0:
                records.append(self._entered(record, its, passage))
            elif zone.name in its.entered_at:
                record = replace(record, time=passage.time_of_change(time))
                records.append(self._left(record, its, ""))
        its.time, its.box = time, box
        return records

    def _pass(self, passage: _Passage, zone: Zone, before: float, time: float, box: Box) -> None:
        """Move an object beside one line or border, from the time `before` to `time`."""
        shape = self._shapes[zone.name]
        ((x, y),) = anchors_of(np.array([box], np.float32), zone.anchor).tolist()
        distance = (
            _distance_to_line(shape, x, y)
            if zone.kind == "line"
            else cv2.pointPolygonTest(shape, (x, y), measureDist=True)
        )
        last, last_distance = passage.point, passage.distance
        passage.point, passage.distance = (x, y), distance
        if last is not None and (last_distance < 0) != (distance < 0):
            share = last_distance / (last_distance - distance)
            passage.changed_at = before + share * (time - before)
            passage.changed_in = last[0] + share * (x - last[0]), last[1] + share * (y - last[1])
        x1, y1, x2, y2 = box
        if abs(distance) > HYSTERESIS * math.sqrt(max((x2 - x1) * (y2 - y1), 0.0)):
            passage.side = 1 if distance > 0 else -1

    def _crossed(self, record: CountRecord, passage: _Passage) -> CountRecord:
        counts = self.counts[record.zone]
        is_in = passage.side > 0
        (counts.went_in if is_in else counts.went_out)[record.class_name] += 1
        time = passage.time_of_change(record.time)
        return replace(record, time=time, direction="in" if is_in else "out")

    def _entered(self, record: CountRecord, its: _Object, passage: _Passage) -> CountRecord:
        counts = self.counts[record.zone]
        counts.went_in[record.class_name] += 1
        counts.inside[record.class_name] += 1
        time = its.entered_at[record.zone] = passage.time_of_change(record.time)
        why: Why = "appeared" if passage.changed_at is None else ""
        return replace(record, kind="entered", time=time, why=why)

    def _left(self, record: CountRecord, its: _Object, why: Why) -> CountRecord:
        counts = self.counts[record.zone]
        seconds = max(record.time - its.entered_at.pop(record.zone), 0.0)
        counts.went_out[record.class_name] += 1
        counts.inside[record.class_name] -= 1
        counts.seconds += seconds
        counts.visits += 1
        return replace(record, kind="left", seconds=seconds, why=why)

    def _left_all(self, track_id: int, its: _Object, why: Why) -> list[CountRecord]:
        """Let an object leave all areas that it is in, at the time when it was last seen."""
        return [
            self._left(
                CountRecord("left", name, its.time, track_id, its.class_name, its.box, self._time),
                its,
                why,
            )
            for name in list(its.entered_at)
        ]


def _distance_to_line(line: NDArray[np.float32], x: float, y: float) -> float:
    """Return the distance of a point from a line without ends; positive at its right."""
    (ax, ay), (bx, by) = line.tolist()
    # y grows downwards, so the right of the direction has a positive cross product.
    cross = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    return float(cross / math.hypot(bx - ax, by - ay))


def _is_beside(line: NDArray[np.float32], point: Point) -> bool:
    """Return whether a point is beside a line, and not beyond one of its ends."""
    (ax, ay), (bx, by) = line.tolist()
    along = (point[0] - ax) * (bx - ax) + (point[1] - ay) * (by - ay)
    return bool(0 <= along <= (bx - ax) ** 2 + (by - ay) ** 2)
