"""`process --zones`: counts at lines and in areas, in every output."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.analytics.counting import CountRecord, ZoneCounter
from ssd_live.analytics.zones import Zone, read_zones, write_zones
from ssd_live.detections import Detections
from tests.clips import SAMPLE, pictures
from tests.conftest import Answer

Process = Callable[..., Answer]
PART = ("--start", "3", "--duration", "2.5")
ZONES = (
    Zone("Left", "line", ((0.35, 0.1), (0.35, 0.95)), "#ff0000"),
    Zone("Middle", "line", ((0.5, 0.1), (0.5, 0.95)), "#00ff00", anchor="centre"),
    Zone("Street", "area", ((0.3, 0.3), (0.7, 0.3), (0.7, 0.95), (0.3, 0.95)), "#0000ff"),
)


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """A zones file with two lines and an area."""
    write_zones(ZONES, tmp_path / "zones.json")
    return tmp_path / "zones.json"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _again(header: dict[str, Any], lines: list[dict[str, Any]]) -> list[CountRecord]:
    """Count once more, from the lines of detections."""
    counter = ZoneCounter(ZONES, (header["width"], header["height"]))
    records = []
    for line in lines:
        its = line["detections"]
        found = Detections(
            np.array([one["box"] for one in its], np.float32).reshape(-1, 4),
            np.array([one["score"] for one in its], np.float32),
            np.array([one["class_id"] for one in its], np.int32),
            tuple(header["classes"]),
            np.array([one["track_id"] for one in its], np.int64),
            np.array([one["observed"] for one in its], bool),
        )
        records += counter.update(line["time"], found)
    return records + counter.finish()


def test_table_lines_and_summary_agree(tmp_path: Path, zones: Path, process: Process) -> None:
    answer = process(
        SAMPLE,
        "--no-video",
        "--zones",
        zones,
        "--counts",
        tmp_path / "counts.csv",
        "--detections",
        tmp_path / "out.jsonl",
        "--json",
        tmp_path / "sum.json",
        "--threshold",
        "0.3",
    )
    assert answer.code == 0, answer.err
    header, *lines = _lines(tmp_path / "out.jsonl")
    assert [zone["name"] for zone in header["zones"]] == ["Left", "Middle", "Street"]
    assert header["tracking"] == "two-pass"
    rows, counts = (
        _rows(tmp_path / "counts.csv"),
        [c for line in lines for c in line.get("counts", ())],
    )
    assert len(rows) == len(counts) > 4
    expected = _again(header, lines)
    for row, count, record in zip(rows, counts, expected, strict=True):
        assert row["source"] == SAMPLE.name
        assert row["zone"] == count["zone"] == record.zone
        assert row["kind"] == count["kind"] == record.kind
        assert row["direction"] == record.direction
        assert int(row["track_id"]) == record.track_id
        assert float(row["time"]) == pytest.approx(record.time, abs=0.02)
    summary = json.loads((tmp_path / "sum.json").read_text())["zones"]
    by_zone: Counter[tuple[str, str]] = Counter()
    for record in expected:
        by_zone[record.zone, record.direction or record.kind] += 1
    for (zone, what), number in by_zone.items():
        assert sum(summary[zone][what].values()) == number
        assert f"{zone}: " in answer.out


def test_zones_are_drawn_with_their_counts(tmp_path: Path, zones: Path, process: Process) -> None:
    common = (SAMPLE, *PART, "--codec", "ffv1", "--max-frames", "12", "--track", "live")
    process(*common, "-o", tmp_path / "plain.mkv")
    process(*common, "-o", tmp_path / "zones.mkv", "--zones", zones)
    plain, drawn = pictures(tmp_path / "plain.mkv")[0], pictures(tmp_path / "zones.mkv")[0]
    height, width = plain.shape[:2]
    changed = np.abs(plain.astype(int) - drawn).max(2) > 40
    # Along the left line, and along the upper side of the area.
    column = round(0.35 * width)
    assert changed[height // 5 : height // 2, column - 3 : column + 3].any(1).mean() > 0.95
    row = round(0.3 * height)
    assert changed[row - 3 : row + 3, round(0.4 * width) : round(0.65 * width)].any(0).mean() > 0.9
    # The red of the line, where no box is.
    red, green, blue = drawn[height // 4, column - 3 : column + 3].astype(int).T
    assert (red - np.maximum(blue, green)).max() > 60


def test_live_counts_are_those_of_the_frames_with_the_beginnings(
    tmp_path: Path, zones: Path, process: Process
) -> None:
    """The live form knows what an object did before it had an id."""
    for name in ("a", "b"):
        answer = process(
            SAMPLE, *PART, "--no-video", "--track", "live", "--zones", zones,
            "--counts", tmp_path / f"{name}.csv",
        )  # fmt: skip
        assert answer.code == 0, answer.err
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_what_stands_in_a_mask_is_ignored(tmp_path: Path, process: Process) -> None:
    found = {}
    half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    for name, masks in (("none", ()), ("left", (Zone("m", "mask", half, anchor="centre"),))):
        write_zones(masks, tmp_path / "zones.json")
        log = tmp_path / f"{name}.jsonl"
        process(
            SAMPLE, *PART, "--no-video", "--zones", tmp_path / "zones.json", "--detections", log
        )
        header, *lines = _lines(log)
        found[name] = [
            (one["box"][0] + one["box"][2]) / 2 / header["width"]
            for line in lines
            for one in line["detections"]
            if one["observed"]
        ]
    assert min(found["none"]) < 0.4
    # A smoothed box may be a little off the detection.
    assert min(found["left"]) > 0.45


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--counts", "c.csv"), "--counts needs --zones"),
        (("--zones", "none.json"), "none.json: cannot be read"),
        (("--zones", "zones.json", "--track", "off"), "--zones needs tracking"),
        (("--zones", "zones.json", "--counts", "c.json"), "end the name in .csv"),
        (("--zones", "zones.json", "--counts", "c.csv", "--tracks", "c.csv"), "would overwrite"),
        (("--zones", "zones.json", "--counts", "c.csv", "--detections", "-"), "does not work with"),
        (("--zones", "class.json"), "the model has no class 'unicorn'"),
        (("--zones", "crossed.json"), "its sides cross each other"),
        (("--zones", "outside.json"), "a point lies outside the picture"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(
    words: tuple[str, ...], message: str, tmp_path: Path, zones: Path, process: Process
) -> None:
    square = ((0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8))
    write_zones(
        [Zone("Z", "line", ((0, 0), (1, 1)), classes=("unicorn",))], tmp_path / "class.json"
    )
    write_zones([Zone("Z", "area", square)], tmp_path / "crossed.json")
    write_zones([Zone("Z", "line", ((0, 0), (1.5, 1)))], tmp_path / "outside.json")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        answer = process(SAMPLE, "--no-video", *words)
    assert answer.code != 0
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_finished_inputs_are_skipped_unless_the_zones_change(
    tmp_path: Path, zones: Path, process: Process
) -> None:
    words = (SAMPLE, *PART, "-o", str(tmp_path / "out") + "/", "--zones", zones, "--max-frames",
    "20",
             "--counts", tmp_path / "counts.csv")  # fmt: skip
    assert process(*words).code == 0
    first = (tmp_path / "counts.csv").read_bytes()
    assert "1 finished before" in process(*words).out
    assert (tmp_path / "counts.csv").read_bytes() == first
    write_zones([ZONES[2]], zones)
    assert "finished before" not in process(*words).out
    assert {row["zone"] for row in _rows(tmp_path / "counts.csv")} <= {"Street"}
    assert read_zones(zones) == (ZONES[2],)


def _rules(path: Path, **changes: Any) -> Path:
    rule = {"name": "Stays", "zone": "Street", "when": "inside", "seconds": 0.2}
    path.write_text(json.dumps({"version": 1, "rules": [{**rule, **changes}]}))
    return path


def test_rules_are_tried_on_a_file(tmp_path: Path, zones: Path, process: Process) -> None:
    answer = process(
        SAMPLE,
        "--no-video",
        "--threshold",
        "0.3",
        "--zones",
        zones,
        "--rules",
        _rules(tmp_path / "rules.json"),
        "--events",
        tmp_path / "events.csv",
        "--detections",
        tmp_path / "out.jsonl",
        "--json",
        tmp_path / "sum.json",
    )
    assert answer.code == 0, answer.err
    rows = _rows(tmp_path / "events.csv")
    lines = _lines(tmp_path / "out.jsonl")[1:]
    events = [event for line in lines for event in line.get("events", ())]
    assert [int(row["track_id"]) for row in rows] == [event["track_id"] for event in events]
    assert len(rows) > 1
    assert f"Stays: would have fired {len(rows)} times" in answer.out
    assert json.loads((tmp_path / "sum.json").read_text())["events"] == {
        "Stays": {"fired": len(rows)}
    }
    # Each was in the area for so long by then.
    for row in rows:
        came = [
            count["time"]
            for line in lines
            for count in line.get("counts", ())
            if count["kind"] == "entered" and count["track_id"] == int(row["track_id"])
        ]
        assert any(float(row["time"]) - time >= 0.199 for time in came)


def test_hours_matter_when_the_beginning_is_known(
    tmp_path: Path, zones: Path, process: Process
) -> None:
    rules = _rules(tmp_path / "rules.json", **{"from": "18:00", "to": "07:00"})
    for time, expected in (("2026-11-29T12:00", "suppressed"), ("2026-11-29T20:00", "times\n")):
        words = ("--threshold", "0.3", "--zones", zones, "--rules", rules, "--recorded-at", time)
        answer = process(SAMPLE, "--no-video", *words)
        assert expected in answer.out, answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rules", "rules.json"), "--rules needs --zones"),
        (("--zones", "zones.json", "--events", "e.csv"), "--events needs --rules"),
        (("--zones", "zones.json", "--recorded-at", "2026-11-29"), "--recorded-at needs --rules"),
        (
            ("--zones", "zones.json", "--rules", "rules.json", "--recorded-at", "soon"),
            "--recorded-at 'soon' is not a time",
        ),
        (("--zones", "zones.json", "--rules", "other.json"), "there is no line or area 'Door'"),
        (("--zones", "zones.json", "--rules", "none.json"), "none.json: cannot be read"),
    ],
)
def test_rules_that_do_not_fit_are_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, zones: Path, process: Process
) -> None:
    _rules(tmp_path / "rules.json")
    _rules(tmp_path / "other.json", zone="Door")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        answer = process(SAMPLE, "--no-video", *words)
    assert answer.code != 0
    assert message in answer.err
    assert len([line for line in answer.err.splitlines() if line.startswith("error")]) == 1
