"""Collect the objects of one source, frame by frame, and write them to the index."""

import functools
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import cv2

from ssd_live.imaging.colour_names import main_colours
from ssd_live.imaging.pixels import Pixels
from ssd_live.index.database import Index, stored
from ssd_live.reporting.log import Box, Count, Event, LogFrame
from ssd_live.reporting.summary import Track
from ssd_live.system.paths import printable

# The longer side of a picture, in pixels.
PICTURE_PIXELS = 160
_PICTURE_QUALITY = 80
# An object that was not seen for so long is forgotten; its id does not come back.
_FORGET_SECONDS = 120.0

# The columns of a track besides its number, in the order of `SourceWriter._write`.
_COLUMNS = (
    *("clock", "class", "minute", "colours", "together", "source"),
    *("seconds", "track_id", "begin", "score", "best_time", "x1", "y1", "x2", "y2"),
)

SourceKind = Literal["recording", "result"]


@dataclass(frozen=True)
class NewSource:
    """A source to write to the index.

    `name` is what users call it. `kind` is "recording" if the program made both files, or "result"
    if it made only the log, of a video of the user. `log` and `video` are these files; `video` is
    None if it was not found. `width` and `height` are in pixels of the upright frames.
    `recorded_at` is the time of day of the time 0, in seconds since 1970, or None if it is not
    known. `is_own` is whether the program has just made both files, so that it may delete them.
    """

    name: str
    kind: SourceKind
    log: Path
    video: Path | None
    width: int
    height: int
    recorded_at: float | None
    is_own: bool = False


@dataclass(eq=False)
class _Seen:
    """An object: its track, and what the index has besides.

    `together` is the largest number of objects of its class in a frame with it. `places` has the
    (kind, name) of each zone and rule that it met, with the seconds in it, or None for a line or a
    rule. `row` is its number in the index. `picture` shows it in `picture_box` at `picture_time`.
    """

    track: Track
    together: int = 1
    places: dict[tuple[str, str], float | None] = field(default_factory=dict)
    row: int | None = None
    picture: Pixels | None = None
    picture_box: Box | None = None
    picture_time: float = 0.0
    colours: int = 0


