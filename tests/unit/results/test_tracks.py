"""The table with one row for each track."""

import csv
import json
from pathlib import Path
from typing import Any

from ssd_live.results.tracks import write_tracks

Shown = tuple[int, float, bool]


def _log(path: Path, frames: list[tuple[float, list[Shown]]], source: str = "a.mp4") -> Path:
    """Write a log whose objects are 20 pixels wide and move to the right by 10 pixels a second."""
    lines: list[dict[str, Any]] = [{"source": source, "tracking": "two-pass"}]
    for index, (time, shown) in enumerate(frames):
        found = [
            {
                "box": [10 * time, 100.0 * track_id, 10 * time + 20, 100.0 * track_id + 40],
                "score": score,
                "class_id": 0,
                "class": "person" if time < 2 else "rider",
                "track_id": track_id,
                "observed": observed,
            }
            for track_id, score, observed in shown
        ]
        lines.append({"frame": index, "pts": index, "time": time, "detections": found})
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n", "utf-8")
    return path


def _rows(logs: list[Path], path: Path) -> list[dict[str, str]]:
    write_tracks(logs, path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_says_when_where_and_how_sure(tmp_path: Path) -> None:
    frames = [(index / 4, [(3, 0.5 + 0.1 * (index % 2), index != 5)]) for index in range(10)]
    (row,) = _rows([_log(tmp_path / "a.jsonl", frames)], tmp_path / "tracks.csv")
    assert row == {
        "source": "a.mp4",
        "track_id": "3",
        "class": "rider",
        "from": "0.000",
        "to": "2.250",
        "seconds": "2.250",
        "frames": "10",
        "observed_frames": "9",
        "mean_score": "0.5500",
        "path": "LINESTRING M (10.0 320.0 0.000, 20.0 320.0 1.000, 30.0 320.0 2.000, "
        "32.5 320.0 2.250)",
    }


def test_a_track_of_one_frame_is_a_point(tmp_path: Path) -> None:
    (row,) = _rows([_log(tmp_path / "a.jsonl", [(1.0, [(1, 0.5, True)])])], tmp_path / "t.csv")
    assert row["path"] == "POINT M (20.0 120.0 1.000)"


def test_rows_come_in_the_order_in_which_tracks_end(tmp_path: Path) -> None:
    frames = [(float(t), [(1, 0.5, True)] if t < 3 else [(2, 0.5, True)]) for t in range(60)]
    rows = _rows([_log(tmp_path / "a.jsonl", frames)], tmp_path / "t.csv")
    assert [(row["track_id"], row["to"]) for row in rows] == [("1", "2.000"), ("2", "59.000")]


def test_several_videos_have_tracks_of_their_own(tmp_path: Path) -> None:
    frames: list[tuple[float, list[Shown]]] = [(0.0, [(1, 0.5, True)]), (0.1, [(1, 0.5, True)])]
    logs = [_log(tmp_path / f"{name}.jsonl", frames, name) for name in ("a.mp4", "b.mp4")]
    rows = _rows(logs, tmp_path / "t.csv")
    assert [(row["source"], row["track_id"], row["frames"]) for row in rows] == [
        ("a.mp4", "1", "2"),
        ("b.mp4", "1", "2"),
    ]


def test_detections_without_tracks_give_no_rows(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    found = {"box": [0, 0, 1, 1], "score": 1, "class_id": 0, "class": "x"}
    frame = {"frame": 0, "pts": 0, "time": 0.0, "detections": [found]}
    log.write_text("\n".join(map(json.dumps, [{"source": "a.png"}, frame])) + "\n")
    assert _rows([log], tmp_path / "t.csv") == []
