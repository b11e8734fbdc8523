"""All inputs of one `process` command: skip what is finished, go on after a bad one, remember, sum up."""

import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ssd_live.errors import CancelledError, OutputError, SsdLiveError, UsageError
from ssd_live.pipeline.batch import Counters
from ssd_live.process.job import Engine, Job, Report, Settings
from ssd_live.process.journal import Journal, Outcome, settings_key, write_summary
from ssd_live.process.plan import Plan, Task
from ssd_live.process.records import combine


class Progress(Protocol):
    """What is told while the work goes on."""

    def begin(self, task: Task, number: int, of: int) -> None: ...

    def advance(self, job: Job, counters: Counters) -> None: ...

    def end(self, task: Task, outcome: Outcome, report: Report) -> None: ...


@dataclass
class Totals:
    """Everything together; `failures` are the lines of what went wrong."""

    frames: int = 0
    seconds: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_done_at: float | None = None
    summary: Path | None = None
    stopped: bool = False

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0


class Run:
    """One command's work. `stop` ends the current input in order and begins no other."""

    def __init__(self, plan: Plan, engine: Engine, settings: Settings, detections: Path | None, *, overwrite: bool) -> None:
        self._plan = plan
        self._engine = engine
        self._settings = settings
        self._detections = detections
        self._overwrite = overwrite
        self._job: Job | None = None
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        if self._job is not None:
            self._job.stop()

    def run(self, progress: Progress) -> Totals:
        """Raises only what concerns every input; what concerns one stands in the totals."""
        totals = Totals()
        with ExitStack() as stack:
            journal = Journal(self._plan.folder) if self._plan.folder else None
            logs = self._log_paths(journal, stack)
            for number, task in enumerate(self._plan.tasks, 1):
                if self._stopped:
                    break
                progress.begin(task, number, len(self._plan.tasks))
                outcome, report = self._run_task(task, journal, logs.get(task), totals, progress)
                totals.outcomes.append(outcome)
                _add(totals, report)
                progress.end(task, outcome, report)
            totals.stopped = self._stopped
            self._combine(logs, totals)
            if self._plan.folder is not None:
                totals.summary = write_summary(self._plan.folder, totals.outcomes)
        return totals

    def _run_task(self, task: Task, journal: Journal | None, log: Path | None, totals: Totals, progress: Progress) -> tuple[Outcome, Report]:
        place = str(task.output) if task.output else ""
        report = Report()
        try:
            key = self._key(task) if journal else ""
            earlier = None if journal is None or self._overwrite else journal.finished(task, key, with_log=log is not None)
            if earlier is not None:
                return earlier, report
            self._refuse_existing(task, journal)
            self._job = Job(task, self._engine, self._settings, log)
            report = self._job.report
            if self._stopped:
                self._job.stop()
            job = self._job
            job.run(lambda counters: progress.advance(job, counters))
            outcome = Outcome(str(task.source), place, "done", report.frames, report.seconds, report.fps, objects_text(report.objects))
            if journal is not None:
                journal.note(task, key, outcome)
            return outcome, report
        except CancelledError as error:
            totals.failures.append(str(error))
            return Outcome(str(task.source), "", "stopped", report.frames, report.seconds, report.fps, message=str(error)), report
        except (SsdLiveError, OSError) as error:
            line = str(error) if isinstance(error, SsdLiveError) else f"{task.source}: {error.strerror or error}; check the file"
            totals.failures.append(line)
            return Outcome(str(task.source), "", "failed", report.frames, report.seconds, report.fps, message=line), report

    def _key(self, task: Task) -> str:
        engine, chosen = self._engine, self._engine.choice
        wanted = (engine.wanted.threshold, engine.wanted.wanted.tolist())
        return settings_key(task, [engine.model.sha256, chosen.backend, chosen.device, chosen.precision, wanted, self._settings, task.output])

    def _refuse_existing(self, task: Task, journal: Journal | None) -> None:
        """One named output is never overwritten unasked; in an output folder the journal decides, so a file it does not know is safe too."""
        if task.output is None or self._overwrite or not task.output.exists():
            return
        if journal is None or not journal.knows(task):
            raise OutputError(f"{task.output}: exists already; give --overwrite to replace it, or another name")

    def _log_paths(self, journal: Journal | None, stack: ExitStack) -> dict[Task, Path]:
        """Where each input's detections are written before they become the one file that was asked for."""
        if self._detections is None:
            return {}
        if len(self._plan.tasks) == 1 and journal is None and self._detections.suffix.lower() == ".jsonl":
            return {self._plan.tasks[0]: self._detections}
        if journal is not None:
            return {task: journal.log_path(task) for task in self._plan.tasks}
        try:
            self._detections.parent.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{self._detections.name}.", dir=self._detections.parent))
        except OSError as error:
            raise OutputError(f"{self._detections}: cannot be written ({error.strerror}); choose another place") from error
        return {task: Path(folder) / f"{number}.jsonl" for number, task in enumerate(self._plan.tasks)}

    def _combine(self, logs: dict[Task, Path], totals: Totals) -> None:
        if self._detections is None or list(logs.values()) == [self._detections]:
            return
        finished = [
            logs[task]
            for task, outcome in zip(self._plan.tasks, totals.outcomes, strict=False)
            if outcome.status in ("done", "skipped") and logs[task].is_file()
        ]
        if finished:
            combine(finished, self._detections)


def check_detections_path(path: Path, plan: Plan, *, overwrite: bool) -> None:
    """Raises `UsageError` if the file is an input or an output, `OutputError` if it exists and is not to be overwritten."""
    taken = {place.resolve() for task in plan.tasks for place in (task.source, task.output) if place is not None}
    if path.resolve() in taken or path.is_dir():
        raise UsageError(f"{path}: the detections would overwrite an input, an output or a folder; give them another name")
    if plan.folder is None and path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; give --overwrite to replace it, or another name")


def objects_text(objects: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in objects.most_common())


def _add(totals: Totals, report: Report) -> None:
    totals.frames += report.frames
    totals.seconds += report.seconds
    totals.stages.update(report.stages)
    totals.objects.update(report.objects)
    totals.notes += [note for note in report.notes if note not in totals.notes]
    totals.first_done_at = totals.first_done_at or report.first_done_at
