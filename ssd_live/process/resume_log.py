"""The resume log of an output folder and its summary file.

The resume log stores which results are finished and with which settings they were made, so that a
second run can skip them.
"""

import csv
import hashlib
import io
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ssd_live.process.plan import Task
from ssd_live.process.storage import version_of
from ssd_live.system.atomic_files import atomic_write, fitting_name
from ssd_live.system.paths import printable, resolve

MEMORY_FOLDER = ".ssd_live"
SUMMARY_NAME = "summary.csv"
# This is never the name of an input, because those have no empty path components.
_DETECTIONS = "//detections"
_COLUMNS = ("input", "output", "status", "frames", "seconds", "fps", "objects", "message")


@dataclass(frozen=True)
class Outcome:
    """The outcome of one input, which is one row of the summary file.

    `input` and `output` are paths. `output` is empty if no output was finished or requested.
    `seconds` is the processing time. `objects` is text such as "person 3, dog 1". `message` is the
    error message, or empty.
    """

    input: str
    output: str
    status: Literal["done", "skipped", "failed", "stopped"]
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    objects: str = ""
    message: str = ""


class ResumeLog:
    """A record of the results in the output folder `folder` that `process` has finished.

    For each finished input it holds the outcome and a hash of the settings, so that a later run can
    skip this input. It is stored in the file `.ssd_live/finished.json` in `folder`. If this file is
    missing or damaged, the record is empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / MEMORY_FOLDER / "finished.json"
        self._finished: dict[str, dict[str, Any]] = {}
        # Several workers note what they finished. Nothing slow, such as a look into storage, is
        # done while this is held.
        self._lock = threading.Lock()
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._finished = stored if isinstance(stored, dict) else {}
        except (OSError, ValueError, RecursionError):
            # The file does not exist yet or is damaged. The log is then empty, so that existing
            # outputs are not replaced unless --overwrite is given.
            pass

    @property
    def summary_path(self) -> Path:
        """The path of the summary file, `summary.csv` in the output folder."""
        return self.folder / SUMMARY_NAME

    @property
    def exists(self) -> bool:
        """Whether the output folder has a `.ssd_live` folder from an earlier run."""
        return self._path.parent.is_dir()

    def owns(self, path: Path) -> bool:
        """Return whether `path` is inside the resume log's own folder, `.ssd_live`."""
        return resolve(path).is_relative_to(resolve(self._path.parent))

    def log_path(self, task: Task) -> Path:
        """Return the path of the file with the detections of the input of `task`, as JSON lines.

        At the end of a run, the files of all inputs are joined into the file that the user named.
        """
        return (
            self.folder
            / MEMORY_FOLDER
            / "detections"
            / task.name.with_name(fitting_name(Path(f"{task.name.name}.jsonl")))
        )

    def finished(self, task: Task, key: str, *, with_log: bool) -> Outcome | None:
        """Return the stored outcome of a task, or None if the task must be processed.

        The returned outcome has the status "skipped". The result is None if no outcome is stored,
        if `key` (see `settings_key`) differs from the stored one, or if the output file is missing
        or was changed. With `with_log`, the result is also None if the file with the detections is
        missing.
        """
        entry = self._finished.get(task.name.as_posix())
        if not isinstance(entry, dict):
            return None
        log = _fingerprint(self.log_path(task))
        # A log of other settings does not belong to this result. Version 0.1.0 noted no log.
        there = self.knows(task) and (not with_log or log == entry.get("log", log) != [])
        if entry.get("key") != key or not there:
            return None
        try:
            return Outcome(**entry["outcome"] | {"status": "skipped"})
        except (KeyError, TypeError):
            return None

    def knows(self, task: Task) -> bool:
        """Return whether this program made the task's output from its input, and nobody changed it.

        To detect a change, the size and the modification time of the output are compared with the
        stored ones.
        """
        entry = self._finished.get(task.name.as_posix())
        return (
            isinstance(entry, dict)
            and entry.get("source") == _place(task)
            and entry.get("made") == _output_fingerprint(task)
        )

    def note(self, task: Task, key: str, outcome: Outcome, *, with_log: bool = True) -> None:
        """Store the outcome of a finished task under `key` (see `settings_key`).

        `with_log` says whether the file with the detections was written too. Raises `OutputError`
        if the resume log cannot be written.
        """
        entry = {
            "key": key,
            "source": _place(task),
            "made": _output_fingerprint(task),
            "log": _fingerprint(self.log_path(task)) if with_log else [],
            "outcome": asdict(outcome),
        }
        with self._lock:
            self._finished[task.name.as_posix()] = entry
            self._save()

    def note_results(self, paths: Sequence[Path]) -> None:
        """Store that this program made the files `paths` with the results of all inputs.

        Raises `OutputError` if the resume log cannot be written.
        """
        made = {str(resolve(path)): _fingerprint(path) for path in paths}
        with self._lock:
            earlier = self._finished.get(_DETECTIONS)
            self._finished[_DETECTIONS] = (earlier if isinstance(earlier, dict) else {}) | made
            self._save()

    def made_result(self, path: Path) -> bool:
        """Return whether this program made the file of results `path`, and nobody changed it."""
        entry = self._finished.get(_DETECTIONS)
        return isinstance(entry, dict) and entry.get(str(resolve(path))) == _fingerprint(path)

    def _save(self) -> None:
        with atomic_write(self._path) as file:
            file.write(json.dumps(self._finished, indent=1).encode())


def _fingerprint(path: Path | None) -> list[int]:
    """Return [size in bytes, modification time in ns] of a file, or [] if there is no such file."""
    if path is None or not path.is_file():
        return []
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _place(task: Task) -> str:
    """Return the address of the input without its password, or its absolute path."""
    return task.source_text if task.source_address else str(resolve(task.source))


def _output_fingerprint(task: Task) -> list[int] | str:
    """Return what changes with the output of a task; see `_fingerprint` and `version_of`."""
    return version_of(task.output_address) if task.output_address else _fingerprint(task.output)


def settings_key(task: Task, settings: Sequence[object]) -> str:
    """Return a SHA-256 hash (hexadecimal) of everything that the result of a task depends on.

    The hash depends on the text of each object in `settings`, and on the input's path, size and
    modification time, or on its address and version. Raises `OSError` if the input cannot be read.
    """
    version: list[int | str] = [task.source_version]
    if not task.source_address:
        status = task.source.stat()
        version = [status.st_size, status.st_mtime_ns]
    text = json.dumps([[str(setting) for setting in settings], _place(task), *version])
    return hashlib.sha256(text.encode()).hexdigest()


def _printable(outcome: Outcome) -> dict[str, object]:
    return {
        key: printable(value) if isinstance(value, str) else value
        for key, value in asdict(outcome).items()
    }


def write_summary(folder: Path, outcomes: Sequence[Outcome]) -> Path:
    """Write `summary.csv` to `folder`, with one row for each outcome, and return its path.

    Raises `OutputError` if the file cannot be written.
    """
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
