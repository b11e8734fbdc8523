"""The dialog that says how a project is used, and with which keys."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

_SIZE = (640, 680)


class TeachHelp(QDialog):
    """A dialog with the steps to a detector of own objects, and the keys of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Teach your own objects"))
        steps = (
            self.tr("Add images or a video, or frames from the main window (J)."),
            self.tr(
                "Draw a box around each object, in 20 images or more. Press Enter for the next."
            ),
            self.tr("Press “Train”, and go on with something else: it takes minutes."),
            self.tr("Read how good it is, look at the mistakes, and press “Use it”."),
            self.tr(
                "Where it fails, press J in the main window, label that image, and train again."
            ),
        )
        text = QLabel("\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1)))
        text.setWordWrap(True)
        keys = (
            (self.tr("drag"), self.tr("draws a box, also inside one that is not selected")),
            (self.tr("click"), self.tr("selects a box; then a drag moves or resizes it")),
            (self.tr("Ctrl + drag"), self.tr("draws inside the selected box")),
            ("1 … 9", self.tr("the class of the selected box, and of the next one")),
            ("Enter", self.tr("all objects are labelled, also with the dashed boxes; next image")),
            ("N", self.tr("there is nothing to find in this image; next image")),
            ("U", self.tr("the image is not labelled completely")),
            ("D, A", self.tr("the next image, the one before")),
            ("Shift+T", self.tr("follows the objects through the video, into the images after it")),
            ("T", self.tr("carries the boxes of the image before to where their objects are now")),
            ("C", self.tr("copies the boxes of the image before")),
            ("S", self.tr("the model in use suggests boxes; they are dashed")),
            ("X", self.tr("the box is hard to see: it is learned, and not judged")),
            ("Delete", self.tr("deletes the selected box")),
            ("Shift+Delete", self.tr("deletes the image")),
            (self.tr("Tab, arrows"), self.tr("select the next box; move it, with Ctrl resize it")),
            ("Ctrl+Z, Ctrl+Y", self.tr("undo, redo")),
            ("Ctrl+U", self.tr("use the chosen version; go back to the one before")),
            (self.tr("wheel, Ctrl+0"), self.tr("zoom, show the whole image")),
        )
        table = QTableWidget(len(keys), 2)
        table.setHorizontalHeaderLabels([self.tr("Keys"), self.tr("Action")])
        table.verticalHeader().hide()
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for row, texts in enumerate(keys):
            for column, its in enumerate(texts):
                table.setItem(row, column, QTableWidgetItem(its))
        table.resizeColumnsToContents()
        table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (text, table, buttons):
            layout.addWidget(widget)
        self.resize(*_SIZE)
