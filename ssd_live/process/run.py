"""Process all inputs of one `process` command.

Inputs with a finished result are skipped. An input that fails is reported, and the rest are
processed. Finished results are stored in the resume log, and a summary file is written.
"""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ssd_live.errors import CancelledError, OutputError, SsdLiveError, UsageError
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Plan, Task, is_address_path
from ssd_live.process.report import Report
from ssd_live.process.resume_log import Outcome, ResumeLog, settings_key, write_summary
from ssd_live.process.storage import store, version_of
from ssd_live.process.workers import Worker
from ssd_live.results.records import LogPaths, check_format, combine
from ssd_live.results.tables import check_table, write_tables
from ssd_live.system.atomic_files import fitting_name, os_error_text
from ssd_live.system.paths import resolve

_POLL_SECONDS = 0.1


class Progress(Protocol):
    """The callbacks through which a `BatchRunner` reports its progress.

    They are called in the thread that processes the task.
    """

    def begin(self, task: Task, number: int, of: int) -> None:
        """Report that a task begins. It is task `number` (counted from 1) of `of` tasks."""

    def advance(self, task: Task, done: int, expected: int | None) -> None:
        """Report that `done` of `expected` frames are done; `expected` is None if not known."""

    def end(self, task: Task, outcome: Outcome, report: Report) -> None:
        """Report that a task ended: as done, skipped, failed or stopped (see `outcome.status`)."""


@dataclass
class RunSummary:
    """The totals of one `process` command over all its inputs.

    `frames` counts the finished frames. `seconds` is elapsed time: with several workers the time of
    the whole run, otherwise the sum over the inputs. `stages` maps each stage to its seconds of
    work, `objects` maps each class name to its number of detections, and `tracks` to its number of
    tracks. `detected_frames`, `checked` and `missed` are sums of those of the reports. `outcomes`
    has the order of the tasks. `failures` are the messages of the inputs that failed or were
    stopped, and `last_error` is the last exception of a failed input. `notes` are messages for the
    user. `first_done_at` is the time when the first frame was finished, as `time.time` returns it.
    `doubts` is the number of doubtful moments. `summary` and `detections` are the paths of the
    written files, or None, and `tables` those of the tables by their names. `stopped` is true if
    the user stopped the work. `counts`, `zone_seconds` and `events` are sums of those of the
    reports.
    """

    frames: int = 0
    seconds: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    tracks: Counter[str] = field(default_factory=Counter)
    detected_frames: int = 0
    checked: int = 0
    missed: int = 0
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    zone_seconds: dict[str, float] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_done_at: float | None = None
    doubts: int = 0
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    summary: Path | None = None
    detections: Path | None = None
    tables: dict[str, Path] = field(default_factory=dict)
    stopped: bool = False
    last_error: Exception | None = None

    @property
    def fps(self) -> float:
        """The mean number of frames per second, or 0 if no time was counted."""
        return self.frames / self.seconds if self.seconds else 0.0


