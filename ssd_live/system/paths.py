"""Where things are on disk."""

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def assets_folder() -> Path:
    """What ships with the program: beside the package in a checkout and a frozen app, inside it in
    an installed wheel.
    """
    bundled = Path(getattr(sys, "_MEIPASS", _PACKAGE.parent)) / "assets"
    return bundled if bundled.is_dir() else _PACKAGE / "assets"


def engines_folder() -> Path:
    """What is made on this machine: `engines/` of a checkout, else the user's data folder. Created
    when missing.
    """
    if "SSD_LIVE_ENGINES" in os.environ:
        folder = Path(os.environ["SSD_LIVE_ENGINES"])
    elif (_PACKAGE.parent / "pyproject.toml").is_file():
        folder = _PACKAGE.parent / "engines"
    else:
        import platformdirs

        folder = Path(platformdirs.user_data_dir("ssd_live", appauthor=False)) / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def resolve(path: Path) -> Path:
    """The path with links followed, as far as it goes; unlike `Path.resolve` it takes rings of
    links.
    """
    return Path(os.path.realpath(path))


def printable(path: Path | str) -> str:
    """A path as text that can be written anywhere; bytes that are no UTF-8 become
    question marks.
    """
    return os.fsencode(path).decode("utf-8", "replace")
