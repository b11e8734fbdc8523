"""A field for the video file that a dialog writes."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

_LEAST_WIDTH = 360


class OutputRow(QWidget):
    """A field for a file and a button to choose it; `path` is its first value.

    `action` is the text of the button of the dialog, which is pressed again to replace a file.
    """

    def __init__(self, path: Path, action: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        # The existing file that the user was told about.
        self._asked_about: Path | None = None
        self.field = QLineEdit(str(path))
        self.field.setMinimumWidth(_LEAST_WIDTH)
        choose = QPushButton(self.tr("Choose…"))
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.field, 1)
        layout.addWidget(choose)

    @property
    def path(self) -> Path:
        """The file; without an ending, it ends in .mp4."""
        path = Path(self.field.text().strip()).expanduser()
        return path if path.suffix else path.with_name(f"{path.name}.mp4")

    def problem(self) -> str:
        """Return what is wrong with the file, or "". An existing file is told once."""
        if not self.field.text().strip():
            return self.tr("Choose a file.")
        if self.path.exists() and self._asked_about != self.path:
            self._asked_about = self.path
            said = self.tr("{path} exists. Press {action} again to replace it.")
            return said.format(path=self.path, action=self._action)
        return ""

    def _choose(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            self.window().windowTitle(),
            self.field.text(),
            self.tr("Videos (*.mp4 *.mkv *.mov *.webm)"),
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            self.field.setText(name)
