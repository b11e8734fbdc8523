"""The table of counts that is written while they come."""

import csv
import threading
from datetime import datetime
from pathlib import Path

import pytest

from ssd_live.analytics.counting import CountRecord
from ssd_live.errors import OutputError
from ssd_live.results.counts import CountTable, clock_text, count_dict

IN = CountRecord("crossed", 'The "Door", left', 1.25, 3, "cat", (1.0, 2.0, 3.0, 4.0), 1.3, "in")
LEFT = CountRecord("left", "Yard", 9.0, 4, "dog", (1.0, 2.0, 3.0, 4.0), 14.0, "", 2.5, "lost")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "counts.csv"
    with CountTable(path) as table:
        table.add("street", IN, 1_700_000_000.5)
        (row,) = _rows(path)
        assert (row["zone"], row["direction"], row["seconds"]) == ('The "Door", left', "in", "")
        assert datetime.fromisoformat(row["clock"]).timestamp() == 1_700_000_000.5
        table.add("street", LEFT, 1_700_000_001)
    rows = _rows(path)
    assert (rows[1]["kind"], rows[1]["seconds"], rows[1]["why"]) == ("left", "2.500", "lost")
    table.add("street", IN, 0.0)
    assert len(_rows(path)) == 2


def test_a_file_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("mine")
    with pytest.raises(OutputError):
        CountTable(tmp_path / "counts.csv")
    assert (tmp_path / "counts.csv").read_text() == "mine"


def test_a_full_disk_is_an_error(small_disk: Path) -> None:
    with CountTable(small_disk / "counts.csv") as table, pytest.raises(OutputError, match="space"):
        _fill(table)


def _fill(table: CountTable) -> None:
    for _ in range(100_000):
        table.add("x" * 200, IN, 0.0)


def test_several_threads_write_whole_rows(tmp_path: Path) -> None:
    with CountTable(tmp_path / "counts.csv") as table:

        def write() -> None:
            for _ in range(200):
                table.add("s", LEFT, 0.0)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = _rows(tmp_path / "counts.csv")
    assert len(rows) == 800
    assert {tuple(row.values()) for row in rows} == {tuple(rows[0].values())}


def test_what_is_empty_is_left_out_of_the_line() -> None:
    assert set(count_dict(IN)) == {
        "time", "zone", "kind", "class", "track_id", "box", "direction",
    }  # fmt: skip
    assert clock_text(0.0).endswith((":00", "Z"))
