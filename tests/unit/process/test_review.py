"""What will be hidden lies in a file, which a review changes."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.process.review import DoubtfulMoment, HiddenRegion, Review, ReviewFile
from tests.unit.reporting.logs import found, frame, header, write_log

PICTURE = np.zeros((8, 8, 3), np.uint8)
BOX = (10.0, 20.0, 30.0, 40.0)


def _doubt(begin: float, track_id: int = 1) -> dict[str, Any]:
    return {"from": begin, "to": begin + 1, "class": "person", "track_id": track_id, "why": "x"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Five frames with two tracks, and two doubtful moments."""
    lines = [
        {**frame(n / 5, found(track_id=1), found(track_id=2, name="car")), "pts": n, "frame": n}
        for n in range(5)
    ]
    lines[1]["doubts"] = [_doubt(0.2)]
    lines[3]["doubts"] = [_doubt(0.6, 2)]
    return write_log(tmp_path / "r.jsonl", header(redaction={"classes": ["person"]}), *lines)


def _at(number: int) -> Frame:
    return Frame((PICTURE,), index=number, pts=number, time=number / 5)


def _ids(file: ReviewFile, number: int) -> list[int]:
    its, doubts = file.of(_at(number))
    assert doubts == []
    assert its.track_ids is not None
    return [int(number) for number in its.track_ids]


def test_without_a_review_everything_found_is_hidden(path: Path) -> None:
    file = ReviewFile(path)
    assert (file.frames, file.size, file.review) == (5, (640, 272), Review())
    assert file.doubts == [
        DoubtfulMoment(0.2, 1.2, "person", 1, "x"),
        DoubtfulMoment(0.6, 1.6, "person", 2, "x"),
    ]
    assert file.time_near(0.47) == 0.4
    assert len(file.planned(0.47)) == 2
    assert [_ids(file, number) for number in range(5)] == [[1, 2]] * 5
    with pytest.raises(UsageError, match="is the review of another video"):
        file.of(_at(5))


def test_the_last_review_counts(path: Path) -> None:
    ReviewFile(path).decide(Review((1, 2)))
    region = HiddenRegion(0.3, 0.7, BOX)
    ReviewFile(path).decide(Review((2,), (region,), (0,)))
    file = ReviewFile(path)
    assert file.review == Review((2,), (region,), (0,))
    assert [_ids(file, number) for number in range(5)] == [[1], [1], [0, 1], [0, 1], [1]]
    file = ReviewFile(path)
    its, _ = [file.of(_at(number)) for number in range(3)][2]
    assert its.boxes[0].tolist() == list(BOX)
    # What was found is rounded outwards, because it was written with two decimals.
    assert its.boxes[1] == pytest.approx([99.995, 49.995, 140.005, 130.005])
    assert [one.name for one in its] == ["person", "person"]


def test_frames_of_another_video_are_refused(path: Path) -> None:
    file = ReviewFile(path)
    with pytest.raises(UsageError, match="delete it to make it anew"):
        file.of(_at(2))


@pytest.mark.parametrize(
    "line",
    [
        {"review": 5},
        {"review": {"shown": [], "checked": []}},
        {
            "review": {
                "shown": [],
                "hidden": [{"begin": 0, "end": 1, "box": [1, 2, 3]}],
                "checked": [],
            }
        },
        {"review": {"shown": [], "hidden": [{"begin": 0, "end": "9s", "box": BOX}], "checked": []}},
        {"review": {"shown": [], "hidden": [{"begin": 2, "end": 1, "box": BOX}], "checked": []}},
        {
            "review": {
                "shown": [],
                "hidden": [{"begin": 0, "end": 1, "box": BOX[::-1]}],
                "checked": [],
            }
        },
        {"frame": 5, "time": 1.0, "pts": 5},
        {"frame": 5, "time": 1.0, "pts": "x", "detections": []},
        {"frame": 5, "time": 1.0, "pts": 5, "detections": [{**found(), "class_id": 99}]},
        {"frame": 5, "time": 1.0, "pts": 5, "detections": [{**found(), "box": [1, 2, 3]}]},
        {"frame": 5, "time": 1.0, "pts": 5, "detections": [{**found(), "box": [1, 2, 3, 1e300]}]},
        {"frame": 5, "time": 1.0, "pts": 5, "detections": [{**found(), "track_id": 10**30}]},
    ],
)
def test_a_line_that_makes_no_sense_is_refused(path: Path, line: dict[str, Any]) -> None:
    """What a person wrote by hand must not be left out in silence: it may be what hides."""
    with path.open("a") as file:
        file.write("\n" + json.dumps(line) + "\n")
    with pytest.raises(DataError, match="a line of it is damaged; mend it, or delete the file"):
        ReviewFile(path)


def test_what_editors_do_to_a_file_changes_nothing(path: Path) -> None:
    with path.open("a") as file:
        file.write('\n   \n{ "review" : {"shown": [2], "hidden": [], "checked": []}}\n\n')
    assert ReviewFile(path).review == Review((2,))


def test_a_decision_after_half_a_line_counts(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"review":{"shown":[1')
    ReviewFile(path).decide(Review((2,)))
    assert ReviewFile(path).review == Review((2,))


def test_a_pipe_is_no_review(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.jsonl")
    with pytest.raises(DataError, match="is not a file; give another name"):
        ReviewFile(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"redaction": {}}', '{"redaction": {}, "classes": ["a"]}\n{"frame', "\x00"],
)
def test_a_file_that_is_no_review_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.jsonl").write_text(content)
    with pytest.raises(DataError, match=r"r\.jsonl: .*; (give another name|mend it)"):
        ReviewFile(tmp_path / "r.jsonl")
    with pytest.raises(DataError, match="no such file"):
        ReviewFile(tmp_path / "none.jsonl")


def test_half_a_line_changes_nothing(path: Path) -> None:
    ReviewFile(path).decide(Review((1,)))
    with path.open("a") as file:
        file.write('{"review":{"shown":[2],"hid')
    file_ = ReviewFile(path)
    assert file_.review == Review((1,))
    assert file_.frames == 5


def test_a_full_disk_leaves_no_half_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, before = ReviewFile(path), path.read_bytes()
    whole = Path.open

    class Full:
        """A file on a disk that takes ten more bytes."""

        def __init__(self, its: Any) -> None:
            self._its = its

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *exception: object) -> None:
            self._its.close()

        def write(self, data: bytes) -> None:
            self._its.write(data[:10])
            self._its.flush()
            raise OSError(28, "No space left on device")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._its, name)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda its, mode="r", **more: Full(whole(its, mode, **more)))
        with pytest.raises(OutputError, match=r"cannot be written \(no space left on device"):
            file.decide(Review((1,)))
    assert path.read_bytes() == before
    assert file.review == Review()


def test_another_log_is_no_review(tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.jsonl", header(), frame(0.0, found(track_id=1)))
    with pytest.raises(DataError, match="is not a file for a review; give another name"):
        ReviewFile(log)


def test_half_a_frame_is_damage(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"frame": 5, "ti')
    with pytest.raises(DataError, match="a line of it is damaged"):
        ReviewFile(path)


def test_a_review_that_cannot_be_written_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ReviewFile(path)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        with pytest.raises(OutputError, match=r"cannot be written \(no space left"):
            file.decide(Review((1,)))
    assert file.review == Review()
    assert ReviewFile(path).review == Review()
