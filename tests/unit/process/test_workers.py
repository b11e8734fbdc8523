"""Several inputs at once: who takes which, and how all of them end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from ssd_live.detection.filter import DetectionFilter
from ssd_live.errors import CancelledError, MediaError
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Plan, Task
from ssd_live.process.report import Report
from ssd_live.process.resume_log import Outcome
from ssd_live.process.run import BatchRunner
from ssd_live.process.workers import OnFrames
from ssd_live.results.records import LogPaths
from ssd_live.selection.choice import BackendChoice
from ssd_live.video.writer import Quality
from tests.tiny_model import tiny_model

# Far more than anything needs: it only keeps what is broken from hanging the run.
_LIMIT_SECONDS = 60.0
RECIPE = ModelConfig(
    tiny_model(),
    BackendChoice("openvino", "CPU", "fp32"),
    DetectionFilter(("cat", "dog"), 0.4, np.array([True, True])),
)
SETTINGS = ProcessOptions(Quality("h264", 21))
Work = Callable[["MemoryLane", Task], None]


class MemoryLane:
    """Does `work` for each task; `ended` is set once it is to stop or to give up."""

    def __init__(self, work: Work = lambda worker, task: None) -> None:
        self.report = Report()
        self.log: LogPaths | None = None
        self.done: list[str] = []
        self.ended = threading.Event()
        self._work = work

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        self.log = log
        self.report = Report(frames=1, seconds=1.0)
        with cancellation.calls(self.ended.set):
            self._work(self, task)
        if log is not None:
            log.final.write_text(f'{{"of":"{task.name}"}}\n')
        on_frames(1, 1)
        self.done.append(str(task.name))


class Watcher:
    """What was told of the work."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int, int]] = []
        self.ended: list[tuple[str, str]] = []

    def begin(self, task: Task, number: int, of: int) -> None:
        self.begun.append((str(task.name), number, of))

    def advance(self, task: Task, done: int, expected: int | None) -> None:
        assert (done, expected) == (1, 1)

    def end(self, task: Task, outcome: Outcome, report: Report) -> None:
        self.ended.append((str(task.name), outcome.status))


def make(
    folder: Path,
    workers: list[MemoryLane],
    inputs: int = 6,
    detections: Path | None = None,
    cancellation: Cancellation | None = None,
) -> BatchRunner:
    for number in range(inputs):
        (folder / f"{number}.mp4").write_bytes(b"video")
    plan = Plan(
        tuple(
            Task(folder / f"{number}.mp4", Path(f"{number}.mp4"), None) for number in range(inputs)
        ),
        None,
    )
    return BatchRunner(
        plan,
        RECIPE,
        SETTINGS,
        workers,
        detections,
        overwrite=False,
        cancellation=cancellation,
    )


def test_lanes_work_at_the_same_time(tmp_path: Path) -> None:
    meeting = threading.Barrier(3)
    workers = [MemoryLane(lambda worker, task: _meet(meeting)) for _ in range(3)]
    totals = make(tmp_path, workers).run(Watcher())
    assert [outcome.status for outcome in totals.outcomes] == ["done"] * 6
    assert all(len(worker.done) == 2 for worker in workers)


def _meet(meeting: threading.Barrier) -> None:
    meeting.wait(_LIMIT_SECONDS)


def test_results_come_in_the_order_of_the_inputs_whoever_is_done_first(tmp_path: Path) -> None:
    others_done = threading.Event()

    class TellsOfTheLast(Watcher):
        def end(self, task: Task, outcome: Outcome, report: Report) -> None:
            super().end(task, outcome, report)
            if task.name == Path("5.mp4"):
                others_done.set()

    def first_is_slow(worker: MemoryLane, task: Task) -> None:
        if task.name == Path("0.mp4"):
            assert others_done.wait(_LIMIT_SECONDS)

    watcher = TellsOfTheLast()
    totals = make(
        tmp_path, [MemoryLane(first_is_slow) for _ in range(2)], detections=tmp_path / "all.jsonl"
    ).run(watcher)
    assert [Path(outcome.input).name for outcome in totals.outcomes] == [
        f"{number}.mp4" for number in range(6)
    ]
    assert (tmp_path / "all.jsonl").read_text().splitlines() == [
        f'{{"of":"{number}.mp4"}}' for number in range(6)
    ]
    assert watcher.begun == [(f"{number}.mp4", number + 1, 6) for number in range(6)]
    assert [name for name, _ in watcher.ended] == [
        "1.mp4",
        "2.mp4",
        "3.mp4",
        "4.mp4",
        "5.mp4",
        "0.mp4",
    ]
    assert totals.frames == 6


