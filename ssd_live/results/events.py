"""Write the events of rules as a table, with one row for each event."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ssd_live.analytics.rules import Event
from ssd_live.results.records import Record, records, write_table

COLUMNS = ("source", "time", "rule", "zone", "class", "track_id", "number", "suppressed")


def event_dict(event: Event) -> Record:
    """Return an event as its JSON object in the line of a frame."""
    record: Record = {
        "rule": event.rule,
        "zone": event.zone,
        "class": event.class_name,
        "track_id": event.track_id,
        "number": event.number,
    }
    if event.why_not:
        record["suppressed"] = event.why_not
    return record


def event_row(source: str, time: float, event: Record) -> tuple[Any, ...]:
    """Return the row of an event, whose JSON object is `event`, in the table of a source.

    `time` is that of the frame, in seconds of the source.
    """
    values = (event[key] for key in ("rule", "zone", "class", "track_id", "number"))
    return (source, f"{time:.3f}", *values, event.get("suppressed", ""))


def write_events(logs: Iterable[Path], path: Path) -> int:
    """Write the events in finished logs to the CSV file `path`; return the number of rows.

    `time` is that of the frame, in seconds of the source. `suppressed` says why an event was not
    told, or is empty. Raises `OutputError` if the file cannot be written.
    """
    return write_table(path, COLUMNS, (row for log in logs for row in _rows(log)))


def _rows(log: Path) -> Iterator[tuple[Any, ...]]:
    for header, frame in records(log):
        for event in frame.get("events", ()):
            yield event_row(header["source"], frame["time"], event)
