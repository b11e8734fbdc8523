"""Find model files by name: those that ship with the program, and those that the user made.

The INT8 version of a model is a second file, made by `quantize`, that computes in INT8. The program
uses it instead of the model's own file if it finds the same objects and is faster. It has the same
file name and lies in a folder `int8`, beside the model's own file or in `engines/models`. Its
metadata say which file it was made from.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ssd_live.errors import ModelFileError, UnknownModelError, UsageError
from ssd_live.system.atomic_files import sha256
from ssd_live.system.paths import assets_folder, engines_folder

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

DEFAULT_MODEL = "ssd300-mobilenetv2-oid"
_INT8_FOLDER = "int8"


def model_paths() -> dict[str, Path]:
    """Return the paths of all model files in the catalogue, by the name of the model.

    These are the files that ship with the program and those that were made on this machine. The
    name is the file name without `.onnx`. If two files have the same name, the shipped one is
    returned.
    """
    folders = (assets_folder() / "models", engines_folder() / "models")
    return {
        path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.onnx"))
    }


def find_model(name_or_file: str) -> "ModelFile":
    """Read and return a model, given its name in the catalogue or the path of its file.

    Raises `UnknownModelError` if there is no such model, and `ModelFileError` if the file cannot be
    read or is not a model file.
    """
    # The import is here, so that `model_paths` does not need the ONNX library.
    from ssd_live.modelfile.file import read_model_file

    paths = model_paths()
    if name_or_file in paths:
        return read_model_file(paths[name_or_file])
    path = Path(name_or_file)
    if path.is_file() or path.suffix == ".onnx":
        return read_model_file(path)
    near = difflib.get_close_matches(name_or_file, paths, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownModelError(
        f"there is no model {name_or_file!r}; {hint}run `models list` to see all names, or give "
        "the path of an .onnx file"
    )


def int8_place(model: "ModelFile") -> Path:
    """Return the path to which `quantize` writes the INT8 version of a model by default."""
    return engines_folder() / "models" / _INT8_FOLDER / model.path.name


def int8_form(model: "ModelFile") -> "ModelFile | None":
    """Read and return the INT8 version of a model, or None if it has none.

    Only an INT8 version that was made from exactly the file `model` is returned.
    """
    from ssd_live.modelfile.file import read_model_file

    for path in _int8_places(model):
        try:
            form = read_model_file(path)
        except ModelFileError:
            continue
        if form.metadata.precision == "int8" and form.metadata.quantised_from == model.sha256:
            return form
    return None


def int8_identity(model: "ModelFile") -> str:
    """Return a text that changes whenever the INT8 version of a model changes.

    The text consists of the SHA-256 of each file that may be the INT8 version. It is empty if there
    is no such file.
    """
    return " ".join(sha256(path.read_bytes()) for path in _int8_places(model))


def file_for_precision(model: "ModelFile", precision: str) -> "ModelFile":
    """Return the model file that a backend loads to run `model` at `precision`.

    This is the INT8 version of the model for "int8", and `model` itself for any other precision.
    Raises `UsageError` if `precision` is "int8" and the model has no INT8 version.
    """
    if precision != "int8" or model.metadata.precision == "int8":
        return model
    form = int8_form(model)
    if form is None:
        raise UsageError(f"{model.name} has no INT8 version; make one with `quantize {model.name}`")
    return form


def _int8_places(model: "ModelFile") -> Iterator[Path]:
    for path in (int8_place(model), model.path.parent / _INT8_FOLDER / model.path.name):
        if path.is_file():
            yield path
