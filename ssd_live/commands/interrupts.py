"""Ctrl-C and SIGTERM: the first ends in order, the second at once."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ssd_live.commands.progress import notify
from ssd_live.errors import CancelledError

# A launcher passes on the Ctrl-C that the terminal sent to all: that is one, not two.
_SAME_SECONDS = 1.0


@contextmanager
def cancelled_at_once(line: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM alike raise `CancelledError` with the line, so that temporary files and
    child processes go.
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
    """The first interrupt says `line` and calls `stop`; the second is an ordinary one."""
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
