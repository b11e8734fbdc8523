"""`process --track`: objects with ids, in every output."""

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.process import job
from ssd_live.video.reader import VideoReader
from tests.clips import SAMPLE, frame_times, pictures, sound_packets, write_clip
from tests.conftest import Answer

Process = Callable[..., Answer]
# The part of the sample clip with the bicycles; there are cuts at its ends.
PART = ("--start", "3", "--duration", "2.5")


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _ids(lines: list[dict[str, Any]]) -> set[int]:
    return {found["track_id"] for line in lines for found in line["detections"]}


def _tracked(process: Process, folder: Path, form: str, *more: str) -> Path:
    """Track the part of the sample clip, and return the folder with video, lines and table."""
    process(
        SAMPLE,
        *PART,
        "-o",
        folder / "out.mkv",
        "--codec",
        "ffv1",
        "--track",
        form,
        "--tracks",
        folder / "tracks.csv",
        "--detections",
        folder / "out.jsonl",
        "--threshold",
        "0.3",
        *more,
    )
    return folder


@pytest.mark.parametrize("form", ["live", "two-pass"])
def test_video_lines_and_table_agree(form: str, tmp_path: Path, process: Process) -> None:
    folder = _tracked(process, tmp_path, form)
    header, *lines = _lines(folder / "out.jsonl")
    assert header["tracking"] == form
    assert header["threshold"] == pytest.approx(0.3)
    assert len(lines) == len(frame_times(folder / "out.mkv")) > 60
    ids = _ids(lines)
    assert ids
    for line in lines:
        its = [found["track_id"] for found in line["detections"]]
        assert len(set(its)) == len(its)
    with (folder / "tracks.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["track_id"]) for row in rows} == ids
    frames = sum(len(line["detections"]) for line in lines)
    assert sum(int(row["frames"]) for row in rows) == frames


def test_two_passes_fill_gaps_and_draw_what_they_filled(tmp_path: Path, process: Process) -> None:
    """Without tracking, the frames between have no lines; now each has its own boxes."""
    folder = _tracked(process, tmp_path, "two-pass", "--every", "3")
    _, *lines = _lines(folder / "out.jsonl")
    filled = [found for line in lines for found in line["detections"] if not found["observed"]]
    seen = [found for line in lines for found in line["detections"] if found["observed"]]
    assert len(filled) > len(seen) > 20
    # What is drawn lies where the boxes are.
    drawn = pictures(folder / "out.mkv")
    _tracked(process, tmp_path, "two-pass", "--every", "3", "--overwrite", "--classes", "chair")
    plain = pictures(folder / "out.mkv")
    for line, one, other in zip(lines, drawn, plain, strict=True):
        changed = np.abs(one.astype(int) - other).max(2) > 40
        assert changed.any() == bool(line["detections"])


def test_two_passes_give_the_same_without_a_video(tmp_path: Path, process: Process) -> None:
    folder = _tracked(process, tmp_path, "two-pass")
    process(
        SAMPLE,
        *PART,
        "--no-video",
        "--track",
        "two-pass",
        "--threshold",
        "0.3",
        "--detections",
        tmp_path / "again.jsonl",
    )
    assert (folder / "out.jsonl").read_bytes() == (tmp_path / "again.jsonl").read_bytes()


def test_sound_goes_along_in_two_passes(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mp4", 20, sound="aac")
    process(source, "-o", tmp_path / "out.mp4", "--track", "two-pass")
    assert sound_packets(tmp_path / "out.mp4") == sound_packets(source)
    assert len(frame_times(tmp_path / "out.mp4")) == 20


def test_mot_text(tmp_path: Path, process: Process) -> None:
    process(
        SAMPLE, *PART, "--no-video", "--track", "two-pass", "--detections", tmp_path / "out.txt"
    )
    rows = np.loadtxt(tmp_path / "out.txt", delimiter=",")
    assert rows.shape[1] == 10
    assert rows[:, 0].min() >= 1
    assert (rows[:, 1] >= 1).all()
    assert (rows[:, 4:6] > 0).all()


def test_images_are_detected_and_not_tracked(tmp_path: Path, process: Process) -> None:
    image = Path(__file__).parents[2] / "assets" / "media" / "chelsea.png"
    for name, more in (("plain", ()), ("tracked", ("--track", "two-pass"))):
        process(image, "--no-video", "--detections", tmp_path / f"{name}.jsonl", *more)
    plain, tracked = (_lines(tmp_path / f"{name}.jsonl")[1] for name in ("plain", "tracked"))
    assert plain["detections"] == tracked["detections"] != []


def test_the_summary_counts_distinct_objects(tmp_path: Path, process: Process) -> None:
    answer = process(
        SAMPLE, *PART, "--no-video", "--track", "live", "--json", tmp_path / "summary.json"
    )
    tracks = json.loads((tmp_path / "summary.json").read_text("utf-8"))["tracks"]
    assert tracks
    assert all(f"{name} {count}" in answer.out for name, count in tracks.items())


def test_other_tracking_is_processed_again(tmp_path: Path, process: Process) -> None:
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "a.mp4", 8)
    for form, status in (("off", "done"), ("live", "done"), ("live", "skipped")):
        process(tmp_path / "in", "-o", tmp_path / "out", "--track", form)
        with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
            assert [row["status"] for row in csv.DictReader(file)] == [status]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tracks", "t.csv"), "--tracks needs --track"),
        (("--track", "live", "--tracks", "t.json"), "end the name in .csv"),
        (("--track", "live", "--tracks", "in.mp4"), "end the name in .csv"),
        (("--track", "live", "--tracks", "a.csv", "--detections", "a.csv"), "would overwrite"),
        (("--track", "both"), "Invalid value for '--track'"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(
    words: tuple[str, ...], message: str, tmp_path: Path, ssd: Callable[..., Answer]
) -> None:
    write_clip(tmp_path / "in.mp4", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        answer = ssd("process", "in.mp4", "--no-video", *words)
    assert answer.code != 0
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_a_pipe_cannot_be_read_twice(tmp_path: Path, ssd: Callable[..., Answer]) -> None:
    answer = ssd("process", "-", "-o", tmp_path / "out.mp4", "--track", "two-pass")
    assert answer.code != 0
    assert "reads the video twice" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_broken_file_is_said_and_keeps_what_there_is(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "whole.mkv", 60)
    (tmp_path / "in.mkv").write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    answer = process(
        tmp_path / "in.mkv",
        "-o",
        tmp_path / "out.mp4",
        "--track",
        "two-pass",
        "--detections",
        tmp_path / "out.jsonl",
    )
    assert answer.code == 1
    assert "frames were processed" in answer.err
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "out.jsonl").exists()
    lines = (tmp_path / "out.part.jsonl").read_text("utf-8").splitlines()[1:]
    assert len(frame_times(tmp_path / "out.part.mp4")) == len(lines) > 20


def test_a_video_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, process: Process
) -> None:
    (tmp_path / "file").touch()
    answer = process(SAMPLE, "-o", tmp_path / "file" / "out.mp4", "--track", "two-pass")
    assert answer.code == 1
    assert "frames" not in answer.out


def test_a_photo_keeps_its_weak_detections(tmp_path: Path, process: Process) -> None:
    image = Path(__file__).parents[2] / "assets" / "media" / "chelsea.png"
    for name, more in (("plain", ()), ("tracked", ("--track", "live"))):
        process(
            image,
            "--no-video",
            "--threshold",
            "0.05",
            "--detections",
            tmp_path / f"{name}.jsonl",
            *more,
        )
    plain, tracked = (_lines(tmp_path / f"{name}.jsonl")[1] for name in ("plain", "tracked"))
    assert plain["detections"] == tracked["detections"]
    assert min(found["score"] for found in plain["detections"]) < 0.1


def test_tracks_are_not_for_pipes(tmp_path: Path, ssd: Callable[..., Answer]) -> None:
    words = ("--detections", "-", "--track", "live", "--tracks", tmp_path / "t.csv")
    answer = ssd("process", SAMPLE, "--no-video", *words)
    assert answer.code == 2
    assert "--tracks does not work with" in answer.err


def test_a_table_is_not_made_of_the_lines_of_an_earlier_run(
    tmp_path: Path, process: Process
) -> None:
    (tmp_path / "in").mkdir()
    write_clip(tmp_path / "in" / "a.mp4", 12)
    folder = ("-o", tmp_path / "out")
    process(tmp_path / "in", *folder, "--detections", tmp_path / "d.csv")
    process(tmp_path / "in", *folder, "--track", "live")
    process(tmp_path / "in", *folder, "--track", "live", "--tracks", tmp_path / "t.csv")
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done"]
    process(tmp_path / "in", *folder, "--track", "live", "--tracks", tmp_path / "t.csv")
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["skipped"]


def test_detecting_only_where_something_moves(tmp_path: Path, process: Process) -> None:
    answer = process(
        SAMPLE,
        "--no-video",
        "--every",
        "auto",
        "--detections",
        tmp_path / "out.jsonl",
        "--json",
        tmp_path / "summary.json",
        "--threshold",
        "0.3",
    )
    header, *lines = _lines(tmp_path / "out.jsonl")
    # Two-pass tracking fills what lies between, so every frame has its line.
    assert header["tracking"] == "two-pass"
    assert len(lines) == 250
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert 25 <= summary["detected_frames"] < 150
    assert summary["checked_detections"] > summary["missed_detections"]
    assert f"detected on {summary['detected_frames'] / 250:.0%} of the frames" in answer.out
    assert "of the same found, on a sample of" in answer.out


def test_every_run_detects_on_the_same_frames(tmp_path: Path, process: Process) -> None:
    for name in ("one", "other"):
        process(SAMPLE, "--no-video", "--every", "auto", "--detections", tmp_path / f"{name}.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "other.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--every", "often"), "must be a whole number from 1 on, or auto"),
        (("--every", "0"), "must be a whole number from 1 on, or auto"),
        (("--every", "auto", "--track", "off"), "--every auto needs tracking"),
    ],
)
def test_a_wrong_rate_is_refused(
    words: tuple[str, ...], message: str, tmp_path: Path, ssd: Callable[..., Answer]
) -> None:
    answer = ssd("process", SAMPLE, "--no-video", *words)
    assert answer.code == 2
    assert message in answer.err


