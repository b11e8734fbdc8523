"""A log is read line by line, and what makes no sense in it is left out."""

import json
from pathlib import Path
from typing import Any

import pytest

from ssd_live.errors import DataError
from ssd_live.reporting.log import LogFrame, LogHeader, LogReader
from tests.unit.reporting.logs import count, found, frame, header, write_log


def _read(path: Path) -> tuple[list[LogHeader | LogFrame], int]:
    reader = LogReader(path)
    items = list(reader.read())
    return items, reader.damaged


def test_headers_and_frames_come_in_their_order(tmp_path: Path) -> None:
    lines = (header("a"), frame(0.0, found()), header("b", width=320), frame(1.5))
    items, damaged = _read(write_log(tmp_path / "a.jsonl", *lines))
    assert [type(item) for item in items] == [LogHeader, LogFrame, LogHeader, LogFrame]
    first, one, second, other = items
    assert isinstance(first, LogHeader)
    assert isinstance(one, LogFrame)
    assert isinstance(second, LogHeader)
    assert isinstance(other, LogFrame)
    assert (first.source, second.source, second.width, other.time) == ("a", "b", 320, 1.5)
    assert (one.found[0].class_name, one.found[0].box) == ("person", (100, 50, 140, 130))
    assert one.found[0].track_id is None
    assert damaged == 0


def test_half_a_last_line_is_left_out_and_counted(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.jsonl", header(), frame(0.0), frame(1.0))
    path.write_bytes(path.read_bytes()[:-20])
    items, damaged = _read(path)
    assert len(items) == 2
    assert damaged == 1


@pytest.mark.parametrize(
    "record",
    [
        frame(float("nan")),
        frame(float("inf")),
        {**frame(0.0), "time": 10**400},
        {**frame(0.0), "time": "0"},
        {**frame(0.0), "time": True},
        {"frame": 1},
        {**frame(0.0), "detections": None},
        {**frame(0.0), "detections": "abc"},
        {**frame(0.0), "detections": [[1, 2, 3, 4]]},
        frame(0.0, {**found(), "box": [1, 2, 3]}),
        frame(0.0, {**found(), "box": [1, 2, 3, float("nan")]}),
        frame(0.0, {**found(), "class": 7}),
        frame(0.0, {**found(), "score": None}),
        frame(0.0, found(track_id=2**70)),
        frame(0.0, {**found(), "track_id": "1"}),
        frame(0.0, counts=[{**count(0.0, "z", "crossed"), "zone": ["z"]}]),
        {**frame(0.0), "counts": 3},
        header(width=0),
        header(width="640"),
        header(height=10**9),
        {"x": 1},
    ],
)
def test_a_line_with_a_value_that_makes_no_sense_is_left_out(
    record: dict[str, Any], tmp_path: Path
) -> None:
    items, damaged = _read(write_log(tmp_path / "a.jsonl", header(), record, frame(1.0)))
    assert len(items) == 2
    assert damaged == 1


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b"", b"null", b"[]"])
def test_a_line_that_is_no_object_is_left_out(line: bytes, tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.jsonl", header(), frame(0.0))
    path.write_bytes(path.read_bytes() + line + b"\n")
    items, damaged = _read(path)
    assert len(items) == 2
    assert damaged == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hello\n", "is not a log of detections"),
        (bytes(range(256)) * 100, "is not a log of detections"),
        (json.dumps(frame(0.0)).encode(), "is not a log of detections"),
        (b'{"sources": ["a"], "version": "0.1.0"}\n', "is not a log of detections"),
    ],
)
def test_another_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        _read(tmp_path / "a.jsonl")


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a file"):
        LogReader(tmp_path)
    with pytest.raises(DataError, match="there is no such file"):
        LogReader(tmp_path / "none.jsonl")


def test_the_zones_of_the_header_are_read_and_bad_ones_ignored(tmp_path: Path) -> None:
    line = {"name": "Door", "kind": "line", "points": [[0.1, 0.2], [0.3, 0.4]]}
    for zones, names in (([line], ["Door"]), ([{**line, "kind": "x"}], []), ("bad", [])):
        items, _ = _read(write_log(tmp_path / "a.jsonl", header(zones=zones)))
        assert isinstance(items[0], LogHeader)
        assert [zone.name for zone in items[0].zones] == names


def test_a_lost_object_is_shown_in_the_frame_where_it_was_last_seen(tmp_path: Path) -> None:
    counts = [count(1.0, "z", "left", why="lost"), count(4.9, "z", "crossed", direction="in")]
    items, _ = _read(write_log(tmp_path / "a.jsonl", header(), frame(5.0, counts=counts)))
    assert isinstance(items[1], LogFrame)
    assert [one.frame_time for one in items[1].counts] == [1.0, 5.0]


def test_boxes_of_an_earlier_frame_are_not_observed(tmp_path: Path) -> None:
    stale = {**frame(0.0, found(track_id=1)), "stale": True}
    items, _ = _read(write_log(tmp_path / "a.jsonl", header(), stale))
    assert isinstance(items[1], LogFrame)
    assert not items[1].found[0].is_observed


def test_an_image_is_told_from_a_video(tmp_path: Path) -> None:
    items, _ = _read(write_log(tmp_path / "a.jsonl", header(), header(time_base=None)))
    assert [item.is_image for item in items if isinstance(item, LogHeader)] == [False, True]
