"""`process` with several inputs at once: the same results as one after the other."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.backends import backend_module
from ssd_live.detection.filter import detection_filter
from ssd_live.process.job import LoadedModel, ModelConfig, ProcessOptions
from ssd_live.process.plan import Task, make_plan
from ssd_live.process.report import Report
from ssd_live.process.resume_log import Outcome
from ssd_live.process.run import BatchRunner
from ssd_live.process.workers import LocalWorker
from ssd_live.selection.choice import BackendChoice
from ssd_live.system.paths import assets_folder
from ssd_live.video.writer import Quality
from tests.clips import frame_times, pictures, write_clip
from tests.conftest import FIXED_BACKEND, Answer
from tests.live_parts import MemoryBackend
from tests.tiny_model import tiny_model
from tests.waiting import wait_until

Process = Callable[..., Answer]
CHECKOUT = Path(__file__).resolve().parents[2]
# Longest first, so that several at once are not done in their order.
FRAMES = {"a.mp4": 20, "b.mp4": 3, "c.mkv": 9, "sub/a.mp4": 1, "sub/d.mp4": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of unlike lengths, an image, and something that is none."""
    place = tmp_path_factory.mktemp("many") / "in"
    (place / "sub").mkdir(parents=True)
    for name, frames in FRAMES.items():
        write_clip(place / name, frames, size=(320, 136))
    (place / "cat.png").write_bytes((assets_folder() / "media" / "chelsea.png").read_bytes())
    (place / "bad.mp4").write_text("no video")
    return place


def _made(place: Path) -> dict[str, bytes]:
    """Results by name; what the program remembers for itself is left out."""
    files = (
        path
        for path in place.rglob("*")
        if path.is_file() and ".ssd_live" not in path.parts and path.name != "summary.csv"
    )
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


