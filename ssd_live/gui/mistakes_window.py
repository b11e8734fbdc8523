"""The window that shows what a version of a project missed, and what it found wrongly."""

import re
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QIcon, QImage, QImageReader, QPixmap
from PySide6.QtWidgets import QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ssd_live.gui.jobs import Jobs

_SIZE = (1010, 640)
_PICTURE, _CELL = QSize(300, 225), QSize(316, 270)
# The names that `project train` gives to the images: a number, the kind, and the image's own name.
_NAME = re.compile(r"\d+ (missed|misplaced|wrong) (.+)")


class MistakesWindow(QWidget):
    """A window with the images of mistakes in a folder, in the order of their names.

    `chosen` is emitted with the name, without its ending, of an image of the project that the user
    double-clicks.
    """

    chosen = Signal(str)

    def __init__(self, folder: Path, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(title)
        self.resize(*_SIZE)
        self._jobs = Jobs("images of mistakes", self)
        self._is_closing = False
        self._list = QListWidget()
        self._list.setAccessibleName(self.tr("Mistakes"))
        self._list.setViewMode(QListWidget.ViewMode.IconMode)
        self._list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self._list.setMovement(QListWidget.Movement.Static)
        self._list.setIconSize(_PICTURE)
        self._list.setGridSize(_CELL)
        self._list.setWordWrap(True)
        self._list.setUniformItemSizes(True)
        self._list.itemActivated.connect(
            lambda item: self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
        )
        hint = QLabel(
            self.tr(
                "Double-click an image to see its labels: sometimes a label is what is wrong. "
                "A box with a number was found, with this score; one without is a label."
            )
        )
        hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(hint)
        layout.addWidget(self._list)
        kinds = {
            "missed": self.tr("Missed"),
            "misplaced": self.tr("Found, but the box does not fit"),
            "wrong": self.tr("Found wrongly"),
        }
        for path in sorted(folder.glob("*.jpg")):
            match = _NAME.fullmatch(path.stem)
            if match is not None:
                item = QListWidgetItem(f"{kinds[match[1]]}\n{match[2]}")
                item.setData(Qt.ItemDataRole.UserRole, match[2])
                item.setSizeHint(_CELL)
                self._list.addItem(item)
                self._read(path, self._list.count() - 1)

    def _read(self, path: Path, row: int) -> None:
        """Show an image in its row as soon as it is read."""

        def show(image: QImage) -> None:
            if not image.isNull():
                self._list.item(row).setIcon(QIcon(QPixmap.fromImage(image)))

        self._jobs.do(lambda: QImage() if self._is_closing else _small(path), show)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self._is_closing = True
        self._jobs.close()
        super().closeEvent(event)
        # Its images take a hundred MB.
        self.deleteLater()


def _small(path: Path) -> QImage:
    """Return an image at the size of a row, or an empty one if it cannot be read."""
    reader = QImageReader(str(path))
    reader.setScaledSize(reader.size().scaled(_PICTURE * 2, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()
