"""Child processes of this program, which end with it."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from ssd_live.errors import BackendError


def run_child(command: list[str], limit: float, alive: int | None = None) -> tuple[int, str]:
    """Exit code and what was told; `alive` is a `lifeline` shared with others. Raises
    `BackendError` past the limit, in seconds.
    """
    with contextlib.ExitStack() as stack:
        stdin = stack.enter_context(lifeline()) if alive is None else alive
        try:
            child = subprocess.run(
                command,
                stdin=stdin,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                timeout=limit,
                check=False,
                env=_environment(),
            )
        except subprocess.TimeoutExpired:
            raise BackendError(f"it gave no answer within {limit:.0f} s") from None
    return child.returncode, child.stderr


@contextlib.contextmanager
def lifeline() -> Iterator[int]:
    """The standard input of children: it ends with the block, or this process, and they with it
    (`end_with_parent`).
    """
    alive, held = os.pipe()
    try:
        yield alive
    finally:
        os.close(held)
        os.close(alive)


def end_with_parent() -> None:
    """Of the child: an engine can take minutes to build, and the window that asked for it may be
    closed by then.
    """

    def watch() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _environment() -> dict[str, str]:
    """The child finds this very package, wherever it was started from."""
    package = str(Path(__file__).resolve().parents[2])
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    }
