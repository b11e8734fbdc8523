"""Write the doubtful moments of redacted inputs as a table, with one row for each."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ssd_live.errors import UsageError
from ssd_live.results.records import records
from ssd_live.system.atomic_files import atomic_write

COLUMNS = ("source", "from", "to", "class", "track_id", "why")


def check_doubt_table(path: Path) -> None:
    """Raise `UsageError` if the file ending of `path` is not `.csv`."""
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path}: the table of doubts is a CSV file; end the name in .csv")


def write_doubts(logs: Iterable[Path], path: Path) -> int:
    """Write the doubtful moments in finished logs to the CSV file `path`, and return how many.

    `from` and `to` are in seconds of the source. An image has no `track_id`, and its times are 0.
    The rows of a source are in the order in which the moments begin. Raises `OutputError` if the
    file cannot be written.
    """
    count = 0
    with atomic_write(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
        table = csv.writer(text)
        table.writerow(COLUMNS)
        for log in logs:
            for row in _rows(log):
                table.writerow(row)
                count += 1
        text.flush()
        text.detach()
    return count


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
