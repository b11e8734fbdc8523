"""Count tracked objects that cross lines and stay in areas.

Each count is a record, so that it can be checked by a person.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ssd_live.analytics.zones import Point, Zone, anchors_of
from ssd_live.detections import Detections

# An object is on a new side of a line or a border only if it is farther from it than this share of
# its own size, the square root of its area. Somebody who stands on a line is thus counted once.
HYSTERESIS = 0.1
# An object that was not seen for so long has left, in seconds. Until then, it may get its id again.
LOST_SECONDS = 5.0
# Who was not seen for this long is not certain to be inside, in seconds.
_HERE_SECONDS = 1.0

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


@dataclass(frozen=True)
class Visitor:
    """An object that is in an area now, since the time `since` in seconds."""

    track_id: int
    class_name: str
    since: float


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

    def move(self, before: float, time: float, point: Point, distance: float) -> None:
        """Move the object from where it was at the time `before` to `point` at `time`."""
        last, last_distance = self.point, self.distance
        self.point, self.distance = point, distance
        if last is None or (last_distance < 0) == (distance < 0):
            return
        share = last_distance / (last_distance - distance)
        self.changed_at = before + share * (time - before)
        (x, y), (new_x, new_y) = last, point
        self.changed_in = x + share * (new_x - x), y + share * (new_y - y)

    def time_of_change(self, now: float) -> float:
        """Return when the object came to this side; `now` if it was here when it was first seen."""
        return now if self.changed_at is None else self.changed_at


@dataclass
class _Object:
    """What is known of one object: when and where it was last seen, and its place in each zone."""

    track_id: int
    class_name: str
    time: float
    box: Box = (0.0, 0.0, 0.0, 0.0)
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
        if found.track_ids is not None and found.observed is not None:
            # Where an object is only expected, it may not be.
            records += self._seen(time, found.where(found.observed))
        lost = [its for its in self._objects.values() if time - its.time > LOST_SECONDS]
        for its in lost:
            del self._objects[its.track_id]
            records += self._left_all(its, "lost")
        return records

    def inside(self, name: str) -> list[Visitor]:
        """Return the objects that are in the area of this name, those that are lost left out."""
        return [
            Visitor(its.track_id, its.class_name, its.entered_at[name])
            for its in self._objects.values()
            if name in its.entered_at and self._time - its.time <= _HERE_SECONDS
        ]

    def finish(self) -> list[CountRecord]:
        """End all objects, and return the records of those that were in an area."""
        records = []
        for its in self._objects.values():
            records += self._left_all(its, "ended")
        self._objects.clear()
        self._time = -math.inf
        return records

    def _seen(self, time: float, found: Detections) -> list[CountRecord]:
        """Move all objects of a frame to where they are, and return what they did."""
        records: list[CountRecord] = []
        assert found.track_ids is not None
        begins = None if found.begins is None else found.begins.tolist()
        objects = []
        for index, (track_id, name) in enumerate(
            zip(found.track_ids.tolist(), found.names, strict=True)
        ):
            its = self._objects.get(track_id)
            is_new = its is None
            if its is None:
                its = self._objects[track_id] = _Object(track_id, name, time)
                self.seen[name] += 1
            elif its.class_name != name:
                self._rename(its, name)
            if begins is not None:
                # What it did before it had an id, or while it had none.
                begin, *box = begins[index]
                if begin < time and (is_new or begin > its.time):
                    records += self._moved(begin, [its], np.array([box], np.float32))
            objects.append(its)
        return records + self._moved(time, objects, found.boxes)

    def _rename(self, its: _Object, class_name: str) -> None:
        """Change the class of an object, because the votes for it have changed."""
        self.seen[its.class_name] -= 1
        self.seen[class_name] += 1
        for name in its.entered_at:
            self.counts[name].inside[its.class_name] -= 1
            self.counts[name].inside[class_name] += 1
        its.class_name = class_name

    def _moved(
        self, time: float, objects: Sequence[_Object], boxes: NDArray[np.float32]
    ) -> list[CountRecord]:
        """Move objects to their boxes (N, 4) at `time`, and return what they did."""
        records = []
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1).clip(0)
        margins = (HYSTERESIS * np.sqrt(sizes)).tolist()
        rows = [(x1, y1, x2, y2) for x1, y1, x2, y2 in boxes.tolist()]
        for zone in self._zones:
            shape, points = self._shapes[zone.name], anchors_of(boxes, zone.anchor)
            far = _right_of(shape, points) if zone.kind == "line" else _inside(shape, points)
            for its, (x, y), distance, margin, box in zip(
                objects, points.tolist(), far.tolist(), margins, rows, strict=True
            ):
                if zone.classes and its.class_name not in zone.classes:
                    continue
                passage = its.passages.get(zone.name)
                if passage is None:
                    passage = its.passages[zone.name] = _Passage()
                passage.move(its.time, time, (x, y), distance)
                if -margin <= distance <= margin:
                    continue
                side = 1 if distance > 0 else -1
                if side == passage.side:
                    continue
                was, passage.side = passage.side, side
                records += self._changed_side(zone, its, was, time, box)
        for its, box in zip(objects, rows, strict=True):
            its.time, its.box = time, box
        return records

    def _changed_side(
        self, zone: Zone, its: _Object, was: int, time: float, box: Box
    ) -> list[CountRecord]:
        """Count an object that is clearly on another side than it `was`, which is 0 at first."""
        passage = its.passages[zone.name]
        record = CountRecord("crossed", zone.name, time, its.track_id, its.class_name, box, time)
        if zone.kind == "line":
            if was and _is_beside(self._shapes[zone.name], passage.changed_in):
                return [self._crossed(record, passage)]
            return []
        if passage.side > 0:
            return [self._entered(record, its, passage)]
        if zone.name in its.entered_at:
            return [self._left(replace(record, time=passage.time_of_change(time)), its, "")]
        return []

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

    def _left_all(self, its: _Object, why: Why) -> list[CountRecord]:
        """Let an object leave all areas that it is in, at the time when it was last seen."""
        left = CountRecord("left", "", its.time, its.track_id, its.class_name, its.box, self._time)
        return [self._left(replace(left, zone=name), its, why) for name in list(its.entered_at)]


def _right_of(line: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far points (N, 2) are to the right of a line (2, 2) without ends; negative: left.

    The right is that of somebody who looks along the line.
    """
    along = line[1] - line[0]
    x, y = (points - line[0]).T
    # y grows downwards, so the right of the direction has a positive cross product.
    distances: NDArray[np.float32] = (along[0] * y - along[1] * x) / np.hypot(*along)
    return distances


