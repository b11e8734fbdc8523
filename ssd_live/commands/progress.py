"""Progress and messages on the terminal: a live bar where there is one, plain lines elsewhere. Results go to stdout, this to stderr."""

import json
import os
import sys
import time
from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from ssd_live.pipeline.batch import Counters
from ssd_live.process.job import Job, Report
from ssd_live.process.journal import Outcome
from ssd_live.process.plan import Task

_PLAIN_INTERVAL_SECONDS = 5.0
# A program that runs this one reads `{"progress": [frames done, frames expected or null]}` instead of words.
_JSON_INTERVAL_SECONDS = 0.1


def notify(line: str) -> None:
    """A line about what takes long, at once."""
    print(line, file=sys.stderr, flush=True)


class TerminalProgress(AbstractContextManager["TerminalProgress"]):
    """Frames, frames a second and time left of the current input; a line for each finished one of many."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: RichProgress | None = None
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[frames]} frames"),
                TextColumn("{task.fields[fps]:.0f} FPS"),
                TimeRemainingColumn(),
            )
            self._bar = RichProgress(*columns, console=self._console, transient=True)
        self._row: TaskID | None = None
        self._many = False
        self._as_json = os.environ.get("SSD_LIVE_PROGRESS") == "json"
        self._title = ""
        self._started = self._last_line = 0.0

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, task: Task, number: int, of: int) -> None:
        self._many = of > 1
        self._title = f"{number}/{of} {task.name}" if self._many else str(task.name)
        self._started = self._last_line = time.monotonic()
        if self._bar is not None:
            if self._row is not None:
                self._bar.remove_task(self._row)
            self._row = self._bar.add_task(self._title, total=None, frames="0", fps=0.0)

    def advance(self, job: Job, counters: Counters) -> None:
        now = time.monotonic()
        fps = counters.done / max(now - self._started, 1e-6)
        total = job.frames_expected
        frames = f"{counters.done}/{total}" if total else str(counters.done)
        if self._bar is not None and self._row is not None:
            self._bar.update(self._row, completed=counters.done, total=total, frames=frames, fps=fps)
        elif self._as_json:
            if now - self._last_line >= _JSON_INTERVAL_SECONDS:
                self._last_line = now
                notify(json.dumps({"progress": [counters.done, total]}))
        elif now - self._last_line >= _PLAIN_INTERVAL_SECONDS:
            self._last_line = now
            left = f", {(total - counters.done) / fps:.0f} s left" if total and fps else ""
            notify(f"{self._title}: {frames} frames, {fps:.1f} FPS{left}")

    def end(self, task: Task, outcome: Outcome, report: Report) -> None:
        if self._many:
            detail = f"{report.frames} frames" if outcome.status == "done" else outcome.message or "finished before"
            self._console.print(f"{self._title}: {outcome.status}, {detail}", markup=False, highlight=False, soft_wrap=True)
