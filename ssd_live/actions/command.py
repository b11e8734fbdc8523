"""Run programs when events happen."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from ssd_live.closing import Closing

LONGEST_SECONDS = 60.0
# So many programs may run at once, so that one that hangs does not fill the machine.
_MOST_AT_ONCE = 8


class CommandRunner(Closing):
    """Runs programs, each for 60 s at most and eight at once.

    `notify` gets a line of text when a program cannot be run, fails, or is ended. `close` ends the
    programs that still run after two seconds.
    """

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, subprocess.Popen[bytes]] = {}

    def run(
        self, name: str, words: Sequence[str], data: bytes, variables: Mapping[str, str]
    ) -> None:
        """Start a program and return at once. `name` stands for it in messages.

        `words` are its path and its arguments. It gets `data` on its standard input, and
        `variables` in its environment. What it prints is discarded.
        """
        with self._lock:
            if len(self._running) >= _MOST_AT_ONCE:
                self._notify(f"{name}: {_MOST_AT_ONCE} commands run already; this one is left out")
                return
            try:
                process = subprocess.Popen(
                    list(words),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, **variables},
                    # Ctrl-C in the terminal is meant for this program alone.
                    start_new_session=True,
                )
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                self._notify(f"{name}: {words[0]} cannot be run ({reason})")
                return
            thread = threading.Thread(
                target=self._wait, args=(name, process, data), name="command", daemon=True
            )
            self._running[thread] = process
            thread.start()

    def close(self) -> None:
        """End what still runs after two seconds."""
        with self._lock:
            running = dict(self._running)
        for thread in running:
            thread.join(2.0 / len(running))
        for thread, process in running.items():
            if thread.is_alive():
                _kill(process)
                thread.join(1.0)

    def _wait(self, name: str, process: "subprocess.Popen[bytes]", data: bytes) -> None:
        try:
            process.communicate(data, LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.communicate()
            self._notify(f"{name}: was ended, because it ran for over {LONGEST_SECONDS:.0f} s")
        else:
            if process.returncode:
                self._notify(f"{name}: failed with the exit code {process.returncode}")
        with self._lock:
            self._running.pop(threading.current_thread(), None)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a program, and on Linux and macOS all programs that it has started."""
    if sys.platform == "win32":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
