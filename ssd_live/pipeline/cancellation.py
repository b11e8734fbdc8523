"""Define `Cancellation`, a request to end work early that all parts of the work share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancellation:
    """A request to end work early, which all parts of the work share.

    The work goes on until `stop` or `abort` is called. After `stop`, the work reads no more input
    and finishes what it has read. After `abort`, the work ends at once, and what is not finished is
    lost. Any thread and any signal handler may call both methods.
    """

    def __init__(self) -> None:
        self._is_stopped = self._is_aborted = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` or `abort` was called."""
        return self._is_stopped

    @property
    def is_aborted(self) -> bool:
        """Whether `abort` was called."""
        return self._is_aborted

    def stop(self) -> None:
        """Ask the work to read no more input, finish what it has read, and end."""
        self._is_stopped = True
        self._call_all()

    def abort(self) -> None:
        """Ask the work to end at once, without finishing what it has read."""
        self._is_stopped = self._is_aborted = True
        self._call_all()

    @contextmanager
    def calls(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` whenever `stop` or `abort` is called during the with-block.

        If one of them was called earlier, `callback` is also called at the beginning of the block.
        `callback` must not wait, and a call at any moment must be safe, because a signal handler
        may call it.
        """
        self._callbacks.append(callback)
        try:
            if self._is_stopped:
                callback()
            yield
        finally:
            self._callbacks.remove(callback)

    def _call_all(self) -> None:
        for callback in tuple(self._callbacks):
            callback()
