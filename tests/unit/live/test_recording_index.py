"""The objects of a recording go into the index while it goes on."""

import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.index.database import Index
from ssd_live.index.query import Query, picture_of, search, sources
from ssd_live.live import recording_index as recordings
from ssd_live.live.recording_index import RecordingIndex
from tests.unit.index.worlds import source
from tests.waiting import wait_until

CLASSES = ("cat", "dog")
FILES = Path("/r/cam.jsonl"), Path("/r/cam.mkv")
PICTURE = np.full((272, 640, 3), (30, 20, 220), np.uint8)


def _found(width: float, track_ids: bool = True) -> Detections:
    return Detections(
        np.array([(100, 50, 100 + width, 130)], np.float32),
        np.array([0.8], np.float32),
        np.array([0], np.int32),
        CLASSES,
        np.array([5], np.int64) if track_ids else None,
        np.array([True]) if track_ids else None,
    )


def _frame(time: float) -> Frame:
    return Frame((PICTURE,), time=time)


def test_objects_are_found_before_the_recording_ends(tmp_path: Path) -> None:
    path, told = tmp_path / "index.db", list[str]()
    made = RecordingIndex(path, source(), told.append)
    made.add(0.0, _frame(0.0), _found(40))
    with Index(path) as index:
        wait_until(lambda: search(index, Query()), what="the object to be there")
        assert not any(its.is_complete for its in sources(index))
        # Nothing better comes for a while, and something better then.
        for time_, width in ((0.2, 80), (1.5, 42), (2.0, 80)):
            made.add(time_, _frame(time_), _found(width))
        made.add(2.5, _frame(2.5), _found(80, track_ids=False))
        made.close(10.0, FILES)
        (track,) = search(index, Query())
        assert (track.seconds, track.best_time) == (2.0, 2.0)
        assert track.colours == ("red",)
        assert track.box == (100.0, 50.0, 180.0, 130.0)
        assert picture_of(index, track.row) is not None
        assert all(its.is_complete for its in sources(index))
    assert not told


def test_without_ids_nothing_is_written(tmp_path: Path) -> None:
    made = RecordingIndex(tmp_path / "index.db", source(), lambda _: None)
    made.add(0.0, _frame(0.0), _found(40, track_ids=False))
    made.close(10.0, None)
    with Index(tmp_path / "index.db") as index:
        assert sources(index) == []


def test_an_index_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told: list[str] = []
    made = RecordingIndex(tmp_path / "file" / "index.db", source(), told.append)
    wait_until(lambda: told, what="the trouble to be told")
    for number in range(3):
        made.add(number, _frame(number), _found(40))
    made.close(10.0, FILES)
    (line,) = told
    assert line.startswith("the recording goes on, but its objects cannot be found again: ")


def test_a_damaged_index_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"no database" * 1000)
    told: list[str] = []
    made = RecordingIndex(tmp_path / "index.db", source(), told.append)
    made.close(10.0, FILES)
    assert "was damaged (kept as index.broken-1.db)" in told[0]


def test_who_writes_faster_than_the_disk_is_not_slowed_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "MOST_WAITING", 5)
    Index(tmp_path / "index.db").close()
    held = sqlite3.connect(tmp_path / "index.db")
    held.execute("BEGIN IMMEDIATE")
    made = RecordingIndex(tmp_path / "index.db", source(), lambda _: None)
    started = time.monotonic()
    for number in range(200):
        made.add(number, _frame(number), _found(40))
    assert time.monotonic() - started < 1.0
    held.rollback()
    held.close()
    made.close(10.0, FILES)
    with Index(tmp_path / "index.db") as index:
        assert search(index, Query())
