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
    """Forget all earlier signals. Call this when a command begins."""
    _seen.clear()


def note_signal(number: int) -> None:
    """Record the signal `number`, which a command has handled itself.

    Because of this, further signals are ignored while the command and the program end.
    """
    _seen.append(number)


def signal_came() -> bool:
    """Return whether a signal came since the program or its current command began."""
    return bool(_seen)


def first_interrupts(number: int, frame: FrameType | None) -> None:
    """Handle a signal outside of commands: raise `KeyboardInterrupt`, or ignore the signal.

    It is ignored if `signal_came()` is already true.
    """
    if not _seen:
        _seen.append(number)
        signal.default_int_handler(number, frame)


@contextmanager
def cancelled_at_once(line: str) -> Iterator[None]:
    """Raise `CancelledError` with the text `line` on Ctrl-C, SIGTERM or SIGHUP in the with-block.

    Inner with-blocks then end as after any exception, so that they remove their temporary files and
    end their child processes. If they take more than ten seconds, the process ends at once. A
    signal is ignored if `signal_came()` is already true, for example because `ends_in_order`
    handled an earlier one.
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
        # The library of the command line may end a command that was interrupted by itself.
        if last_resort.is_running:
            raise CancelledError(line)
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
    """A timer that ends this process if aborted work has not ended ten seconds after `start`.

    Outputs that are not complete then stay behind as part files.
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
