"""Long videos are split into parts that several workers process, and the results are joined."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.analytics.zones import Zone
from ssd_live.detection.filter import DetectionFilter
from ssd_live.errors import (
    BackendError,
    CancelledError,
    IncompleteError,
    MediaError,
    OutputError,
)
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Span, Task
from ssd_live.process.report import Report
from ssd_live.process.split import join_results, may_split, spans_of
from ssd_live.process.split_worker import SplittingWorker, WorkerPool
from ssd_live.process.workers import LocalWorker, OnFrames, Worker, load_engine, local_workers
from ssd_live.results.records import LogPaths, join_logs
from ssd_live.selection.choice import BackendChoice
from ssd_live.tracking.options import TrackingOptions
from ssd_live.video.writer import Quality
from tests.clips import frame_times, write_clip
from tests.tiny_model import tiny_model

CONFIG = ModelConfig(
    tiny_model([[0.1, 0.2, 0.5, 0.9]], [[0.9, 0.0]]),
    BackendChoice("openvino", "CPU", "fp32"),
    DetectionFilter(("cat", "dog"), 0.4, np.array([True, True])),
)
SETTINGS = ProcessOptions(Quality("h264", 21))
TRACKING = TrackingOptions("live", ("cat", "dog"), (0.4, 0.4), (0.4, 0.4))
# Few frames a second make a long video that is quickly made.
FRAMES, RATE = 150, 1.5


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def setup(stream: Any) -> None:
        stream.options = {"g": "6", "sc_threshold": "0"}

    return write_clip(
        tmp_path_factory.mktemp("long") / "long.mp4",
        FRAMES,
        size=(64, 48),
        rate=Fraction(RATE),
        setup=setup,
    )


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        engine = load_engine(CONFIG, stack)
        yield stack.enter_context(local_workers(engine, SETTINGS, 2))


def task_of(source: Path, output: Path | None = None) -> Task:
    return Task(source, Path(source.name), output)


def ignore(done: int, expected: int | None) -> None:
    pass


# What is split.


def test_a_long_video_is_split_at_key_frames(long_clip: Path) -> None:
    spans = spans_of(task_of(long_clip), 2)
    # There is a key frame every four seconds.
    assert spans == [Span(0.0, 48.0), Span(48.0, None)]
    assert spans_of(task_of(long_clip), 8) == [Span(0.0, 32.0), Span(32.0, 32.0), Span(64.0, None)]
    assert spans_of(task_of(long_clip), 1) == []


def test_what_is_short_or_no_video_is_not_split(tmp_path: Path, long_clip: Path) -> None:
    short = write_clip(tmp_path / "short.mp4", 5)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    raw = write_clip(tmp_path / "raw.h264", 20)
    for source in (short, tmp_path / "bad.mp4", tmp_path / "none.mp4", Path("a.png"), raw):
        assert spans_of(task_of(source), 4) == []
    stored = replace(task_of(long_clip), source_address="s3://bucket/long.mp4")
    assert spans_of(stored, 4) == []


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({"tracking": TRACKING}, {}),
        ({"zones": (Zone("a", "area", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),)}, {}),
        ({}, {"every": 2}),
        ({}, {"every": 0}),
        ({}, {"start": 1.0}),
        ({}, {"duration": 50.0}),
        ({}, {"max_frames": 100}),
        ({}, {"quality": Quality("ffv1", 0)}),
    ],
)
def test_parts_must_give_what_the_whole_gives(
    config: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert may_split(CONFIG, SETTINGS)
    assert not may_split(replace(CONFIG, **config), replace(SETTINGS, **settings))


# What is made of the parts.


@pytest.mark.parametrize("with_video", [True, False])
def test_parts_give_the_results_of_one_run(
    with_video: bool, long_clip: Path, workers: list[Worker], tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    whole = task_of(long_clip, tmp_path / "whole.mp4" if with_video else None)
    split = task_of(long_clip, tmp_path / "parts" / "split.mp4" if with_video else None)
    lines = tmp_path / "whole.jsonl", tmp_path / "parts" / "split.jsonl"
    workers[0].run(whole, LogPaths(lines[0], lines[0]), ignore, Cancellation())
    done: list[tuple[int, int | None]] = []
    pool = WorkerPool(workers, {split: spans_of(split, 8)}, SETTINGS)
    worker = SplittingWorker(pool)
    worker.run(split, LogPaths(lines[1], lines[1]), lambda *now: done.append(now), Cancellation())
    assert lines[0].read_bytes() == lines[1].read_bytes()
    if with_video:
        assert whole.output is not None
        assert split.output is not None
        assert frame_times(split.output) == frame_times(whole.output)
    expected = {"split.jsonl", "split.mp4"} if with_video else {"split.jsonl"}
    assert {path.name for path in (tmp_path / "parts").iterdir()} == expected
    report, alone = worker.report, workers[0].report
    assert report.frames == FRAMES
    assert report.objects == {"cat": FRAMES}
    assert report.first_done_at is not None
    assert set(report.stages) == set(alone.stages)
    assert [count for count, _ in done] == sorted(count for count, _ in done)
    assert done[-1] == (FRAMES, FRAMES)


def test_a_task_that_is_not_split_goes_to_one_worker(workers: list[Worker], tmp_path: Path) -> None:
    task = task_of(write_clip(tmp_path / "short.mp4", 5), tmp_path / "out.mp4")
    worker = SplittingWorker(WorkerPool(workers, {}, SETTINGS))
    worker.run(task, None, ignore, Cancellation())
    assert (worker.report.frames, len(frame_times(tmp_path / "out.mp4"))) == (5, 5)
    with pytest.raises(MediaError, match="there is no such file"):
        worker.run(task_of(tmp_path / "none.mp4"), None, ignore, Cancellation())


class Broken:
    """A worker that fails in the part that begins at `at`, or does what the one inside does."""

    def __init__(self, inside: Worker, at: float, error: Exception) -> None:
        self._inside, self._at, self._error = inside, at, error
        self.report = Report()

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        assert task.span is not None
        if task.span.start == self._at:
            raise type(self._error)(f"{task.output}: {self._error}")
        self._inside.run(task, log, on_frames, cancellation)
        self.report = self._inside.report


@pytest.mark.parametrize("error", [BackendError("it broke"), OutputError("disk full")])
def test_an_error_in_a_part_is_that_of_the_video_and_leaves_nothing(
    error: Exception, long_clip: Path, workers: list[Worker], tmp_path: Path
) -> None:
    task = task_of(long_clip, tmp_path / "out.mp4")
    broken = [Broken(worker, 32.0, error) for worker in workers]
    worker = SplittingWorker(WorkerPool(broken, {task: spans_of(task, 8)}, SETTINGS))
    log = LogPaths(tmp_path / "out.jsonl", tmp_path / "out.jsonl")
    with pytest.raises(type(error)) as caught:
        worker.run(task, log, ignore, Cancellation())
    assert str(caught.value) == f"{tmp_path / 'out.mp4'}: {error}"
    assert list(tmp_path.iterdir()) == []


class Stopping:
    """A worker that stops the whole work after 20 frames of the part that begins at `at`."""

    def __init__(self, inside: LocalWorker, at: float, cancellation: Cancellation) -> None:
        self._inside, self._at, self._cancellation = inside, at, cancellation
        self.report = Report()

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        def note(done: int, expected: int | None) -> None:
            on_frames(done, expected)
            assert task.span is not None
            if task.span.start == self._at and done >= 20:
                self._cancellation.stop()

        try:
            self._inside.run(task, log, note, cancellation)
        finally:
            self.report = self._inside.report


def test_what_was_done_from_the_beginning_on_is_kept_if_the_work_is_stopped(
    long_clip: Path, workers: list[Worker], tmp_path: Path
) -> None:
    task = task_of(long_clip, tmp_path / "out.mp4")
    cancellation = Cancellation()
    (one, _) = workers
    assert isinstance(one, LocalWorker)
    stopping = [Stopping(one, 32.0, cancellation)]
    worker = SplittingWorker(WorkerPool(stopping, {task: spans_of(task, 8)}, SETTINGS))
    log = LogPaths(tmp_path / "out.jsonl", tmp_path / "out.jsonl")
    with pytest.raises(
        CancelledError, match="stopped before the end; the results so far"
    ) as caught:
        worker.run(task, log, ignore, cancellation)
    video, lines = tmp_path / "out.part.mp4", tmp_path / "out.part.jsonl"
    assert {path.name for path in tmp_path.iterdir()} == {video.name, lines.name}
    assert str(caught.value).endswith(f"were kept in {video} and {lines}")
    frames = [json.loads(line)["frame"] for line in lines.read_text().splitlines()[1:]]
    # The first part is whole, and the second begun.
    assert 32 * RATE + 20 <= len(frames) < FRAMES
    assert frames == list(range(len(frames)))
    assert len(frame_times(video)) == len(frames)


def test_what_can_be_read_of_a_damaged_video_is_kept(
    long_clip: Path, workers: list[Worker], tmp_path: Path
) -> None:
    data = bytearray(long_clip.read_bytes())
    with av.open(str(long_clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        # It belongs to the second part.
        bad = next(packet for packet in packets if (packet.pts or 0) * packet.time_base == 50)
    assert bad.pos is not None
    data[bad.pos : bad.pos + bad.size] = b"\xff" * bad.size
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    task = task_of(damaged, tmp_path / "out.mp4")
    log = LogPaths(tmp_path / "out.jsonl", tmp_path / "out.jsonl")
    worker = SplittingWorker(WorkerPool(workers, {task: spans_of(task, 8)}, SETTINGS))
    with pytest.raises(IncompleteError, match="damaged place") as caught:
        worker.run(task, log, ignore, Cancellation())
    video, lines = tmp_path / "out.part.mp4", tmp_path / "out.part.jsonl"
    assert str(caught.value).startswith(f"{damaged}: ")
    assert f"the results so far were kept in {video} and {lines}; process" in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {damaged.name, video.name, lines.name}
    # The parts after the damaged one are there too.
    last = json.loads(lines.read_text().splitlines()[-1])
    assert last["time"] == pytest.approx((FRAMES - 1) / RATE, abs=1e-5)
    assert FRAMES - 6 <= len(frame_times(video)) == last["frame"] + 1
    # Nothing is stopped for the next task.
    good = task_of(long_clip)
    again = SplittingWorker(WorkerPool(workers, {good: spans_of(good, 8)}, SETTINGS))
    again.run(good, None, ignore, Cancellation())
    assert again.report.frames == FRAMES


def test_a_damaged_video_without_outputs_is_called_incomplete(
    long_clip: Path, workers: list[Worker]
) -> None:
    task = task_of(long_clip)
    error = IncompleteError("1 damaged place could not be decoded; 5 frames were processed")
    broken = [Broken(worker, 32.0, error) for worker in workers]
    worker = SplittingWorker(WorkerPool(broken, {task: spans_of(task, 8)}, SETTINGS))
    with pytest.raises(IncompleteError, match=r"damaged place could not be decoded; .* process an"):
        worker.run(task, None, ignore, Cancellation())


def test_results_that_cannot_be_joined_leave_no_empty_part_file(
    long_clip: Path, workers: list[Worker], tmp_path: Path
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    task = task_of(long_clip, tmp_path / "out.mp4")
    with pytest.raises(MediaError, match=r"bad\.mp4"):
        join_results(
            task, None, [tmp_path / "bad.mp4"], [], [0.0], SETTINGS, lambda: False, is_whole=False
        )
    assert [path.name for path in tmp_path.iterdir()] == ["bad.mp4"]


def test_an_abort_keeps_nothing(long_clip: Path, workers: list[Worker], tmp_path: Path) -> None:
    task = task_of(long_clip, tmp_path / "out.mp4")
    cancellation = Cancellation()
    cancellation.abort()
    worker = SplittingWorker(WorkerPool(workers, {task: spans_of(task, 8)}, SETTINGS))
    with pytest.raises(CancelledError, match=r"stopped before .*long\.mp4 was done"):
        worker.run(task, None, ignore, cancellation)
    assert list(tmp_path.iterdir()) == []


def test_logs_are_joined_with_one_header_and_frames_that_go_on(tmp_path: Path) -> None:
    for number, frames in enumerate((2, 0, 1)):
        text = "".join(f'{{"frame":{frame},"pts":{frame}}}\n' for frame in range(frames))
        (tmp_path / f"{number}.jsonl").write_text(f'{{"source":"a{number}"}}\n{text}')
    with (tmp_path / "all.jsonl").open("wb") as file:
        join_logs([tmp_path / f"{number}.jsonl" for number in range(3)], file)
    assert (tmp_path / "all.jsonl").read_text() == (
        '{"source":"a0"}\n{"frame":0,"pts":0}\n{"frame":1,"pts":1}\n{"frame":2,"pts":0}\n'
    )
    with (tmp_path / "all.jsonl").open("wb") as file, pytest.raises(OutputError, match="joined"):
        join_logs([tmp_path / "none.jsonl"], file)
