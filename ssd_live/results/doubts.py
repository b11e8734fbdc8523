"""Write the doubtful moments of redacted inputs as a table, with one row for each."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ssd_live.results.records import records, write_table

_COLUMNS = ("source", "from", "to", "class", "track_id", "why")


def write_doubts(logs: Iterable[Path], path: Path) -> int:
    """Write the doubtful moments in finished logs to the CSV file `path`, and return how many.

    `from` and `to` are in seconds of the source. An image has no `track_id`, and its times are 0.
    The rows of a source are in the order in which the moments begin. Raises `OutputError` if the
    file cannot be written.
    """
    return write_table(path, _COLUMNS, (row for log in logs for row in _rows(log)))


def _rows(log: Path) -> Iterator[tuple[Any, ...]]:
    for header, frame in records(log):
        for doubt in frame.get("doubts", ()):
            yield (
                header["source"],
                f"{doubt['from']:.3f}",
                f"{doubt['to']:.3f}",
                doubt["class"],
                doubt["track_id"] or "",
                doubt["why"],
            )
