"""Add up the frames of a log: how many objects, when and where, in bounded memory."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssd_live.analytics.zones import MOST_ZONES
from ssd_live.imaging.heat import HeatGrid
from ssd_live.reporting.log import Box, Count, Found, LogFrame, LogHeader
from ssd_live.reporting.series import Series

# So many sources of a log are added up; of the others, only the number is told.
MOST_SOURCES = 40
# The table of counts has so many rows.
MOST_COUNT_ROWS = 1000
# A path has so many points at most.
_PATH_POINTS = 64
_FIRST_PATH_STEP_SECONDS = 0.4
# A damaged log may name any number of classes.
_MOST_CLASSES = 1000
_OTHER = "(other)"
# An object at the edge of the frame is only partly seen; its picture counts this much.
_AT_EDGE = 0.4


@dataclass(slots=True)
class Track:
    """One object, from its first to its last frame.

    `begin` and `end` are in seconds. `frames` counts the frames with it, and `score_sum` adds their
    scores. `best_box` is its box in the frame at `best_time` that shows it best, or None if it was
    never observed.
    """

    track_id: int
    class_name: str
    begin: float
    end: float
    frames: int = 0
    score_sum: float = 0.0
    best_box: Box | None = None
    best_time: float = 0.0
    _worth: float = 0.0
    # x and y of its feet, in turn, at most 64 times, and at its end.
    _path: "array[float]" = field(default_factory=lambda: array("f"))
    _last: tuple[float, float] = (0.0, 0.0)
    _next_point: float = -math.inf
    _step: float = _FIRST_PATH_STEP_SECONDS

    @property
    def seconds(self) -> float:
        """How long the object was seen, in seconds."""
        return self.end - self.begin

    @property
    def mean_score(self) -> float:
        """The mean of the scores in all frames with it."""
        return self.score_sum / self.frames

    @property
    def path(self) -> list[tuple[float, float]]:
        """Where its feet were, x and y in pixels, from its begin to its end, in at most 65 points.

        The points are at about the same distance in time.
        """
        points = [(x, y) for x, y in np.reshape(self._path, (-1, 2)).tolist()]
        return points if points[-1] == self._last else [*points, self._last]

    def add(self, time: float, one: Found, width: int, height: int) -> None:
        """Add a frame of a source of this size in pixels."""
        self.begin, self.end = min(self.begin, time), max(self.end, time)
        self.frames += 1
        self.score_sum += one.score
        # The class is decided by votes, so the last one knows the most.
        self.class_name = one.class_name
        if one.is_observed and (worth := picture_worth(one, width, height)) > self._worth:
            self._worth, self.best_box, self.best_time = worth, one.box, time
        x, y = feet(one.box)
        self._last = x, y
        if time >= self._next_point:
            self._path.extend((x, y))
            if len(self._path) >= 2 * _PATH_POINTS:
                # Every second point is left out.
                self._path = array("f", np.reshape(self._path, (-1, 2))[::2].ravel().tolist())
                self._step *= 2
            self._next_point = time + self._step


@dataclass
class ZoneTotals:
    """What happened at one line or in one area.

    `went_in` and `went_out` count by class: crossings of a line, or objects that entered and left
    an area. `in_times` and `out_times` are their times. `seconds` adds the times in the area of the
    `visits` that have ended, and `longest` is the longest of them with the id of its object.
    """

    is_line: bool
    went_in: Counter[str] = field(default_factory=Counter)
    went_out: Counter[str] = field(default_factory=Counter)
    in_times: "array[float]" = field(default_factory=lambda: array("d"))
    out_times: "array[float]" = field(default_factory=lambda: array("d"))
    visits: int = 0
    seconds: float = 0.0
    longest: tuple[float, int] = (0.0, 0)

    def add(self, count: Count) -> None:
        """Add one count of this zone."""
        if count.direction == "in" or count.kind == "entered":
            self.went_in[count.class_name] += 1
            self.in_times.append(count.time)
            return
        self.went_out[count.class_name] += 1
        self.out_times.append(count.time)
        if not self.is_line:
            self.visits += 1
            self.seconds += count.seconds
            self.longest = max(self.longest, (count.seconds, count.track_id))


class Summary:
    """What a log says about one source, added up frame by frame.

    `begin` and `end` are the times of its first and last frame in seconds, 0 without frames.
    `detections` counts by class, and `tracks` maps ids to tracks. `most` is the largest number of
    objects in one frame, and `most_time` the time of the first such frame; `most_of` has the same
    for each class. `at_once` and `at_once_of` hold the numbers over time. `counts` are the first of
    all `count_total` counts.
    """

    def __init__(self, header: LogHeader) -> None:
        self.header = header
        self.frames = 0
        self.begin = self.end = 0.0
        self.detections: Counter[str] = Counter()
        self.tracks: dict[int, Track] = {}
        self.most, self.most_time = 0, 0.0
        self.most_of: dict[str, tuple[int, float]] = {}
        self.at_once = Series()
        self.at_once_of: dict[str, Series] = {}
        self._heat = HeatGrid((header.width, header.height))
        self.counts: list[Count] = []
        self.count_total = 0
        self.zones: dict[str, ZoneTotals] = {
            zone.name: ZoneTotals(zone.kind == "line")
            for zone in header.zones
            if zone.kind != "mask"
        }

    @property
    def heat(self) -> NDArray[np.float32]:
        """How often feet stood in each cell (rows, columns) of a grid over the frame."""
        return self._heat.counts

    @property
    def is_tracked(self) -> bool:
        """Whether objects have ids."""
        return bool(self.tracks)

    @property
    def objects(self) -> Counter[str]:
        """The number of distinct objects by class, or of detections without tracking."""
        if not self.is_tracked:
            return self.detections
        return Counter(track.class_name for track in self.tracks.values())

    def add(self, frame: LogFrame) -> None:
        """Add the next frame."""
        time, found = frame.time, frame.found
        self.begin = time if not self.frames else min(self.begin, time)
        self.end = time if not self.frames else max(self.end, time)
        self.frames += 1
        here: Counter[str] = Counter()
        for one in found:
            name = self._class_of(one)
            self.detections[name] += 1
            here[name] += 1
        self.at_once.add(time, len(found))
        if len(found) > self.most or self.frames == 1:
            self.most, self.most_time = len(found), time
        for name, number in here.items():
            self.at_once_of.setdefault(name, Series()).add(time, number)
            if number > self.most_of.get(name, (0, 0.0))[0]:
                self.most_of[name] = number, time
        for one in found:
            self._add_place(one)
            if one.track_id is not None:
                track = self.tracks.get(one.track_id)
                if track is None:
                    track = Track(one.track_id, one.class_name, time, time)
                    self.tracks[one.track_id] = track
                track.add(time, one, self.header.width, self.header.height)
        for count in frame.counts:
            self._add_count(count)

    def longest_tracks(self, most: int) -> list[Track]:
        """Return the `most` tracks that were seen the longest, the longest first."""
        ordered = sorted(self.tracks.values(), key=lambda track: (-track.seconds, track.begin))
        return ordered[:most]

    def _class_of(self, one: Found) -> str:
        is_known = one.class_name in self.detections or len(self.detections) < _MOST_CLASSES
        return one.class_name if is_known else _OTHER

    def _add_place(self, one: Found) -> None:
        self._heat.add(np.array([feet(one.box)], np.float32))

    def _add_count(self, count: Count) -> None:
        if count.zone not in self.zones:
            if len(self.zones) >= MOST_ZONES:
                return
            self.zones[count.zone] = ZoneTotals(count.kind == "crossed")
        self.zones[count.zone].add(count)
        self.count_total += 1
        if len(self.counts) < MOST_COUNT_ROWS:
            self.counts.append(count)


@dataclass
class LogSummary:
    """What a log says about all its sources.

    `sources` are at most `MOST_SOURCES` summaries with at least one frame. `left_out` counts the
    further sources, and `images` the images, of which `image_detections` counts by class.
    """

    sources: list[Summary] = field(default_factory=list)
    left_out: int = 0
    images: int = 0
    image_detections: Counter[str] = field(default_factory=Counter)


def summarise(items: Iterable[LogHeader | LogFrame]) -> LogSummary:
    """Return what the headers and frames of a log say, in their order in the log."""
    whole = LogSummary()
    current: Summary | None = None
    is_image = False
    for item in items:
        if isinstance(item, LogHeader):
            is_image = item.is_image
            whole.images += is_image
            current = None if is_image else Summary(item)
        elif is_image:
            whole.image_detections.update(one.class_name for one in item.found)
        elif current is not None:
            if not current.frames:
                if len(whole.sources) == MOST_SOURCES:
                    whole.left_out += 1
                    current = None
                    continue
                whole.sources.append(current)
            current.add(item)
    return whole


def feet(box: Box) -> tuple[float, float]:
    """Return the middle of the lower side of a box, x and y."""
    return (box[0] + box[2]) / 2, box[3]


def picture_worth(one: Found, width: int, height: int) -> float:
    """Return how well a picture of a frame of this size shows an object.

    It is the score times the size in pixels, and less if the object is at the edge.
    """
    x1, y1, x2, y2 = one.box
    edge = 0.01 * width
    is_whole = x1 > edge and y1 > edge and x2 < width - edge and y2 < height - edge
    size = math.sqrt(max((x2 - x1) * (y2 - y1), 0.0))
    return one.score * size * (1.0 if is_whole else _AT_EDGE)
