"""Read a log of detections (JSON lines), one line at a time, and check every value in it.

A log has a header line for each source, followed by one line for each frame. Lines that are
damaged are left out and counted, because an interrupted run may leave half a line.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_live.analytics.zones import Zone, zones_in
from ssd_live.errors import DataError, UsageError
from ssd_live.system.atomic_files import os_error_text

Box = tuple[float, float, float, float]

# A longer line is read in parts, which are damaged. A frame with 10,000 detections fits.
_LONGEST_LINE_BYTES = 16 * 2**20
_LONGEST_TEXT = 200
# Times (s) and pixels beyond this are damage.
_LARGEST_NUMBER = 1e8
_LARGEST_SIDE = 65536
# The year 3000, in seconds since 1970. Later times are damage.
_LATEST_CLOCK = 32_503_680_000.0
_ID_LIMIT = 2**63
_HOW_TO = "give the .jsonl file that `process --detections` or a recording writes"


@dataclass(frozen=True)
class LogHeader:
    """The source of the lines that follow, and how it was processed.

    `source` is its name. `width` and `height` are in pixels of the upright frames. `is_image` says
    that the source is an image and has no times. `zones` are empty if they cannot be read.
    `settings` holds what is known of the model and the run, as (name, value) to show.
    `hides_objects` is whether the run made a copy in which the objects are hidden. `recorded_at` is
    the time of day of the time 0, in seconds since 1970, or None if it is not known.
    `is_recording` is whether the log is of a recording, whose video stands beside the log.
    """

    source: str
    width: int
    height: int
    is_image: bool
    zones: tuple[Zone, ...]
    settings: tuple[tuple[str, str], ...]
    hides_objects: bool = False
    recorded_at: float | None = None
    is_recording: bool = False


@dataclass(frozen=True)
class Found:
    """One detection: `box` is x1, y1, x2, y2 in pixels, `track_id` None without tracking."""

    class_name: str
    score: float
    box: Box
    track_id: int | None
    is_observed: bool


@dataclass(frozen=True)
class Count:
    """One count at a line or an area, as `analytics.counting.CountRecord` has it.

    `frame_time` is the time of the frame that shows the object in `box`.
    """

    time: float
    zone: str
    kind: str
    direction: str
    class_name: str
    track_id: int
    seconds: float
    why: str
    box: Box
    frame_time: float


@dataclass(frozen=True)
class Event:
    """An event of a rule, as `analytics.rules.Event` has it."""

    rule: str
    zone: str
    class_name: str
    track_id: int
    number: int


@dataclass(frozen=True)
class LogFrame:
    """What was found in one frame; `time` is in seconds of the source.

    `events` are without those that were suppressed.
    """

    time: float
    found: tuple[Found, ...]
    counts: tuple[Count, ...]
    events: tuple[Event, ...] = ()


class LogReader:
    """A reader of the log in the file `path`.

    `damaged` is the number of lines so far that could not be read. Raises `DataError` if the file
    cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = 0
        if not path.exists():
            raise DataError(f"{path}: there is no such file; {_HOW_TO}")
        if not path.is_file():
            raise DataError(f"{path}: is not a file; {_HOW_TO}")

    def read(self) -> Iterator[LogHeader | LogFrame]:
        """Yield the headers and the frames in the order of the log.

        Raises `DataError` if the file cannot be read, is empty, or does not begin with a header.
        """
        try:
            with self._path.open("rb") as file:
                first = file.readline(_LONGEST_LINE_BYTES)
                if not first.strip():
                    raise DataError(f"{self._path}: is empty; {_HOW_TO}")
                header = _header(_parsed(first))
                if header is None:
                    raise DataError(f"{self._path}: is not a log of detections; {_HOW_TO}")
                yield header
                while line := file.readline(_LONGEST_LINE_BYTES):
                    item = _item(line)
                    if item is None:
                        self.damaged += 1
                    else:
                        yield item
        except OSError as error:
            raise DataError(
                f"{self._path}: cannot be read ({os_error_text(error)}); check the file and its "
                "permissions"
            ) from error