class BatchRunner:
    """A runner that processes all tasks of `plan`. Each worker processes one input at a time.

    A finished result of an earlier run is reused if it was made with the same `config` and
    `settings`. `detections` is the file for the detections of all inputs, or None, and `tables` are
    the files for tables by their names, which are among `results.tables.TABLES`. With `overwrite`,
    existing outputs are replaced and finished results are not reused. After `cancellation.stop`,
    the tasks that have begun end in order and no others begin.
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
        tables: Mapping[str, Path] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._plan = plan
        self._cancellation = cancellation or Cancellation()
        self._resume_log = ResumeLog(plan.folder) if plan.folder else None
        self._config = config
        self._workers = workers
        # This lock protects the totals and the outcomes, which all workers use.
        self._lock = threading.Lock()
        self._settings = settings
        self._detections = detections
        self._tables = dict(tables or {})
        self._overwrite = overwrite

    def run(self, progress: Progress) -> RunSummary:
        """Process all tasks and return the totals. `progress` is called as the work goes on.

        An error of one input does not stop the others; it is stored in the totals. Raises
        `OutputError` if the combined detections or the summary cannot be written.
        """
        totals = RunSummary()
        with ExitStack() as stack:
            logs = self._log_places(stack)
            began = time.perf_counter()
            finished = self._run_all(logs, totals, progress)
            totals.outcomes = [finished[task] for task in self._plan.tasks if task in finished]
            totals.failures = [outcome.message for outcome in totals.outcomes if outcome.message]
            if len(self._workers) > 1:
                totals.seconds = time.perf_counter() - began
            totals.stopped = self._cancellation.is_stopped
            self._combine(logs, totals)
            if self._plan.folder is not None:
                totals.summary = write_summary(self._plan.folder, totals.outcomes)
                if self._plan.folder_address:
                    place = f"{self._plan.folder_address.rstrip('/')}/{totals.summary.name}"
                    store(totals.summary, place)
        return totals

    def _run_all(
        self, logs: dict[Task, LogPaths], totals: RunSummary, progress: Progress
    ) -> dict[Task, Outcome]:
        """Process all tasks and return the outcome of each task that was begun.

        `logs` holds the paths for the detections of each task. The statistics of each task are
        added to `totals`. Each worker takes the next task when it is free. A single worker runs in
        the calling thread.
        """
        tasks = iter(enumerate(self._plan.tasks, 1))
        finished: dict[Task, Outcome] = {}

        def work(worker: Worker) -> None:
            while not self._cancellation.is_stopped:
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
                    # Wait with a timeout. A signal may arrive in another thread, and this thread
                    # would not see it while it waits without a limit.
                    done, left = wait(left, _POLL_SECONDS, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
            except BaseException:
                # The interrupt is raised in this thread only; the workers do not see it.
                self._cancellation.abort()
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
        report = Report()
        try:
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
                worker.run(
                    task,
                    log,
                    lambda done, expected: progress.advance(task, done, expected),
                    self._cancellation,
                )
            finally:
                report = worker.report
            outcome = Outcome(
                task.source_text,
                task.output_text,
                "done",
                report.frames,
                report.seconds,
                report.fps,
                objects_text(report.objects),
            )
            if resume_log is not None:
                resume_log.note(task, key, outcome, with_log=log is not None)
            return outcome, report
        except CancelledError as error:
            return Outcome(
                task.source_text,
                "",
                "stopped",
                report.frames,
                report.seconds,
                report.fps,
                message=str(error),
            ), report
        except Exception as error:  # an error in one input must not end the others
            line = _failure_line(error, task)
            with self._lock:
                totals.last_error = error
            return Outcome(
                task.source_text,
                "",
                "failed",
                report.frames,
                report.seconds,
                report.fps,
                message=line,
            ), report

    def _key(self, task: Task) -> str:
        config, chosen = self._config, self._config.choice
        shown = config.wanted
        wanted = (
            shown.threshold if shown.class_thresholds is None else shown.class_thresholds.tolist(),
            shown.wanted.tolist(),
        )
        return settings_key(
            task,
            [
                config.model.sha256,
                chosen.backend,
                chosen.device,
                chosen.precision,
                wanted,
                self._settings.key_text,
                task.output_text if task.output_address else task.output and resolve(task.output),
                *(() if config.tracking is None else (config.tracking,)),
                *((config.zones,) if config.zones else ()),
                *((config.rules,) if config.rules else ()),
                *(() if config.recorded_at is None else (config.recorded_at,)),
                *((each.model.sha256, each.choice, each.tracking) for each in config.others),
            ],
        )

    def _refuse_existing(self, task: Task) -> None:
        """Raise `OutputError` if the output of a task exists and must not be replaced.

        A single named output is replaced only with --overwrite. In an output folder, a file is also
        replaced if the resume log shows that this program made it.
        """
        if task.output is None or self._overwrite:
            return
        is_there = version_of(task.output_address) if task.output_address else task.output.exists()
        if is_there and (self._resume_log is None or not self._resume_log.knows(task)):
            raise OutputError(
                f"{task.output_text}: exists already; give --overwrite to replace it, or another "
                "name"
            )

    def _log_places(self, stack: ExitStack) -> dict[Task, LogPaths]:
        """Return the paths for the detections of each task, or {} if no detections are requested.

        Each task writes its detections to a file of its own, and `_combine` joins these files. If
        they are in a temporary folder, `stack` deletes it. Raises `OutputError` if the folder
        cannot be made.
        """
        wanted = self._detections or next(iter(self._tables.values()), None)
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
            # Each input has a name of its own, so that part files show which input they belong to.
            names = [
                wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
                for number, _ in enumerate(self._plan.tasks, 1)
            ]
        return {
            task: LogPaths(Path(folder) / fitting_name(Path(f"{name.stem}.jsonl")), name)
            for task, name in zip(self._plan.tasks, names, strict=True)
        }

    def _combine(self, logs: dict[Task, LogPaths], totals: RunSummary) -> None:
        """Join the detections of all finished inputs into the file that the user named.

        The tables are made too. `totals.detections` and `totals.tables` become the paths of these
        files. Nothing is done if the user named no file or if no input was finished. Raises
        `OutputError` if a file cannot be written.
        """
        finished = [
            logs[task].final
            for task, outcome in zip(self._plan.tasks, totals.outcomes, strict=False)
            if outcome.status in ("done", "skipped") and task in logs and logs[task].final.is_file()
        ]
        if not finished:
            return
        rows = write_tables(finished, self._tables)
        totals.tables = self._tables
        totals.doubts = rows.get("doubts", totals.doubts)
        if self._detections is not None:
            if finished != [self._detections]:
                combine(finished, self._detections)
            totals.detections = self._detections
        if self._resume_log is not None:
            made = [self._detections] if self._detections is not None else []
            self._resume_log.note_results([*made, *self._tables.values()])


def check_places(
    plan: Plan,
    detections: Path | None,
    tables: Mapping[str, Path] | None = None,
    *,
    overwrite: bool,
) -> None:
    """Check the output paths before any work, so that no file of the user is replaced.

    `detections` is the file for the detections, or None, and `tables` are those for tables by their
    names.
    Raises `UsageError` if the ending of one is not supported, if it is also an input, an output,
    the summary file, the other one or a folder, or if it is in the folder `.ssd_live` of the resume
    log. Raises `OutputError` if `overwrite` is false and one of these files or the summary file
    exists already, unless the output folder shows that this program made it.
    """
    resume_log = ResumeLog(plan.folder) if plan.folder else None
    if (
        resume_log is not None
        and resume_log.summary_path.exists()
        and not resume_log.exists
        and not overwrite
    ):
        raise OutputError(
            f"{resume_log.summary_path}: exists already and was not made by this program; give "
            "--overwrite to replace it, or another folder with -o"
        )
    taken = {
        resolve(place)
        for task in plan.tasks
        for place, address in (
            (task.source, task.source_address),
            (task.output, task.output_address),
        )
        if place is not None and not address
    }
    if plan.folder_address and resume_log is not None and not resume_log.exists and not overwrite:
        summary = f"{plan.folder_address.rstrip('/')}/{resume_log.summary_path.name}"
        if version_of(summary):
            raise OutputError(
                f"{plan.folder_text.rstrip('/')}/{resume_log.summary_path.name}: exists already "
                "and was not made from this machine; give --overwrite to replace it, or another "
                "folder with -o"
            )
    for option, path in {"detections": detections, **(tables or {})}.items():
        if path is not None and is_address_path(path):
            raise UsageError(
                f"--{option} writes to this machine; give a path, and copy the file afterwards"
            )
    if detections is not None:
        check_format(detections, len(plan.tasks))
        _check_result(detections, "detections", taken, resume_log, overwrite=overwrite)
        taken.add(resolve(detections))
    for name, path in (tables or {}).items():
        check_table(name, path)
        _check_result(path, name, taken, resume_log, overwrite=overwrite)
        taken.add(resolve(path))


def _check_result(
    path: Path, what: str, taken: set[Path], resume_log: ResumeLog | None, *, overwrite: bool
) -> None:
    """Check the path of a file with the results of all inputs; see `check_places`.

    `what` is the name of its option. `taken` are the resolved paths of all other files.
    """
    reserved = resume_log is not None and (
        resolve(path) == resolve(resume_log.summary_path) or resume_log.owns(path)
    )
    if resolve(path) in taken or path.is_dir() or reserved:
        raise UsageError(
            f"{path}: the {what} would overwrite an input, another output, the summary, a folder "
            f"or the resume log; give another name with --{what}"
        )
    if (
        path.exists()
        and not overwrite
        and not (resume_log is not None and resume_log.made_result(path))
    ):
        raise OutputError(
            f"{path}: exists already; give --overwrite to replace it, or another name"
        )


def _failure_line(error: Exception, task: Task) -> str:
    if isinstance(error, SsdLiveError):
        return str(error)
    if isinstance(error, OSError):
        place = task.source_text if task.is_stored else error.filename or task.source
        return (
            f"{place}: {str(error.strerror or error).lower()}; check that "
            "the file exists and that you have permission to use it"
        )
    detail = next(iter(str(error).splitlines()), "no message")
    return (
        f"{task.source_text}: {type(error).__name__}: {detail}; run again with --debug and report "
        "the error with its traceback"
    )


def objects_text(objects: Counter[str]) -> str:
    """Return the class names with their counts as text, most frequent first: "person 3, dog 1"."""
    return ", ".join(f"{name} {count}" for name, count in objects.most_common())


def _add(totals: RunSummary, report: Report) -> None:
    totals.frames += report.frames
    totals.seconds += report.seconds
    totals.stages.update(report.stages)
    totals.objects.update(report.objects)
    totals.tracks.update(report.tracks.values())
    totals.detected_frames += report.detected_frames
    totals.checked += report.checked
    totals.missed += report.missed
    totals.counts.update(report.counts)
    totals.doubts += report.doubts
    totals.events.update(report.events)
    for zone, seconds in report.zone_seconds.items():
        totals.zone_seconds[zone] = totals.zone_seconds.get(zone, 0.0) + seconds
    totals.notes += [note for note in report.notes if note not in totals.notes]
    times = [when for when in (totals.first_done_at, report.first_done_at) if when is not None]
    totals.first_done_at = min(times, default=None)
