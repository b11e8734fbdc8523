"""Send the program's log lines to the terminal and to a rotating file."""

import io
import logging
import logging.handlers
import re
import sys
from pathlib import Path

from ssd_live.errors import UsageError
from ssd_live.system.paths import log_folder

LEVELS = ("debug", "info", "warning", "error")
DEFAULT_LEVEL = "warning"
_FILE_NAME = "ssd_live.log"
_FILE_BYTES, _OLD_FILES = 1_000_000, 3
_FILE_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(process)d %(threadName)s] %(message)s"
# user:password@ in an address (RFC 3986, 3.2.1), and a password among its parameters.
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_PARAMETER = re.compile(r"(?i)([?&/_-](?:password|passwd|pwd|pass|token|key)=)[^&\s]+")
_program = logging.getLogger("ssd_live")
_handlers: list[logging.Handler] = []


def start_logging(level: str = DEFAULT_LEVEL) -> None:
    """Send the program's log records of `level` and above to the terminal and to the log file.

    The terminal gets one line for each record, and the file also gets its other lines and its
    traceback. The file is made when the first record is written. If its folder cannot be made, only
    the terminal gets records. Another call replaces the level. Raises `UsageError` if `level` is
    not one of `LEVELS`.
    """
    if level not in LEVELS:
        raise UsageError(f"there is no log level {level!r}; choose {', '.join(LEVELS)}")
    stop_logging()
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_TerminalFormatter())
    _handlers.append(terminal)
    _handlers.append(_file_handler(log_folder()))
    for handler in _handlers:
        handler.addFilter(_without_passwords)
        _program.addHandler(handler)
    _program.setLevel(level.upper())
    _program.propagate = False


def stop_logging() -> None:
    """Close the log file, and let Python's own defaults handle the program's log records again."""
    while _handlers:
        handler = _handlers.pop()
        _program.removeHandler(handler)
        handler.close()
    _program.setLevel(logging.NOTSET)
    _program.propagate = True


def is_quiet() -> bool:
    """Return whether the user wants to see only errors, which is the log level `error`."""
    return _program.level >= logging.ERROR


def without_password(text: str) -> str:
    """Return `text` without the user names and passwords of the addresses in it.

    Passwords, tokens and keys among the parameters of an address become `...`.
    """
    return hide_parameters(_USER_INFO.sub("", text))


def hide_parameters(text: str) -> str:
    """Return `text` with `...` in place of the passwords, tokens and keys among its parameters.

    A parameter is `NAME=VALUE` after one of `?`, `&`, `/`, `_` and `-`.
    """
    return _PARAMETER.sub(r"\1...", text)


class _TerminalFormatter(logging.Formatter):
    """A formatter that makes one line of a record: the level and the first line of its text."""

    def format(self, record: logging.LogRecord) -> str:
        first, *more = record.getMessage().splitlines() or [""]
        rest = " (more in the log file)" if more or record.exc_info else ""
        return f"{record.levelname.lower()}: {first}{rest}"


class _LateFileHandler(logging.handlers.RotatingFileHandler):
    """A handler that makes its file, and the folder, when the first line is written."""

    def _open(self) -> io.TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Ignore that the file cannot be written, because the terminal has the line."""


def _without_passwords(record: logging.LogRecord) -> bool:
    record.msg, record.args = without_password(record.getMessage()), ()
    return True


def _file_handler(folder: Path) -> logging.Handler:
    handler = _LateFileHandler(
        folder / _FILE_NAME,
        maxBytes=_FILE_BYTES,
        backupCount=_OLD_FILES,
        encoding="utf-8",
        delay=True,
        errors="backslashreplace",
    )
    handler.setFormatter(logging.Formatter(_FILE_FORMAT))
    return handler
