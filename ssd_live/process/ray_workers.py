"""Workers on a Ray cluster: each worker is a Ray actor (a process) with its own loaded model.

Inputs and outputs must be in folders that every machine of the cluster can access, or in storage
(see `storage`).
"""

import contextlib
import math
import os
import re
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import psutil

from ssd_live.backends.base import Precision
from ssd_live.errors import (
    BackendError,
    CancelledError,
    MissingPackageError,
    SsdLiveError,
    UsageError,
)
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.at_hand import at_hand
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Task
from ssd_live.process.redaction_job import job_for
from ssd_live.process.report import Report
from ssd_live.process.split import may_split, spans_of
from ssd_live.process.split_worker import SplittingWorker, WorkerPool
from ssd_live.process.workers import OnFrames, Worker, load_engine, own_this_process
from ssd_live.results.records import LogPaths
from ssd_live.selection.choice import batch_for, batch_for_video
from ssd_live.selection.choose import decide
from ssd_live.system import machine
from ssd_live.system.atomic_files import atomic_write, os_error_text, parts_of
from ssd_live.system.child_process import own_environment
from ssd_live.system.signals import children_in_sessions, handlers_kept, ignore_signals

_POLL_SECONDS, _END_SECONDS = 0.3, 2.0
# If a worker dies, another one starts its input again. An input that ends every worker is reported
# as failed after this many attempts.
_ATTEMPTS = 3
# Of many inputs, only the largest are opened to see whether they are long: so many for each worker.
_MOST_SPLIT = 4
_REACH_SECONDS, _LAST_PORT = 5.0, 65535
# Do not send usage statistics to Ray's developers, fail soon if the cluster is not reachable, and
# leave signals to this program: Ray's own handler would print stacks of calls and abort.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_NUM_REDIS_GET_RETRIES": "3",
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
}
# RFC 9113, 3.4 and 6.5: the connection preface, and the type of the frame that answers it.
_HTTP2_PREFACE, _HTTP2_SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 4


class _Worker:
    """A Ray actor, which loads a model in a process of its own and processes one task at a time.

    `threads` is the number of CPU cores that it may use. `backend` and `precision` are those that
    the user asked for; with "auto" each worker chooses for its own machine. While `run` works, Ray
    calls the other methods in another thread.
    """

    def __init__(
        self,
        config: ModelConfig,
        settings: ProcessOptions,
        threads: int,
        backend: str,
        precision: Precision | Literal["auto"],
    ) -> None:
        self._settings = settings
        threads = min(threads, machine.available_cores())
        config = _chosen_here(config, backend, precision)
        # The models stay loaded until the process of the actor ends.
        self._engine = load_engine(config, ExitStack(), threads=threads)
        own_this_process()
        self._cancellation = Cancellation()
        self._number = self._stopped = 0
        self._frames: tuple[int, int | None] = (0, None)
        self._report = Report()

    def run(
        self, number: int, task: Task, log: LogPaths | None
    ) -> tuple[Report, Exception | None, bytes | None]:
        """Process a task, and return its report, its error, and the content of its log.

        `number` is that of this call, counted from 1, for `stop`.
        The content is None unless the task has files in storage. Then this machine may not have the
        folder of the log.
        """
        self._report, self._frames = Report(), (0, None)
        self._cancellation, self._number = Cancellation(), number
        if number <= self._stopped:
            self._cancellation.stop()
        try:
            content = self._run(task, log)
        except SsdLiveError as error:
            return self._report, error, None
        except Exception as error:  # a library's error may not be picklable
            return self._report, BackendError(f"{type(error).__name__}: {error}"), None
        return self._report, None, content

    def _run(self, task: Task, log: LogPaths | None) -> bytes | None:
        with ExitStack() as stack:
            here = stack.enter_context(at_hand(task, self._cancellation))
            if task.is_stored and log is not None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ssd_live-"))
                path = Path(folder) / "detections.jsonl"
                log = LogPaths(path, path)
            job = job_for(here, self._engine, self._settings, log, self._cancellation)
            self._report = job.report

            def note(counters: Any) -> None:
                self._frames = (counters.done, job.frames_expected)

            job.run(note)
            return log.final.read_bytes() if task.is_stored and log is not None else None

    def frames(self) -> tuple[int, int | None]:
        return self._frames

    def stop(self, number: int) -> None:
        """Stop call `number` of `run`, which may not have begun yet."""
        self._stopped = max(self._stopped, number)
        if number == self._number:
            self._cancellation.stop()


