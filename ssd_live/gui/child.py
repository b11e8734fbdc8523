"""This program's own commands, run in a process of their own while the window goes on."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

_KILL_MS = 1000


class Child(QObject):
    """`told` is each line on its standard error; `ended` its exit code and the last line, -1 where
    it could not be started.
    """

    told = Signal(str)
    ended = Signal(int, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._rest = b""
        self._last = ""

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, words: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        """Begin; one at a time."""
        assert self._process is None
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        package = str(Path(__file__).resolve().parents[2])
        environment.insert(
            "PYTHONPATH", os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        )
        for name, value in (variables or {}).items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.setStandardOutputFile(QProcess.nullDevice())
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(lambda code, _: self._end(code))
        process.errorOccurred.connect(
            lambda error: self._end(-1) if error == QProcess.ProcessError.FailedToStart else None
        )
        self._rest, self._last = b"", ""
        entry = [] if getattr(sys, "frozen", False) else ["-P", "-m", "ssd_live"]
        process.start(sys.executable, [*entry, *words])

    def cancel(self) -> None:
        """Let it end in order."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """When the window closes."""
        if self._process is not None:
            self._process.finished.disconnect()
            self._process.terminate()
            if not self._process.waitForFinished(_KILL_MS):
                self._process.kill()
                self._process.waitForFinished(_KILL_MS)
            self._process = None

    def _read(self) -> None:
        assert self._process is not None
        data = self._rest + bytes(self._process.readAllStandardError().data())
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            if line.strip():
                self._last = line.decode("utf-8", "replace")
                self.told.emit(self._last)

    def _end(self, code: int) -> None:
        if self._process is None:
            return
        self._read()
        process, self._process = self._process, None
        process.deleteLater()
        self.ended.emit(code, self._last)
