"""Detections on disk: lines while frames come, then the format that was asked for."""

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.detections import Detections
from ssd_live.errors import OutputError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.results.records import JsonlWriter, LogPaths, Record, check_format, combine

CLASSES = ("Katze", "犬", 'so-called "car", red')
CATEGORY_IDS = (17, 18, 3)
Row = tuple[tuple[float, float, float, float], float, int]


def _header(source: str = "Straße/фильм.mp4", **changes: Any) -> Record:
    fields = {
        "source": source,
        "width": 640,
        "height": 480,
        "time_base": "1/25",
        "model": "tiny",
        "threshold": 0.4,
    }
    return fields | {"classes": list(CLASSES), "category_ids": list(CATEGORY_IDS)} | changes


def _frame(index: int) -> Frame:
    return Frame(
        (np.zeros((480, 640, 3), np.uint8),),
        index=index,
        pts=index * 2,
        time=float(index * 2 * Fraction(1, 25)),
    )


def _found(*rows: Row) -> Detections:
    boxes = np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4)
    return Detections(
        boxes,
        np.array([score for _, score, _ in rows], np.float32),
        np.array([number for *_, number in rows], np.int32),
        CLASSES,
    )


ONE: Row = ((10, 20, 110.5, 220.25), 0.9, 0)
TWO: Row = ((0, 0, 640, 480), 0.5, 1)
THREE: Row = ((1.006, 2.004, 3, 4), 0.43216, 2)


def _log(path: Path, frames: list[Detections], source: str = "Straße/фильм.mp4") -> Path:
    with JsonlWriter(_place(path), _header(source)) as log:
        for index, found in enumerate(frames):
            log.add(_frame(index), found)
        log.finish()
    return path


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _coco(path: Path) -> dict[str, list[dict[str, Any]]]:
    loaded: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_log_is_a_header_and_a_line_a_frame(tmp_path: Path) -> None:
    header, first, second = _lines(_log(tmp_path / "found.jsonl", [_found(ONE, TWO), _found()]))
    assert header == _header()
    assert first == {
        "frame": 0,
        "pts": 0,
        "time": 0.0,
        "detections": [
            {"box": [10, 20, 110.5, 220.25], "score": 0.9, "class_id": 0, "class": "Katze"},
            {"box": [0, 0, 640, 480], "score": 0.5, "class_id": 1, "class": "犬"},
        ],
    }
    assert second == {"frame": 1, "pts": 2, "time": 0.08, "detections": []}


def test_boxes_have_hundredths_of_a_pixel_and_scores_four_places(tmp_path: Path) -> None:
    _, line = _lines(_log(tmp_path / "found.jsonl", [_found(THREE)]))
    assert line["detections"][0] == {
        "box": [1.01, 2.0, 3.0, 4.0],
        "score": 0.4322,
        "class_id": 2,
        "class": CLASSES[2],
    }


def test_names_in_any_script_are_written_as_they_are(tmp_path: Path) -> None:
    text = _log(tmp_path / "found.jsonl", [_found(TWO)]).read_text(encoding="utf-8")
    assert "Straße/фильм.mp4" in text
    assert "犬" in text


def test_until_it_is_finished_a_log_has_the_part_name(tmp_path: Path) -> None:
    path = tmp_path / "new" / "found.jsonl"
    with JsonlWriter(_place(path), _header()) as log:
        assert [file.name for file in path.parent.iterdir()] == ["found.part.jsonl"]
        log.finish()
    assert [file.name for file in path.parent.iterdir()] == ["found.jsonl"]


def test_an_interrupted_log_leaves_its_whole_lines_under_the_part_name(tmp_path: Path) -> None:
    with JsonlWriter(_place(tmp_path / "found.jsonl"), _header()) as log:
        log.add(_frame(0), _found(ONE))
        log.close_part()
    assert [file.name for file in tmp_path.iterdir()] == ["found.part.jsonl"]
    assert [line.get("frame") for line in _lines(tmp_path / "found.part.jsonl")] == [None, 0]


def test_a_log_that_was_never_finished_leaves_nothing(tmp_path: Path) -> None:
    with JsonlWriter(_place(tmp_path / "found.jsonl"), _header()) as log:
        log.add(_frame(0), _found(ONE))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_stays_until_the_new_one_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    path.write_text("earlier")
    with JsonlWriter(_place(path), _header()) as log:
        assert path.read_text() == "earlier"
        log.finish()
    assert _lines(path) == [_header()]


def test_a_place_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"found\.jsonl: cannot be written") as caught:
        JsonlWriter(_place(tmp_path / "file" / "found.jsonl"), _header())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "A.JSON"])