class SourceWriter:
    """A writer of one source to the index.

    Call `add` with each frame, `flush` about once a second, and `finish` at the end. A crash loses
    what was not flushed. A source without tracks is not written at all. `tracks` counts them, and
    `number` is that of the source, or None before its first track is written. The methods raise
    `OutputError` if the index cannot be written.
    """

    def __init__(self, index: Index, source: NewSource) -> None:
        self._index = index
        self._source = source
        self._seen: dict[int, _Seen] = {}
        self._changed: set[int] = set()
        self._counts: list[Count] = []
        self._events: list[tuple[float, Event]] = []
        self._begin: float | None = None
        self._time = 0.0
        self.tracks = 0
        self.number: int | None = None

    def add(self, frame: LogFrame, pictures: Mapping[int, Pixels] = MappingProxyType({})) -> None:
        """Add the next frame. `pictures` has BGR pictures of some of its objects by their ids."""
        self._begin = frame.time if self._begin is None else self._begin
        self._time = max(self._time, frame.time)
        here = Counter(one.class_name for one in frame.found)
        size = self._source.width, self._source.height
        for one in frame.found:
            if one.track_id is None:
                continue
            seen = self._seen.get(one.track_id)
            if seen is None:
                seen = _Seen(Track(one.track_id, one.class_name, frame.time, frame.time))
                self._seen[one.track_id] = seen
                self.tracks += 1
            seen.track.add(frame.time, one, *size)
            seen.together = max(seen.together, here[one.class_name])
            self._changed.add(one.track_id)
            if one.track_id in pictures:
                picture = pictures[one.track_id]
                seen.picture, seen.picture_box, seen.picture_time = picture, one.box, frame.time
                seen.colours = main_colours(picture)
        self._add_counts(frame.counts)
        for event in frame.events:
            self._events.append((frame.time, event))
            if event.track_id:
                self._note_place(event.track_id, "rule", event.rule, None)

    def flush(self) -> None:
        """Write what is new."""
        if not self.tracks or not (self._changed or self._counts or self._events):
            return
        rows: list[tuple[_Seen, int]] = []
        with self._index.writing() as database:
            number = self.number or self._add_source(database)
            is_there = "SELECT count(*) FROM sources WHERE id = ?"
            if database.execute(is_there, (number,)).fetchone() == (0,):
                # It was deleted meanwhile, and must not come back.
                self._forget()
                return
            for track_id in self._changed:
                seen = self._seen[track_id]
                rows.append((seen, self._write(database, number, seen)))
            class_of, zone_of, rule_of = (
                functools.partial(self._index.number_of, kind) for kind in ("class", "zone", "rule")
            )
            database.executemany(
                "INSERT INTO counts (source, time, zone, kind, direction, class, track_id, "
                "seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number,
                        count.time,
                        zone_of(count.zone),
                        count.kind,
                        count.direction,
                        class_of(count.class_name),
                        count.track_id,
                        count.seconds,
                    )
                    for count in self._counts
                ],
            )
            database.executemany(
                "INSERT INTO events (source, time, rule, zone, class, track_id, number) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number,
                        time,
                        rule_of(event.rule),
                        event.zone,
                        event.class_name,
                        event.track_id,
                        event.number,
                    )
                    for time, event in self._events
                ],
            )
            database.execute(
                "UPDATE sources SET seconds = ? WHERE id = ?",
                (self._time - (self._begin or 0.0), number),
            )
        # Only now it is certain that they were written.
        self.number = number
        for seen, row in rows:
            seen.row, seen.picture = row, None
        self._forget()
        oldest = self._time - _FORGET_SECONDS
        self._seen = {key: its for key, its in self._seen.items() if its.track.end >= oldest}

    def _forget(self) -> None:
        """Forget what was written."""
        self._changed.clear()
        self._counts.clear()
        self._events.clear()

    def finish(self, files: tuple[Path, Path] | None = None) -> None:
        """Write the rest, and note that the source is complete.

        `files` are the log and the video, if they have other names by now.
        """
        self.flush()
        with self._index.writing() as database:
            database.execute("UPDATE sources SET is_complete = 1 WHERE id = ?", (self.number,))
            if files is not None:
                database.execute(
                    "UPDATE sources SET log = ?, video = ? WHERE id = ?",
                    (*map(stored, files), self.number),
                )

    def _add_counts(self, counts: Iterable[Count]) -> None:
        for count in counts:
            self._counts.append(count)
            seconds = None if count.kind == "crossed" else count.seconds
            self._note_place(count.track_id, "zone", count.zone, seconds)

    def _note_place(self, track_id: int, kind: str, name: str, seconds: float | None) -> None:
        seen = self._seen.get(track_id)
        if seen is None:
            return
        before = seen.places.get((kind, name))
        seen.places[kind, name] = None if seconds is None else (before or 0.0) + seconds
        self._changed.add(track_id)

    def _add_source(self, database: sqlite3.Connection) -> int:
        source = self._source
        added = database.execute(
            "INSERT INTO sources (name, kind, log, video, is_own, width, height, recorded_at, "
            "added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                printable(source.name),
                source.kind,
                stored(source.log),
                "" if source.video is None else stored(source.video),
                source.is_own,
                source.width,
                source.height,
                source.recorded_at,
                time.time(),
            ),
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def _write(self, database: sqlite3.Connection, number: int, seen: _Seen) -> int:
        """Write an object and its places, in a `writing` block; return its number in the index.

        What was deleted meanwhile stays deleted.
        """
        track, recorded_at = seen.track, self._source.recorded_at
        clock = 0.0 if recorded_at is None else recorded_at + track.begin
        box, best_time = seen.picture_box or track.best_box, track.best_time
        if seen.picture_box is not None:
            best_time = seen.picture_time
        searched = (
            clock,
            self._index.number_of("class", track.class_name),
            minute_of_day(clock),
            seen.colours,
            seen.together,
            number,
        )
        values = (
            *searched,
            track.seconds,
            track.track_id,
            track.begin,
            track.mean_score,
            None if box is None else best_time,
            *(box or (None, None, None, None)),
        )
        if seen.row is None:
            added = database.execute(
                f"INSERT INTO tracks ({', '.join(_COLUMNS)}) VALUES "
                f"({', '.join('?' * len(_COLUMNS))})",
                values,
            )
            assert added.lastrowid is not None
            row = added.lastrowid
        else:
            row = seen.row
            changes = ", ".join(f"{column} = ?" for column in _COLUMNS)
            if not database.execute(
                f"UPDATE tracks SET {changes} WHERE id = ?", (*values, row)
            ).rowcount:
                return row
        for (kind, name), seconds in seen.places.items():
            place = self._index.number_of(kind, name)
            database.execute(
                "INSERT OR REPLACE INTO visits (clock, class, minute, colours, together, "
                "source, place, track, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*searched, place, row, track.seconds if seconds is None else seconds),
            )
        if seen.picture is not None:
            database.execute(
                "INSERT OR REPLACE INTO pictures.jpegs (track, jpeg) VALUES (?, ?)",
                (row, jpeg_of(seen.picture)),
            )
        return row


def minute_of_day(clock: float) -> int | None:
    """Return the local minute of the day of a time in seconds since 1970; None for 0, unknown.

    None stands for a time that has no date, too.
    """
    if not clock:
        return None
    try:
        local = datetime.fromtimestamp(clock)
    except (ValueError, OverflowError, OSError):
        return None
    return 60 * local.hour + local.minute


def jpeg_of(picture: Pixels) -> bytes:
    """Return a BGR picture (h, w, 3) uint8 as a JPEG file."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY])
    return bytes(data.tobytes())
