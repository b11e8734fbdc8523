"""What an output folder remembers: which results are finished and with which settings they were made."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ssd_live.files import atomic_write
from ssd_live.process.plan import Task

MEMORY_FOLDER = ".ssd_live"
SUMMARY_NAME = "summary.csv"
_COLUMNS = ("input", "output", "status", "frames", "seconds", "fps", "objects", "message")


@dataclass(frozen=True)
class Outcome:
    """One line of the summary."""

    input: str
    output: str
    status: Literal["done", "skipped", "failed", "stopped"]
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    objects: str = ""
    message: str = ""


class Journal:
    """Finished results of a folder, by the place of their input in its tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / MEMORY_FOLDER / "finished.json"
        self._finished: dict[str, dict[str, Any]] = {}
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._finished = stored if isinstance(stored, dict) else {}
        except (OSError, ValueError):
            pass  # none yet, or damaged: then everything is done again

    def log_path(self, task: Task) -> Path:
        """Where the detections of one of many inputs are kept until they are combined."""
        return self.folder / MEMORY_FOLDER / "detections" / task.name.with_name(task.name.name + ".jsonl")

    def finished(self, task: Task, key: str, *, with_log: bool) -> Outcome | None:
        """The earlier outcome, if the same settings made it and its files are still there."""
        entry = self._finished.get(task.name.as_posix())
        if not isinstance(entry, dict):
            return None
        there = (task.output is None or task.output.is_file()) and (not with_log or self.log_path(task).is_file())
        if entry.get("key") != key or not there:
            return None
        try:
            return Outcome(**entry["outcome"] | {"status": "skipped"})
        except (KeyError, TypeError):
            return None

    def knows(self, task: Task) -> bool:
        """Whether this program made the output of this input."""
        return task.name.as_posix() in self._finished

    def note(self, task: Task, key: str, outcome: Outcome) -> None:
        """Remember a finished result. Raises `OutputError`."""
        self._finished[task.name.as_posix()] = {"key": key, "outcome": asdict(outcome)}
        with atomic_write(self._path) as file:
            file.write(json.dumps(self._finished, indent=1, ensure_ascii=False).encode())


def settings_key(task: Task, settings: Sequence[object]) -> str:
    """Changes when anything does that the result depends on: the settings, or the input's size or date."""
    status = task.source.stat()
    text = json.dumps([[str(setting) for setting in settings], str(task.source.resolve()), status.st_size, status.st_mtime_ns])
    return hashlib.sha256(text.encode()).hexdigest()


def write_summary(folder: Path, outcomes: Sequence[Outcome]) -> Path:
    """A CSV with a line a file. Raises `OutputError`."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS)
    table.writeheader()
    for outcome in outcomes:
        table.writerow(asdict(outcome) | {"seconds": f"{outcome.seconds:.2f}", "fps": f"{outcome.fps:.1f}"})
    path = folder / SUMMARY_NAME
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
    return path
