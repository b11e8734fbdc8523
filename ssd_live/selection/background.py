"""Measure the backends in a child process, while this process works on.

This module runs in the parent process. `selection.background_child` is what runs in the child.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ssd_live.backends.base import Workload
from ssd_live.closing import Closing
from ssd_live.selection.choice import BackendChoice
from ssd_live.system.child_process import own_environment, own_program

MEASURE_COMMAND = "measure-backends"
_END_SECONDS = 2.0


@dataclass(frozen=True)
class Wanted:
    """What to measure: a model, and the backends and precisions that the user allows.

    `model`, `backend` and `precision` are values of the options of these names. `workload` says
    which speed counts.
    """

    model: str
    backend: str
    precision: str
    workload: Workload


@dataclass(frozen=True)
class Fastest:
    """The fastest choice that was measured, and the speed of each choice.

    `speeds` maps each choice, as text, to its speed in frames per second.
    """

    choice: BackendChoice
    speeds: dict[str, float]

    def gain(self, over: BackendChoice) -> float:
        """Return how many times as fast as `over` the choice is, or 1 if `over` is not known."""
        slower = self.speeds.get(str(over), 0.0)
        return self.speeds.get(str(self.choice), 0.0) / slower if slower else 1.0


class BackgroundMeasuring(Closing):
    """A child process that measures the backends for a model and stores what it measured.

    With `low_priority`, the child gets only a small share of the CPU while other programs want it.
    `progress` is called with lines of text in a thread of this object.
    """

    def __init__(
        self, wanted: Wanted, progress: Callable[[str], None], *, low_priority: bool
    ) -> None:
        words = [wanted.model, wanted.backend, wanted.precision, wanted.workload]
        # The trials of the child leave files when it is killed.
        self._folder = tempfile.TemporaryDirectory(prefix="ssd_live-", ignore_cleanup_errors=True)
        own_folder = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._folder.name)
        self._process = subprocess.Popen(
            [
                *own_program("ssd_live.selection.background_child", MEASURE_COMMAND),
                *words,
                *(["low"] if low_priority else []),
            ],
            # The child ends when this pipe closes.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_environment() | own_folder,
            # Linux compares priorities within a session, and sessions with each other.
            start_new_session=low_priority and sys.platform != "win32",
        )
        self._progress = progress
        # What was measured, when the child has ended. It stays None if measuring failed.
        self.fastest: Fastest | None = None
        self.error_message = ""
        self._thread = threading.Thread(target=self._read, name="measure", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the child process still measures."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait until the child process has ended."""
        self._thread.join()

    def close(self) -> None:
        """End the child process, whether it has finished or not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._thread.join(_END_SECONDS)
        self._folder.cleanup()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                answer = json.loads(line)
                if "progress" in answer:
                    self._progress(answer["progress"])
                elif "error" in answer:
                    self.error_message = answer["error"]
                else:
                    self.fastest = Fastest(BackendChoice(**answer["best"]), answer["speeds"])
        if self.fastest is None and not self.error_message:
            self.error_message = "measuring the backends was ended; try again"
