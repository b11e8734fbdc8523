"""Tracks against labels: the measures of trackeval, held against those of motmetrics."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from ssd_live.errors import DataError
from ssd_live.evaluation.tracking import Row, read_tracks, tracking_scores

TUD = Path(str(files("motmetrics"))) / "data"


def _row(frame: int, track_id: int, x: float, *, counts: bool = True) -> Row:
    return Row(frame, track_id, (x, 0.0, x + 10, 20.0), counts)


def _distance(one: Row, other: Row) -> float:
    """1 less the IoU, or not a number if the boxes do not match."""
    x1, y1, x2, y2 = one.box
    their_x1, their_y1, their_x2, their_y2 = other.box
    width = min(x2, their_x2) - max(x1, their_x1)
    height = min(y2, their_y2) - max(y1, their_y1)
    shared = max(width, 0.0) * max(height, 0.0)
    both = (x2 - x1) * (y2 - y1) + (their_x2 - their_x1) * (their_y2 - their_y1)
    distance = 1 - shared / (both - shared)
    return distance if distance <= 0.5 else np.nan


@pytest.mark.parametrize("name", ["TUD-Campus", "TUD-Stadtmitte"])
def test_mota_and_idf1_are_those_of_motmetrics(name: str) -> None:
    import motmetrics

    labels, tracks = (read_tracks(TUD / name / file) for file in ("gt.txt", "test.txt"))
    accumulator = motmetrics.MOTAccumulator()
    for frame in sorted({row.frame for row in labels}):
        its, found_there = (
            [row for row in rows if row.frame == frame] for rows in (labels, tracks)
        )
        distances = np.array([[_distance(one, other) for other in found_there] for one in its])
        accumulator.update(
            [row.track_id for row in its],
            [row.track_id for row in found_there],
            distances.reshape(len(its), len(found_there)),
            frameid=frame,
        )
    wanted = motmetrics.metrics.create().compute(
        accumulator,
        metrics=["mota", "idf1", "num_misses", "num_false_positives", "num_switches"],
    )
    found = tracking_scores(labels, tracks)
    assert found.idf1 == pytest.approx(wanted["idf1"].item(), abs=1e-9)
    assert found.mota == pytest.approx(wanted["mota"].item(), abs=1e-9)
    assert found.missed == pytest.approx(wanted["num_misses"].item())
    assert found.invented == pytest.approx(wanted["num_false_positives"].item())
    assert found.switches == pytest.approx(wanted["num_switches"].item())


def test_perfect_tracks_are_perfect() -> None:
    rows = [_row(frame, 1, 5.0 * frame) for frame in range(1, 11)]
    found = tracking_scores(rows, [row._replace(track_id=7) for row in rows])
    assert (found.mota, found.idf1, found.hota) == (1, 1, 1)
    assert (found.missed, found.invented, found.switches) == (0, 0, 0)
    assert (found.frames, found.objects, found.tracks) == (10, 1, 1)


def test_hota_is_the_geometric_mean_of_detection_and_association() -> None:
    """A track that changes its id in the middle: everything is detected, a half belongs together.

    By the definition, each of the ten boxes has TPA 5, FNA 5 and FPA 0.
    """
    labels = [_row(frame, 1, 5.0 * frame) for frame in range(1, 11)]
    tracks = [row._replace(track_id=1 + row.frame // 6) for row in labels]
    found = tracking_scores(labels, tracks)
    assert found.detection == 1
    assert found.association == pytest.approx(0.5)
    assert found.hota == pytest.approx(np.sqrt(0.5))
    assert found.switches == 1


def test_frames_without_labels_are_not_compared() -> None:
    labels = [_row(frame, 1, 5.0) for frame in (1, 11, 21)]
    tracks = [_row(frame, 1, 5.0) for frame in range(1, 30)]
    found = tracking_scores(labels, tracks)
    assert (found.frames, found.invented, found.idf1) == (3, 0, 1)


def test_an_ignored_label_and_a_track_on_it_do_not_count() -> None:
    labels = [_row(1, 1, 0.0), _row(1, 2, 100.0, counts=False)]
    on_both = [_row(1, 1, 0.0), _row(1, 2, 101.0)]
    beside = [*on_both, _row(1, 3, 300.0)]
    assert tracking_scores(labels, on_both).mota == 1
    assert tracking_scores(labels, on_both[:1]).mota == 1
    assert tracking_scores(labels, beside).invented == 1


def test_tracks_that_are_all_elsewhere_score_nothing() -> None:
    found = tracking_scores([_row(1, 1, 0.0)], [_row(5, 1, 0.0)])
    assert (found.mota, found.idf1, found.hota, found.missed) == (0, 0, 0, 1)


def test_json_lines_and_mot_text_are_the_same(tmp_path: Path) -> None:
    box = [10.0, 20.0, 30.0, 60.0]
    lines = [
        {"source": "a", "tracking": "live"},
        {"frame": 4, "detections": [{"box": box, "track_id": 3}, {"box": box}]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "a.txt").write_text("frame,id,x,y,w,h\n5,3,10,20,20,40,0.9,-1,-1,-1\n\n")
    wanted = [Row(5, 3, (10, 20, 30, 60))]
    assert read_tracks(tmp_path / "a.jsonl") == wanted
    assert read_tracks(tmp_path / "a.txt") == wanted


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"1,2,3\n", "line 1 is not frame, id, left"),
        ("a.txt", b"1,2,3,4,5,x\n", "line 1 is not frame, id, left"),
        ("a.txt", b"1,2,3,4,5,nan\n", "line 1 is not frame, id, left"),
        ("a.txt", b"", "has no tracks"),
        ("a.txt", b"frame,id\n", "has no tracks"),
        ("a.txt", b"\xff\xfe\x00", "is not text"),
        ("a.txt", b"1,-1,3,4,5,6\n1,-1,9,4,5,6\n", "an object without an id"),
        ("a.txt", b"1,7,3,4,5,6\n1,7,9,4,5,6\n", "has the id 7 twice"),
        ("a.txt", b'1,"' + b"9" * 200_000, "is not MOT text"),
        ("a.jsonl", b'{"source": "a"}\n{"source": "b"}\n', "line 2 begins another video"),
        ("a.jsonl", b"[1]\n", "line 1 is not a line that process wrote"),
        ("a.jsonl", b"{\n", "line 1 is not a line that process wrote"),
        (
            "a.jsonl",
            b'{"frame": 1, "detections": [{"track_id": 1}]}',
            "line 1 is not a line that process wrote",
        ),
        ("a.jsonl", b'{"frame": 1, "detections": []}', "has no tracks"),
    ],
)
def test_what_holds_no_tracks_is_said(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_tracks(tmp_path / name)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_tracks(tmp_path / "a.txt")


def test_a_byte_order_mark_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf1,1,3,4,5,6\n2,1,3,4,5,6\n")
    assert [row.frame for row in read_tracks(tmp_path / "a.txt")] == [1, 2]
