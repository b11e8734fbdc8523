"""Read and write the index beside the window."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ssd_live.gui.jobs import Jobs, Result
from ssd_live.index.database import Index


class IndexThread(Jobs):
    """A thread that does jobs with the index in the file `path`.

    The index is opened with the first job, so that a program that does not search has no cost.
    `noted` is emitted with a line for the user about the index itself.
    """

    noted = Signal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__("search", parent)
        self._path = path
        self._index: Index | None = None

    def run(self, job: Callable[[Index], Result], done: Callable[[Result], None]) -> None:
        """Do a job with the index; see `do`."""
        self.do(lambda: job(self._opened()), done)

    def _opened(self) -> Index:
        if self._index is None:
            self._index = Index(self._path)
            for note in self._index.notes:
                self.noted.emit(note)
        return self._index

    def _end(self) -> None:
        if self._index is not None:
            self._index.close()
