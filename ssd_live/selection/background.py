"""Measure the backends in a child process, while this process works on.

The child process prints lines of JSON: any number of `{"progress": ...}`, then `{"best": ...,
"speeds": ...}` or `{"error": ...}`.
"""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from ssd_live.backends.base import Workload
from ssd_live.closing import Closing
from ssd_live.errors import SsdLiveError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.selection.choice import BackendChoice, parse_constraint
from ssd_live.selection.choose import fastest
from ssd_live.selection.measure import measured
from ssd_live.system.child_process import end_with_parent, own_environment, own_program
from ssd_live.system.machine import yield_to_all

MEASURE_COMMAND = "measure-backends"
_END_SECONDS = 2.0

_logger = logging.getLogger(__name__)


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
        return self.speeds[str(self.choice)] / slower if slower else 1.0


class BackgroundMeasuring(Closing):
    """A child process that measures the backends for a model and stores what it measured.

    At low priority, it takes only the time of the CPU that nobody else wants. `progress` is called
    with lines of text in a thread of this object.
    """

    def __init__(
        self, wanted: Wanted, progress: Callable[[str], None], *, low_priority: bool
    ) -> None:
        words = [wanted.model, wanted.backend, wanted.precision, wanted.workload]
        self._process = subprocess.Popen(
            [
                *own_program("ssd_live.selection.background", MEASURE_COMMAND),
                *words,
                *(["low"] if low_priority else []),
            ],
            # The child ends when this pipe closes.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_environment(),
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


def run_as_child(arguments: Sequence[str]) -> int:
    """Measure the backends in a child process that `BackgroundMeasuring` has started.

    Return the exit code, 0 or 1. The child process ends when its parent ends. `arguments` are the
    model, the backend, the precision, the workload, and `low` for low priority.
    """
    end_with_parent()
    if arguments[4:] == ["low"]:
        yield_to_all()
    return main(arguments[:4], sys.stdout)


def main(arguments: Sequence[str], answers: IO[str]) -> int:
    """Measure the backends, write the lines to `answers`, and return the exit code, 0 or 1.

    `arguments` are the model, the backend, the precision and the workload.
    """

    def tell(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    name, backend, precision, workload = arguments
    try:
        model = find_model(name)
        constraint = parse_constraint(backend, precision)
        rows = measured(
            model,
            lambda line: tell({"progress": line}),
            without_gpu=constraint.is_cpu_only,
            again=True,
        )
        best = fastest(model, rows, constraint, workload).choice  # type: ignore[arg-type]
    except SsdLiveError as error:
        tell({"error": str(error)})
        return 1
    speeds = {str(row.choice): row.speed(workload) for row in rows if row.throughput_fps}  # type: ignore[arg-type]
    tell({"best": asdict(best), "speeds": speeds})
    return 0


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
