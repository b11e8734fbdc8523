"""A thread that owns what may be touched by one thread alone."""

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from ssd_live.errors import BackendError

T = TypeVar("T")
_END_SECONDS = 5.0


class DeviceThread:
    """Does what it is told, in order. A daemon: a GPU that never answers cannot keep the program
    from ending.
    """

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], T]) -> "Future[T]":
        """What comes of `work`; a `BackendError` once the thread was ended."""
        future: Future[T] = Future()
        with self._lock:
            if self._ended:
                future.set_exception(BackendError("the backend is closed already"))
            else:
                self._work.put((future, work))
        return future

    def end(self) -> bool:
        """After what was asked before; whether it ended within some seconds."""
        with self._lock:
            self._ended = True
            self._work.put(None)
        self._thread.join(_END_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, work = item
            try:
                future.set_result(work())
            except BaseException as error:
                clear_traceback_frames(error)
                future.set_exception(error)
            # Nothing of it is held while waiting for the next.
            del item, future, work


def clear_traceback_frames(error: BaseException | None) -> None:
    """Clear the frames of a failure: it is caught by another thread, which would free what they
    hold, and too late.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
