"""Read and write the index beside the window, so that the window stays smooth."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from ssd_live.index.database import Index

Result = TypeVar("Result")
_CLOSE_SECONDS = 2.0


class IndexThread(QObject):
    """A thread that does jobs with the index in the file `path`, one after the other.

    The index is opened with the first job, so that a program that does not search has no cost.
    `failed` is emitted with a line for the user if a job fails, and `noted` with one about the
    index itself.
    """

    failed = Signal(str)
    noted = Signal(str)
    _done = Signal(object, object)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._jobs: queue.Queue[tuple[Callable[[Index], Any], Callable[[Any], None]] | None]
        self._jobs = queue.Queue()
        self._thread: threading.Thread | None = None
        self._done.connect(lambda done, result: done(result), Qt.ConnectionType.QueuedConnection)

    def run(self, job: Callable[[Index], Result], done: Callable[[Result], None]) -> None:
        """Do a job in the thread, and call `done` with its result in the thread of the window."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="search", daemon=True)
            self._thread.start()
        self._jobs.put((job, done))

    @property
    def is_idle(self) -> bool:
        """Whether no job waits."""
        return self._jobs.empty()

    def close(self) -> None:
        """End the thread after the jobs that wait, and wait at most two seconds for that."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        index: Index | None = None
        while (work := self._jobs.get()) is not None:
            job, done = work
            try:
                if index is None:
                    index = Index(self._path)
                    for note in index.notes:
                        self.noted.emit(note)
                self._done.emit(done, job(index))
            except Exception as error:  # the jobs after it must be done
                self.failed.emit(str(error))
        if index is not None:
            index.close()
