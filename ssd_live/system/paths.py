"""Where things are on disk. Asking for a folder never makes one."""

import functools
import importlib.resources
import logging
import os
import sys
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
_OWN_PROJECT = 'name = "ssd_live"'
_logger = logging.getLogger(__name__)


def assets_folder() -> Path:
    """Return the folder of what ships with the program.

    It lies beside the package in a checkout and in a frozen app, and inside the package in an
    installed wheel.
    """
    if hasattr(sys, "_MEIPASS"):
        return Path(sys._MEIPASS) / "assets"
    if _is_checkout():
        return _CHECKOUT / "assets"
    return Path(str(importlib.resources.files("ssd_live"))) / "assets"


def engines_folder() -> Path:
    """Return the folder of what users make: trained and imported models, weights, engines.

    It is `SSD_LIVE_ENGINES`, or `engines/` of a checkout, or the user's data folder. It may not
    exist yet.
    """
    if "SSD_LIVE_ENGINES" in os.environ:
        return Path(os.environ["SSD_LIVE_ENGINES"])
    if _is_checkout():
        return _CHECKOUT / "engines"
    import platformdirs

    return Path(platformdirs.user_data_dir("ssd_live", appauthor=False)) / "engines"


def cache_folder() -> Path:
    """Return a folder for what can be made again at any time; it exists and can be written.

    It is `cache/` of `SSD_LIVE_ENGINES` or of a checkout's `engines/`, or the user's cache folder.
    Where that cannot be written, it is a folder of this user among the temporary files, and a
    warning says so once.
    """
    if "SSD_LIVE_ENGINES" in os.environ or _is_checkout():
        return _writable(engines_folder() / "cache")
    import platformdirs

    return _writable(Path(platformdirs.user_cache_dir("ssd_live", appauthor=False)))


@functools.cache
def _is_checkout() -> bool:
    """Whether the package lies in a checkout of this project, and not beside others' packages."""
    try:
        return _OWN_PROJECT in (_CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


@functools.cache
def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        instead = Path(tempfile.gettempdir()) / f"ssd_live-cache-{user}"
        reason = (error.strerror or str(error)).lower()
        _logger.warning("%s cannot be written (%s); using %s instead", folder, reason, instead)
        instead.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and instead.stat().st_uid != os.getuid():
            # Somebody else made it: what lies there cannot be trusted.
            return Path(tempfile.mkdtemp(prefix="ssd_live-cache-"))
        return instead
    return folder


def resolve(path: Path) -> Path:
    """Return the path with links followed as far as it exists.

    Unlike `Path.resolve` it accepts links that lead in a circle.
    """
    return Path(os.path.realpath(path))


def printable(path: Path | str) -> str:
    """Return a path as text that can be written anywhere; bytes that are not UTF-8 become question
    marks.
    """
    return os.fsencode(path).decode("utf-8", "replace")
