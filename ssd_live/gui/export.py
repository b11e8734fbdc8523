"""The current file through `process`, with progress and cancel."""

import json
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ssd_live.gui.child import Child


class Export(QObject):
    """`advanced` tells frames done and expected (0: unknown); `ended` the output and a line of
    trouble, empty if all went well.
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
        return self._child.is_running

    def start(self, source: Path, output: Path, options: list[str]) -> None:
        """Begin; one at a time."""
        self._output, self._trouble = str(output), ""
        self._child.start(
            ["process", str(source), "-o", str(output), "--overwrite", *options],
            {"SSD_LIVE_PROGRESS": "json"},
        )

    def cancel(self) -> None:
        """Let it end in order; what is done stays as a `.part` file."""
        self._child.cancel()

    def kill(self) -> None:
        """When the window closes."""
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
            else (self._trouble or f"process ended with code {code}").removeprefix("error: ")
        )
        self.ended.emit(self._output, trouble)