def test_the_three_formats_are_known_by_their_ending(name: str) -> None:
    check_format(Path(name))


@pytest.mark.parametrize("name", ["a", "a.xml", "a.json.gz"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.jsonl, \.json, \.csv"):
        check_format(Path(name))


def _two_logs(folder: Path) -> list[Path]:
    first = _log(folder / "1.jsonl", [_found(ONE, TWO), _found(), _found(THREE)], "a.mp4")
    return [first, _log(folder / "2.jsonl", [_found(TWO)], 'b, "the second".mp4')]


def test_several_logs_become_one_in_their_order(tmp_path: Path) -> None:
    logs = _two_logs(tmp_path)
    combine(logs, tmp_path / "all.jsonl")
    assert _lines(tmp_path / "all.jsonl") == _lines(logs[0]) + _lines(logs[1])


def test_csv_has_a_row_a_detection(tmp_path: Path) -> None:
    combine(_two_logs(tmp_path), tmp_path / "all.csv")
    rows = _table(tmp_path / "all.csv")
    assert [(row["source"], row["frame"], row["class_id"], row["class"]) for row in rows] == [
        ("a.mp4", "0", "0", "Katze"),
        ("a.mp4", "0", "1", "犬"),
        ("a.mp4", "2", "2", CLASSES[2]),
        ('b, "the second".mp4', "0", "1", "犬"),
    ]
    assert [float(rows[0][column]) for column in ("score", "x1", "y1", "x2", "y2")] == [
        0.9,
        10,
        20,
        110.5,
        220.25,
    ]
    assert (rows[2]["pts"], float(rows[2]["time"])) == ("4", 0.16)


def test_csv_of_nothing_found_has_its_heading(tmp_path: Path) -> None:
    combine([_log(tmp_path / "1.jsonl", [_found()])], tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text().split() == [
        "source,frame,pts,time,class_id,class,score,x1,y1,x2,y2"
    ]


def test_coco_has_an_image_a_frame_also_where_nothing_was_found(tmp_path: Path) -> None:
    combine(_two_logs(tmp_path), tmp_path / "all.json")
    images = _coco(tmp_path / "all.json")["images"]
    assert [(image["file_name"], image["frame"]) for image in images] == [
        ("a.mp4", 0),
        ("a.mp4", 1),
        ("a.mp4", 2),
        ('b, "the second".mp4', 0),
    ]
    assert len({image["id"] for image in images}) == 4
    assert {(image["width"], image["height"]) for image in images} == {(640, 480)}


def test_coco_boxes_are_corner_and_size_and_their_area_fits(tmp_path: Path) -> None:
    combine(_two_logs(tmp_path), tmp_path / "all.json")
    annotations = _coco(tmp_path / "all.json")["annotations"]
    assert [annotation["bbox"] for annotation in annotations[:2]] == [
        [10, 20, 100.5, 200.25],
        [0, 0, 640, 480],
    ]
    assert [annotation["area"] for annotation in annotations[:2]] == [
        pytest.approx(100.5 * 200.25, abs=0.01),
        640 * 480,
    ]
    assert {annotation["iscrowd"] for annotation in annotations} == {0}
    assert [annotation["score"] for annotation in annotations] == [0.9, 0.5, 0.4322, 0.5]


def test_coco_annotations_point_to_their_image_and_category(tmp_path: Path) -> None:
    combine(_two_logs(tmp_path), tmp_path / "all.json")
    coco = _coco(tmp_path / "all.json")
    places = {image["id"]: (image["file_name"], image["frame"]) for image in coco["images"]}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert len({annotation["id"] for annotation in coco["annotations"]}) == 4
    assert [
        (places[found["image_id"]], names[found["category_id"]]) for found in coco["annotations"]
    ] == [
        (("a.mp4", 0), "Katze"),
        (("a.mp4", 0), "犬"),
        (("a.mp4", 2), CLASSES[2]),
        (('b, "the second".mp4', 0), "犬"),
    ]


def test_coco_categories_have_the_ids_of_the_training_data(tmp_path: Path) -> None:
    combine(_two_logs(tmp_path), tmp_path / "all.json")
    assert _coco(tmp_path / "all.json")["categories"] == [
        {"id": i, "name": name} for i, name in zip(CATEGORY_IDS, CLASSES, strict=True)
    ]


@pytest.mark.parametrize("frames", [[], [_found()]])
def test_coco_of_nothing_found_is_whole(tmp_path: Path, frames: list[Detections]) -> None:
    combine([_log(tmp_path / "1.jsonl", frames)], tmp_path / "all.json")
    coco = _coco(tmp_path / "all.json")
    assert (len(coco["images"]), coco["annotations"], len(coco["categories"])) == (
        len(frames),
        [],
        3,
    )


def test_the_ending_may_be_in_capitals(tmp_path: Path) -> None:
    combine(_two_logs(tmp_path), tmp_path / "ALL.JSON")
    assert len(_coco(tmp_path / "ALL.JSON")["images"]) == 4


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
def test_a_log_that_vanished_leaves_no_half_written_result(tmp_path: Path, ending: str) -> None:
    logs = [*_two_logs(tmp_path), tmp_path / "3.jsonl"]
    (tmp_path / f"all{ending}").write_text("earlier")
    with pytest.raises(OutputError):
        combine(logs, tmp_path / f"all{ending}")
    assert (tmp_path / f"all{ending}").read_text() == "earlier"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "1.jsonl",
        "2.jsonl",
        f"all{ending}",
    ]


@pytest.mark.filterwarnings(
    "error::pytest.PytestUnraisableExceptionWarning", "error::ResourceWarning"
)
@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
def test_combining_leaves_no_file_open(tmp_path: Path, ending: str) -> None:
    combine(_two_logs(tmp_path), tmp_path / f"all{ending}")


def _place(path: Path) -> LogPaths:
    return LogPaths(path, path)


def test_a_final_place_that_is_gone_is_one_line_and_the_lines_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    log = JsonlWriter(LogPaths(folder / "found.jsonl", tmp_path / "found.jsonl"), _header())
    folder.rmdir()
    with pytest.raises(OutputError, match=r"cannot be written .*; the lines are in"):
        log.finish()
    assert json.loads(log.part.read_text(encoding="utf-8").splitlines()[0])["source"]


def _tracked(*rows: tuple[Row, int, bool]) -> Detections:
    found = _found(*(row for row, _, _ in rows))
    return replace(
        found,
        track_ids=np.array([track_id for _, track_id, _ in rows], np.int64),
        observed=np.array([observed for _, _, observed in rows], bool),
    )


def _tracked_log(path: Path, *frames: Detections) -> Path:
    with JsonlWriter(_place(path), _header(tracking="two-pass")) as log:
        for index, found in enumerate(frames):
            log.add(_frame(index), found)
        log.finish()
    return path


def test_tracks_are_in_every_format(tmp_path: Path) -> None:
    log = _tracked_log(
        tmp_path / "a.jsonl",
        _tracked((ONE, 1, True), (TWO, 2, True)),
        _tracked((ONE, 1, False)),
    )
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()][1:]
    shown = [[(d["track_id"], d["observed"]) for d in line["detections"]] for line in lines]
    assert shown == [[(1, True), (2, True)], [(1, False)]]

    combine([log], tmp_path / "a.json")
    annotations = json.loads((tmp_path / "a.json").read_text("utf-8"))["annotations"]
    assert [its["attributes"] for its in annotations] == [
        {"track_id": 1, "observed": True},
        {"track_id": 2, "observed": True},
        {"track_id": 1, "observed": False},
    ]

    combine([log], tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["track_id"], row["observed"]) for row in rows] == [
        ("1", "1"),
        ("2", "1"),
        ("1", "0"),
    ]

    combine([log], tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().splitlines() == [
        "1,1,11.0,21.0,100.5,200.25,0.9,-1,-1,-1",
        "1,2,1.0,1.0,640.0,480.0,0.5,-1,-1,-1",
        "2,1,11.0,21.0,100.5,200.25,0.9,-1,-1,-1",
    ]


def test_without_tracking_the_formats_are_as_before(tmp_path: Path) -> None:
    log = _log(tmp_path / "a.jsonl", [_found(ONE)])
    combine([log], tmp_path / "a.csv")
    assert "track" not in (tmp_path / "a.csv").read_text("utf-8")
    combine([log], tmp_path / "a.json")
    assert "attributes" not in (tmp_path / "a.json").read_text("utf-8")
    combine([log], tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().startswith("1,-1,")


def test_an_image_among_tracked_videos_has_no_ids(tmp_path: Path) -> None:
    logs = [
        _log(tmp_path / "b.jsonl", [_found(TWO)]),
        _tracked_log(tmp_path / "a.jsonl", _tracked((ONE, 7, True))),
    ]
    combine(logs, tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8", newline="") as file:
        assert [row["track_id"] for row in csv.DictReader(file)] == ["", "7"]


def test_mot_text_holds_one_video() -> None:
    check_format(Path("a.txt"), 1)
    with pytest.raises(UsageError, match="one video; give one input"):
        check_format(Path("a.txt"), 2)
