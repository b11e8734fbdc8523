"""The part of a project's window that trains, and puts what was learned into use."""

import importlib

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget

from ssd_live.errors import SsdLiveError
from ssd_live.gui.child import Child
from ssd_live.project.snapshot import snapshot_of, write_snapshot
from ssd_live.project.store import Project
from ssd_live.project.training_packages import can_train, install_command
from ssd_live.project.versions import active_version, versions_of


class TrainingPanel(QWidget):
    """Buttons that train a detector on `project`, and put its versions into use.

    The work is done by commands in a child process. `said` is emitted with a line for the user,
    and `used` with the name of the model when a version was put into use, or with "" when none is
    in use any more.
    """

    said = Signal(str)
    used = Signal(str)

    def __init__(self, project: Project, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._child = Child(self)
        self._child.told.connect(self.said)
        self._child.ended.connect(self._child_ended)
        # What the child does: "train", "install", "use" or "undo".
        self._then = ""
        self._train = QPushButton(self.tr("Train"))
        self._train.clicked.connect(self._toggle_training)
        self._finish = QPushButton(self.tr("Keep what is learned"))
        self._finish.clicked.connect(lambda: self._start_training("--finish"))
        self._versions = QLabel()
        self._versions.setWordWrap(True)
        self._use = QPushButton(self.tr("Use it"))
        self._use.clicked.connect(lambda: self._put_into_use("use"))
        self._undo_use = QPushButton(self.tr("Back to the one before"))
        self._undo_use.clicked.connect(lambda: self._put_into_use("undo", "--undo"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._train, self._finish, self._versions, self._use, self._undo_use):
            layout.addWidget(widget)
        self._show_versions()

    @property
    def is_running(self) -> bool:
        """Whether a training or another command runs."""
        return self._child.is_running

    def close_panel(self) -> None:
        """End a training; it goes on from its last checkpoint later."""
        self._child.kill()

    def _show_versions(self) -> None:
        found, active = versions_of(self._project.folder), active_version(self._project.folder)
        if found:
            last = found[-1]
            text = self.tr("Version {number}: {sentence}")
            self._versions.setText(text.format(number=last.number, sentence=last.sentence))
        runs = self._child.is_running
        self._versions.setVisible(bool(found))
        self._use.setVisible(bool(found) and found[-1].number != active)
        self._undo_use.setVisible(active is not None)
        for button in (self._use, self._undo_use):
            button.setEnabled(not runs)
        is_training = runs and self._then == "train"
        self._train.setText(self.tr("Pause") if is_training else self.tr("Train"))
        self._train.setEnabled(is_training or not runs)
        is_paused = not runs and (self._project.folder / "training" / "last.pt").is_file()
        if is_paused:
            self._train.setText(self.tr("Go on with the training"))
        self._finish.setVisible(is_paused)

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
        self._then = "train"
        # Waiting threads of the training must not take the processor from the window.
        calm = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
        words = ["project", "train", str(folder), "--snapshot", str(path), *more]
        self._child.start(words, calm)
        self._show_versions()

    def _offer_packages(self) -> None:
        """Ask whether to install what a training needs, and do so."""
        command = install_command()
        if command is None:
            self.said.emit(self.tr("Training needs PyTorch, which cannot be installed from here"))
            return
        question = self.tr(
            "Training needs PyTorch, which is not installed. pip downloads it from your package "
            "index: some hundred MB, or several GB with the libraries for NVIDIA GPUs. "
            "Install it now?"
        )
        answer = QMessageBox.question(self, self.tr("Install PyTorch"), question)
        if answer == QMessageBox.StandardButton.Yes:
            self._then = "install"
            self.said.emit(self.tr("Installing PyTorch …"))
            self._child.start((), program=command)
            self._show_versions()

    def _put_into_use(self, what: str, *more: str) -> None:
        self._then = what
        self._child.start(["project", "use", str(self._project.folder), *more])
        self._show_versions()

    def _child_ended(self, code: int, last: str) -> None:
        then, self._then = self._then, ""
        if code == 0 and then == "install":
            importlib.invalidate_caches()
            self._start_training()
        elif code == 0 and then == "train":
            self.said.emit(self.tr("A new version is there"))
        elif code == 0:
            active = active_version(self._project.folder)
            self.said.emit(
                self.tr("Version {number} is in use").format(number=active) if active else ""
            )
            self.used.emit(self._project.name if active else "")
        elif last:
            self.said.emit(last)
        self._show_versions()