def test_unfinished_detections_of_each_input_have_a_name_of_their_own(tmp_path: Path) -> None:
    places: list[str] = []

    def note(worker: MemoryLane, task: Task) -> None:
        assert worker.log is not None
        places.append(worker.log.beside.name)

    make(tmp_path, [MemoryLane(note)], 3, tmp_path / "all.csv").run(Watcher())
    assert places == ["all-1.csv", "all-2.csv", "all-3.csv"]
    make(tmp_path, [MemoryLane(note)], 1, tmp_path / "one.csv").run(Watcher())
    assert places[3:] == ["one.csv"]


def test_bad_inputs_end_no_other_and_are_told_of_in_order(tmp_path: Path) -> None:
    last_failed = threading.Event()

    def fail(worker: MemoryLane, task: Task) -> None:
        number = int(task.name.stem)
        if number == 1:
            assert last_failed.wait(_LIMIT_SECONDS)
        if number in (1, 4):
            last_failed.set()
            raise MediaError(f"{number} is bad")

    totals = make(tmp_path, [MemoryLane(fail) for _ in range(2)]).run(Watcher())
    assert totals.failures == ["1 is bad", "4 is bad"]
    assert [outcome.status for outcome in totals.outcomes] == [
        "done",
        "failed",
        "done",
        "done",
        "failed",
        "done",
    ]


@contextmanager
def _on_interrupt(do: Callable[[], None]) -> Iterator[None]:
    def hear(number: int, frame: FrameType | None) -> None:
        do()

    earlier = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


@pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="signals of single threads are POSIX's"
)
@pytest.mark.parametrize("count", [2, 3])
def test_a_signal_that_another_thread_takes_is_heard(count: int, tmp_path: Path) -> None:
    begun = threading.Barrier(count)

    def interrupted(worker: MemoryLane, task: Task) -> None:
        if begun.wait(_LIMIT_SECONDS) == 0:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        assert worker.ended.wait(_LIMIT_SECONDS)
        raise CancelledError(f"stopped in {task.name}")

    cancellation = Cancellation()
    workers = [MemoryLane(interrupted) for _ in range(count)]
    work = make(tmp_path, workers, inputs=count, cancellation=cancellation)
    with _on_interrupt(cancellation.stop):
        totals = work.run(Watcher())
    assert totals.stopped
    assert totals.failures == [f"stopped in {number}.mp4" for number in range(count)]


def test_after_a_stop_no_other_input_is_begun(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def stop_all(worker: MemoryLane, task: Task) -> None:
        if both.wait(_LIMIT_SECONDS) == 0:
            cancellation.stop()
        assert worker.ended.wait(_LIMIT_SECONDS)

    cancellation, watcher = Cancellation(), Watcher()
    workers = [MemoryLane(stop_all) for _ in range(2)]
    totals = make(tmp_path, workers, cancellation=cancellation).run(watcher)
    assert totals.stopped
    assert len(watcher.begun) == len(totals.outcomes) == 2
    assert not cancellation.is_aborted


def test_an_interrupt_gives_up_what_is_being_done_and_goes_on_upwards(tmp_path: Path) -> None:
    begun = threading.Barrier(2)

    def busy(worker: MemoryLane, task: Task) -> None:
        if begun.wait(_LIMIT_SECONDS) == 0:
            signal.raise_signal(signal.SIGINT)
        assert worker.ended.wait(_LIMIT_SECONDS)
        raise KeyboardInterrupt

    cancellation = Cancellation()
    workers = [MemoryLane(busy) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, workers, cancellation=cancellation).run(Watcher())
    assert cancellation.is_aborted
    assert all(worker.done == [] for worker in workers)


def test_what_goes_wrong_with_a_lane_itself_ends_all_of_them(tmp_path: Path) -> None:
    class Deaf(Watcher):
        def begin(self, task: Task, number: int, of: int) -> None:
            if number == 2:
                raise BrokenPipeError("nobody reads")

    workers = [MemoryLane(lambda worker, task: _until_ended(worker)) for _ in range(2)]
    cancellation = Cancellation()
    with pytest.raises(BrokenPipeError):
        make(tmp_path, workers, cancellation=cancellation).run(Deaf())
    assert cancellation.is_aborted


def _until_ended(worker: MemoryLane) -> None:
    assert worker.ended.wait(_LIMIT_SECONDS)
    raise CancelledError("given up")