def _summary(place: Path) -> list[tuple[str, str, str, str]]:
    with (place / "summary.csv").open(newline="") as lines:
        return [
            (Path(row["input"]).name, row["status"], row["frames"], row["objects"])
            for row in csv.DictReader(lines)
        ]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Networks that OpenVINO compiled."""
    backend_module("openvino").version()
    import openvino

    found: list[object] = []
    ordinary = openvino.Core.compile_model

    def compile_model(self: Any, *words: Any, **more: Any) -> Any:
        found.append(words)
        return ordinary(self, *words, **more)

    monkeypatch.setattr(openvino.Core, "compile_model", compile_model)
    return found


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
def test_several_at_once_make_the_very_same_detections(
    ending: str, folder: Path, tmp_path: Path, process: Process
) -> None:
    for jobs in ("1", "3"):
        answer = process(
            folder, "--no-video", "--detections", tmp_path / f"{jobs}{ending}", "--jobs", jobs
        )
        assert answer.code == 1
        assert "1 of 7 inputs failed" in answer.err
    assert (tmp_path / f"3{ending}").read_bytes() == (tmp_path / f"1{ending}").read_bytes()


def test_several_at_once_make_the_same_files_and_share_one_network(
    folder: Path, tmp_path: Path, process: Process, compiled: list[object]
) -> None:
    for jobs, place in (("1", "one"), ("3", "three")):
        # Lossless: an encoder with fewer threads decides otherwise.
        answer = process(
            folder,
            "-o",
            tmp_path / place,
            "--crf",
            "0",
            "--detections",
            tmp_path / f"{place}.jsonl",
            "--jobs",
            jobs,
        )
        assert answer.code == 1
        assert f"error: {folder / 'bad.mp4'}: is not a video" in answer.err
    assert len(compiled) == 2, "a network for each command"
    one, three = (_made(tmp_path / place) for place in ("one", "three"))
    assert set(three) == set(one) == {*FRAMES, "cat.png"}
    assert three["cat.png"] == one["cat.png"]
    for name, frames in FRAMES.items():
        assert frame_times(tmp_path / "three" / name) == frame_times(folder / name)
        before, after = (pictures(tmp_path / place / name) for place in ("one", "three"))
        assert len(after) == frames
        # Side by side a runtime adds up in another order: a line may lie a pixel off.
        assert all(
            np.abs(np.subtract(*pair, dtype=np.int16)).mean() < 1
            for pair in zip(before, after, strict=True)
        )
    assert _summary(tmp_path / "three") == _summary(tmp_path / "one")
    sources = [
        line["source"]
        for line in map(json.loads, (tmp_path / "three.jsonl").read_text().splitlines())
        if "source" in line
    ]
    assert sources == ["a.mp4", "b.mp4", "c.mkv", "cat.png", "sub/a.mp4", "sub/d.mp4"]
    assert (tmp_path / "three.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


def test_what_is_finished_is_skipped_by_several_at_once_too(
    folder: Path, tmp_path: Path, process: Process
) -> None:
    words = (folder, "-o", tmp_path / "out", "--detections", tmp_path / "all.jsonl", "--jobs", "3")
    process(*words)
    first = _made(tmp_path / "out"), (tmp_path / "all.jsonl").read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")}
    (tmp_path / "out" / "c.mkv").unlink()
    answer = process(*words)
    assert "1 of 7 inputs done, 5 finished before" in answer.out
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert (set(_made(tmp_path / "out")), (tmp_path / "all.jsonl").read_bytes()) == (
        set(first[0]),
        first[1],
    )


def test_more_jobs_than_inputs_are_no_more_than_inputs(
    folder: Path, tmp_path: Path, process: Process
) -> None:
    assert (
        process(folder / "a.mp4", folder / "b.mp4", "-o", tmp_path / "out", "--jobs", "200").code
        == 0
    )
    assert set(_made(tmp_path / "out")) == {"a.mp4", "b.mp4"}


def test_on_a_backend_that_cannot_be_shared_they_follow_each_other(
    folder: Path, tmp_path: Path, ssd: Process
) -> None:
    pytest.importorskip("torch")
    answer = ssd(
        "process",
        folder / "b.mp4",
        folder / "sub",
        "--no-video",
        "--jobs",
        "2",
        "--backend",
        "torch",
        "--precision",
        "fp32",
    )
    assert answer.code == 0, answer.err


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_a_terminal_shows_a_row_for_each_input_whatever_it_is_called(
    folder: Path, tmp_path: Path
) -> None:
    import pty

    (tmp_path / "in[").mkdir()
    names = ("in[/b].mp4", "[red]car.mp4", "plain.mp4")
    for name in names:
        shutil.copy(folder / "b.mp4", tmp_path / name)
    ours, theirs = pty.openpty()
    words = (*names, "--no-video", "--jobs", "3", *FIXED_BACKEND)
    command = [sys.executable, str(CHECKOUT / "main.py"), "process", *words]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=tmp_path,
        env=os.environ | {"TERM": "xterm"},
    ) as program:
        os.close(theirs)
        shown = b"".join(_told(ours)).decode()
    os.close(ours)
    assert program.returncode == 0, shown
    for number, name in enumerate(names, 1):
        assert f"{number}/3 {name} " in shown
        assert f"{number}/3 {name}: done, 3 frames" in shown


def _told(terminal: int) -> Iterator[bytes]:
    """Until the other end is closed, which Linux calls an error."""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 65536):
            yield data


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return write_clip(
        path, 170, size=(1280, 720), setup=lambda stream: stream.options.update(preset="ultrafast")
    )


@pytest.fixture
def at_work(long_clip: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Three of five long inputs are being worked on."""
    (tmp_path / "in").mkdir()
    for number in range(5):
        shutil.copy(long_clip, tmp_path / "in" / f"{number}.mp4")
    words = ("in", "-o", "out", "--detections", "all.jsonl", "--jobs", "3", *FIXED_BACKEND)
    command = [sys.executable, str(CHECKOUT / "main.py"), "process", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as program:
        wait_until(
            lambda: (
                sum(part.stat().st_size > 1000 for part in (tmp_path / "out").glob("*.part.mp4"))
                == 3
            ),
            60,
        )
        yield program
        program.kill()


def test_ctrl_c_ends_all_of_them_in_order_with_playable_parts(
    at_work: subprocess.Popen[str], tmp_path: Path
) -> None:
    at_work.send_signal(signal.SIGINT)
    _, errors = at_work.communicate(timeout=60)
    assert at_work.returncode == 130
    assert "Traceback" not in errors
    assert sorted(_made(tmp_path / "out")) == ["0.part.mp4", "1.part.mp4", "2.part.mp4"]
    for number in range(3):
        kept = len(frame_times(tmp_path / "out" / f"{number}.part.mp4"))
        assert 0 < kept < 170
        assert (
            f"stopped after {kept} frames; the results so far were kept in out/{number}.part.mp4"
            in errors
        )
    assert [row[:2] for row in _summary(tmp_path / "out")] == [
        (f"{number}.mp4", "stopped") for number in range(3)
    ]
    assert not (tmp_path / "all.jsonl").exists()


def test_ctrl_c_twice_leaves_nothing_half_written_under_a_final_name(
    at_work: subprocess.Popen[str], tmp_path: Path
) -> None:
    at_work.send_signal(signal.SIGINT)
    assert at_work.stderr is not None
    assert any("stopping" in line for line in at_work.stderr)
    # Held up, it is still ending in order when the second comes, which within a second is taken for
    # an echo of the first.
    at_work.send_signal(signal.SIGSTOP)
    heard = time.monotonic()
    wait_until(lambda: time.monotonic() > heard + 1.1)
    at_work.send_signal(signal.SIGINT)
    at_work.send_signal(signal.SIGCONT)
    _, errors = at_work.communicate(timeout=60)
    assert at_work.returncode == 130
    assert "Traceback" not in errors
    assert all(".part." in name for name in _made(tmp_path / "out"))
    assert not (tmp_path / "all.jsonl").exists()


def test_what_is_given_up_leaves_no_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 100, size=(320, 136))
    plan = make_plan(
        [str(source), str(shutil.copy(source, tmp_path / "other.mp4"))],
        str(tmp_path / "out"),
        "h264",
    )
    model, settings = tiny_model(), ProcessOptions(Quality("h264", 21))
    config = ModelConfig(
        model, BackendChoice("openvino", "CPU", "fp32"), detection_filter(model.metadata)
    )
    workers = [
        LocalWorker(LoadedModel(config, MemoryBackend(seconds=0.05)), settings) for _ in range(2)
    ]
    work = BatchRunner(plan, config, settings, workers, tmp_path / "all.jsonl", overwrite=False)
    with pytest.raises(KeyboardInterrupt):
        work.run(InterruptsOnce())
    assert not _made(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.part*"))


class InterruptsOnce:
    """Ctrl-C as soon as both inputs have frames."""

    def __init__(self) -> None:
        self._busy: set[Task] = set()
        self._lock = threading.Lock()

    def begin(self, task: Task, number: int, of: int) -> None: ...

    def advance(self, task: Task, done: int, expected: int | None) -> None:
        with self._lock:
            if done and task not in self._busy:
                self._busy.add(task)
                if len(self._busy) == 2:
                    signal.raise_signal(signal.SIGINT)

    def end(self, task: Task, outcome: Outcome, report: Report) -> None: ...
