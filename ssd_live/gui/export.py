"""Runs the command `process` on the current file, with progress and cancelling."""

import json
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ssd_live.gui.child import Child


class Export(QObject):
    """An export of a video file, one at a time.

    `advanced` is emitted with the number of frames done and the number expected (0 if unknown).
    `ended` is emitted with the output path and an error message, which is empty on success.
    """

    advanced = Signal(int, int)
    ended = Signal(str, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._child = Child(self)
        self._child.told.connect(self._hear)
        self._child.ended.connect(self._end)
        self._output = self._trouble = ""

    @property
    def is_running(self) -> bool:
        """Whether an export is running."""
        return self._child.is_running

    def start(self, source: Path, output: Path, options: list[str]) -> None:
        """Export `source` to `output`, with more options for the command `process`.

        An existing output is overwritten. No other export may be running.
        """
        self._output, self._trouble = str(output), ""
        self._child.start(
            ["process", str(source), "-o", str(output), "--overwrite", *options],
            {"SSD_LIVE_PROGRESS": "json"},
        )

    def cancel(self) -> None:
        """Ask the export to stop; the frames already written stay in a `.part` file."""
        self._child.cancel()

    def kill(self) -> None:
        """Stop the export and wait for its end, when the window closes."""
        self._child.kill()

    def _hear(self, line: str) -> None:
        if line.startswith('{"progress"'):
            done, total = json.loads(line)["progress"]
            self.advanced.emit(done, total or 0)
        else:
            self._trouble = line

    def _end(self, code: int, _: str) -> None:
        trouble = (
            ""
            if code == 0
            else (self._trouble or f"export failed with exit code {code}").removeprefix("error: ")
        )
        self.ended.emit(self._output, trouble)
