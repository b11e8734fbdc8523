"""Run a command of this program in a child process, without blocking the window."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

from ssd_live.system.child_process import LIFELINE_VARIABLE, own_environment, own_program

_KILL_MS, _CANCEL_MS = 1000, 20_000


class Child(QObject):
    """An object that runs a command of this program in a child process, one at a time.

    `told` is emitted with each line of the process's standard error that is not blank. `ended` is
    emitted with the exit code and the last of these lines, or "" if there was none. The exit code
    is -1 if the process failed to start. The process also ends when this program ends or crashes.
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
        """Whether a command is running."""
        return self._process is not None

    def start(
        self,
        words: Sequence[str],
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        """Start a command in a child process, and return at once.

        `words` are the command and its arguments. `variables` are additional environment variables.
        `program` is another program than this one, with its first arguments. Call it only when no
        command is running.
        """
        assert self._process is None
        process = self._process = QProcess(self)
        environment = QProcessEnvironment()
        given = own_environment() | {LIFELINE_VARIABLE: "1"} | dict(variables or {})
        for name, value in given.items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.setStandardOutputFile(QProcess.nullDevice())
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(lambda code, _: self._end(code))
        process.errorOccurred.connect(
            lambda error: self._end(-1) if error == QProcess.ProcessError.FailedToStart else None
        )
        self._rest, self._last = b"", ""
        first, *arguments = own_program() if program is None else program
        process.start(first, [*arguments, *words])

    def cancel(self) -> None:
        """Ask the running process, if there is one, to stop, and return at once.

        The process cleans up first. If that takes very long, it is killed. `ended` is emitted when
        the process has stopped.
        """
        if self._process is not None:
            self._process.closeWriteChannel()
            QTimer.singleShot(_CANCEL_MS, self._process, self._process.kill)

    def kill(self) -> None:
        """Stop the running process, if there is one, and wait at most two seconds for its end.

        `ended` is not emitted.
        """
        if self._process is not None:
            self._process.finished.disconnect()
            self._process.closeWriteChannel()
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
