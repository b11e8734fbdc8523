"""Find the INT8 version of a model: a second file, made by `quantize`, that computes in INT8.

The program uses it instead of the model's own file if it finds the same objects and is faster. It
has the same file name and lies in a folder `int8`, beside the model's own file or in
`engines/models`. Its metadata say which file it was made from.
"""

from collections.abc import Iterator
from pathlib import Path

from ssd_live.errors import ModelFileError, UsageError
from ssd_live.modelfile.file import ModelFile, read_model_file
from ssd_live.system.atomic_files import sha256
from ssd_live.system.paths import engines_folder

_FOLDER = "int8"


def int8_place(model: ModelFile) -> Path:
    """Return the path to which `quantize` writes the INT8 version of a model."""
    return engines_folder() / "models" / _FOLDER / model.path.name


def int8_form(model: ModelFile) -> ModelFile | None:
    """Return the INT8 version of a model, or None if none was made from exactly this file."""
    for path in _places(model):
        try:
            form = read_model_file(path)
        except ModelFileError:
            continue
        if form.metadata.precision == "int8" and form.metadata.quantised_from == model.sha256:
            return form
    return None


def int8_identity(model: ModelFile) -> str:
    """Return a text that changes whenever the INT8 version of a model changes.

    It consists of the SHA-256 of each file that may be the INT8 version, and is empty if there is
    none.
    """
    return " ".join(sha256(path.read_bytes()) for path in _places(model))


def file_for_precision(model: ModelFile, precision: str) -> ModelFile:
    """Return the model file for a precision: the INT8 version for "int8", otherwise `model`.

    Raises `UsageError` if `precision` is "int8" and the model has no INT8 version.
    """
    if precision != "int8" or model.metadata.precision == "int8":
        return model
    form = int8_form(model)
    if form is None:
        raise UsageError(f"{model.name} has no INT8 version; make one with `quantize {model.name}`")
    return form


def _places(model: ModelFile) -> Iterator[Path]:
    for path in (int8_place(model), model.path.parent / _FOLDER / model.path.name):
        if path.is_file():
            yield path
