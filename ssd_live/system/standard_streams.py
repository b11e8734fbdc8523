"""The standard input and output as places for data, which the user names `-`."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

STREAM = "-"
_INPUT, _OUTPUT = 0, 1
_POLL_SECONDS = 0.1
# These names stand for the streams where a path is needed. They are also what error messages show.
STANDARD_INPUT = Path("<standard input>")
STANDARD_OUTPUT = Path("<standard output>")


def is_standard_output(path: Path) -> bool:
    """Return whether a path that the user gave stands for the standard output."""
    return str(path) == STREAM or path == STANDARD_OUTPUT


@contextlib.contextmanager
def text_to_stderr() -> Iterator[None]:
    """Send what is printed in the with-block to stderr, so that stdout has nothing but data."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


class StandardInput:
    """The standard input as a file for reading bytes, which `stop` ends.

    A read that waits for data in the operating system could not be ended otherwise. On Windows,
    `stop` takes effect when the next data come.
    """

    _is_stopped = False

    @classmethod
    def stop(cls) -> None:
        """Let all reads return no bytes from now on, as at the end of the input.

        A signal handler may call it.
        """
        cls._is_stopped = True

    def read(self, size: int) -> bytes:
        """Wait for data, and return at most `size` bytes; b"" is the end."""
        while not self._is_stopped:
            if sys.platform == "win32" or select.select([_INPUT], [], [], _POLL_SECONDS)[0]:
                return os.read(_INPUT, size)
        return b""


def data_output() -> IO[bytes]:
    """Return a stream of bytes to the standard output. Closing it leaves the output open."""
    return open(_OUTPUT, "wb", closefd=False)


def text_output() -> IO[str]:
    """Return a stream of lines to the standard output, in UTF-8; each line goes out at once.

    Closing it leaves the output open.
    """
    return open(_OUTPUT, "w", encoding="utf-8", newline="\n", buffering=1, closefd=False)
