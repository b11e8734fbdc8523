"""Handle Ctrl-C and SIGTERM: cancel a command at once, or finish the current step first."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ssd_live.commands.progress import notify
from ssd_live.errors import CancelledError

# The terminal sends Ctrl-C to this program and to its launcher, and the launcher may send it here
# once more. Two signals within this time count as one.
_SAME_SECONDS = 1.0


@contextmanager
def cancelled_at_once(line: str) -> Iterator[None]:
    """Raise `CancelledError` with the message `line` on Ctrl-C or SIGTERM inside the with-block.

    Open with-blocks inside then end as after any exception, so that they remove their temporary
    files and end their child processes.
    """
    earlier = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise CancelledError(line) from None
    finally:
        signal.signal(signal.SIGTERM, earlier)


@contextmanager
def ends_in_order(stop: Callable[[], None], line: str) -> Iterator[None]:
    """Print `line` and call `stop` on the first Ctrl-C or SIGTERM inside the with-block.

    `stop` asks the work to end in order. Another signal, at least one second later, raises
    `KeyboardInterrupt`.
    """
    first: list[float] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not first:
            first.append(now)
            notify(f"{line} (press Ctrl-C again to stop at once)")
            stop()
        elif now - first[0] >= _SAME_SECONDS:
            signal.default_int_handler(number, frame)

    earlier = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    for name in earlier:
        signal.signal(name, interrupted)
    try:
        yield
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)
