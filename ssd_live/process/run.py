"""All inputs of one `process` command: skip what is finished, go on after a bad one, remember, sum
up.
"""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ssd_live.errors import CancelledError, OutputError, SsdLiveError, UsageError
from ssd_live.process.job import ModelConfig, ProcessOptions, Report
from ssd_live.process.plan import Plan, Task
from ssd_live.process.resume_log import Outcome, ResumeLog, settings_key, write_summary
from ssd_live.process.workers import Worker
from ssd_live.results.records import LogPaths, check_format, combine
from ssd_live.system.atomic_files import os_error_text
from ssd_live.system.paths import resolve

_POLL_SECONDS = 0.1


class Progress(Protocol):
    """What is told while the work goes on, from the thread that does it."""

    def begin(self, task: Task, number: int, of: int) -> None: ...

    def advance(self, task: Task, done: int, expected: int | None) -> None: ...

    def end(self, task: Task, outcome: Outcome, report: Report) -> None: ...


@dataclass
class RunSummary:
    """Everything together; `failures` are the lines of what went wrong. `seconds` are of the clock,
    however many inputs there were at once.
    """

    frames: int = 0
    seconds: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_done_at: float | None = None
    summary: Path | None = None
    detections: Path | None = None
    stopped: bool = False
    last_error: Exception | None = None

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0


class BatchRunner:
    """One command's work, on as many inputs at once as there are workers. `stop` ends the current
    ones in order and begins no other.
    """

    def __init__(
        self,
        plan: Plan,
        config: ModelConfig,
        settings: ProcessOptions,
        workers: Sequence[Worker],
        detections: Path | None,
        *,
        overwrite: bool,
    ) -> None:
        self._plan = plan
        self._resume_log = ResumeLog(plan.folder) if plan.folder else None
        self._config = config
        self._workers = workers
        # Workers take turns with what all of them share.
        self._lock = threading.Lock()
        self._settings = settings
        self._detections = detections
        self._overwrite = overwrite
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        for worker in self._workers:
            worker.stop()

    def run(self, progress: Progress) -> RunSummary:
        """Raises only what concerns every input; what concerns one stands in the totals."""
        totals = RunSummary()
        with ExitStack() as stack:
            logs = self._log_places(stack)
            began = time.perf_counter()
            finished = self._run_all(logs, totals, progress)
            totals.outcomes = [finished[task] for task in self._plan.tasks if task in finished]
            totals.failures = [outcome.message for outcome in totals.outcomes if outcome.message]
            if len(self._workers) > 1:
                totals.seconds = time.perf_counter() - began
            totals.stopped = self._stopped
            self._combine(logs, totals)
            if self._plan.folder is not None:
                totals.summary = write_summary(self._plan.folder, totals.outcomes)
        return totals

    def _run_all(
        self, logs: dict[Task, LogPaths], totals: RunSummary, progress: Progress
    ) -> dict[Task, Outcome]:
        """One worker works in the calling thread; several take inputs, in order, as they become
        free.
        """
        tasks = iter(enumerate(self._plan.tasks, 1))
        finished: dict[Task, Outcome] = {}

        def work(worker: Worker) -> None:
            while not self._stopped:
                with self._lock:
                    number, task = next(tasks, (0, None))
                if task is None:
                    return
                progress.begin(task, number, len(self._plan.tasks))
                outcome, report = self._run_task(worker, task, logs.get(task), totals, progress)
                with self._lock:
                    finished[task] = outcome
                    _add(totals, report)
                progress.end(task, outcome, report)

        if len(self._workers) == 1:
            work(self._workers[0])
            return finished
        with ThreadPoolExecutor(len(self._workers), thread_name_prefix="worker") as pool:
            try:
                left = {pool.submit(work, worker) for worker in self._workers}
                while left:
                    # Another thread may take a signal, which this one, when it waits for good, does
                    # not see.
                    done, left = wait(left, _POLL_SECONDS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
            except BaseException:
                # An interrupt, in this thread: the workers do not see it.
                self._stopped = True
                for worker in self._workers:
                    worker.abort()
                raise
        return finished

    def _run_task(
        self,
        worker: Worker,
        task: Task,
        log: LogPaths | None,
        totals: RunSummary,
        progress: Progress,
    ) -> tuple[Outcome, Report]:
        resume_log = self._resume_log
        place = str(task.output) if task.output else ""
        report = Report()
        try:
            with self._lock:
                key = self._key(task) if resume_log else ""
                earlier = (
                    None
                    if resume_log is None or self._overwrite
                    else resume_log.finished(task, key, with_log=log is not None)
                )
                if earlier is not None:
                    return earlier, report
                self._refuse_existing(task)
            try:
                worker.run(task, log, lambda done, expected: progress.advance(task, done, expected))
            finally:
                report = worker.report
            outcome = Outcome(
                str(task.source),
                place,
                "done",
                report.frames,
                report.seconds,
                report.fps,
                objects_text(report.objects),
            )
            if resume_log is not None:
                with self._lock:
                    resume_log.note(task, key, outcome)
            return outcome, report
        except CancelledError as error:
            return Outcome(
                str(task.source),
                "",
                "stopped",
                report.frames,
                report.seconds,
                report.fps,
                message=str(error),
            ), report
        except Exception as error:  # whatever is wrong with one input must not end the others
            line = _failure_line(error, task)
            with self._lock:
                totals.last_error = error
            return Outcome(
                str(task.source),
                "",
                "failed",
                report.frames,
                report.seconds,
                report.fps,
                message=line,
            ), report

    def _key(self, task: Task) -> str:
        config, chosen = self._config, self._config.choice
        wanted = (config.wanted.threshold, config.wanted.wanted.tolist())
        return settings_key(
            task,
            [
                config.model.sha256,
                chosen.backend,
                chosen.device,
                chosen.precision,
                wanted,
                self._settings,
                task.output and resolve(task.output),
            ],
        )

    def _refuse_existing(self, task: Task) -> None:
        """One named output is never overwritten unasked; in an output folder the resume log
        decides, so a file it does not know is safe too.
        """
        if task.output is None or self._overwrite or not task.output.exists():
            return
        if self._resume_log is None or not self._resume_log.knows(task):
            raise OutputError(
                f"{task.output}: exists already; give --overwrite to replace it, or another name"
            )

    def _log_places(self, stack: ExitStack) -> dict[Task, LogPaths]:
        """Where each input's detections are written before they become the one file that was asked
        for.
        """
        wanted = self._detections
        if wanted is None:
            return {}
        if self._resume_log is not None:
            places = ((task, self._resume_log.log_path(task)) for task in self._plan.tasks)
            return {task: LogPaths(path, path) for task, path in places}
        if len(self._plan.tasks) == 1 and wanted.suffix.lower() == ".jsonl":
            return {self._plan.tasks[0]: LogPaths(wanted, wanted)}
        try:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=".ssd_live-", dir=wanted.parent)
            )
        except OSError as error:
            raise OutputError(
                f"{wanted}: cannot be written ({os_error_text(error)}); choose another place"
            ) from error
        names = [wanted]
        if len(self._plan.tasks) > 1:
            # One for each input, so that it can be told whose an unfinished one is.
            names = [
                wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
                for number, _ in enumerate(self._plan.tasks, 1)
            ]
        return {
            task: LogPaths(Path(folder) / f"{name.stem}.jsonl", name)
            for task, name in zip(self._plan.tasks, names, strict=True)
        }

    def _combine(self, logs: dict[Task, LogPaths], totals: RunSummary) -> None:
        """Make the one file of what is finished; `totals.detections` says that it is there."""
        wanted = self._detections
        finished = [
            logs[task].final
            for task, outcome in zip(self._plan.tasks, totals.outcomes, strict=False)
            if outcome.status in ("done", "skipped") and task in logs and logs[task].final.is_file()
        ]
        if wanted is None or not finished:
            return
        if finished != [wanted]:
            combine(finished, wanted)
        if self._resume_log is not None:
            self._resume_log.note_detections(wanted)
        totals.detections = wanted


