"""Write the counts of lines and areas as a table, with one row for each count."""

import contextlib
import csv
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from ssd_live.analytics.counting import CountRecord
from ssd_live.closing import Closing
from ssd_live.errors import OutputError
from ssd_live.results.records import Record, records, write_table
from ssd_live.system.atomic_files import os_error_text

COLUMNS = (
    "source",
    "time",
    "zone",
    "kind",
    "direction",
    "class",
    "track_id",
    "seconds",
    "why",
    "x1",
    "y1",
    "x2",
    "y2",
)


def count_dict(record: CountRecord) -> Record:
    """Return a count as its JSON object in the line of a frame."""
    count: Record = {
        "time": round(record.time, 3),
        "zone": record.zone,
        "kind": record.kind,
        "class": record.class_name,
        "track_id": record.track_id,
        "box": [round(value, 2) for value in record.box],
    }
    if record.direction:
        count["direction"] = record.direction
    if record.kind == "left":
        count["seconds"] = round(record.seconds, 3)
    if record.why:
        count["why"] = record.why
    return count


def count_row(source: str, count: Record) -> tuple[Any, ...]:
    """Return the row of a count, whose JSON object is `count`, in the table of a source."""
    return (
        source,
        f"{count['time']:.3f}",
        count["zone"],
        count["kind"],
        count.get("direction", ""),
        count["class"],
        count["track_id"],
        f"{count['seconds']:.3f}" if "seconds" in count else "",
        count.get("why", ""),
        *count["box"],
    )


class CountTable(Closing):
    """A table of counts that is written while they come. Use it in a `with` block.

    `path` must not exist. Each row is handed to the operating system at once, so that a crash loses
    none. The first columns are those of `write_counts`; `clock` at the end is the time of day. The
    methods raise `OutputError` if writing fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("x", encoding="utf-8", newline="")
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({os_error_text(error)}); choose another place"
            ) from error
        self._table = csv.writer(self._file)
        self._write((*COLUMNS, "clock"))

    def add(self, source: str, record: CountRecord, clock: float) -> None:
        """Write a row. `clock` is the time of day in seconds since 1970. Any thread may call it."""
        self._write((*count_row(source, count_dict(record)), clock_text(clock)))

    def _write(self, row: tuple[Any, ...]) -> None:
        with self._lock:
            if self._file.closed:
                return
            try:
                self._table.writerow(row)
                self._file.flush()
            except OSError as error:
                raise OutputError(
                    f"{self._path}: writing failed ({os_error_text(error)}); free some space or "
                    "choose another place"
                ) from error

    def close(self) -> None:
        """Close the file. Later rows are left out."""
        with self._lock, contextlib.suppress(OSError):
            self._file.close()


def clock_text(clock: float) -> str:
    """Return a time of day, in seconds since 1970, as local time to the millisecond (ISO 8601)."""
    local = datetime.fromtimestamp(clock).astimezone()
    return local.isoformat(timespec="milliseconds")


def write_counts(logs: Iterable[Path], path: Path) -> int:
    """Write the counts in finished logs to the CSV file `path`; return the number of rows.

    `time` is in seconds of the source, and `seconds` how long an object was in an area that it
    left. The box is that of the frame in which the count was noticed, in pixels. Raises
    `OutputError` if the file cannot be written.
    """
    return write_table(path, COLUMNS, (row for log in logs for row in _rows(log)))


def _rows(log: Path) -> Iterator[tuple[Any, ...]]:
    for header, frame in records(log):
        for count in frame.get("counts", ()):
            yield count_row(header["source"], count)
