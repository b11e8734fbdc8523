"""Run child processes that end when this program ends."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from ssd_live.errors import BackendError

# If this environment variable is set, a process is interrupted when its standard input closes.
LIFELINE_VARIABLE = "SSD_LIVE_LIFELINE"


def own_program(module: str = "ssd_live", command: str = "") -> list[str]:
    """Return the first words of a command line that runs a part of this program.

    `module` is the Python module of that part, by default the program's command line. A frozen app
    cannot run a module by its name. The words then run the app itself with `command` as its first
    argument, which selects the part. If `command` is empty, the app runs as its command line.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, *([command] if command else [])]
    # -P keeps Python from importing modules from the user's current folder.
    return [sys.executable, "-P", "-m", module]


def own_environment() -> dict[str, str]:
    """Return environment variables for a child process, so that it imports this same package."""
    package = str(Path(__file__).resolve().parents[2])
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    }


def run_child(command: list[str], limit: float, alive: int | None = None) -> tuple[int, str]:
    """Run a child process until it ends, and return its exit code and its standard error as text.

    `command` is the program and its arguments. `limit` is the time limit in seconds. `alive` is the
    file descriptor of a `lifeline` that several children share, or None to make a lifeline for this
    child. The exit code is negative if a signal ended the child. A child that reaches the time
    limit is killed, and `BackendError` is raised.
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
                env=own_environment(),
            )
        except subprocess.TimeoutExpired:
            raise BackendError(
                f"the child process did not finish within {limit:.0f} s; close other programs and "
                "try again, or choose another --backend"
            ) from None
    return child.returncode, child.stderr


@contextlib.contextmanager
def lifeline() -> Iterator[int]:
    """Make a pipe and yield its reading end, a file descriptor, as the standard input of children.

    The pipe closes when the with-block or this process ends. Child processes that have called
    `end_with_parent` then end too.
    """
    alive, held = os.pipe()
    try:
        yield alive
    finally:
        os.close(held)
        os.close(alive)


def interrupt_with_parent() -> None:
    """Start a thread that interrupts this process, as Ctrl-C does, when its standard input closes.

    Do nothing if the environment variable `LIFELINE_VARIABLE` is not set. The window sets it for
    the commands that it runs, so that it can cancel them on every system: Windows has no signal
    such as SIGTERM. The variable is removed, so that processes that this one starts do not get it.
    """
    if not os.environ.pop(LIFELINE_VARIABLE, ""):
        return
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell that starts the window in the background makes it and its children ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGINT)
        else:
            # A real signal also ends what the main thread waits for in the operating system.
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def end_with_parent() -> None:
    """Start a thread that ends this child process when its standard input, a `lifeline`, closes.

    Without this thread, a child could run on for minutes, for example to build an engine for a
    window that is already closed.
    """

    def watch() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
