"""The part of a project's window that shows its versions, and puts one into use."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import SsdLiveError
from ssd_live.gui.child import Child
from ssd_live.gui.verdict import figures_of, verdict_of
from ssd_live.project.store import Project
from ssd_live.project.versions import MISTAKES, Version, active_version, versions_of

_USE_KEY = "Ctrl+U"


class VersionsPanel(QWidget):
    """The versions of `project`: how good each is, and which one is in use.

    The work is done by commands in a child process. `said` is emitted with a line for the user.
    `used` is emitted with the name of the model when a version was put into use, and with "" when
    none is in use any more. `mistakes_asked` is emitted with the folder of the images of mistakes
    that the user wants to see.
    """

    said = Signal(str)
    used = Signal(str)
    mistakes_asked = Signal(object)

    def __init__(self, project: Project, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._folder, self._name = project.folder, project.name
        self._child = Child(self)
        self._child.ended.connect(self._child_ended)
        # What the child does: "use", "undo", "int8" or "export".
        self._then = ""
        # The version that was in use before.
        self._before: int | None = None
        self._versions: list[Version] = []
        self._choice = QComboBox()
        self._choice.setAccessibleName(self.tr("Versions"))
        self._choice.currentIndexChanged.connect(lambda _: self._show_chosen())
        self._verdict = QLabel()
        self._verdict.setWordWrap(True)
        self._use = QPushButton(self.tr("Use it"))
        self._use.clicked.connect(lambda: self._put_into_use(self._chosen))
        self._undo = QPushButton(self.tr("Back to the one before"))
        self._undo.clicked.connect(lambda: self._put_into_use(None))
        # Only one of the two can be seen, so one key goes to the version and back.
        for button in (self._use, self._undo):
            button.setShortcut(QKeySequence(_USE_KEY))
            button.setToolTip(
                QKeySequence(_USE_KEY).toString(QKeySequence.SequenceFormat.NativeText)
            )
        self._mistakes = QPushButton(self.tr("Show the mistakes"))
        self._mistakes.clicked.connect(self._show_mistakes)
        self._more = QPushButton(self.tr("More"))
        menu = QMenu(self._more)
        menu.addAction(self.tr("Write it to a file for another machine…")).triggered.connect(
            self._ask_export
        )
        menu.addAction(self.tr("Make it faster (INT8)")).triggered.connect(self._make_int8)
        self._more.setMenu(menu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        shown = (self._choice, self._verdict, self._use, self._undo, self._mistakes, self._more)
        for widget in shown:
            layout.addWidget(widget)
        self.refresh()

    @property
    def is_running(self) -> bool:
        """Whether a command runs."""
        return self._child.is_running

    def close_panel(self) -> None:
        """Stop a command that runs."""
        self._child.kill()

    def refresh(self) -> None:
        """Show the versions that there are now, and choose a new one, if there is one.

        Otherwise the one that was chosen stays; at first it is the one in use, or the last.
        """
        before, chosen = len(self._versions), self._choice.currentIndex()
        self._versions = versions_of(self._folder)
        active, last = self._active(), len(self._versions) - 1
        if not before:
            numbers = [version.number for version in self._versions]
            chosen = numbers.index(active) if active in numbers else last
        elif len(self._versions) != before:
            chosen = last
        self._choice.blockSignals(True)
        self._choice.clear()
        for version in self._versions:
            text = self.tr("Version {number}")
            if version.number == active:
                text = self.tr("Version {number} (in use)")
            self._choice.addItem(text.format(number=version.number))
        self._choice.setCurrentIndex(chosen)
        self._choice.blockSignals(False)
        self._show_chosen()

    @property
    def _chosen(self) -> Version | None:
        index = self._choice.currentIndex()
        return self._versions[index] if 0 <= index < len(self._versions) else None

    def _active(self) -> int | None:
        try:
            return active_version(self._folder)
        except SsdLiveError as error:
            self.said.emit(str(error))
            return None

    def _show_chosen(self) -> None:
        version, active = self._chosen, self._active()
        self.setVisible(version is not None)
        if version is None:
            return
        self._verdict.setText(verdict_of(version))
        self._verdict.setToolTip(figures_of(version))
        is_used = version.number == active
        self._use.setVisible(not is_used)
        self._undo.setVisible(is_used)
        self._mistakes.setVisible((version.folder / MISTAKES).is_dir())
        for button in (self._use, self._undo, self._more):
            button.setEnabled(not self._child.is_running)

    def _show_mistakes(self) -> None:
        if self._chosen is not None:
            self.mistakes_asked.emit(self._chosen.folder / MISTAKES)

    def _put_into_use(self, version: Version | None) -> None:
        """Put a version into use, or the one before if it is None."""
        if version is None:
            self._start("undo", ["--undo"], self.tr("Changing the model …"))
        else:
            how = ["--version", str(version.number)]
            self._start("use", how, self.tr("Changing the model …"))

    def _make_int8(self) -> None:
        """Put the chosen version into use with its INT8 version, if that finds the same."""
        if self._chosen is None:
            return
        try:
            # The form is checked on the labels in the file.
            self._project.tidy()
        except SsdLiveError as error:
            self.said.emit(str(error))
        else:
            how = ["--version", str(self._chosen.number), "--int8"]
            self._start("int8", how, self.tr("Making the INT8 version, which takes minutes …"))

    def _ask_export(self) -> None:
        version = self._chosen
        if version is None:
            return
        start = Path.home() / f"{self._name}-{version.number}.onnx"
        name, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Write the detector to a file"),
            str(start),
            self.tr("Model files (*.onnx)"),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            path = name if Path(name).suffix else f"{name}.onnx"
            how = ["--version", str(version.number), "--export", path]
            self._start("export", how, self.tr("Writing …"))

    def _start(self, what: str, how: list[str], text: str) -> None:
        if not self._child.is_running:
            self._then, self._before = what, self._active()
            self.said.emit(text)
            self._child.start(["project", "use", str(self._folder), *how])
            self._show_chosen()

    def _child_ended(self, code: int, last: str) -> None:
        what, active = self._then, self._active()
        # A version whose INT8 version is refused is in use all the same.
        if active != self._before or (code == 0 and what != "export"):
            self.used.emit(self._name if active else "")
        if code != 0:
            self.said.emit(last or self.tr("The command could not be started"))
        elif what == "export":
            self.said.emit(self.tr("The file is written; open it on the other machine as a model"))
        elif what == "int8":
            self.said.emit(self.tr("The INT8 version is there, and is used where it is faster"))
        elif active:
            text = self.tr("Version {number} is in use: see the video in the main window")
            self.said.emit(text.format(number=active))
        else:
            self.said.emit(self.tr("No version is in use any more"))
        index = self._choice.currentIndex()
        self.refresh()
        self._choice.setCurrentIndex(index)
