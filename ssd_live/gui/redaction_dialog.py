"""The dialog that asks what to hide in a copy of a video."""

from pathlib import Path

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from ssd_live.gui.check_box import CheckBox
from ssd_live.gui.output_row import OutputRow


class RedactionDialog(QDialog):
    """A dialog for the copy of the file `source` in which objects are hidden."""

    def __init__(self, source: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Hide objects in a copy"))
        self._names = QLineEdit("Person, face")
        self._style = QComboBox()
        for style, text in (
            ("solid", self.tr("Black, which cannot be undone")),
            ("pixelate", self.tr("Pixelated")),
            ("blur", self.tr("Blurred")),
        ):
            self._style.addItem(text, style)
        self._closer = CheckBox(self.tr("Look for small objects too (takes longer)"))
        self._sound = CheckBox(self.tr("Keep the sound"))
        self._sound.setChecked(True)
        copy = source.with_name(f"{source.stem} redacted.mp4")
        self._file = OutputRow(copy, self.tr("Search"))
        form = QFormLayout()
        form.addRow(self.tr("&Hide objects of"), self._names)
        form.addRow(self.tr("How they are hi&dden"), self._style)
        form.addRow("", self._closer)
        form.addRow("", self._sound)
        label = QLabel(self.tr("&File"))
        label.setBuddy(self._file.field)
        form.addRow(label, self._file)
        note = QLabel(
            self.tr(
                "First all frames are searched. Then you check the doubtful moments, and only "
                "after that the copy is written."
            )
        )
        self._problem = QLabel()
        for each in (note, self._problem):
            each.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        start = buttons.addButton(self.tr("Search"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(self._problem)
        layout.addWidget(buttons)
        start.setDefault(True)

    @property
    def output(self) -> Path:
        """The file of the copy."""
        return self._file.path

    @property
    def review(self) -> Path:
        """The file with what will be hidden, beside the copy."""
        return self.output.with_name(f"{self.output.stem} review.jsonl")

    @property
    def arguments(self) -> list[str]:
        """Further arguments for the command `process`."""
        names = [name.strip() for name in self._names.text().split(",")]
        arguments = ["--redact", ",".join(name for name in names if name)]
        arguments += ["--redact-style", self._style.currentData(), "--review", str(self.review)]
        if self._closer.isChecked():
            arguments += ["--tiles", "auto"]
        if not self._sound.isChecked():
            arguments += ["--redact-sound", "remove"]
        return arguments

    def _accept(self) -> None:
        if self._names.text().strip(" ,"):
            problem = self._file.problem()
        else:
            problem = self.tr("Name at least one class.")
        self._problem.setText(problem)
        if not problem:
            self.accept()
