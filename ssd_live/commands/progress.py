"""Print progress and messages to stderr; results go to stdout.

Progress is a live bar on a terminal, and plain lines elsewhere.
"""

import contextlib
import json
import os
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from ssd_live.system.logs import is_quiet
from ssd_live.system.paths import one_line

if TYPE_CHECKING:
    # Every command imports this module, and few need these, which take half a second to import.
    from ssd_live.process.plan import Task
    from ssd_live.process.report import Report
    from ssd_live.process.resume_log import Outcome

_PLAIN_INTERVAL_SECONDS = 5.0
# A program that runs this one can read `{"progress": [frames done, frames expected or null]}` lines
# instead of text.
_JSON_INTERVAL_SECONDS = 0.1


def notify(line: str) -> None:
    """Print a line to stderr at once, with escapes in place of control characters.

    If the user asked for errors only, print the line only if it begins with "error:". If nobody
    reads stderr any more, such as after a crash of the window, nothing is printed.
    """
    if not is_quiet() or line.startswith("error:"):
        with contextlib.suppress(BrokenPipeError):
            # One write for the line and its end, so that another thread's line does not come
            # between.
            print(f"{one_line(line)}\n", end="", file=sys.stderr, flush=True)


def has_listener() -> bool:
    """Return whether another program reads the progress of this one as JSON.

    The environment variable `SSD_LIVE_PROGRESS` is then `json`.
    """
    return os.environ.get("SSD_LIVE_PROGRESS") == "json"


class TerminalProgress(AbstractContextManager["TerminalProgress"]):
    """A progress display for `process`: frames, frames per second and time left of each input.

    On a terminal it is a live bar, elsewhere a line every few seconds, which is JSON if the
    environment variable `SSD_LIVE_PROGRESS` is `json`. If there are several inputs, a line is also
    printed when each of them ends.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: RichProgress | None = None
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[frames]} frames"),
                TextColumn("{task.fields[fps]:.0f} FPS"),
                TimeRemainingColumn(),
            )
            self._bar = RichProgress(*columns, console=self._console, transient=True)
        self._many = False
        self._as_json = has_listener()
        self._shown: dict[Task, _Shown] = {}

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, task: "Task", number: int, of: int) -> None:
        """Show that the work on one input begins: input `number` (from 1) of `of` inputs."""
        self._many = of > 1
        title = one_line(f"{number}/{of} {task.name}" if self._many else str(task.name))
        row = (
            self._bar.add_task(title, total=None, frames="0", fps=0.0)
            if self._bar is not None
            else None
        )
        self._shown[task] = _Shown(title, row)

    def advance(self, task: "Task", done: int, expected: int | None) -> None:
        """Show that `done` of `expected` frames are done; `expected` is None if not known."""
        shown, now = self._shown[task], time.monotonic()
        fps = done / max(now - shown.started, 1e-6)
        frames = f"{done}/{expected}" if expected else str(done)
        if self._bar is not None and shown.row is not None:
            self._bar.update(shown.row, completed=done, total=expected, frames=frames, fps=fps)
        elif self._as_json:
            if now - shown.last_line >= _JSON_INTERVAL_SECONDS:
                shown.last_line = now
                notify(json.dumps({"progress": [done, expected]}))
        elif now - shown.last_line >= _PLAIN_INTERVAL_SECONDS:
            shown.last_line = now
            left = f", {(expected - done) / fps:.0f} s left" if expected and fps else ""
            notify(f"{shown.title}: {frames} frames, {fps:.1f} FPS{left}")

    def end(self, task: "Task", outcome: "Outcome", report: "Report") -> None:
        """Show that the work on one input has ended: as done, skipped, failed or stopped."""
        shown = self._shown.pop(task)
        if self._bar is not None and shown.row is not None:
            self._bar.remove_task(shown.row)
        if self._many:
            detail = (
                f"{report.frames} frames"
                if outcome.status == "done"
                else outcome.message or "finished before"
            )
            self._console.print(
                one_line(f"{shown.title}: {outcome.status}, {detail}"),
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


@dataclass
class _Shown:
    """What the progress display keeps about one input.

    `title` names the input. `row` is its row of the live bar, or None without a live bar. The times
    `started` (of the work) and `last_line` (of the last printed line) are those of
    `time.monotonic`.
    """

    title: str
    row: TaskID | None
    started: float = field(default_factory=time.monotonic)
    last_line: float = field(default_factory=time.monotonic)
