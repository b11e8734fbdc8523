"""Handle Ctrl-C and SIGTERM: the first one stops in order, the second one at once."""

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

    The exception makes sure that temporary files are removed and child processes end.
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
    """On the first Ctrl-C or SIGTERM inside the with-block, print `line` and call `stop`.

    The second one raises `KeyboardInterrupt`.
    """
    first: list[float] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not first:
            first.append(now)
            notify(f"{line} (once more to stop at once)")
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
