"""Where inputs are worked on: a worker does one at a time, several workers do several at once."""

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

import cv2

from ssd_live.backends.base import Backend
from ssd_live.process.job import Job, LoadedModel, ModelConfig, ProcessOptions, Report
from ssd_live.process.plan import Task
from ssd_live.results.records import LogPaths
from ssd_live.selection.load import load_chosen
from ssd_live.system import machine

# Frames done, and frames expected if that is known.
OnFrames = Callable[[int, int | None], None]


class Worker(Protocol):
    """`report` is what was done of the last task, also where it failed."""

    report: Report

    def run(self, task: Task, log: LogPaths | None, on_frames: OnFrames) -> None:
        """Raises what `Job.run` raises."""
        ...

    def stop(self) -> None:
        """End the task in order; from any thread."""
        ...

    def abort(self) -> None:
        """End the task at once."""
        ...


class LocalWorker:
    """A backend, or a share of one, in this process."""

    def __init__(self, engine: LoadedModel, settings: ProcessOptions) -> None:
        self._engine, self._settings = engine, settings
        self._job: Job | None = None
        self._stopped = False
        self.report = Report()

    def run(self, task: Task, log: LogPaths | None, on_frames: OnFrames) -> None:
        job = self._job = Job(task, self._engine, self._settings, log)
        self.report = job.report
        if self._stopped:
            job.stop()
        job.run(lambda counters: on_frames(counters.done, job.frames_expected))

    def stop(self) -> None:
        self._stopped = True
        if self._job is not None:
            self._job.stop()

    def abort(self) -> None:
        self._stopped = True
        if self._job is not None:
            self._job.abort()


def load_model_config(
    config: ModelConfig, *, threads: int = 0, notify: Callable[[str], None] = lambda _: None
) -> Backend:
    """For many pictures a second, beside decoding and encoding. Raises as `load_chosen`."""

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

    # On a processor inference fills the gaps: a decoder that has to wait for a core keeps all
    # stages waiting.
    return machine.at_low_priority(load) if config.choice.device == "CPU" else load()


def own_this_process() -> None:
    """Tune this whole process for processing files, once the model is loaded: for commands and
    workers, never for a program that uses the library.
    """
    # The stages already fill the cores; OpenCV's own threads would only wait for them.
    cv2.setNumThreads(1)
    # What is loaded by now stays to the end: Python need not search it for garbage again and again.
    gc.freeze()


@contextmanager
def local_workers(
    engine: LoadedModel, settings: ProcessOptions, count: int
) -> Iterator[list[Worker]]:
    """As many as wanted, or as the backend gives: one model in memory for all of them."""
    with ExitStack() as stack:
        backends: list[Backend] = [engine.backend]
        while len(backends) < count and (other := engine.backend.share()) is not None:
            backends.append(stack.enter_context(other))
        cores = 0 if len(backends) == 1 else math.ceil(machine.available_cores() / len(backends))
        yield [
            LocalWorker(LoadedModel(engine.config, backend, cores), settings)
            for backend in backends
        ]
