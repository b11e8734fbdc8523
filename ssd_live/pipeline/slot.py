"""A place for one item, where the newest wins."""

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestSlot(Generic[T]):
    """Holds one item. `put` never waits: it replaces what nobody took, so a slow reader makes no
    writer late.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._changed = Condition()

    def put(self, item: T) -> T | None:
        """Leave an item; gives back the one that it replaced, if any."""
        with self._changed:
            replaced, self._item = self._item, item
            self._changed.notify()
        return replaced

    def take(self, timeout: float = 0.0) -> T | None:
        """The item, waiting at most `timeout` seconds for one; None if there is none or `wake` was
        called.
        """
        with self._changed:
            if self._item is None and timeout > 0:
                self._changed.wait(timeout)
            item, self._item = self._item, None
        return item

    def wake(self) -> None:
        """Let a waiting `take` return at once."""
        with self._changed:
            self._changed.notify_all()
