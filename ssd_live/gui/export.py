"""Run the command `process` on a video file in a child process, for the window."""

import json
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ssd_live.gui.child import Child

_EXIT_CANCELLED = 130


class Export(QObject):
    """An object that writes annotated copies of video files, one at a time, in a child process.

    `advanced` is emitted with the number of frames done and the number expected (0 if unknown).
    `ended` is emitted with the output path, an error message (empty on success), and whether the
    user cancelled the export.
    """

    advanced = Signal(int, int)
    ended = Signal(str, str, bool)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._child = Child(self)
        self._child.told.connect(self._hear)
        self._child.ended.connect(self._end)
        self._output = self._last_line = ""

    @property
    def is_running(self) -> bool:
        """Whether an export is running."""
        return self._child.is_running

    def start(self, source: Path, output: Path, options: list[str]) -> None:
        """Start to write an annotated copy of `source` to `output`, and return at once.

        `options` are more arguments for the command `process`. If `output` exists, it is
        overwritten. Call this method only when no export is running.
        """
        self._output, self._last_line = str(output), ""
        self._child.start(
            ["process", str(source), "-o", str(output), "--overwrite", *options],
            {"SSD_LIVE_PROGRESS": "json"},
        )

    def cancel(self) -> None:
        """Ask the running export, if there is one, to stop, and return at once.

        The frames that are already written stay in a file `NAME.part.EXT` beside the output.
        """
        self._child.cancel()

    def kill(self) -> None:
        """Stop the running export, if there is one, and wait at most two seconds for its end.

        The window calls this when it closes. `ended` is not emitted.
        """
        self._child.kill()

    def _hear(self, line: str) -> None:
        if line.startswith('{"progress"'):
            done, total = json.loads(line)["progress"]
            self.advanced.emit(done, total or 0)
        else:
            self._last_line = line

    def _end(self, code: int, _: str) -> None:
        message = (
            ""
            if code == 0
            else (
                self._last_line or f"the export failed with exit code {code}; try again"
            ).removeprefix("error: ")
        )
        self.ended.emit(self._output, message, code == _EXIT_CANCELLED)
