"""Make the tables that are written of finished logs: tracks, counts, events, doubtful moments."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ssd_live.errors import UsageError
from ssd_live.results.counts import write_counts
from ssd_live.results.doubts import write_doubts
from ssd_live.results.events import write_events
from ssd_live.results.tracks import write_tracks

# The function that writes each table and returns the number of its rows, by the name of the table,
# which is that of its option.
_WRITERS: dict[str, Callable[[Iterable[Path], Path], int]] = {
    "tracks": write_tracks,
    "counts": write_counts,
    "events": write_events,
    "doubts": write_doubts,
}
TABLES = tuple(_WRITERS)


def check_table(name: str, path: Path) -> None:
    """Raise `UsageError` if the file ending of the table `name` is not `.csv`."""
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path}: the table of {name} is a CSV file; end the name in .csv")


def write_tables(logs: Iterable[Path], tables: Mapping[str, Path]) -> dict[str, int]:
    """Write the tables with these names to CSV files, and return the number of rows of each.

    Raises `OutputError` if a file cannot be written.
    """
    logs = list(logs)
    return {name: _WRITERS[name](logs, path) for name, path in tables.items()}
