"""Write the log of a run: `log.csv`, and TensorBoard's event files if TensorBoard is installed."""

import csv
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ssd_live.system.atomic_files import atomic_write

COLUMNS = (
    "step",
    "learning_rate",
    "localisation",
    "confidence",
    "images_per_second",
    "validation_map",
)


@dataclass
class Progress:
    """A report on a training run after `step` of its `steps` batches.

    `learning_rate` is that of the last batch. `localisation` and `confidence` are the means of the
    two losses since the last report, and `images_per_second` is the speed since then.
    `seconds_left` is the estimated time to the end of the run. `validation_map` is the mean average
    precision (0 to 1) if the network was validated at this step, and None otherwise. `notes` are
    error messages about images that could not be read.
    """

    step: int
    steps: int
    learning_rate: float
    localisation: float
    confidence: float
    images_per_second: float
    seconds_left: float
    validation_map: float | None = None
    notes: list[str] = field(default_factory=list)


class RunLog:
    """The log of a training run: `log.csv` in `folder`, and event files for TensorBoard.

    `step` is the number of steps after which the run is resumed, or 0 for a new run. The rows of
    later steps are removed from the log, because the run does those steps again. Use the log in a
    with-block, which closes the event files. There are event files only if TensorBoard is
    installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "log.csv"
        self._keep_until(step)
        self._events: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, progress: Progress) -> None:
        """Append one report to `log.csv`, and to TensorBoard's event files if there are any.

        Raises `OSError` if a file cannot be written.
        """
        validated = "" if progress.validation_map is None else f"{progress.validation_map:.6f}"
        row = (
            progress.step,
            f"{progress.learning_rate:.6g}",
            f"{progress.localisation:.6f}",
            f"{progress.confidence:.6f}",
            f"{progress.images_per_second:.2f}",
            validated,
        )
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(row)
        if self._events is not None:
            self._write_events(progress)

    def _write_events(self, progress: Progress) -> None:
        scalars = {
            "loss/localisation": progress.localisation,
            "loss/confidence": progress.confidence,
            "learning_rate": progress.learning_rate,
            "images_per_second": progress.images_per_second,
        }
        if progress.validation_map is not None:
            scalars["validation_map"] = progress.validation_map
        for name, value in scalars.items():
            self._events.add_scalar(name, value, progress.step)
        self._events.flush()

    def _keep_until(self, step: int) -> None:
        lines = (
            self._path.read_text(encoding="utf-8").splitlines()[1:]
            if step and self._path.exists()
            else []
        )
        kept = [
            line
            for line in lines
            if line.split(",")[0].isdecimal() and int(line.split(",")[0]) <= step
        ]
        with atomic_write(self._path) as file:
            file.write(("\n".join([",".join(COLUMNS), *kept]) + "\n").encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._events is not None:
            self._events.close()
