"""`project use`: put a version of a project into use, or export it."""

import json
import tempfile
from pathlib import Path
from typing import Any

from ssd_live.commands.progress import notify
from ssd_live.commands.project import UseRequest
from ssd_live.errors import DataError, OutputError, UsageError
from ssd_live.modelfile.catalogue import model_paths
from ssd_live.modelfile.file import read_model_file
from ssd_live.project.store import INSTANCES, project_name
from ssd_live.project.versions import (
    WEIGHTS_FILE,
    Version,
    activate,
    undo_activation,
    version_of,
    versions_of,
)
from ssd_live.system.atomic_files import atomic_write, os_error_text, sha256
from ssd_live.system.paths import engines_folder


def run(request: UseRequest) -> None:
    """Install a version as a model of this user, or write its model file elsewhere."""
    name = project_name(request.folder)
    if request.undo:
        if request.version is not None or request.export is not None or request.int8:
            raise UsageError("--undo goes without other options; give it alone")
        _check_free(request.folder, name)
        number = undo_activation(request.folder)
        if number is None:
            _uninstall(name)
            print("no version is in use any more")
        else:
            _install(version_of(request.folder, number), name)
            print(f"version {number} is in use again")
        return
    version = version_of(request.folder, request.version)
    if request.export is not None:
        _export(version, request.export)
        return
    _check_free(request.folder, name)
    _install(version, name)
    activate(request.folder, version.number)
    print(f"version {version.number} is in use: give --model {name}, or choose it in the window")
    if request.int8:
        _quantize(request.folder, name, version)


def _model_path(name: str) -> Path:
    return engines_folder() / "models" / f"{name}.onnx"


def _check_free(folder: Path, name: str) -> None:
    """Raise `UsageError` or `OutputError` if another model has the name of the project."""
    path = model_paths().get(name)
    if path is None:
        return
    if path != _model_path(name):
        raise UsageError(
            f"{name} is the name of a bundled model; give the project another name in its "
            "project.json"
        )
    files = [version.model for version in versions_of(folder) if version.model.is_file()]
    if sha256(path.read_bytes()) not in {sha256(its.read_bytes()) for its in files}:
        raise OutputError(
            f"{path}: is a model of this name that is not from the project; move it away first, or "
            "give the project another name in its project.json"
        )


def _install(version: Version, name: str) -> None:
    # A damaged file must not become the model in use.
    read_model_file(version.model)
    _copy(version.folder / WEIGHTS_FILE, engines_folder() / "weights" / f"{name}.safetensors")
    _copy(version.model, _model_path(name))


def _uninstall(name: str) -> None:
    _model_path(name).unlink(missing_ok=True)
    (engines_folder() / "weights" / f"{name}.safetensors").unlink(missing_ok=True)


def _export(version: Version, path: Path) -> None:
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"{path}: a model file ends in .onnx; give such a name")
    if path.exists():
        raise OutputError(f"{path}: exists already; give another name")
    _copy(version.model, path)
    print(f"wrote {path}; on another machine, give --model {path.name}")


def _copy(source: Path, target: Path) -> None:
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DataError(
            f"{source}: cannot be read ({os_error_text(error)}); train again"
        ) from error
    with atomic_write(target) as file:
        file.write(data)


def _quantize(folder: Path, name: str, version: Version) -> None:
    from ssd_live.commands.quantize import Request
    from ssd_live.commands.quantize.run import run as quantize

    notify("making the INT8 version ...")
    with tempfile.TemporaryDirectory(prefix="ssd_live-") as place:
        labels = Path(place) / "labels.json"
        with atomic_write(labels) as file:
            file.write(json.dumps(labels_with_names_of(version, folder / INSTANCES)).encode())
        quantize(Request(name, data=folder / "images", labels=labels, overwrite=True))


def labels_with_names_of(version: Version, labels: Path) -> dict[str, Any]:
    """Return the labels in a COCO file of a project, with the class names that a version has.

    Classes may have been renamed since then. Raises `DataError` if the file cannot be read.
    """
    try:
        content: dict[str, Any] = json.loads(labels.read_bytes())
        names = dict(zip(version.class_numbers, version.facts.get("classes", ()), strict=False))
        for category in content["categories"]:
            # A later class may have the old name of another one.
            own = f"{category['name']} (class {category['id']})"
            own = own if category["name"] in names.values() else category["name"]
            category["name"] = names.get(category["id"], own)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{labels}: cannot be read ({error}); label images first") from error
    return content
