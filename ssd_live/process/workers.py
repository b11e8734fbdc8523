"""Workers that run in this process. Each worker processes one input at a time."""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Protocol

import cv2

from ssd_live.backends.base import Backend
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.at_hand import at_hand
from ssd_live.process.job import LoadedModel, ModelConfig, ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.redaction_job import job_for
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
        self.report = Report()
        with at_hand(task, cancellation) as here:
            job = job_for(here, self._engine, self._settings, log, cancellation)
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


def load_engine(
    config: ModelConfig,
    stack: ExitStack,
    *,
    threads: int = 0,
    notify: Callable[[str], None] = lambda _: None,
) -> LoadedModel:
    """Load the model of `config` and its other models; `stack` closes them.

    See `load_model_config`. `notify` is called with the description of each backend too.
    """
    backend = stack.enter_context(load_model_config(config, threads=threads, notify=notify))
    notify(f"{config.model.name} on {backend.description}")
    others = [load_engine(other, stack, threads=threads, notify=notify) for other in config.others]
    return LoadedModel(config, backend, threads, tuple(others))


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
        engines = [engine]
        while len(engines) < count and (other := _shared(engine, stack)) is not None:
            engines.append(other)
        cores = 0 if len(engines) == 1 else math.ceil(machine.available_cores() / len(engines))
        yield [LocalWorker(_with_cores(each, cores), settings) for each in engines]


def _shared(engine: LoadedModel, stack: ExitStack) -> LoadedModel | None:
    """Return a loaded model with other handles to the same backends, or None if there are no more.

    `stack` closes them.
    """
    backend = engine.backend.share()
    if backend is None:
        return None
    stack.enter_context(backend)
    others = [_shared(other, stack) for other in engine.others]
    if None in others:
        return None
    return replace(
        engine, backend=backend, others=tuple(other for other in others if other is not None)
    )


def _with_cores(engine: LoadedModel, cores: int) -> LoadedModel:
    others = tuple(replace(other, cores=cores) for other in engine.others)
    return replace(engine, cores=cores, others=others)