def _inside(polygon: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far points (N, 2) are inside the border of a polygon (P, 2); negative: outside."""
    sides = np.roll(polygon, -1, 0) - polygon
    offsets = points[:, None] - polygon
    along = np.einsum("nps,ps->np", offsets, sides) / np.square(sides).sum(1)
    nearest = offsets - along.clip(0, 1)[:, :, None] * sides
    distances = np.sqrt(np.square(nearest).sum(2).min(1))
    # A ray to the right crosses the border an odd number of times (ray casting).
    x, y = points[:, :1], points[:, 1:]
    (ax, ay), (bx, by) = polygon.T, np.roll(polygon, -1, 0).T
    straddles = (ay > y) != (by > y)
    heights = np.where(by == ay, np.float32(1), by - ay)
    crossed = straddles & (x < ax + (y - ay) * (bx - ax) / heights)
    inside: NDArray[np.float32] = np.where(crossed.sum(1) % 2 == 1, distances, -distances)
    return inside


def _is_beside(line: NDArray[np.float32], point: Point) -> bool:
    """Return whether a point is beside a line, and not beyond one of its ends."""
    (ax, ay), (bx, by) = line.tolist()
    along = (point[0] - ax) * (bx - ax) + (point[1] - ay) * (by - ay)
    return bool(0 <= along <= (bx - ax) ** 2 + (by - ay) ** 2)