def check_places(plan: Plan, detections: Path | None, *, overwrite: bool) -> None:
    """Refuse, before anything is done, what would replace files that this program did not make.
    Raises `UsageError`, `OutputError`.
    """
    resume_log = ResumeLog(plan.folder) if plan.folder else None
    if (
        resume_log is not None
        and resume_log.summary_path.exists()
        and not resume_log.exists
        and not overwrite
    ):
        raise OutputError(
            f"{resume_log.summary_path}: exists already and is not of this program; give "
            "--overwrite or another folder"
        )
    if detections is None:
        return
    check_format(detections)
    taken = {
        resolve(place)
        for task in plan.tasks
        for place in (task.source, task.output)
        if place is not None
    }
    reserved = resume_log is not None and (
        resolve(detections) == resolve(resume_log.summary_path) or resume_log.owns(detections)
    )
    if resolve(detections) in taken or detections.is_dir() or reserved:
        raise UsageError(
            f"{detections}: the detections would overwrite an input, an output, the summary or a "
            "folder; give them another name"
        )
    if (
        detections.exists()
        and not overwrite
        and not (resume_log is not None and resume_log.made_detections(detections))
    ):
        raise OutputError(
            f"{detections}: exists already; give --overwrite to replace it, or another name"
        )


def _failure_line(error: Exception, task: Task) -> str:
    if isinstance(error, SsdLiveError):
        return str(error)
    if isinstance(error, OSError):
        return (
            f"{error.filename or task.source}: {str(error.strerror or error).lower()}; check "
            "the file"
        )
    detail = next(iter(str(error).splitlines()), "no message")
    return f"{task.source}: {type(error).__name__}: {detail}; run again with --debug and report it"


def objects_text(objects: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in objects.most_common())


def _add(totals: RunSummary, report: Report) -> None:
    totals.frames += report.frames
    totals.seconds += report.seconds
    totals.stages.update(report.stages)
    totals.objects.update(report.objects)
    totals.notes += [note for note in report.notes if note not in totals.notes]
    times = [when for when in (totals.first_done_at, report.first_done_at) if when is not None]
    totals.first_done_at = min(times, default=None)
