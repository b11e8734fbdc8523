"""Define `NewestSlot`, a place for one item that a newer item replaces."""

from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestSlot(Generic[T]):
    """A slot that holds one item.

    `put` never waits, because it replaces an item that was not taken. A slow reader thus does not
    delay the writer.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._changed = Condition()

    def put(self, item: T) -> T | None:
        """Store an item; return the item that it replaced, or None."""
        with self._changed:
            replaced, self._item = self._item, item
            self._changed.notify()
        return replaced

    def take(self, timeout: float = 0.0) -> T | None:
        """Remove and return the item; wait for an item at most `timeout` seconds.

        Return None if no item came in time or if `wake` was called.
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
