"""Ctrl-C and SIGTERM: the first ends in order, the second at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ssd_live.commands.progress import notify


@contextmanager
def ends_in_order(stop: Callable[[], None], line: str) -> Iterator[None]:
    """The first interrupt says `line` and calls `stop`; the second is an ordinary one."""

    def first(number: int, frame: object) -> None:
        notify(f"{line} (once more to stop at once)")
        for name in earlier:
            signal.signal(name, signal.default_int_handler)
        stop()

    earlier = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    for name in earlier:
        signal.signal(name, first)
    try:
        yield
    finally:
        for name, handler in earlier.items():
            signal.signal(name, handler)