def _chosen_here(
    config: ModelConfig, backend: str, precision: Precision | Literal["auto"]
) -> ModelConfig:
    """Return `config`, and its other models, with the backend that this machine chooses."""
    others = tuple(_chosen_here(other, backend, precision) for other in config.others)
    choice = decide(config.model, backend, precision, workload="throughput").choice
    if choice == config.choice:
        return replace(config, others=others)
    in_batches = config.batch == batch_for_video(config.choice)
    batch = batch_for_video(choice) if in_batches else batch_for(choice)
    return replace(config, choice=choice, batch=batch, others=others)


class RayWorker:
    """A worker that controls one Ray actor, and starts a new actor if the old one dies.

    `ray` is the module. `make` starts an actor and returns Ray's handle of it. `notify` is called
    with a line of text when a task is started again. `report` holds the statistics of the last
    task.
    """

    def __init__(self, ray: Any, make: Callable[[], Any], notify: Callable[[str], None]) -> None:
        self._ray, self._make, self._notify = ray, make, notify
        self._worker = make()
        self._number = 0
        self.report = Report()

    def ready(self) -> Any:
        """Return a Ray object reference that becomes ready when the actor has loaded its model.

        If the model cannot be loaded, `ray.get` of this reference raises an error.
        """
        return self._worker.frames.remote()

    def run(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames, cancellation: Cancellation
    ) -> None:
        """Process a task, and start it again in a new actor if the actor dies.

        `log` gives the paths of the file for the detections, or is None. `on_frames` is called with
        the number of frames done and the number expected, which is None if it is not known. An
        abort of `cancellation` kills the actor.

        Raises the same errors as `Job.run`. Also raises `BackendError` if the model cannot be
        loaded or if three actors died on this task, and `CancelledError` if the actor died after
        the work was cancelled.
        """
        ray = self._ray
        self.report = Report()
        before = _parts(task, log)
        for attempt in range(1, _ATTEMPTS + 1):
            self._number += 1
            try:
                with cancellation.calls(lambda: self._pass_on(cancellation)):
                    self.report, error_there = self._attempt(task, log, on_frames)
            except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError) as error:
                if _cannot_load(ray, error):
                    raise BackendError(
                        f"a Ray worker cannot load the model: {_reason(error)}"
                    ) from None
                # Delete the part files of the dead actor, because nobody will finish them.
                for part in _parts(task, log) - before:
                    part.unlink(missing_ok=True)
                if cancellation.is_stopped:
                    raise CancelledError(f"stopped before {task.source_text} was done") from None
                self._worker = self._make()
                if attempt == _ATTEMPTS:
                    raise BackendError(
                        f"{task.source_text}: its Ray worker ended unexpectedly {attempt} times; "
                        "process this file without --runner ray to see the error"
                    ) from None
                self._notify(
                    f"{task.source_text}: its worker ended unexpectedly; another worker starts "
                    "this file again"
                )
                continue
            except ray.exceptions.RayError:
                # A signal to all processes ends Ray too.
                if cancellation.is_stopped:
                    raise CancelledError(f"stopped before {task.source_text} was done") from None
                raise
            if error_there is not None:
                raise error_there
            return

    def _attempt(
        self, task: Task, log: LogPaths | None, on_frames: OnFrames
    ) -> tuple[Report, Exception | None]:
        work = self._worker.run.remote(
            self._number,
            _absolute(task),
            log and LogPaths(log.final.absolute(), log.beside.absolute()),
        )
        while not self._ray.wait([work], timeout=_POLL_SECONDS)[0]:
            with contextlib.suppress(self._ray.exceptions.GetTimeoutError):
                on_frames(*self._ray.get(self._worker.frames.remote(), timeout=_POLL_SECONDS))
        found: tuple[Report, Exception | None, bytes | None] = self._ray.get(work)
        report, error, content = found
        if content is not None:
            assert log is not None
            with atomic_write(log.final) as file:
                file.write(content)
        return report, error

    def _pass_on(self, cancellation: Cancellation) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            if cancellation.is_aborted:
                self._ray.kill(self._worker)
            else:
                self._worker.stop.remote(self._number)


