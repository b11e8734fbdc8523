"""Find the folders of the program, and convert paths.

Of the functions here only `cache_folder` creates a folder.
"""

import contextlib
import functools
import importlib.resources
import logging
import os
import re
import sys
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
_OWN_PROJECT = 'name = "ssd_live"'
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LONGEST_NAME_BYTES = 120
_logger = logging.getLogger(__name__)


def assets_folder() -> Path:
    """Return the folder of the files that ship with the program, such as its models.

    It is beside the package in a checkout and in a frozen app, and inside the package in an
    installed wheel.
    """
    if hasattr(sys, "_MEIPASS"):
        return Path(sys._MEIPASS) / "assets"
    if _is_checkout():
        return _CHECKOUT / "assets"
    return Path(str(importlib.resources.files("ssd_live"))) / "assets"


def engines_folder() -> Path:
    """Return the folder of what users make: trained and imported models, weights, engines.

    It is the folder that the environment variable `SSD_LIVE_ENGINES` names. If that is not set, it
    is `engines` in a checkout of the project, or otherwise `engines` in the user's data folder. The
    folder may not exist.
    """
    if "SSD_LIVE_ENGINES" in os.environ:
        return Path(os.environ["SSD_LIVE_ENGINES"])
    if _is_checkout():
        return _CHECKOUT / "engines"
    import platformdirs

    return Path(platformdirs.user_data_dir("ssd_live", appauthor=False)) / "engines"


def cache_folder() -> Path:
    """Return the folder for files that can be made again at any time. Create it if it is missing.

    It is `cache` in `engines_folder()` if the environment variable `SSD_LIVE_ENGINES` is set or the
    program runs from a checkout of the project. Otherwise it is the user's cache folder. If that
    folder cannot be written, return a folder among the temporary files and log one warning.
    """
    if "SSD_LIVE_ENGINES" in os.environ or _is_checkout():
        return _writable(engines_folder() / "cache")
    import platformdirs

    return _writable(Path(platformdirs.user_cache_dir("ssd_live", appauthor=False)))


def log_folder() -> Path:
    """Return the folder of log files, `logs` in `state_folder()`. The folder may not exist."""
    return state_folder() / "logs"


def state_folder() -> Path:
    """Return the folder for what must be kept between two runs. The folder may not exist.

    It is the folder that the environment variable `SSD_LIVE_ENGINES` names. If that is not set, it
    is the user's state folder.
    """
    if "SSD_LIVE_ENGINES" in os.environ:
        return engines_folder()
    import platformdirs

    return Path(platformdirs.user_state_dir("ssd_live", appauthor=False))


@functools.cache
def _is_checkout() -> bool:
    """Return whether this package is in a checkout of the project, not installed as a wheel."""
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
        instead = _temporary_cache()
        reason = (error.strerror or str(error)).lower()
        _logger.warning("%s cannot be written (%s); using %s instead", folder, reason, instead)
        return instead
    return folder


def _temporary_cache() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"ssd_live-cache-{user}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Another user may have made it, or a link in its place: files there cannot be trusted.
        is_own = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
        if is_own and not folder.is_symlink():
            return folder
    return Path(tempfile.mkdtemp(prefix="ssd_live-cache-"))


def resolve(path: Path) -> Path:
    """Return the absolute form of `path`, with symbolic links followed as far as possible.

    Unlike `Path.resolve`, this does not fail on links that form a loop.
    """
    return Path(os.path.realpath(path))


def printable(path: Path | str) -> str:
    """Return a path as text that can be written to any file or terminal that takes Unicode.

    Bytes of the path that are not UTF-8 become replacement characters.
    """
    return os.fsencode(path).decode("utf-8", "replace")


def safe_name(text: str) -> str:
    """Return a text as a part of a file name, at most 120 bytes long; it may be empty.

    Characters that some file system does not allow become `_`.
    """
    safe = _UNSAFE.sub("_", text).encode("utf-8", "replace")[:_LONGEST_NAME_BYTES]
    return safe.decode("utf-8", "ignore").strip(" .")


def one_line(text: str) -> str:
    r"""Return a text with escapes, such as `\n` and `\x1b`, in place of its control characters.

    A file name may hold such characters. A terminal would obey them.
    """
    return "".join(
        letter if letter.isprintable() or letter == " " else ascii(letter)[1:-1] for letter in text
    )
