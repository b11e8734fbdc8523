"""Read how a training of a project goes."""

import contextlib
import csv
from pathlib import Path
from typing import NamedTuple


class LogRow(NamedTuple):
    """A report after `step` batches: the loss, and the mean average precision (0 to 1) or None."""

    step: int
    loss: float
    check: float | None


def training_log(project: Path) -> list[LogRow]:
    """Return the reports of the training that runs or is paused in the project in a folder.

    It is empty if there is none. What cannot be read is left out.
    """
    rows = []
    with (
        contextlib.suppress(OSError, ValueError, csv.Error),
        (project / "training" / "log.csv").open(newline="", encoding="utf-8") as file,
    ):
        for row in csv.DictReader(file):
            # The last line may be written at this moment.
            with contextlib.suppress(KeyError, TypeError, ValueError):
                check = row["validation_map"]
                loss = float(row["localisation"]) + float(row["confidence"])
                rows.append(LogRow(int(row["step"]), loss, float(check) if check else None))
    return rows
