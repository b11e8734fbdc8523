"""What an output folder remembers: which results are finished and with which settings they were
made.
"""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ssd_live.process.plan import Task
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import printable, resolve

MEMORY_FOLDER = ".ssd_live"
SUMMARY_NAME = "summary.csv"
# Not the name of any input: those have no empty parts.
_DETECTIONS = "//detections"
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


class ResumeLog:
    """Finished results of a folder, by the place of their input in its tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / MEMORY_FOLDER / "finished.json"
        self._finished: dict[str, dict[str, Any]] = {}
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._finished = stored if isinstance(stored, dict) else {}
        except (OSError, ValueError, RecursionError):
            # none yet, or damaged: then nothing is known, and what is there stays unless it is to
            # be overwritten
            pass

    @property
    def summary_path(self) -> Path:
        return self.folder / SUMMARY_NAME

    @property
    def exists(self) -> bool:
        """Whether this program has worked in the folder before."""
        return self._path.parent.is_dir()

    def owns(self, path: Path) -> bool:
        """Whether a path lies in the resume log's own folder."""
        return resolve(path).is_relative_to(resolve(self._path.parent))

    def log_path(self, task: Task) -> Path:
        """Where the detections of one of many inputs are kept until they are combined."""
        return (
            self.folder
            / MEMORY_FOLDER
            / "detections"
            / task.name.with_name(task.name.name + ".jsonl")
        )

    def finished(self, task: Task, key: str, *, with_log: bool) -> Outcome | None:
        """The earlier outcome, if the same settings made it of the same source and its files are
        still as they were.
        """
        entry = self._finished.get(task.name.as_posix())
        if not isinstance(entry, dict):
            return None
        there = self.knows(task) and (not with_log or self.log_path(task).is_file())
        if entry.get("key") != key or not there:
            return None
        try:
            return Outcome(**entry["outcome"] | {"status": "skipped"})
        except (KeyError, TypeError):
            return None

    def knows(self, task: Task) -> bool:
        """Whether this program made the output, of this very input, and nobody has changed it
        since.
        """
        entry = self._finished.get(task.name.as_posix())
        return (
            isinstance(entry, dict)
            and entry.get("source") == str(resolve(task.source))
            and entry.get("made") == _fingerprint(task.output)
        )

    def note(self, task: Task, key: str, outcome: Outcome) -> None:
        """Remember a finished result. Raises `OutputError`."""
        self._finished[task.name.as_posix()] = {
            "key": key,
            "source": str(resolve(task.source)),
            "made": _fingerprint(task.output),
            "outcome": asdict(outcome),
        }
        self._save()

    def note_detections(self, path: Path) -> None:
        """Remember that this program made the combined detections. Raises `OutputError`."""
        self._finished[_DETECTIONS] = {str(resolve(path)): _fingerprint(path)}
        self._save()

    def made_detections(self, path: Path) -> bool:
        entry = self._finished.get(_DETECTIONS)
        return isinstance(entry, dict) and entry.get(str(resolve(path))) == _fingerprint(path)

    def _save(self) -> None:
        with atomic_write(self._path) as file:
            file.write(json.dumps(self._finished, indent=1).encode())


def _fingerprint(path: Path | None) -> list[int]:
    """Size and time of change; empty without a file."""
    if path is None or not path.is_file():
        return []
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def settings_key(task: Task, settings: Sequence[object]) -> str:
    """Changes when anything does that the result depends on: the settings, or the input's size or
    date.
    """
    status = task.source.stat()
    text = json.dumps(
        [
            [str(setting) for setting in settings],
            str(resolve(task.source)),
            status.st_size,
            status.st_mtime_ns,
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _printable(outcome: Outcome) -> dict[str, object]:
    return {
        key: printable(value) if isinstance(value, str) else value
        for key, value in asdict(outcome).items()
    }


def write_summary(folder: Path, outcomes: Sequence[Outcome]) -> Path:
    """A CSV with a line a file. Raises `OutputError`."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS)
    table.writeheader()
    for outcome in outcomes:
        table.writerow(
            _printable(outcome) | {"seconds": f"{outcome.seconds:.2f}", "fps": f"{outcome.fps:.1f}"}
        )
    path = ResumeLog(folder).summary_path
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
    return path
