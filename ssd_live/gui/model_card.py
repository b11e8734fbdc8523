"""The card of a model file: what it finds, where it comes from, and a button to use it."""

import contextlib
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
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
    """A dialog that describes a model file; the user accepts the dialog to use the model."""

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


class _Reader(QObject):
    """An object that reads a model file, and emits `done` with it or with an error message."""

    done = Signal(object)

    def read(self, path: str) -> None:
        """Read the file, in the calling thread."""
        try:
            read: ModelFile | str = find_model(path)
        except SsdLiveError as error:
            read = str(error)
        # The window may have been closed meanwhile.
        with contextlib.suppress(RuntimeError):
            self.done.emit(read)


def read_model(parent: QObject, path: str, then: Callable[[ModelFile | str], None]) -> None:
    """Begin to read a model file in a thread, and return at once.

    The thread keeps the window responsive, because the first file takes half a second. `then` is
    called, in the thread of the window, with the file or with an error message.
    """
    reader = _Reader(parent)
    reader.done.connect(then)
    reader.done.connect(reader.deleteLater)
    threading.Thread(target=reader.read, args=(path,), name="model card", daemon=True).start()
