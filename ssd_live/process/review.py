"""Keep what will be hidden in a video in a file, so that a person can review it first.

The file is a log of detections whose boxes are the hidden regions. Each review adds a line, of
which the last one counts.
"""

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live.detections import Detections
from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.results.records import Record
from ssd_live.system.atomic_files import os_error_text

_BEGIN = b'{"review":'
_LONGEST_LINE_BYTES = 16 * 2**20
_ROUNDING = 0.005
# In pixels; what is further away is damage.
_LARGEST_PLACE = 1e6
_DAMAGE = (KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError)
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class HiddenRegion:
    """A region that a person hides: `box` is x1, y1, x2, y2 in pixels, from `begin` to `end` s."""

    begin: float
    end: float
    box: Box


@dataclass(frozen=True)
class Review:
    """What a person decided.

    The tracks with the ids `shown` are not hidden, and the regions `hidden` are. `checked` are the
    numbers of the doubtful moments that were looked at, in their order in the file from 0.
    """

    shown: tuple[int, ...] = ()
    hidden: tuple[HiddenRegion, ...] = ()
    checked: tuple[int, ...] = ()


@dataclass(frozen=True)
class DoubtfulMoment:
    """A moment that a person should check, in seconds; `why` says why."""

    begin: float
    end: float
    class_name: str
    track_id: int
    why: str


@dataclass(eq=False)
class _Lines:
    """Where the lines of the frames begin in the file, and their times."""

    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    times: "array[float]" = field(default_factory=lambda: array("d"))


