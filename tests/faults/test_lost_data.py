"""Nothing of the user's is ever replaced, and nothing of ours is said to be whole that is not."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from ssd_live.system.atomic_files import rename_new, reserve_part
from ssd_live.video import writer
from tests.clips import frame_times, packet_times, pictures, write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.faults.test_bad_input import CHECKOUT, error_line
from tests.tiny_model import tiny_model

Process = Callable[..., Answer]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 5)


def test_an_input_that_bears_the_part_name_is_not_touched(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "x.part.mp4", 5)
    before = source.read_bytes()
    assert process(source, "-o", tmp_path / "x.mp4").code == 0
    assert source.read_bytes() == before
    assert len(frame_times(tmp_path / "x.mp4")) == 5


@pytest.mark.parametrize("kind", ["file", "link", "pipe"])
def test_whatever_bears_the_part_name_already_stays(
    kind: str, clip: Path, tmp_path: Path, process: Process
) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    for name in ("out.part.mp4", "out.part.jsonl"):
        match kind:
            case "file":
                (tmp_path / name).write_text("precious")
            case "link":
                (tmp_path / name).symlink_to(tmp_path / "mine.txt")
            case _:
                os.mkfifo(tmp_path / name)
    assert (
        process(clip, "-o", tmp_path / "out.mp4", "--detections", tmp_path / "out.jsonl").code == 0
    )
    assert (tmp_path / "mine.txt").read_text() == "precious"
    assert kind != "file" or (tmp_path / "out.part.mp4").read_text() == "precious"
    assert not (tmp_path / "out.mp4").is_symlink()


def test_two_runs_to_one_output_leave_one_whole_file(clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", 60)
    output = tmp_path / "same.mp4"
    words = [
        sys.executable,
        str(CHECKOUT / "main.py"),
        "process",
        "-o",
        str(output),
        *FIXED_BACKEND,
    ]
    runs = [
        subprocess.Popen(
            [*words, str(source)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for source in (clip, other)
    ]
    errors = [run.communicate(timeout=100)[1] for run in runs]
    codes = [run.returncode for run in runs]
    assert sorted(codes) == [0, 1]
    winner = codes.index(0)
    assert len(frame_times(output)) == (5, 60)[winner]
    assert all(
        "exists already" in error or "another program made this file" in error
        for error, code in zip(errors, codes, strict=True)
        if code
    )


def test_frames_before_time_zero_are_all_seen(tmp_path: Path, process: Process) -> None:
    source = write_clip(
        tmp_path / "in.mkv", 20, time_base=Fraction(1, 1000), pts=lambda index: index * 40
    )
    shifted = tmp_path / "early.ts"
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            str(source),
            "-c",
            "copy",
            "-output_ts_offset",
            "95441.9",
            str(shifted),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert packet_times(shifted)[0] < 0
    answer = process(shifted, "-o", tmp_path / "out.mp4")
    assert answer.code == 0
    assert "the source begins at" in answer.err
    assert frame_times(tmp_path / "out.mp4") == [
        time - packet_times(shifted)[0] for time in frame_times(shifted)
    ]


def test_a_folders_own_summary_and_detections_are_kept(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((40, 60, 3), np.uint8))
    target = tmp_path / "out"
    target.mkdir()
    (target / "summary.csv").write_text("my sums")
    assert "exists already" in error_line(process(clip, photo, "-o", target))
    assert (target / "summary.csv").read_text() == "my sums"
    (target / "summary.csv").unlink()
    (tmp_path / "mine.csv").write_text("precious")
    assert "exists already" in error_line(
        process(clip, photo, "-o", target, "--detections", tmp_path / "mine.csv")
    )
    assert (tmp_path / "mine.csv").read_text() == "precious"
    for reserved in (target / "summary.csv", target / ".ssd_live" / "finished.json"):
        assert "would overwrite" in error_line(
            process(clip, photo, "-o", target, "--detections", reserved)
        )


def test_results_of_another_folder_are_not_replaced(tmp_path: Path, process: Process) -> None:
    for name, frames in (("a", 3), ("b", 4)):
        (tmp_path / name).mkdir()
        write_clip(tmp_path / name / "clip.mp4", frames)
    assert process(tmp_path / "a", "-o", tmp_path / "out").code == 0
    assert "exists already" in error_line(process(tmp_path / "b", "-o", tmp_path / "out"))
    assert len(frame_times(tmp_path / "out" / "clip.mp4")) == 3


def test_a_result_that_was_changed_is_neither_skipped_nor_replaced(
    tmp_path: Path, process: Process
) -> None:
    (tmp_path / "a").mkdir()
    write_clip(tmp_path / "a" / "clip.mp4", 3)
    process(tmp_path / "a", "-o", tmp_path / "out")
    (tmp_path / "out" / "clip.mp4").write_text("mine now")
    answer = process(tmp_path / "a", "-o", tmp_path / "out")
    assert "exists already" in error_line(answer)
    assert (tmp_path / "out" / "clip.mp4").read_text() == "mine now"


def test_sound_that_outlasts_the_video_is_no_shortfall(tmp_path: Path, process: Process) -> None:
    source = tmp_path / "long.mp4"
    clip = write_clip(tmp_path / "short.mp4", 12)
    inputs = ["-i", str(clip), "-f", "lavfi", "-i", "sine=duration=5"]
    subprocess.run(
        ["ffmpeg", "-v", "error", *inputs, "-c:v", "copy", str(source)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert process(source, "--no-video").code == 0
    assert process(source, "-o", tmp_path / "out.mp4").code == 0


def test_kept_detections_are_where_the_line_says(tmp_path: Path, process: Process) -> None:
    source = write_clip(
        tmp_path / "in.mkv", 60, setup=lambda stream: setattr(stream.codec_context, "gop_size", 10)
    )
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    line = error_line(
        process(source, "-o", tmp_path / "out.mkv", "--detections", tmp_path / "out.csv")
    )
    assert "out.part.jsonl" in line
    assert len((tmp_path / "out.part.jsonl").read_text().splitlines()) > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.mkv",
        "out.part.jsonl",
        "out.part.mkv",
    ]


def test_a_bad_file_never_ends_a_batch(tmp_path: Path, process: Process) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with av.open(str(folder / "a.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        container.start_encoding()
    os.mkfifo(folder / "pipe.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    write_clip(Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.mp4")), 3)
    write_clip(folder / "z.mp4", 3)
    answer = process(folder, "-o", tmp_path / "out", "--detections", tmp_path / "all.csv")
    assert "1 of 3 inputs failed" in answer.err
    assert len(frame_times(tmp_path / "out" / "z.mp4")) == 3
    assert "z.mp4" in (tmp_path / "all.csv").read_text(encoding="utf-8")


def test_pipes_are_refused_instead_of_waited_for(tmp_path: Path, process: Process) -> None:
    for name in ("f.png", "f.mp4", "f.onnx"):
        os.mkfifo(tmp_path / name)
    assert "not a regular file" in error_line(process(tmp_path / "f.png", "--no-video"))
    assert "not a regular file" in error_line(process(tmp_path / "f.mp4", "--no-video"))
    assert "not a regular file" in error_line(
        process(tmp_path / "f.mp4", "--no-video", "--model", tmp_path / "f.onnx")
    )


def test_code_in_the_current_folder_is_not_run(clip: Path, tmp_path: Path) -> None:
    for name in ("numpy.py", "ssd_live.py"):
        (tmp_path / name).write_text("raise SystemExit('wrong module')")
    environment = os.environ | {"SSD_LIVE_ENGINES": str(tmp_path / "engines")}
    model = tmp_path / "tiny.onnx"
    model.write_bytes(tiny_model().data)
    command = [sys.executable, str(CHECKOUT / "main.py"), "process", str(clip), "--no-video"]
    command += ["--model", str(model), *FIXED_BACKEND]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert answer.returncode == 0, answer.stderr
    assert "left out" not in answer.stderr


def test_the_longest_names_work(clip: Path, tmp_path: Path, process: Process) -> None:
    output = tmp_path / ("n" * 251 + ".mp4")
    assert process(clip, "-o", output).code == 0
    assert len(frame_times(output)) == 5


def test_the_longest_names_work_with_detections_in_a_folder(
    clip: Path, tmp_path: Path, process: Process
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = clip.rename(folder / ("n" * 251 + ".mp4"))
    output = tmp_path / "out"
    answer = process(folder, "-o", output, "--detections", tmp_path / "all.jsonl")
    assert answer.code == 0, answer.err
    assert len(frame_times(output / source.name)) == 5
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 6


def _fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_detections_that_cannot_be_closed_leave_no_finished_video(
    clip: Path, tmp_path: Path, small_disk: Path, process: Process
) -> None:
    _fill(small_disk)
    output = tmp_path / "out.mp4"
    answer = process(clip, "-o", output, "--detections", small_disk / "a.jsonl", "--threshold", "1")
    line = error_line(answer)
    assert "no space left on device" in line
    assert "out.part.mp4" in line
    assert not output.exists()
    assert len(frame_times(tmp_path / "out.part.mp4")) == 5
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_full_disk_leaves_no_empty_file(clip: Path, small_disk: Path, process: Process) -> None:
    _fill(small_disk)
    answer = process(clip, "--no-video", "--detections", small_disk / "a.jsonl", "--threshold", "1")
    assert "no space left on device" in error_line(answer)
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_rgb_video_keeps_its_colours(tmp_path: Path, process: Process) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, codec="ffv1", pixel_format="bgr0")
    process(source, "-o", tmp_path / "out.mp4", "--threshold", "1")
    assert np.abs(pictures(source)[2].astype(float) - pictures(tmp_path / "out.mp4")[2]).mean() < 4


def test_a_cut_begins_at_zero_also_where_the_source_does_not(
    tmp_path: Path, process: Process
) -> None:
    source = write_clip(tmp_path / "in.mp4", 50, pts=lambda index: index + 50)
    process(source, "-o", tmp_path / "out.mp4", "--start", "1")
    assert frame_times(tmp_path / "out.mp4")[0] == 0


def test_part_names_are_claimed_one_by_one(tmp_path: Path) -> None:
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(reserve_part(tmp_path / "a.mp4").name))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == [
        "a.part-2.mp4",
        "a.part-3.mp4",
        "a.part-4.mp4",
        "a.part-5.mp4",
        "a.part.mp4",
    ]


def test_encoding_leaves_the_threads_priority_alone(tmp_path: Path, process: Process) -> None:
    if not hasattr(os, "sched_getscheduler"):
        pytest.skip("this system has no scheduling policies to look at")
    before = os.sched_getscheduler(0)
    write_clip(tmp_path / "in.mp4", 3)
    process(tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--codec", "av1")
    assert os.sched_getscheduler(0) == before


def test_an_unforeseen_failure_of_one_input_leaves_the_others_alone(
    tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / "in" / name, 3)

    def fails_once(source: Path, target: Path) -> None:
        if target.name == "a.mp4":
            raise ZeroDivisionError("by chance")
        rename_new(source, target)

    monkeypatch.setattr(writer, "rename_new", fails_once)
    answer = process(tmp_path / "in", "-o", tmp_path / "out")
    assert answer.code == 1
    assert "a.mp4: ZeroDivisionError: by chance" in answer.err
    assert len(frame_times(tmp_path / "out" / "b.mp4")) == 3
    assert not (tmp_path / "out" / "a.mp4").exists()
