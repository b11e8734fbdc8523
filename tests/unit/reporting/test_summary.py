"""The numbers of a log, against a count that keeps all frames."""

import random
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ssd_live.reporting.log import LogReader
from ssd_live.reporting.summary import (
    MOST_COUNT_ROWS,
    MOST_SOURCES,
    LogSummary,
    Summary,
    summarise,
)
from tests.unit.reporting.logs import count, found, frame, header, write_log

LINE = {"name": "Door", "kind": "line", "points": [[0.1, 0.2], [0.3, 0.4]]}
AREA = {"name": "Yard", "kind": "area", "points": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}


def whole(tmp_path: Path, *records: dict[str, Any]) -> LogSummary:
    return summarise(LogReader(write_log(tmp_path / "a.jsonl", *records)).read())


def one(tmp_path: Path, *records: dict[str, Any], **more: Any) -> Summary:
    (summary,) = whole(tmp_path, header(**more), *records).sources
    return summary


def _world(frames: int) -> list[dict[str, Any]]:
    chance = random.Random(7)
    lines = []
    for number in range(frames):
        its = [
            found(
                (track_id, 10 * track_id, track_id + 20, 10 * track_id + 30),
                track_id,
                ("person", "car")[track_id % 2],
                round(chance.uniform(0.3, 0.9), 4),
            )
            for track_id in range(number // 40, number // 40 + 9)
            if chance.random() < 0.6
        ]
        lines.append(frame(round(3 + number / 25, 6), *its))
    return lines


def test_numbers_are_those_of_a_count_of_all_frames(tmp_path: Path) -> None:
    lines = _world(400)
    summary = one(tmp_path, *lines)
    by_id: defaultdict[int, list[tuple[float, dict[str, Any]]]] = defaultdict(list)
    for line in lines:
        for its in line["detections"]:
            by_id[its["track_id"]].append((line["time"], its))
    assert summary.frames == 400
    assert (summary.begin, summary.end) == (lines[0]["time"], lines[-1]["time"])
    assert summary.detections == Counter(
        its["class"] for line in lines for its in line["detections"]
    )
    assert summary.objects == Counter(its[-1][1]["class"] for its in by_id.values())
    assert set(summary.tracks) == set(by_id)
    for track_id, its in by_id.items():
        track = summary.tracks[track_id]
        assert (track.begin, track.end, track.frames) == (its[0][0], its[-1][0], len(its))
        assert track.mean_score == pytest.approx(sum(each["score"] for _, each in its) / len(its))
    most = max(len(line["detections"]) for line in lines)
    first = next(line["time"] for line in lines if len(line["detections"]) == most)
    assert (summary.most, summary.most_time) == (most, first)
    cars = [sum(its["class"] == "car" for its in line["detections"]) for line in lines]
    assert summary.most_of["car"] == (max(cars), lines[cars.index(max(cars))]["time"])
    assert summary.heat.sum() == sum(summary.detections.values())


def test_feet_heat_the_cell_they_stand_in(tmp_path: Path) -> None:
    # 640 x 272 pixels in 96 x 41 cells, also for feet under the picture.
    summary = one(tmp_path, frame(0.0, found((300, 0, 340, 136)), found((600, 0, 700, 900))))
    assert summary.heat.shape == (41, 96)
    assert summary.heat[int(136 / 640 * 96), 48] == 1
    assert summary.heat[40, 95] == 1


def test_the_best_frame_shows_a_track_large_sure_whole_and_observed(tmp_path: Path) -> None:
    boxes = {
        1.0: found((100, 50, 110, 70), 1, score=0.9),
        2.0: found((100, 50, 160, 150), 1, score=0.8),
        3.0: {**found((100, 50, 200, 250), 1, score=0.9), "observed": False},
        4.0: found((0, 50, 80, 150), 1, score=0.9),
        5.0: found((100, 50, 160, 150), 1, score=0.5),
    }
    summary = one(tmp_path, *(frame(time, its) for time, its in boxes.items()))
    assert summary.tracks[1].best_time == 2.0
    assert summary.tracks[1].best_box == (100, 50, 160, 150)


def test_a_long_path_keeps_few_points_from_begin_to_end(tmp_path: Path) -> None:
    lines = [frame(float(t), found((t, 0, t + 2, 50 + t / 10), 1)) for t in range(2000)]
    points = one(tmp_path, *lines).tracks[1].path
    assert 20 <= len(points) <= 65
    assert points[0] == (1.0, 50.0)
    assert points[-1] == (2000.0, 249.9)
    assert all(1 <= after[0] - before[0] < 140 for before, after in pairwise(points))


def test_lines_and_areas_are_added_up(tmp_path: Path) -> None:
    counts = [
        count(1.0, "Door", "crossed", 1, direction="in"),
        count(2.0, "Door", "crossed", 2, direction="out"),
        count(3.0, "Door", "crossed", 3, direction="in"),
        count(1.5, "Yard", "entered", 1),
        count(4.0, "Yard", "left", 1, seconds=2.5),
        count(2.0, "Yard", "entered", 2, why="appeared"),
        count(8.0, "Yard", "left", 2, seconds=6.0, why="ended"),
    ]
    summary = one(tmp_path, frame(0.0), frame(9.0, counts=counts), zones=[LINE, AREA])
    door, yard = summary.zones["Door"], summary.zones["Yard"]
    assert (door.went_in["person"], door.went_out["person"], door.visits) == (2, 1, 0)
    assert list(door.in_times) == [1.0, 3.0]
    assert (yard.went_in["person"], yard.visits, yard.seconds) == (2, 2, 8.5)
    assert yard.longest == (6.0, 2)
    assert len(summary.counts) == summary.count_total == 7


def test_a_zone_without_counts_is_there_with_zeros_and_a_mask_is_not(tmp_path: Path) -> None:
    mask = {**AREA, "name": "Tree", "kind": "mask"}
    summary = one(tmp_path, frame(0.0), zones=[LINE, mask])
    assert list(summary.zones) == ["Door"]
    assert not summary.zones["Door"].went_in


def test_counts_are_kept_up_to_a_limit_and_all_are_counted(tmp_path: Path) -> None:
    counts = [count(float(n), "Door", "crossed", direction="in") for n in range(1500)]
    summary = one(tmp_path, frame(0.0, counts=counts), zones=[LINE])
    assert len(summary.counts) == MOST_COUNT_ROWS
    assert summary.count_total == summary.zones["Door"].went_in["person"] == 1500


def test_any_number_of_classes_and_zones_fits_into_memory(tmp_path: Path) -> None:
    its = [found(name=f"class {n}") for n in range(3000)]
    counts = [count(0.0, f"zone {n}", "crossed", direction="in") for n in range(3000)]
    summary = one(tmp_path, frame(0.0, *its, counts=counts))
    assert len(summary.detections) <= 1001
    assert sum(summary.detections.values()) == 3000
    assert len(summary.zones) == 64


def test_each_source_is_added_up_by_itself(tmp_path: Path) -> None:
    summary = whole(
        tmp_path,
        header("a"),
        frame(0.0, found(track_id=1)),
        header("b"),
        frame(0.0, found(track_id=1), found(track_id=2)),
        header("empty"),
    )
    assert [(each.header.source, len(each.tracks)) for each in summary.sources] == [
        ("a", 1),
        ("b", 2),
    ]


def test_images_are_counted_and_left_out(tmp_path: Path) -> None:
    summary = whole(
        tmp_path,
        header("a.jpg", time_base=None),
        frame(0.0, found(), found(name="car")),
        header("b"),
        frame(0.0, found()),
    )
    assert [each.header.source for each in summary.sources] == ["b"]
    assert summary.images == 1
    assert summary.image_detections == Counter(person=1, car=1)


def test_further_sources_are_counted(tmp_path: Path) -> None:
    lines = [line for n in range(45) for line in (header(str(n)), frame(0.0), frame(1.0))]
    summary = whole(tmp_path, *lines)
    assert len(summary.sources) == MOST_SOURCES
    assert summary.left_out == 45 - MOST_SOURCES


def test_the_longest_tracks_come_first(tmp_path: Path) -> None:
    lines = [
        frame(float(t), *(found(track_id=n) for n in range(5) if t <= 2 * n)) for t in range(10)
    ]
    longest = one(tmp_path, *lines).longest_tracks(3)
    assert [track.track_id for track in longest] == [4, 3, 2]