def test_a_stop_between_the_two_readings_keeps_the_lines(
    tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[VideoReader] = []

    class Interrupted(VideoReader):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            opened.append(self)
            if len(opened) == 2:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(job, "VideoReader", Interrupted)
    source = write_clip(tmp_path / "in.mp4", 20)
    lines = tmp_path / "out.jsonl"
    answer = process(
        source, "-o", tmp_path / "out.mp4", "--track", "two-pass", "--detections", lines
    )
    assert answer.code == 130
    assert "stopped after 20 frames" in answer.err
    assert len(_lines(tmp_path / "out.part.jsonl")) == 21
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.part.jsonl"]


def _found_in(path: Path) -> int:
    return sum(len(line["detections"]) for line in _lines(path)[1:])


def test_tiles_find_more_and_the_same_in_every_run(tmp_path: Path, process: Process) -> None:
    common = (SAMPLE, *PART, "--no-video", "--classes", "bicycle,person,car")
    for name, tiles in (("off", "off"), ("four", "4"), ("auto", "auto"), ("again", "auto")):
        track = () if tiles == "off" else ("--track", "live")
        process(*common, "--tiles", tiles, *track, "--detections", tmp_path / f"{name}.jsonl")
    assert (tmp_path / "auto.jsonl").read_bytes() == (tmp_path / "again.jsonl").read_bytes()
    assert _lines(tmp_path / "auto.jsonl")[0]["tiles"] == "auto"
    assert "tiles" not in _lines(tmp_path / "off.jsonl")[0]
    assert _found_in(tmp_path / "four.jsonl") > _found_in(tmp_path / "off.jsonl")


def test_tiles_on_their_own_need_no_tracking_but_auto_does(
    tmp_path: Path, process: Process
) -> None:
    log = tmp_path / "out.jsonl"
    process(SAMPLE, *PART, "--no-video", "--tiles", "2", "--detections", log)
    assert "tracking" not in _lines(log)[0]
    process(SAMPLE, *PART, "--no-video", "--tiles", "auto", "--detections", log, "--overwrite")
    assert _lines(log)[0]["tracking"] == "two-pass"
    answer = process(SAMPLE, "--no-video", "--tiles", "auto", "--track", "off")
    assert answer.code != 0
    assert "--tiles auto needs tracking" in answer.err


@pytest.mark.parametrize("tiles", ["0", "1", "17", "-2", "many", "2.5", ""])
def test_a_number_of_tiles_that_is_none_is_refused(tiles: str, process: Process) -> None:
    answer = process(SAMPLE, "--no-video", f"--tiles={tiles}")
    assert answer.code != 0
    assert "must be a number from 2 to 16, auto or off" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_all_tiles_of_an_image_are_looked_at(tmp_path: Path, process: Process) -> None:
    log = tmp_path / "out.jsonl"
    picture = SAMPLE.parent / "chelsea.png"
    counts = {}
    for tiles in ("off", "auto"):
        process(picture, "--no-video", "--tiles", tiles, "--detections", log, "--overwrite")
        counts[tiles] = _found_in(log)
    assert counts["auto"] >= counts["off"] > 0
