"""Run the measurements of `bench` one after another, each in a process of its own.

End-to-end runs alternate with measurements of the stages, whose CPU costs limit the FPS.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ssd_live.bench.records import Kind, Latency, Measurement, Report, Stage, StageCosts
from ssd_live.bench.stages import ANALYSIS, NMS, TRACKING, VIDEO
from ssd_live.bench.state import Watch, warnings
from ssd_live.bench.worker import RESULT_NAME, VIDEO_FILE
from ssd_live.errors import BackendError
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice
from ssd_live.system import machine
from ssd_live.system.child_process import lifeline, own_program, run_child

_ONE, _MANY = "one at a time", "many in flight"
_FRAME = "a frame to its detections"
# The outputs of an end-to-end run, and the stages that each one needs.
_OUTPUTS = {"detections only": ANALYSIS, VIDEO_FILE: VIDEO}
_ROUNDS = 2
_LOOK_SECONDS = 0.5
_POLL_SECONDS = 0.1
# The time for a child process to start, load a network and end.
_PATIENCE_SECONDS = 180.0
WORKER_COMMAND = "run-bench"


@dataclass(frozen=True)
class Subject:
    """A model and the backend, device and precision that run it."""

    model: ModelFile
    choice: BackendChoice


@dataclass(frozen=True)
class Plan:
    """The settings of a run: what to measure, and for how long.

    `clip` is the video file to measure on. It is None if there is no video; then there are no
    end-to-end measurements. `source` is the name of the source in the report. `batches` holds the
    batch sizes to measure, `streams` the numbers of parallel `process` runs, and `kinds` the kinds
    of measurement. `seconds` is the longest time for one measurement. `command` is the command line
    of the run, for the report. `load` is the load average before the start.
    """

    subjects: tuple[Subject, ...]
    clip: Path | None
    source: str
    batches: tuple[int, ...]
    streams: tuple[int, ...]
    kinds: tuple[Kind, ...]
    seconds: float
    command: str
    load: float


class Bench:
    """One run of the measurements in a `Plan`.

    `notify` is called with one line of text before each measurement, and when a model on a backend
    is left out because it failed.
    """

    def __init__(self, plan: Plan, notify: Callable[[str], None]) -> None:
        self._plan = plan
        self._notify = notify
        self._measurements: list[Measurement] = []
        self._stages: list[StageCosts] = []
        self._cpu_seconds = 0.0

    def run(self) -> Report:
        """Measure everything in the plan and return the report.

        If a model fails on a backend, the error becomes a warning in the report, and the run
        continues. Raises `BackendError` if nothing could be measured.
        """
        began, watch, done = time.monotonic(), Watch(), threading.Event()
        watcher = threading.Thread(target=self._look, args=(watch, done), name="watch", daemon=True)
        watcher.start()
        failures: list[BackendError] = []
        try:
            for subject in self._plan.subjects:
                try:
                    self._measure(subject)
                except BackendError as error:
                    failures.append(error)
                    if len(self._plan.subjects) > 1:
                        self._notify(
                            f"{subject.model.name} on {subject.choice} is left out: {error}"
                        )
        finally:
            done.set()
            watcher.join()
        if not self._measurements:
            raise (
                failures[0]
                if failures
                else BackendError(
                    "there was nothing to measure; change --kinds, or choose a file with --source"
                )
            )
        state = watch.machine(self._plan.load, self._cpu_seconds)
        return Report(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            command=self._plan.command,
            seconds=round(time.monotonic() - began, 1),
            machine=state,
            warnings=(*warnings(state), *(str(failure) for failure in failures)),
            measurements=tuple(self._measurements),
            stages=tuple(self._stages),
        )

    def _look(self, watch: Watch, done: threading.Event) -> None:
        while not done.wait(_LOOK_SECONDS):
            watch.look()

    def _measure(self, subject: Subject) -> None:
        plan = self._plan
        if "network" in plan.kinds:
            for batch in plan.batches:
                for what in (_ONE, _MANY):
                    self._keep(
                        "network",
                        what,
                        subject,
                        [[self._child(subject, "network", what, batch)]],
                        batch=batch,
                    )
        if "detector" in plan.kinds:
            self._keep("detector", _FRAME, subject, [[self._child(subject, "detector", _FRAME)]])
        if "end to end" in plan.kinds and plan.clip is not None:
            self._end_to_end(subject)

    def _end_to_end(self, subject: Subject) -> None:
        """Measure end-to-end runs and stages alternately, so that a slower clock affects both."""
        seconds = self._plan.seconds / _ROUNDS
        runs: dict[tuple[str, int], list[list[dict[str, Any]]]] = {}
        costs: list[dict[str, float]] = []
        for _ in range(_ROUNDS):
            for what in _OUTPUTS:
                for streams in self._plan.streams:
                    runs.setdefault((what, streams), []).append(
                        self._children(subject, what, streams, seconds)
                    )
            costs.append(self._child(subject, "stages", "each stage alone")["costs"])
        medians = {stage: statistics.median(turn[stage] for turn in costs) for stage in costs[0]}
        for (what, streams), turns in runs.items():
            # The cost is 0 if the CPU clock is too coarse for the clip.
            cost = sum(medians[stage] for stage in _OUTPUTS[what])
            bound = machine.available_cores() / cost if cost and _bounded(subject.choice) else None
            self._keep("end to end", what, subject, turns, streams=streams, bound=bound)
        stages = [Stage(name=stage, cpu_ms=round(1000 * medians[stage], 3)) for stage in VIDEO]
        if NMS in medians:
            stages.append(Stage(name=NMS, cpu_ms=round(1000 * medians[NMS], 3), within="inference"))
        stages += [
            Stage(name=stage, cpu_ms=round(1000 * medians[stage], 3), optional=True)
            for stage in TRACKING
        ]
        choice = subject.choice
        where = {
            "model": subject.model.name,
            "backend": _backend(choice),
            "precision": choice.precision,
            "source": self._plan.source,
        }
        self._stages.append(StageCosts(**where, stages=tuple(stages)))

    def _children(
        self, subject: Subject, what: str, streams: int, seconds: float
    ) -> list[dict[str, Any]]:
        """Run one child process for each stream, all at once, and return the result of each.

        `what` is the kind of output, and `seconds` the time to measure.
        """
        self._tell(subject, "end to end", f"{what}{f', {streams} streams' if streams > 1 else ''}")
        with tempfile.TemporaryDirectory(prefix="ssd_live-") as meeting:
            order = self._order(subject, "end to end", what) | {
                "seconds": seconds,
                "streams": streams,
                "meeting": meeting,
            }
            return self._run_together([order] * streams)

    def _child(self, subject: Subject, kind: str, what: str, batch: int = 1) -> dict[str, Any]:
        self._tell(subject, kind, f"{what}{f', batch {batch}' if batch > 1 else ''}")
        return self._run_together([self._order(subject, kind, what) | {"batch": batch}])[0]

    def _tell(self, subject: Subject, kind: str, what: str) -> None:
        self._notify(f"measuring {subject.model.name} on {subject.choice}: {kind}, {what} ...")

    def _order(self, subject: Subject, kind: str, what: str) -> dict[str, Any]:
        choice = subject.choice
        return {
            "kind": kind,
            "what": what,
            "model": str(subject.model.path),
            "backend": choice.backend,
            "device": choice.device,
            "precision": choice.precision,
            "seconds": self._plan.seconds,
            "clip": str(self._plan.clip) if self._plan.clip else None,
        }

    def _run_together(self, orders: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Run each order in its own child process, all at once, and return the results in order.

        If one child fails, or if the user interrupts, all children end. Raises `BackendError` with
        the message of the child that failed.
        """
        with ThreadPoolExecutor(len(orders)) as pool, lifeline() as alive:
            jobs = [pool.submit(self._run_child, order, alive) for order in orders]
            left = set(jobs)
            while left:
                # Wait with a timeout. A signal may arrive in another thread, and this thread would
                # not see it while it waits without a limit.
                done, left = wait(left, _POLL_SECONDS, FIRST_EXCEPTION)
                for job in done:
                    self._cpu_seconds += job.result()["cpu_seconds"]
            return [job.result() for job in jobs]

    def _run_child(self, order: dict[str, Any], alive: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="ssd_live-") as folder:
            limit = _PATIENCE_SECONDS + 10 * self._plan.seconds
            program = own_program("ssd_live.bench.worker", WORKER_COMMAND)
            code, told = run_child([*program, json.dumps(order), folder], limit, alive)
            result = Path(folder) / RESULT_NAME
            if code or not result.is_file():
                raise BackendError(
                    _last_line(told)
                    or f"the measuring process ended with code {code} and no message; try again"
                )
            found: dict[str, Any] = json.loads(result.read_text())
            return found

    def _keep(
        self,
        kind: Kind,
        what: str,
        subject: Subject,
        turns: Sequence[Sequence[dict[str, Any]]],
        *,
        batch: int = 1,
        streams: int = 1,
        bound: float | None = None,
    ) -> None:
        """Make one measurement from the results of child processes, and store it.

        `turns` has one list for each turn, that is, each repetition of the measurement. The list
        has one result for each stream. The FPS of the streams of a turn are added up. `bound` is
        the `bound_fps` of the measurement.
        """
        samples = [
            sum(values)
            for turn in turns
            for values in zip(*(found["samples"] for found in turn), strict=False)
        ]
        every = [found for turn in turns for found in turn]
        frames = sum(found["frames"] for found in every)
        joules = [found["joules"] for found in every]
        choice, first = subject.choice, every[0]
        latency = first["latency_ms"]
        self._measurements.append(
            Measurement(
                kind=kind,
                what=what,
                model=subject.model.name,
                backend=_backend(choice),
                precision=choice.precision,
                description=first["description"],
                source=self._plan.source if kind != "network" else "",
                batch=batch,
                streams=streams,
                samples=tuple(round(sample, 2) for sample in samples),
                frames=frames,
                latency_ms=Latency(**latency) if latency else None,
                memory_mb=round(
                    max(sum(found["memory_mb"] for found in turn) for turn in turns), 1
                ),
                bound_fps=round(bound, 1) if bound else None,
                joules=round(sum(joules) / frames, 4)
                if streams == 1 and frames and None not in joules
                else None,
            )
        )


def _bounded(choice: BackendChoice) -> bool:
    """Return whether the number of CPU cores limits the FPS with this backend choice.

    This is so only if inference runs on the CPU; on other devices inference costs no CPU time.
    """
    return choice.device == "CPU"


def _backend(choice: BackendChoice) -> str:
    return choice.backend if choice.device == "CPU" else f"{choice.backend}:{choice.device}"


def _last_line(told: str) -> str:
    lines = [line for line in told.splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else ""
