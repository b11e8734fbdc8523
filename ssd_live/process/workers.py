"""Workers that run in this process. Each worker processes one input at a time."""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

import cv2

from ssd_live.backends.base import Backend
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import Job, LoadedModel, ModelConfig, ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.report import Report
from ssd_live.results.records import LogPaths
from ssd_live.selection.load import load_chosen
from ssd_live.system import machine

# A callback that gets the number of frames done and the number expected, or None if that is not
# known.
OnFrames = Callable[[int, int | None], None]


class Worker(Protocol):
    """A worker that processes one task at a time.

    `report` holds the statistics of the last task, even if the task failed.
    """

    report: Report

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        """Process a task and store its report in `report`.

        `log` gives the paths of the file for the detections, or is None. `on_frames` is called with
        the number of frames done and the number expected, which is None if it is not known. Raises
        the errors of `Job.run`: an `SsdLiveError` if the task fails or is stopped, and
        `KeyboardInterrupt` after an abort.
        """
        ...


class LocalWorker:
    """A worker that processes a task in the thread that calls `run`."""

    def __init__(self, engine: LoadedModel, settings: ProcessOptions) -> None:
        self._engine, self._settings = engine, settings
        self.report = Report()

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        """Process a task in this thread; see `Worker.run`."""
        job = Job(task, self._engine, self._settings, log, cancellation)
        self.report = job.report
        job.run(lambda counters: on_frames(counters.done, job.frames_expected))


def load_model_config(
    config: ModelConfig, *, threads: int = 0, notify: Callable[[str], None] = lambda _: None
) -> Backend:
    """Load the model of `config` and return its backend.

    The backend is set up for high throughput while the program also decodes and encodes. `threads`
    is the number of CPU threads for inference; 0 means one for each available core. `notify` is
    called with a line of text before a slow step. Raises the errors of `load_chosen`, such as
    `BackendError` and `MissingPackageError`.
    """

    def load() -> Backend:
        return load_chosen(
            config.model,
            config.choice,
            "throughput",
            batch=config.batch,
            threads=threads,
            threshold=config.wanted.threshold,
            notify=notify,
        )

    # On the CPU, inference at low priority fills the gaps between other work. A decoder that had to
    # wait for a core would delay all stages.
    return machine.at_low_priority(load) if config.choice.device == "CPU" else load()


def own_this_process() -> None:
    """Make file processing faster by changing settings of this whole process.

    OpenCV gets only one thread, and the garbage collector ignores all objects that exist now. Call
    this function after the model is loaded, and only in a command or a worker process. A program
    that uses this package as a library must not be changed in this way.
    """
    # The stages keep all cores busy already, so threads of OpenCV would only wait for a core.
    cv2.setNumThreads(1)
    # The objects that exist now stay until the end, so the garbage collector need not scan them
    # again and again.
    gc.freeze()


@contextmanager
def local_workers(
    engine: LoadedModel, settings: ProcessOptions, count: int
) -> Iterator[list[Worker]]:
    """Yield a list of `count` workers that share the model `engine` in memory.

    Each worker uses a handle of its own to the backend. There are fewer workers if the backend
    cannot give so many handles. The additional handles are closed after the with-block; the backend
    of `engine` stays open.
    """
    with ExitStack() as stack:
        backends: list[Backend] = [engine.backend]
        while len(backends) < count and (other := engine.backend.share()) is not None:
            backends.append(stack.enter_context(other))
        cores = 0 if len(backends) == 1 else math.ceil(machine.available_cores() / len(backends))
        yield [
            LocalWorker(LoadedModel(engine.config, backend, cores), settings)
            for backend in backends
        ]