def _parsed(line: bytes) -> dict[str, Any]:
    """Return the JSON object in a line, or an empty one if there is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _item(line: bytes) -> LogHeader | LogFrame | None:
    record = _parsed(line)
    return _frame(record) if "frame" in record else _header(record)


def _header(record: dict[str, Any]) -> LogHeader | None:
    source, width, height = record.get("source"), record.get("width"), record.get("height")
    sides_are_right = all(
        isinstance(side, int) and 0 < side <= _LARGEST_SIDE for side in (width, height)
    )
    if not isinstance(source, str) or not sides_are_right or "frame" in record:
        return None
    assert isinstance(width, int)
    assert isinstance(height, int)
    return LogHeader(
        _readable(source[: 20 * _LONGEST_TEXT]),
        width,
        height,
        record.get("time_base") is None,
        _zones(record.get("zones", [])),
        _settings(record),
        "redaction" in record,
        _clock(record.get("recorded_at")),
        record.get("kind") == "recording",
    )


def _clock(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    # This is false for NaN too.
    return value if 0 < value < _LATEST_CLOCK else None


def _zones(value: object) -> tuple[Zone, ...]:
    try:
        return zones_in({"version": 1, "zones": value})
    except UsageError:
        return ()


def _settings(record: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    threshold = record.get("threshold")
    shown = {
        "Model": record.get("model"),
        "Backend": record.get("backend"),
        "Precision": record.get("precision"),
        "Threshold": f"{threshold:.4g}" if _is_number(threshold) else None,
        "Tracking": record.get("tracking", "off"),
        "Tiles": record.get("tiles"),
        "Log written by": f"ssd_live {record['version']}" if "version" in record else None,
    }
    return tuple(
        (name, str(value)[:_LONGEST_TEXT]) for name, value in shown.items() if value is not None
    )


def _frame(record: dict[str, Any]) -> LogFrame | None:
    """Return the frame of a line, or None if a value in it is missing or makes no sense."""
    try:
        time = _number(record["time"])
        found = tuple(_found(one) for one in record["detections"])
        counts = tuple(count_of(one, time) for one in record.get("counts", ()))
        events = tuple(event_of(one) for one in record.get("events", ()) if "suppressed" not in one)
    except (KeyError, TypeError, ValueError):
        return None
    if record.get("stale") is True:
        found = tuple(
            Found(one.class_name, one.score, one.box, one.track_id, is_observed=False)
            for one in found
        )
    return LogFrame(time, found, counts, events)


def _found(one: dict[str, Any]) -> Found:
    return Found(
        _text(one["class"]),
        _number(one["score"]),
        _box(one["box"]),
        _track_id(one["track_id"]) if one.get("track_id") is not None else None,
        one.get("observed", True) is True,
    )


def count_of(one: dict[str, Any], frame_time: float) -> Count:
    """Return the count in a JSON object of the line of a frame at this time.

    Raises `KeyError`, `TypeError` or `ValueError` if a value is missing or makes no sense.
    """
    time, why = _number(one["time"]), _text(one.get("why", ""))
    return Count(
        time,
        _text(one["zone"]),
        _text(one["kind"]),
        _text(one.get("direction", "")),
        _text(one["class"]),
        _track_id(one["track_id"]),
        _number(one.get("seconds", 0.0)),
        why,
        _box(one["box"]),
        # An object that was lost is noticed seconds after the frame that shows it.
        time if why in ("lost", "ended") else frame_time,
    )


def event_of(one: dict[str, Any]) -> Event:
    """Return the event in a JSON object of the line of a frame. Raises as `count_of` does."""
    return Event(
        _text(one["rule"]),
        _text(one.get("zone", "")),
        _text(one.get("class", "")),
        _track_id(one["track_id"]),
        _track_id(one.get("number", 0)),
    )


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        # This is false for NaN too.
        and abs(value) <= _LARGEST_NUMBER
    )


def _number(value: Any) -> float:
    if not _is_number(value):
        raise ValueError(value)
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return _readable(value[:_LONGEST_TEXT])


def _readable(text: str) -> str:
    """Return a text without halves of characters, with which nothing can be written."""
    return text.encode("utf-8", "replace").decode()


def _track_id(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < _ID_LIMIT:
        raise ValueError(value)
    return value


def _box(value: Any) -> Box:
    x1, y1, x2, y2 = map(_number, value)
    return x1, y1, x2, y2
