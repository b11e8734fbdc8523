"""The current file through `process`, in a process of its own, with progress and cancel."""

import json
import os
import sys
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

_CANCEL_MS = 4000


class Export(QObject):
    """`advanced` tells frames done and expected (0: unknown); `ended` the output and a line of trouble, empty if all went well."""

    advanced = Signal(int, int)
    ended = Signal(str, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._output = ""
        self._lines: list[str] = []
        self._rest = b""

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, source: Path, output: Path, options: list[str]) -> None:
        """Begin; one at a time."""
        assert self._process is None
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        package = str(Path(__file__).resolve().parents[2])
        environment.insert("PYTHONPATH", os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])))
        environment.insert("SSD_LIVE_PROGRESS", "json")
        process.setProcessEnvironment(environment)
        process.setStandardOutputFile(QProcess.nullDevice())
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(lambda code, _: self._end(code))
        process.errorOccurred.connect(lambda error: self._end(-1) if error == QProcess.ProcessError.FailedToStart else None)
        self._output, self._lines, self._rest = str(output), [], b""
        entry = [] if getattr(sys, "frozen", False) else ["-P", "-m", "ssd_live"]
        process.start(sys.executable, [*entry, "process", str(source), "-o", str(output), "--overwrite", *options])

    def cancel(self) -> None:
        """Let it end in order; what is done stays as a `.part` file."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """When the window closes."""
        if self._process is not None:
            self._process.finished.disconnect()
            self._process.terminate()
            if not self._process.waitForFinished(_CANCEL_MS // 4):
                self._process.kill()
                self._process.waitForFinished(_CANCEL_MS // 4)
            self._process = None

    def _read(self) -> None:
        assert self._process is not None
        data = self._rest + bytes(self._process.readAllStandardError().data())
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            if line.startswith(b'{"progress"'):
                done, total = json.loads(line)["progress"]
                self.advanced.emit(done, total or 0)
            elif line.strip():
                self._lines.append(line.decode("utf-8", "replace"))

    def _end(self, code: int) -> None:
        if self._process is None:
            return
        self._read()
        process, self._process = self._process, None
        process.deleteLater()
        trouble = "" if code == 0 else next(reversed(self._lines), f"process ended with code {code}").removeprefix("error: ")
        self.ended.emit(self._output, trouble)
