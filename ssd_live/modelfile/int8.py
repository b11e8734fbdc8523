"""The INT8 form of a model: a second file, made by `quantize`, that stands in for it where it finds
the same and is faster.

It lies in a folder `int8` beside the model's own file, or in the one of `engines/models`, under the
same name, and says which file it was quantised from.
"""

from collections.abc import Iterator
from pathlib import Path

from ssd_live.errors import ModelFileError, UsageError
from ssd_live.modelfile.file import ModelFile, read_model_file
from ssd_live.system.atomic_files import sha256
from ssd_live.system.paths import engines_folder

_FOLDER = "int8"


def int8_place(model: ModelFile) -> Path:
    """Where `quantize` puts the INT8 form of a model."""
    return engines_folder() / "models" / _FOLDER / model.path.name


def int8_form(model: ModelFile) -> ModelFile | None:
    """None where there is none that was made from this very file."""
    for path in _places(model):
        try:
            form = read_model_file(path)
        except ModelFileError:
            continue
        if form.metadata.precision == "int8" and form.metadata.quantised_from == model.sha256:
            return form
    return None


def int8_identity(model: ModelFile) -> str:
    """What tells whether the INT8 form is still the same, without parsing it."""
    return " ".join(sha256(path.read_bytes()) for path in _places(model))


def file_for_precision(model: ModelFile, precision: str) -> ModelFile:
    """The file that computes in a precision: the INT8 form for int8, else the model itself. Raises
    `UsageError` where there is no INT8 form.
    """
    if precision != "int8" or model.metadata.precision == "int8":
        return model
    form = int8_form(model)
    if form is None:
        raise UsageError(f"{model.name} has no INT8 form; make one with `quantize {model.name}`")
    return form


def _places(model: ModelFile) -> Iterator[Path]:
    for path in (int8_place(model), model.path.parent / _FOLDER / model.path.name):
        if path.is_file():
            yield path
