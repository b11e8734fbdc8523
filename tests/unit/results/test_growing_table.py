"""A table that is written while its rows come."""

import csv
import threading
from pathlib import Path

import pytest

from ssd_live.errors import OutputError
from ssd_live.results.growing_table import GrowingTable, clock_text

COLUMNS = ("name", "text")


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_each_row_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with GrowingTable(path, COLUMNS) as table:
        table.add(('The "Door", left', 1))
        assert _rows(path) == [["name", "text"], ['The "Door", left', "1"]]
    table.add(("late", 2))
    assert len(_rows(path)) == 2


def test_a_file_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("mine")
    with pytest.raises(OutputError):
        GrowingTable(tmp_path / "table.csv", COLUMNS)
    assert (tmp_path / "table.csv").read_text() == "mine"


def test_a_full_disk_is_an_error(small_disk: Path) -> None:
    with (
        GrowingTable(small_disk / "a.csv", COLUMNS) as table,
        pytest.raises(OutputError, match="space"),
    ):
        _fill(table)


def _fill(table: GrowingTable) -> None:
    for _ in range(100_000):
        table.add(("x" * 200, 0))


def test_several_threads_write_whole_rows(tmp_path: Path) -> None:
    with GrowingTable(tmp_path / "a.csv", COLUMNS) as table:

        def write() -> None:
            for _ in range(200):
                table.add(("s" * 50, 7))

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    _, *rows = _rows(tmp_path / "a.csv")
    assert rows == [["s" * 50, "7"]] * 800


def test_the_time_of_day_is_local_with_its_zone() -> None:
    assert clock_text(0.0).startswith(("1970-01-01T", "1969-12-31T"))
    assert clock_text(0.0)[-6] in "+-"
