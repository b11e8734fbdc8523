"""The card of a model file: what it finds, where it comes from, and a button to use it."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import SsdLiveError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.system.paths import printable

_SHOWN_CLASSES = 12


class ModelCard(QDialog):
    """A dialog with the description of a model file; it is accepted if the user wants to use it."""

    def __init__(self, model: ModelFile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Use this model?"))
        metadata = model.metadata
        names = ", ".join(metadata.classes[:_SHOWN_CLASSES])
        if len(metadata.classes) > _SHOWN_CLASSES:
            names += ", …"
        width, height = metadata.input_size
        megabytes = model.path.stat().st_size / 1e6
        rows = (
            (self.tr("Name"), metadata.name),
            (self.tr("File"), f"{printable(model.path)} ({megabytes:.1f} MB)"),
            (
                self.tr("Classes"),
                f"{len(metadata.classes)}: {names}",
            ),
            (
                self.tr("Input"),
                self.tr("{width} x {height} pixels").format(width=width, height=height),
            ),
            (self.tr("Precision"), metadata.precision),
            (self.tr("Trained on"), metadata.training_data),
            (self.tr("Licence"), metadata.licence),
            (self.tr("Comes from"), metadata.provenance),
            (
                self.tr("Frames for comparing backends"),
                str(len(metadata.agreement_sample))
                if metadata.agreement_sample
                else self.tr("none"),
            ),
        )
        form = QFormLayout()
        for head, text in rows:
            label = QLabel(text or "–")
            label.setWordWrap(True)
            form.addRow(f"{head}:", label)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Use this model"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.resize(560, self.sizeHint().height())


class ModelReader(QThread):
    """A thread that reads the model file at `path`, because the first one takes half a second.

    `done` is emitted with the `ModelFile`, or with the error message if it cannot be used.
    """

    done = Signal(object)

    def __init__(self, parent: QObject, path: str, then: Callable[[object], None]) -> None:
        super().__init__(parent)
        self._path = path
        self.done.connect(then)
        self.finished.connect(self.deleteLater)

    def run(self) -> None:
        """Read the file, in this thread."""
        try:
            self.done.emit(find_model(str(Path(self._path))))
        except SsdLiveError as error:
            self.done.emit(str(error))
