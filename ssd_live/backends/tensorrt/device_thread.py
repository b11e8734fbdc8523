"""Run work in a thread of its own, for objects that only one thread may use."""

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from ssd_live.errors import BackendError

T = TypeVar("T")
# How long `end` waits for the thread.
END_SECONDS = 5.0


class DeviceThread:
    """A thread that runs the functions passed to `call`, one after the other.

    It is a daemon thread, so that a GPU that never responds cannot keep the program from exiting.
    """

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], T]) -> "Future[T]":
        """Queue `work` for the thread and return the future of its result.

        The future raises `BackendError` if `end` was called before.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._ended:
                future.set_exception(
                    BackendError("the backend is already closed; load the model again")
                )
            else:
                self._work.put((future, work))
        return future

    def end(self) -> bool:
        """End the thread after it has run all functions that were passed to `call`.

        Wait at most five seconds, and return whether the thread has ended.
        """
        with self._lock:
            self._ended = True
            self._work.put(None)
        self._thread.join(END_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, work = item
            try:
                future.set_result(work())
            except BaseException as error:
                clear_traceback_frames(error)
                future.set_exception(error)
            # Free the finished call before waiting for the next one.
            del item, future, work


def clear_traceback_frames(error: BaseException | None) -> None:
    """Clear the local variables in the traceback of an error and of its causes.

    Call this before the error is passed to another thread. Otherwise the objects in these variables
    live as long as the error, and the other thread would free them. Objects of the GPU may only be
    freed in the thread that opened the GPU.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
