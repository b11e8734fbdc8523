"""What a worker on a cluster does between its tasks. A stand-in for Ray runs it in this process.
The real Ray is in tests/e2e/test_ray.py.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssd_live.detection.filter import DetectionFilter
from ssd_live.errors import CancelledError
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process import ray_workers as module
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.ray_workers import ray_workers
from ssd_live.process.workers import Worker
from ssd_live.selection.choice import BackendChoice
from ssd_live.video.writer import Quality
from tests.clips import write_clip
from tests.tiny_model import tiny_model

CONFIG = ModelConfig(
    tiny_model([[0.1, 0.2, 0.5, 0.9]], [[0.9, 0.0]]),
    BackendChoice("openvino", "CPU", "fp32"),
    DetectionFilter(("cat", "dog"), 0.4, np.array([True, True])),
)
SETTINGS = ProcessOptions(Quality("h264", 21))


class Actor:
    """Runs the methods of an object in threads, as Ray does in another process."""

    def __init__(self, pool: ThreadPoolExecutor, inside: Any) -> None:
        self._pool, self._inside = pool, inside

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inside, name)
        return SimpleNamespace(remote=lambda *words: self._pool.submit(method, *words))


class UnraisedError(Exception):
    """What Ray raises if an actor dies, which does not happen here."""


def stand_in(pool: ThreadPoolExecutor) -> Any:
    def remote(kind: type) -> Any:
        made = SimpleNamespace(remote=lambda *words: Actor(pool, kind(*words)))
        return SimpleNamespace(options=lambda **_: made)

    def wait_for(
        futures: list[Future[Any]], timeout: float | None = None, num_returns: int = 1
    ) -> tuple[list[Future[Any]], list[Future[Any]]]:
        done, pending = wait(futures, timeout)
        return list(done), list(pending)

    names = ("RayError", "RayActorError", "ActorDiedError", "WorkerCrashedError", "GetTimeoutError")
    return SimpleNamespace(
        init=lambda **_: None,
        shutdown=lambda: None,
        cluster_resources=lambda: {"CPU": 2},
        put=lambda value: value,
        remote=remote,
        wait=wait_for,
        get=lambda future, timeout=None: future.result(timeout),
        exceptions=SimpleNamespace(**dict.fromkeys(names, UnraisedError)),
    )


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(write_clip(tmp_path / "a.mp4", 8), Path("a.mp4"), None)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, task: Task) -> Iterator[Worker]:
    with ThreadPoolExecutor(2) as pool:
        monkeypatch.setitem(sys.modules, "ray", stand_in(pool))
        # The settings of this process are those of all tests.
        monkeypatch.setattr(module, "own_this_process", lambda: None)
        with ray_workers(
            CONFIG, SETTINGS, 1, [task], None, ("openvino", "fp32"), lambda _: None
        ) as found:
            (its,) = found
            yield its


def ignore(done: int, expected: int | None) -> None:
    pass


def test_a_stop_ends_the_work_at_hand_and_not_what_comes_after(worker: Worker, task: Task) -> None:
    for _ in range(2):
        stopped = Cancellation()
        stopped.stop()
        with pytest.raises(CancelledError):
            worker.run(task, None, ignore, stopped)
        worker.run(task, None, ignore, Cancellation())
        assert worker.report.frames == 8


def test_the_report_is_that_of_the_last_task(worker: Worker, task: Task, tmp_path: Path) -> None:
    worker.run(task, None, ignore, Cancellation())
    assert worker.report.objects == {"cat": 8}
    short = Task(write_clip(tmp_path / "b.mp4", 3), Path("b.mp4"), None)
    worker.run(short, None, ignore, Cancellation())
    assert (worker.report.frames, worker.report.objects) == (3, {"cat": 3})
