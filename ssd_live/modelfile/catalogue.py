"""Find model files by name: those that ship with the program, and those that the user made."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from ssd_live.errors import UnknownModelError
from ssd_live.system.paths import assets_folder, engines_folder

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

DEFAULT_MODEL = "ssd300-mobilenetv2-oid"


def model_paths() -> dict[str, Path]:
    """Return the paths of all model files that can be named, by the name of the model.

    The name is the file name without `.onnx`. A shipped file takes precedence over a user's file of
    the same name.
    """
    folders = (assets_folder() / "models", engines_folder() / "models")
    return {
        path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.onnx"))
    }


def find_model(name_or_file: str) -> "ModelFile":
    """Return a model, given its name in the catalogue or the path of its file.

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
