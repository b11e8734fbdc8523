"""Define `BoundedQueue`, a queue of limited weight that writer and reader can close."""

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueClosedError(Exception):
    """The queue was closed because another stage failed."""


class BoundedQueue(Generic[T]):
    """A first-in, first-out queue with a limit on the total weight of its items.

    `put` waits while the new item would raise the total weight above `capacity`. An item of weight
    0 (a sound packet) never waits, so that only large items are limited. An item heavier than
    `capacity` waits until no other weight is in the queue. `is_awaited` is true while the reader
    waits for an item or has not started yet.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._finished = False
        self.is_closed = False
        self.is_awaited = True
        self._changed = Condition()

    def put(self, item: T, weight: int = 1) -> None:
        """Wait until there is room, and add an item of this weight.

        Raises `QueueClosedError` if the queue is closed.
        """
        with self._changed:
            while (
                not self.is_closed
                and weight
                and self._weight
                and self._weight + weight > self._capacity
            ):
                self._changed.wait()
            if self.is_closed:
                raise QueueClosedError
            self._items.append((item, weight))
            self._weight += weight
            self._changed.notify_all()

    def finish(self) -> None:
        """Declare that no more items will come; iteration ends when the queue is empty."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Discard all items; every waiting `put` and read raises `QueueClosedError`."""
        with self._changed:
            self.is_closed = True
            self._items.clear()
            self._changed.notify_all()

    def take(self, seconds: float | None = None) -> T | None:
        """Wait for the next item, at most `seconds` if given; remove and return the item.

        Return None if time is up, or if `finish` was called and the queue is empty. Raises
        `QueueClosedError` if the queue is closed.
        """
        with self._changed:
            self.is_awaited = not self._items
            self._changed.wait_for(lambda: self._items or self._finished or self.is_closed, seconds)
            self.is_awaited = False
            if self.is_closed:
                raise QueueClosedError
            if not self._items:
                return None
            item, weight = self._items.popleft()
            self._weight -= weight
            self._changed.notify_all()
            return item

    def __iter__(self) -> Iterator[T]:
        """Yield the items until `finish` was called and the queue is empty.

        Raises `QueueClosedError` if the queue is closed.
        """
        while (item := self.take()) is not None:
            yield item
