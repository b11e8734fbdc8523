"""A bounded queue that can be closed from either end."""

from collections import deque
from collections.abc import Iterator
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class QueueClosedError(Exception):
    """The queue was torn down because another stage failed."""


class BoundedQueue(Generic[T]):
    """First in, first out. `put` waits while items of a total weight of `capacity` are inside.

    An item that weighs nothing (a sound packet, say) never waits, so the bound is on what is large;
    one that weighs more than that waits until nothing is inside. `is_awaited` says, to whoever
    fills it, that its reader waits, or did not yet begin.
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
        """Raises `QueueClosedError`."""
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
        """Nothing more will be put; readers end once it is empty."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Throw away what is inside; every waiting `put` and read raises `QueueClosedError`."""
        with self._changed:
            self.is_closed = True
            self._items.clear()
            self._changed.notify_all()

    def take(self, seconds: float | None = None) -> T | None:
        """The next item; None once `finish` was called and all is taken, or where none came within
        so many seconds. Raises `QueueClosedError`.
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
        """Items until `finish`. Raises `QueueClosedError`."""
        while (item := self.take()) is not None:
            yield item
