"""Handle the signals that end a command: Ctrl-C, SIGTERM, and the end of the terminal (SIGHUP)."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ssd_live.commands.progress import notify
from ssd_live.errors import CancelledError
from ssd_live.system.signals import on_signals

# The terminal sends Ctrl-C to this program and to its launcher, and the launcher may send it here
# once more. Two signals within this time count as one.
SAME_SECONDS = 1.0
# Work that was aborted and has not ended after this time never ends.
HARD_SECONDS = 10.0
_EXIT_INTERRUPTED = 130
# The signals that came since the program, or a command of it, began.
_seen: list[int] = []


def forget_signals() -> None:
    """Forget the signals that came, because another command begins."""
    _seen.clear()


def note_signal(number: int) -> None:
    """Note that a command has handled a signal, so that further ones are ignored at its end."""
    _seen.append(number)


def signal_came() -> bool:
    """Return whether a signal came since the program, or a command of it, began."""
    return bool(_seen)


def first_interrupts(number: int, frame: FrameType | None) -> None:
    """Handle a signal outside of commands: raise `KeyboardInterrupt`, unless one came before."""
    if not _seen:
        _seen.append(number)
        signal.default_int_handler(number, frame)


@contextmanager
def cancelled_at_once(line: str) -> Iterator[None]:
    """Raise `CancelledError` with the text `line` on Ctrl-C, SIGTERM or SIGHUP in the with-block.

    Open with-blocks inside then end as after any exception, so that they remove their temporary
    files and end their child processes. Further signals are ignored meanwhile, and so are signals
    after one that `ends_in_order` handled. If this takes more than ten seconds, the process ends at
    once.
    """
    last_resort = _LastResort()

    def interrupted(number: int, frame: FrameType | None) -> None:
        if not _seen:
            _seen.append(number)
            last_resort.start()
            signal.default_int_handler(number, frame)

    try:
        with on_signals(interrupted):
            yield
    except KeyboardInterrupt:
        raise CancelledError(line) from None
    finally:
        last_resort.cancel()


@contextmanager
def ends_in_order(
    stop: Callable[[], None], line: str, abort: Callable[[], None] | None = None
) -> Iterator[None]:
    """Call `stop` and print `line` on the first Ctrl-C, SIGTERM or SIGHUP inside the with-block.

    `stop` asks the work to end in order. Another signal, at least one second later, calls `abort`,
    which asks the work to end at once; without `abort` it raises `KeyboardInterrupt`. Further
    signals are ignored. If the work has not ended ten seconds after the second signal, the process
    ends at once. Neither function may wait, because a signal may come at any moment.
    """
    first: list[float] = []
    last_resort = _LastResort()

    def interrupted(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not first:
            first.append(now)
            _seen.append(number)
            stop()
            # After SIGHUP there is no terminal to print to.
            with contextlib.suppress(OSError):
                notify(f"{line} (press Ctrl-C again to stop at once)")
        elif now - first[0] >= SAME_SECONDS and not last_resort.is_running:
            last_resort.start()
            if abort is None:
                signal.default_int_handler(number, frame)
            else:
                abort()

    try:
        with on_signals(interrupted):
            yield
    finally:
        last_resort.cancel()


class _LastResort:
    """A timer that ends this process, in case that aborted work does not end.

    What is written then stays under the names of part files.
    """

    def __init__(self) -> None:
        self._timer = threading.Timer(HARD_SECONDS, os._exit, (_EXIT_INTERRUPTED,))
        self._timer.daemon = True
        self.is_running = False

    def start(self) -> None:
        self.is_running = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()
