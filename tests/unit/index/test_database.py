"""The files of the index: made, brought up to date, damaged, locked, and killed."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssd_live.errors import OutputError
from ssd_live.index import database as databases
from ssd_live.index.collect import SourceWriter
from ssd_live.index.database import Index, index_path
from ssd_live.index.delete import delete_sources
from ssd_live.index.query import Query, count, picture_of, search_all, sources
from ssd_live.reporting.log import LogFrame
from tests.unit.index.worlds import fill, found, source

# It writes a track in each step, and says after each flush how many there are.
_WRITER = """
import sys
from pathlib import Path
from ssd_live.index.collect import SourceWriter
from ssd_live.index.database import Index
from ssd_live.reporting.log import LogFrame
from tests.unit.index.worlds import found, source

with Index(Path(sys.argv[1])) as index:
    writer = SourceWriter(index, source())
    for number in range(1, 1_000_000):
        writer.add(LogFrame(number / 10, (found(number),), ()))
        writer.flush()
        print(number, flush=True)
"""


def test_it_is_in_the_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path))
    assert index_path() == tmp_path / "index.db"


def test_what_is_written_is_there_again(tmp_path: Path) -> None:
    with Index(tmp_path / "sub" / "index.db") as index:
        known = fill(index, 1, sources=2, tracks=5)
    with Index(tmp_path / "sub" / "index.db") as index:
        assert count(index, Query()) == len(known)
        assert index.notes == []
        assert index.bytes_on_disk() > 0


@pytest.mark.parametrize("round_number", range(4))
def test_a_killed_program_loses_only_what_was_not_flushed(
    tmp_path: Path, round_number: int
) -> None:
    path = tmp_path / "index.db"
    told = 0
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[3],
        ) as writing:
            assert writing.stdout is not None
            last = 0
            for line in writing.stdout:
                last = int(line)
                if last >= 20 + round_number:
                    break
            time.sleep(0.003 * round_number)
            os.kill(writing.pid, signal.SIGKILL)
            for line in writing.stdout:
                last = int(line) if line.endswith("\n") else last
        told += last
        with Index(path) as index:
            assert index.notes == []
            assert told <= count(index, Query()) <= told + 1
            told = count(index, Query())
            assert not any(its.is_complete for its in sources(index))


def test_damaged_files_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with Index(path) as index:
        fill(index, 1, sources=1, tracks=200)
        index.shrink()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(content)
    with Index(path) as index:
        assert count(index, Query()) == 0
        assert any("was damaged (kept as index.broken-1.db)" in note for note in index.notes)
    assert (tmp_path / "index.broken-1.db").read_bytes() == content
    # The pictures belong to the numbers in the other file.
    assert (tmp_path / "index-pictures.broken-1.db").exists()


def test_pictures_that_cannot_be_read_are_set_aside_next_time(tmp_path: Path) -> None:
    path, pictures = tmp_path / "index.db", tmp_path / "index-pictures.db"
    with Index(path) as index:
        known = fill(index, 1, sources=1, tracks=5)
        with index.writing() as database:
            rows = [(row, bytes(5000)) for row in range(1, 200)]
            database.executemany("INSERT INTO pictures.jpegs VALUES (?, ?)", rows)
        index.shrink()
    content = pictures.read_bytes()
    pictures.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    told = "is damaged; start again, so that it is set aside"
    with Index(path) as index, pytest.raises(OutputError, match=told):
        picture_of(index, 1)
    with Index(path) as index:
        assert picture_of(index, 1) is None
        assert count(index, Query()) == len(known)
        assert ["its pictures are gone, the rest is there" in note for note in index.notes] == [
            True
        ]
    with Index(path) as index:
        assert index.notes == []


def test_pictures_of_an_index_that_is_gone_are_not_shown_for_others(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with Index(path) as index, index.writing() as database:
        database.execute("INSERT INTO pictures.jpegs VALUES (1, 'old')")
    path.unlink()
    with Index(path) as index:
        fill(index, 1, sources=1, tracks=5)
        assert picture_of(index, 1) is None


def test_what_is_deleted_gives_its_space_back(tmp_path: Path) -> None:
    with Index(tmp_path / "index.db") as index:
        fill(index, 1, sources=2, tracks=20)
        with index.writing() as database:
            rows = [(row, bytes(20_000)) for row in range(1, 60)]
            database.executemany("INSERT OR REPLACE INTO pictures.jpegs VALUES (?, ?)", rows)
        index.shrink()
        before = index.bytes_on_disk()
        deleted = delete_sources(index, [its.number for its in sources(index)])
        assert deleted.bytes_freed > 0.9 * before
        assert index.bytes_on_disk() < 0.1 * before


def test_damaged_pictures_leave_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with Index(path) as index:
        known = fill(index, 1, sources=1, tracks=5)
    (tmp_path / "index-pictures.db").write_bytes(b"no database" * 1000)
    with Index(path) as index:
        assert count(index, Query()) == len(known)
        assert len(index.notes) == 1


def test_one_of_a_newer_version_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    Index(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(OutputError, match="made by a newer version of ssd_live; update"):
        Index(path)


def test_an_older_one_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.db"
    with Index(path) as index:
        known = fill(index, 1, sources=1, tracks=5)
    step = "ALTER TABLE tracks ADD COLUMN note TEXT NOT NULL DEFAULT 'none'"
    monkeypatch.setattr(databases, "STEPS", (*databases.STEPS, step))
    with Index(path) as index, index.reading() as database:
        assert count(index, Query()) == len(known)
        assert database.execute("SELECT DISTINCT note FROM tracks").fetchall() == [("none",)]


def test_two_programs_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with Index(path) as one, Index(path) as other:
        writers = [SourceWriter(one, source("a")), SourceWriter(other, source("b"))]
        for number in range(1, 20):
            for writer in writers:
                writer.add(LogFrame(number / 10, (found(number),), ()))
                writer.flush()
        assert len(list(search_all(one, Query()))) == 38


def test_a_file_that_is_held_by_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.05)
    path = tmp_path / "index.db"
    with Index(path) as one, Index(path) as other:
        writer = SourceWriter(other, source())
        writer.add(LogFrame(0.0, (found(1),), ()))
        with one.writing(), pytest.raises(OutputError, match="another program has been writing"):
            writer.flush()
        # It was not lost.
        writer.flush()
        assert count(one, Query()) == 1


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    with Index(tmp_path / "index.db") as index:
        with contextlib.suppress(ZeroDivisionError), index.writing():
            index.number_of("class", "person")
            raise ZeroDivisionError
        with index.reading() as database:
            assert database.execute("SELECT count(*) FROM names").fetchone() == (0,)
        with pytest.raises(OutputError, match="cannot be used"), index.reading() as database:
            database.execute("SELECT nothing")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.db").mkdir()
    for path in (tmp_path / "file" / "index.db", tmp_path / "folder.db"):
        with pytest.raises(OutputError, match="cannot be opened; move away what has this name"):
            Index(path)
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE sources (a)")
    database.close()
    with pytest.raises(OutputError, match="is not an index of ssd_live; move it away"):
        Index(tmp_path / "other.db")
