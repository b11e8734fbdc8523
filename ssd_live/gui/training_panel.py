"""The part of a project's window that trains, and shows how it goes."""

import importlib
import json

from PySide6.QtCore import QLocale, QTimer, Signal
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget

from ssd_live.errors import SsdLiveError
from ssd_live.gui.busy_bar import BusyBar
from ssd_live.gui.child import Child
from ssd_live.gui.jobs import Jobs
from ssd_live.gui.training_chart import TrainingChart
from ssd_live.project.snapshot import snapshot_of, write_snapshot
from ssd_live.project.store import Project
from ssd_live.project.training_log import training_log
from ssd_live.project.training_packages import can_train, download_size, install_command

_PAUSED_CODE = 130
_FRESH_MS = 1500
_VARIABLES = {"SSD_LIVE_PROGRESS": "json"}


class TrainingPanel(QWidget):
    """Buttons that train a detector on `project`, and what is known of the training.

    The work is done by commands in a child process. `said` is emitted with a line for the user,
    and `trained` when there is a new version.
    """

    said = Signal(str)
    trained = Signal()

    def __init__(self, project: Project, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._child = Child(self)
        self._child.told.connect(self._told)
        self._child.ended.connect(self._child_ended)
        self._jobs = Jobs("size of PyTorch", self)
        # Whether a training has only just been started.
        self._is_fresh = False
        # Whether pip is asked how large PyTorch is.
        self._is_asking = False
        # What the child does: "train", "finish" or "install".
        self._then = ""
        self._train = QPushButton(self.tr("Train"))
        self._train.clicked.connect(self._toggle_training)
        self._finish = QPushButton(self.tr("Keep what is learned"))
        self._finish.clicked.connect(lambda: self._start_training("--finish"))
        self._bar, self._left = BusyBar(), QLabel()
        self._bar.setTextVisible(False)
        self._left.setWordWrap(True)
        self._chart = TrainingChart()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._train, self._finish, self._bar, self._left, self._chart):
            layout.addWidget(widget)
        self._show_state()
        self._chart.show_rows(training_log(project.folder))

    @property
    def is_running(self) -> bool:
        """Whether a training or another command runs."""
        return self._child.is_running

    def may_close(self) -> bool:
        """Return whether the panel may be closed; while a command runs, ask the user."""
        if not self._child.is_running:
            return True
        if self._then == "install":
            question = self.tr(
                "PyTorch is being installed. If you close the window now, it may be there only in "
                "part and has to be installed again. Close the window?"
            )
        else:
            question = self.tr(
                "A training is running. It pauses if you close the window, and goes on when you "
                "want it. Close the window?"
            )
        no = QMessageBox.StandardButton.No
        answer = QMessageBox.question(self, self.tr("Close the window"), question, defaultButton=no)
        return answer == QMessageBox.StandardButton.Yes

    def close_panel(self) -> None:
        """End a training; it goes on from its last checkpoint later."""
        self._child.kill()
        self._jobs.close()

    def _show_state(self) -> None:
        runs = self._child.is_running
        is_training = runs and self._then == "train"
        self._train.setText(self.tr("Pause") if is_training else self.tr("Train"))
        self._train.setToolTip(
            self.tr("Interrupt the training; it goes on later, also after the window was closed")
            if is_training
            else self.tr("Learn from all labelled images; labelling can go on")
        )
        may_press = is_training and not self._is_fresh
        self._train.setEnabled((may_press or not runs) and not self._is_asking)
        is_paused = not runs and (self._project.folder / "training" / "last.pt").is_file()
        if is_paused:
            self._train.setText(self.tr("Go on with the training"))
        self._finish.setVisible(is_paused)
        for widget in (self._bar, self._left):
            widget.setVisible(runs)

    def _toggle_training(self) -> None:
        if self._child.is_running:
            self.said.emit(self.tr("Pausing …"))
            self._child.cancel()
        else:
            self._start_training()

    def _start_training(self, *more: str) -> None:
        if not can_train():
            self._offer_packages()
            return
        folder = self._project.folder
        path = folder / "training" / "snapshot.json"
        try:
            write_snapshot(snapshot_of(self._project), path)
        except SsdLiveError as error:
            self.said.emit(str(error))
            return
        self.said.emit("")
        self._then = "finish" if more else "train"
        words = ["project", "train", str(folder), "--snapshot", str(path), *more]
        self._child.start(words, _VARIABLES)
        self._wait_for(self.tr("Preparing …"))
        # A double click must not pause what it began.
        self._is_fresh = True
        QTimer.singleShot(_FRESH_MS, self, self._ripen)
        self._show_state()

    def _ripen(self) -> None:
        self._is_fresh = False
        self._show_state()

    def _wait_for(self, text: str) -> None:
        """Show what is done, for how long nobody knows."""
        self._bar.setRange(0, 0)
        self._left.setText(text)

    def _told(self, line: str) -> None:
        """Show the progress that the training tells, and what it says besides."""
        try:
            done = json.loads(line)["training"]
            step, steps, left = done["step"], done["steps"], done["seconds_left"]
        except (ValueError, KeyError, TypeError):
            if self._then == "install" or line.startswith(("note:", "error:")):
                self.said.emit(line)
            return
        self._bar.setRange(0, steps)
        self._bar.setValue(step)
        text = self.tr("Step {step} of {steps} · {minutes}:{seconds} left")
        minutes, seconds = divmod(left, 60)
        self._left.setText(
            text.format(step=step, steps=steps, minutes=minutes, seconds=f"{seconds:02}")
        )
        if step == steps:
            self._wait_for(self.tr("Judging what was learned …"))
        self._chart.show_rows(training_log(self._project.folder), steps)

    def _offer_packages(self) -> None:
        """Ask how large PyTorch is, and then whether it is to be installed."""
        command = install_command()
        if command is None:
            self.said.emit(self.tr("Training needs PyTorch, which cannot be installed from here"))
            return
        self._is_asking = True
        self._show_state()
        self.said.emit(self.tr("Asking pip how large PyTorch is …"))
        self._jobs.do(lambda: download_size(command), lambda size: self._ask(command, size))

    def _ask(self, command: list[str], size: int | None) -> None:
        """Ask whether to install what a training needs, and do so."""
        self._is_asking = False
        self.said.emit("")
        if size is None:
            how_large = self.tr("some hundred MB, or several GB with the libraries for NVIDIA GPUs")
        else:
            how_large = QLocale().formattedDataSize(
                size, 1, QLocale.DataSizeFormat.DataSizeTraditionalFormat
            )
        question = self.tr(
            "Training needs PyTorch, which is not installed. pip downloads it from your package "
            "index: {size}. Install it now?"
        ).format(size=how_large)
        answer = QMessageBox.question(self, self.tr("Install PyTorch"), question)
        if answer == QMessageBox.StandardButton.Yes:
            self._then = "install"
            self.said.emit(self.tr("Installing PyTorch …"))
            self._child.start((), program=command)
            self._wait_for(self.tr("Installing PyTorch …"))
        self._show_state()

    def _child_ended(self, code: int, last: str) -> None:
        then, self._then = self._then, ""
        if code == 0 and then == "install":
            importlib.invalidate_caches()
            self._start_training()
        elif code == 0:
            self.said.emit(self.tr("A new version is there"))
            self._chart.show_rows(())
            self.trained.emit()
        elif code == _PAUSED_CODE:
            self.said.emit(self.tr("The training is paused"))
        else:
            self.said.emit(last or self.tr("The command could not be started"))
        self._show_state()
