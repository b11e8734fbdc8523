"""The resume log of an output folder: which results are finished, and with which settings."""

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
# This is never the name of an input, because those have no empty path components.
_DETECTIONS = "//detections"
_COLUMNS = ("input", "output", "status", "frames", "seconds", "fps", "objects", "message")


@dataclass(frozen=True)
class Outcome:
    """One row of the summary."""

    input: str
    output: str
    status: Literal["done", "skipped", "failed", "stopped"]
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    objects: str = ""
    message: str = ""


class ResumeLog:
    """The finished results of an output folder, by the relative path of the input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / MEMORY_FOLDER / "finished.json"
        self._finished: dict[str, dict[str, Any]] = {}
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._finished = stored if isinstance(stored, dict) else {}
        except (OSError, ValueError, RecursionError):
            # The log does not exist yet or is damaged. Then nothing is known, and existing files
            # stay unless --overwrite is given.
            pass

    @property
    def summary_path(self) -> Path:
        """The path of the summary file."""
        return self.folder / SUMMARY_NAME

    @property
    def exists(self) -> bool:
        """Whether this program has worked in the folder before."""
        return self._path.parent.is_dir()

    def owns(self, path: Path) -> bool:
        """Whether a path is inside the resume log's own folder."""
        return resolve(path).is_relative_to(resolve(self._path.parent))

    def log_path(self, task: Task) -> Path:
        """Return the path of the detections of one input, used until they are combined."""
        return (
            self.folder
            / MEMORY_FOLDER
            / "detections"
            / task.name.with_name(task.name.name + ".jsonl")
        )

    def finished(self, task: Task, key: str, *, with_log: bool) -> Outcome | None:
        """Return the earlier outcome with status "skipped", or None if there is none to reuse.

        It is reused if the same settings made it from the same source, and its files are unchanged.
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
        """Whether this program made the output from this input, and it is unchanged since then."""
        entry = self._finished.get(task.name.as_posix())
        return (
            isinstance(entry, dict)
            and entry.get("source") == str(resolve(task.source))
            and entry.get("made") == _fingerprint(task.output)
        )

    def note(self, task: Task, key: str, outcome: Outcome) -> None:
        """Store a finished result. Raises `OutputError`."""
        self._finished[task.name.as_posix()] = {
            "key": key,
            "source": str(resolve(task.source)),
            "made": _fingerprint(task.output),
            "outcome": asdict(outcome),
        }
        self._save()

    def note_detections(self, path: Path) -> None:
        """Store that this program made the combined detections. Raises `OutputError`."""
        self._finished[_DETECTIONS] = {str(resolve(path)): _fingerprint(path)}
        self._save()

    def made_detections(self, path: Path) -> bool:
        """Whether this program made the combined detections, and they are unchanged since then."""
        entry = self._finished.get(_DETECTIONS)
        return isinstance(entry, dict) and entry.get(str(resolve(path))) == _fingerprint(path)

    def _save(self) -> None:
        with atomic_write(self._path) as file:
            file.write(json.dumps(self._finished, indent=1).encode())


def _fingerprint(path: Path | None) -> list[int]:
    """Return [size in bytes, modification time in ns], or an empty list without a file."""
    if path is None or not path.is_file():
        return []
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def settings_key(task: Task, settings: Sequence[object]) -> str:
    """Return a hash of everything that the result depends on.

    It changes with the settings and with the input's path, size and modification time.
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
    """Write a CSV with one row per input and return its path. Raises `OutputError`."""
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
