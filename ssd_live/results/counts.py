"""Write the counts of lines and areas as a table, with one row for each count."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ssd_live.analytics.counting import CountRecord
from ssd_live.results.records import Record, records, write_table

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