class ReviewFile:
    """The file `path` with what will be hidden in a video.

    `header` describes the source, `size` is the (width, height) of its frames in pixels, and
    `doubts` are its doubtful moments. `review` is what was
    decided so far. Raises `DataError` if it is not such a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.doubts: list[DoubtfulMoment] = []
        self.review = Review()
        self._lines = _Lines()
        self._next = 0
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: is not a file; give another name")
        try:
            with path.open("rb") as file:
                self.header: Record = _parsed(file.readline(_LONGEST_LINE_BYTES))
                if "redaction" not in self.header:
                    raise DataError(f"{path}: is not a file for a review; give another name")
                self.classes: tuple[str, ...] = tuple(map(str, self.header["classes"]))
                self.size = int(self.header["width"]), int(self.header["height"])
                self._scan(file)
        except DataError:
            raise
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({os_error_text(error)}); check the file and its "
                "permissions"
            ) from error
        except _DAMAGE as error:
            raise DataError(
                f"{path}: a line of it is damaged; mend it, or delete the file to make it anew"
            ) from error

    def _scan(self, file: Any) -> None:
        while True:
            offset = file.tell()
            line = file.readline(_LONGEST_LINE_BYTES)
            if not line:
                return
            if not line.strip():
                continue
            try:
                record = _parsed(line)
            except ValueError:
                # An interrupted program may leave a part of a line.
                if line.startswith(_BEGIN):
                    continue
                raise
            if "review" in record:
                self.review = _review_in(record["review"])
                continue
            self._check(record)
            self._lines.offsets.append(offset)
            self._lines.times.append(float(record["time"]))
            for doubt in record.get("doubts", ()):
                self.doubts.append(
                    DoubtfulMoment(
                        float(doubt["from"]),
                        float(doubt["to"]),
                        str(doubt["class"]),
                        int(doubt["track_id"]),
                        str(doubt["why"]),
                    )
                )

    def _check(self, record: Record) -> None:
        """Raise an error if a frame is damaged, before anything is written."""
        int(record["pts"])
        for one in record["detections"]:
            _box(one["box"])
            float(one["score"])
            np.int64(one.get("track_id", 0))
            if not 0 <= int(one["class_id"]) < len(self.classes):
                raise ValueError(record)

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self._lines.offsets)

    def time_near(self, time: float) -> float:
        """Return the time of the frame that is the nearest to a time, in seconds."""
        times = np.frombuffer(self._lines.times, np.float64)
        return float(times[np.abs(times - time).argmin()]) if times.size else 0.0

    def planned(self, time: float) -> Detections:
        """Return what will be hidden in the frame that is the nearest to a time, as found."""
        times = np.frombuffer(self._lines.times, np.float64)
        return self._found(int(np.abs(times - time).argmin()))[1]

    def of(self, frame: Frame) -> tuple[Detections, list[Record]]:
        """Return what is hidden in the next frame after the review, and no doubts.

        Raises `UsageError` if the file is of another video.
        """
        number = self._next
        self._next += 1
        pts, found = self._found(number) if number < self.frames else (None, None)
        if pts != frame.pts or found is None:
            raise UsageError(
                f"{self.path}: is the review of another video, or of another part of it; delete it "
                "to make it anew"
            )
        return self.reviewed(found, frame.time), []

    def reviewed(self, found: Detections, time: float) -> Detections:
        """Return what is hidden at a time, out of what was found there and the review."""
        if self.review.shown and found.track_ids is not None:
            found = found.where(~np.isin(found.track_ids, self.review.shown))
        boxes = [its.box for its in self.review.hidden if its.begin <= time <= its.end]
        if not boxes or found.track_ids is None or found.observed is None:
            return found
        count = len(boxes)
        # They come first, as if they were sure, and with the first class: they have none.
        return Detections(
            np.concatenate([np.array(boxes, np.float32), found.boxes]),
            np.concatenate([np.ones(count, np.float32), found.scores]),
            np.concatenate([np.zeros(count, np.int32), found.class_ids]),
            self.classes,
            np.concatenate([np.zeros(count, np.int64), found.track_ids]),
            np.concatenate([np.full(count, False), found.observed]),
        )

    def decide(self, review: Review) -> None:
        """Add a review to the file, which counts from now on.

        Raises `OutputError` if it cannot be written.
        """
        line = json.dumps({"review": asdict(review)}, separators=(",", ":"))
        try:
            with self.path.open("ab") as file:
                size = file.tell()
                try:
                    # What was written last may be a part of a line.
                    file.write(b"\n" + line.encode() + b"\n")
                    file.flush()
                except OSError:
                    # A part of a line would damage the next one.
                    file.truncate(size)
                    raise
        except OSError as error:
            raise OutputError(
                f"{self.path}: the review cannot be written ({os_error_text(error)}); free some "
                "space or check the permissions"
            ) from error
        self.review = review

    def _found(self, number: int) -> tuple[int, Detections]:
        """Return the pts of a frame, and what was found in it."""
        with self.path.open("rb") as file:
            file.seek(self._lines.offsets[number])
            record = _parsed(file.readline(_LONGEST_LINE_BYTES))
        its = record["detections"]
        # The boxes are written with two decimals, and what is hidden must not become smaller.
        boxes = np.array([one["box"] for one in its], np.float32).reshape(-1, 4)
        found = Detections(
            boxes + np.array([-_ROUNDING, -_ROUNDING, _ROUNDING, _ROUNDING], np.float32),
            np.array([one["score"] for one in its], np.float32),
            np.array([one["class_id"] for one in its], np.int32),
            self.classes,
            np.array([one.get("track_id", 0) for one in its], np.int64),
            np.array([one.get("observed", True) for one in its], bool),
        )
        return int(record["pts"]), found


def _parsed(line: bytes) -> Record:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise TypeError(line)
    return value


def _review_in(value: dict[str, Any]) -> Review:
    """Return a review. Raises an error if it makes no sense, because it may hide too little."""
    regions = [
        HiddenRegion(float(its["begin"]), float(its["end"]), _box(its["box"]))
        for its in value["hidden"]
    ]
    for its in regions:
        x1, y1, x2, y2 = its.box
        if not (its.begin <= its.end and x1 < x2 and y1 < y2):
            raise ValueError(its)
    return Review(_numbers(value["shown"]), tuple(regions), _numbers(value["checked"]))


def _numbers(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _box(values: Sequence[Any]) -> Box:
    x1, y1, x2, y2 = map(float, values)
    if not all(abs(value) < _LARGEST_PLACE for value in (x1, y1, x2, y2)):
        # This is so for NaN too.
        raise ValueError(values)
    return x1, y1, x2, y2