@contextmanager
def ray_workers(
    config: ModelConfig,
    settings: ProcessOptions,
    count: int,
    tasks: Sequence[Task],
    address: str | None,
    wanted: tuple[str, Precision | Literal["auto"]],
    notify: Callable[[str], None],
) -> Iterator[list[Worker]]:
    """Yield a list of workers on the Ray cluster at `address` (HOST:PORT).

    If `address` is None, the environment variable `RAY_ADDRESS` is the address. If that is not set,
    or is "local", start a cluster on this machine and stop it after the with-block. Each worker
    loads the model of `config` and processes its inputs with `settings`. `wanted` is the backend
    and the precision that the user asked for; with "auto" each worker chooses for its own machine.
    If the cluster has GPUs and the backend is not "cpu", each worker gets a share of a GPU. `count`
    is the number of workers; 0 means one for each CPU core of the cluster. There are never more
    workers than `tasks` and parts of them: long videos are split. `notify` is called with a line of
    text about the number of workers, and when a task is started again.

    Raises `MissingPackageError` if Ray is not installed, `UsageError` if `address` is not valid or
    the cluster does not answer or start, and `BackendError` if a worker cannot load the model.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError(
            "Ray is not installed; run `pip install '.[ray]'`, or leave out --runner ray"
        ) from error
    address = address or os.environ.get("RAY_ADDRESS", "")
    if address == "local":
        address = ""
    # "auto" and ray://HOST:PORT are forms that Ray itself knows.
    if address and address != "auto" and not address.startswith("ray://"):
        _check_reachable(address)
    # The workers must run the same code as this process. Only on a local cluster is it certain that
    # they can read the folder of this code.
    there = {"env_vars": {"PYTHONPATH": own_environment()["PYTHONPATH"]}}
    local: dict[str, Any] = (
        {}
        if address
        else {
            "num_cpus": machine.available_cores(),
            "include_dashboard": False,
            "runtime_env": there,
        }
    )
    others = psutil.Process().children(recursive=True)
    try:
        with handlers_kept(), children_in_sessions():
            ray.init(
                address=address or "local", logging_level="error", log_to_driver=False, **local
            )
    except (KeyboardInterrupt, SystemExit):
        # While Ray starts, it handles SIGTERM itself, and exits with a code of its own. Python
        # would crash while it exits if Ray was left half started.
        ignore_signals()
        _shut_down(ray, others)
        raise CancelledError("stopped while Ray was starting") from None
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        hint = (
            "install the same version of Ray here as on the cluster, and set RAY_AUTH_MODE=token "
            "if the cluster needs a token"
            if address
            else "read Ray's own messages above"
        )
        raise UsageError(
            f"Ray cannot be used on {address or 'this machine'} ({_reason(error)}); {hint}"
        ) from error
    try:
        cores = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        wanted_workers = count or cores
        spans = {}
        if may_split(config, settings):
            largest = sorted(tasks, key=_size, reverse=True)[: _MOST_SPLIT * wanted_workers]
            spans = {task: its for task in largest if (its := spans_of(task, wanted_workers))}
        pieces = sum(len(spans.get(task, ())) or 1 for task in tasks)
        workers = min(wanted_workers, pieces)
        # Give each worker the same share of a core, so that all workers fit however the cores are
        # spread over machines. A worker that does not fit would wait forever.
        share = 1 / math.ceil(workers / cores)
        gpus = 0 if wanted[0] == "cpu" else int(ray.cluster_resources().get("GPU", 0))
        gpu_share = 1 / math.ceil(workers / gpus) if gpus else 0
        # This sends the model to the cluster only once.
        place = ray.put(config)
        actor = ray.remote(_Worker).options(max_concurrency=2, num_cpus=share, num_gpus=gpu_share)
        found = [
            RayWorker(
                ray,
                lambda: actor.remote(place, settings, max(cores // workers, 1), *wanted),
                notify,
            )
            for _ in range(workers)
        ]
        _wait_for_first(ray, found)
        notify(f"running {config.model.name} in {workers} Ray workers")
        if spans:
            videos = "1 long video" if len(spans) == 1 else f"{len(spans)} long videos"
            notify(f"{videos} in {sum(map(len, spans.values()))} parts")
        if not spans:
            yield list(found)
            return
        pool = WorkerPool(found, spans, settings)
        yield [SplittingWorker(pool) for _ in range(min(workers, len(tasks)))]
    finally:
        _shut_down(ray, others)


def _shut_down(ray: Any, others: Sequence[psutil.Process]) -> None:
    """Leave the cluster, and end the processes of a cluster of this machine.

    `others` are the child processes that were there before Ray started. Ray's agents would end by
    themselves, but only after up to a minute.
    """
    children = psutil.Process().children(recursive=True)
    own = [process for process in children if process not in others]
    ray.shutdown()
    for process in own:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(own, timeout=_END_SECONDS)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _wait_for_first(ray: Any, workers: Sequence[RayWorker]) -> None:
    """Wait until one of the workers has loaded the model or has failed.

    Raises `BackendError` if that worker cannot load the model. In this way the error is reported
    once, before any input is processed, and not again for every input.
    """
    (first, *_), _ = ray.wait([worker.ready() for worker in workers], num_returns=1)
    try:
        ray.get(first)
    except ray.exceptions.RayActorError as error:
        # If the worker was killed instead, `RayWorker.run` starts another one.
        if _cannot_load(ray, error):
            raise BackendError(f"a Ray worker cannot load the model: {_reason(error)}") from None


def _cannot_load(ray: Any, error: Exception) -> bool:
    return isinstance(error, ray.exceptions.ActorDiedError) and "creation task" in str(error)


def _check_reachable(address: str) -> None:
    """Raise `UsageError` if `address` is not HOST:PORT, or if no Ray cluster answers there.

    This check takes a few seconds, whereas Ray itself would try to connect for minutes.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise UsageError(
            f"the address {address!r} of the Ray cluster (--ray-address or RAY_ADDRESS) must be "
            "HOST:PORT, as `ray start --head` prints it"
        )
    try:
        with socket.create_connection((host, int(port)), _REACH_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            connection.sendall(_HTTP2_PREFACE)
            answer = connection.recv(4)
    except OSError as error:
        raise UsageError(
            f"there is no Ray cluster at {address} ({os_error_text(error)}); start one with `ray "
            "start --head`"
        ) from error
    if answer[3:] != bytes([_HTTP2_SETTINGS]):
        raise UsageError(
            f"the program at {address} is not Ray; give the address that `ray start --head` prints"
        )


def _parts(task: Task, log: LogPaths | None) -> set[Path]:
    """Return the existing part files (`NAME.part.EXT`) of a task's outputs.

    Part files that other runs left behind are included.
    """
    places = (
        None if task.output_address else task.output,
        log and log.beside.with_suffix(".jsonl"),
    )
    return {part for place in places if place for part in parts_of(place)}


def _size(task: Task) -> int:
    """Return the size of the input in bytes, or 0 if it is not known."""
    with contextlib.suppress(OSError):
        return task.source.stat().st_size
    return 0


def _absolute(task: Task) -> Task:
    """Return the task with absolute paths, because an actor has its own current folder."""
    source = task.source if task.source_address else task.source.absolute()
    output = task.output if task.output_address else task.output and task.output.absolute()
    return replace(task, source=source, output=output)


def _reason(error: BaseException) -> str:
    """Return the last line of an error's message, or the name of its type if it has no message.

    The line is cut after 300 characters. If the message is a traceback from another process, this
    line begins with the type of the error, which is left out if it is one of `ssd_live.errors`.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    own = rf"{re.escape(BackendError.__module__)}\.\w+: "
    return re.sub(f"^{own}", "", lines[-1])[:300] if lines else type(error).__name__
