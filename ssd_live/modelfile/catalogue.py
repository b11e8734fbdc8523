"""Which model files there are, by name: those that ship, and those that the user made."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from ssd_live.errors import UnknownModelError
from ssd_live.system.paths import assets_folder, engines_folder

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

DEFAULT_MODEL = "ssd300-mobilenetv2-oid"


def model_paths() -> dict[str, Path]:
    """Name -> file, the shipped ones first; a name is the file's without its ending."""
    folders = (assets_folder() / "models", engines_folder() / "models")
    return {
        path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.onnx"))
    }


def find_model(name_or_file: str) -> "ModelFile":
    """A model by its name in the catalogue, or by the path of its file.

    Raises `UnknownModelError` for neither and `ModelFileError` for a file that is not a model file.
    """
    # Names alone are known without the ONNX library.
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
        f"there is no model {name_or_file!r}; {hint}`models list` shows all; a path to an .onnx "
        "file works too"
    )
