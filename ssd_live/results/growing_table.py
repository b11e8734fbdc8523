"""A CSV table that is written while its rows come."""

import contextlib
import csv
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ssd_live.closing import Closing
from ssd_live.errors import OutputError
from ssd_live.system.atomic_files import os_error_text


class GrowingTable(Closing):
    """A table to which rows are added while they come. Use it in a `with` block.

    `path` must not exist. Each row is handed to the operating system at once, so that a crash loses
    none. Any thread may call `add`. The methods raise `OutputError` if writing fails.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
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
        self.add(columns)

    def add(self, row: Sequence[object]) -> None:
        """Write a row. After `close`, it is left out."""
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
        """Close the file. It has all rows already, so an error in closing loses nothing."""
        with self._lock, contextlib.suppress(OSError):
            self._file.close()


def clock_text(clock: float) -> str:
    """Return a time of day, in seconds since 1970, as local time to the millisecond (ISO 8601)."""
    local = datetime.fromtimestamp(clock).astimezone()
    return local.isoformat(timespec="milliseconds")
