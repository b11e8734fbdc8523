"""Keep the detectors that were trained in a project, and which of them is in use."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.project.store import VERSIONS
from ssd_live.system.atomic_files import atomic_write, os_error_text

# The file that makes a folder a version; it is written last.
_FACTS = "version.json"
_ACTIVE = "active.json"
MODEL_FILE, WEIGHTS_FILE, MISTAKES = "model.onnx", "weights.safetensors", "mistakes"


@dataclass(frozen=True)
class Version:
    """A detector that was trained in a project.

    `folder` has its files. `number` counts from 1. `facts` are what is known of it: when it was
    trained, on which images, and how good it is.
    """

    folder: Path
    number: int
    facts: Mapping[str, Any]

    @property
    def model(self) -> Path:
        """The path of its model file."""
        return self.folder / MODEL_FILE

    @property
    def class_numbers(self) -> list[int]:
        """The numbers in the project of its classes, in the order of the model."""
        return [int(number) for number in self.facts.get("class_numbers", ())]

    @property
    def sentence(self) -> str:
        """What the judgement says in words, or how many images it has learned from."""
        return str(self.facts.get("sentence") or f"learned from {self.facts.get('images')} images")


def make_folder(folder: Path) -> None:
    """Make a folder if it is not there. Raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made ({os_error_text(error)}); choose another place"
        ) from error


def versions_of(project: Path) -> list[Version]:
    """Return the complete versions of the project in a folder, the oldest first."""
    found = []
    for path in (project / VERSIONS).glob(f"*/{_FACTS}"):
        with contextlib.suppress(ValueError, OSError):
            facts = json.loads(path.read_bytes())
            found.append(Version(path.parent, int(path.parent.name), facts))
    return sorted(found, key=lambda its: its.number)


def version_of(project: Path, number: int | None) -> Version:
    """Return a version by its number, or the last one. Raises `UsageError` if there is none."""
    found = versions_of(project)
    if not found:
        raise UsageError(f"{project}: has no version yet; train one with `project train`")
    if number is None:
        return found[-1]
    for version in found:
        if version.number == number:
            return version
    raise UsageError(
        f"{project}: has no version {number}; choose one of "
        f"{', '.join(str(its.number) for its in found)}"
    )


def new_version_folder(project: Path) -> Path:
    """Return the folder of the next version; it does not exist yet, or is not complete."""
    numbers = [its.number for its in versions_of(project)]
    return project / VERSIONS / str(max(numbers, default=0) + 1)


def complete_version(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the facts of a version, which make it complete. Raises `OutputError`."""
    with atomic_write(folder / _FACTS) as file:
        file.write(json.dumps(facts, ensure_ascii=False, indent=2).encode() + b"\n")


def active_version(project: Path) -> int | None:
    """Return the number of the version in use, or None."""
    history = _history(project)
    return history[-1] if history else None


def activate(project: Path, number: int) -> None:
    """Make a version the one in use. Raises `OutputError` if that cannot be written."""
    history = _history(project)
    if history[-1:] != [number]:
        _write_history(project, [*history, number])


def undo_activation(project: Path) -> int | None:
    """Go back to the version that was in use before; return its number, or None if none was.

    Raises `UsageError` if none is in use, and `OutputError` if that cannot be written.
    """
    history = _history(project)
    if not history:
        raise UsageError(f"{project}: no version is in use, so there is nothing to undo")
    _write_history(project, history[:-1])
    return history[-2] if len(history) > 1 else None


def _history(project: Path) -> list[int]:
    try:
        content = json.loads((project / _ACTIVE).read_bytes())
        return [int(number) for number in content["history"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{project / _ACTIVE}: is damaged ({error}); delete it, and choose a version with "
            "`project use`"
        ) from error


def _write_history(project: Path, history: list[int]) -> None:
    with atomic_write(project / _ACTIVE) as file:
        file.write(json.dumps({"history": history[-100:]}).encode() + b"\n")
