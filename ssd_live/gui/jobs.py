"""Do work beside the window, one job after the other, so that the window stays smooth."""

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

Result = TypeVar("Result")
_CLOSE_SECONDS = 2.0


class Jobs(QObject):
    """A thread, named `name`, that does jobs. It begins with the first one.

    `failed` is emitted with a line for the user if a job fails. Nothing is called or emitted any
    more after `close`.
    """

    failed = Signal(str)
    _done = Signal(object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._jobs: queue.Queue[tuple[Callable[[], Any], Callable[[Any], None]] | None]
        self._jobs = queue.Queue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._done.connect(self._finish, Qt.ConnectionType.QueuedConnection)

    def do(self, job: Callable[[], Result], done: Callable[[Result], None]) -> None:
        """Do a job in the thread, and call `done` with its result in the thread of the window."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put((job, done))

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """End the thread after the jobs that wait, and wait at most so long for that."""
        self._is_closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(seconds)

    def _finish(self, done: Callable[[Any], None], result: object) -> None:
        if not self._is_closed:
            done(result)

    def _run(self) -> None:
        while (work := self._jobs.get()) is not None:
            job, done = work
            try:
                self._done.emit(done, job())
            except Exception as error:  # the jobs after it must be done
                if not self._is_closed:
                    self.failed.emit(str(error))
        self._end()

    def _end(self) -> None:
        """Free what the jobs used, in the thread."""
