"""The page of a view without a source, which offers what can be opened."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ssd_live.gui.camera_button import CameraButton
from ssd_live.gui.theme import icon
from ssd_live.system.paths import printable
from ssd_live.video.sources.camera import Camera

_INK = QColor("#f4f5f7")
_BUTTON_WIDTH, _BUTTON_HEIGHT = 210, 40
_MOST_RECENT = 4
# In pixels. A page that is less high has no room for the recent sources.
_ROOM_FOR_RECENT = 380


class WelcomePanel(QWidget):
    """A page with a button for each camera and for each other kind of source.

    `source_chosen` is emitted with the text of a source, such as "0" for the first camera.
    `action_asked` is emitted with the name of an action that asks the user for more, such as
    "open_file". `shown` is emitted when the page appears; then call `show_recent`, look for
    cameras, and call `show_cameras`.
    """

    source_chosen = Signal(str)
    action_asked = Signal(str)
    shown = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setStyleSheet(
            f"QWidget#welcome QLabel {{ color: {_INK.name()}; }}"
            f"QWidget#welcome QPushButton {{ color: {_INK.name()}; background: #2b2e36;"
            " border: 1px solid #3a3e48; border-radius: 6px; padding: 4px 12px; text-align: left; }"
            "QWidget#welcome QPushButton:hover, QWidget#welcome QPushButton:focus"
            " { background: #353943; border-color: #3b82f6; }"
            "QWidget#welcome QPushButton[flat=true] { background: transparent; border: none; }"
        )
        self._title = QLabel(self.tr("What do you want to watch?"))
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        self._title.setFont(font)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint = QLabel(self.tr("You can also drop files here."))
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._recent_title = QLabel(self.tr("Recent"))
        self._recent_title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._listed: list[Camera] = []
        self._cameras: list[QPushButton] = []
        self._recent: list[QPushButton] = []
        self._kinds = [
            self._action_button(self.tr("Video or image file…"), "open", "open_file"),
            self._action_button(self.tr("Network camera…"), "network", "open_address"),
            self._action_button(self.tr("Screen…"), "screen", "choose_screen"),
            self._action_button(self.tr("Sample clip"), "play", "open_sample"),
        ]
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        self._recent_rows = QVBoxLayout()
        self._recent_rows.setSpacing(0)
        layout = QVBoxLayout(self)
        layout.addStretch()
        layout.addWidget(self._title)
        layout.addSpacing(8)
        layout.addLayout(self._grid)
        layout.addSpacing(4)
        layout.addWidget(self._hint)
        layout.addWidget(self._recent_title)
        layout.addLayout(self._recent_rows)
        layout.addStretch()
        self._arrange()
        self.hide()

    @property
    def buttons(self) -> list[QPushButton]:
        """All buttons of the page, in the order in which they are shown."""
        return [*self._cameras, *self._kinds, *self._recent]

    def show_cameras(self, found: Sequence[Camera]) -> None:
        """Show a button for each camera in `found`."""
        names = [
            camera.name or self.tr("Camera {index}").format(index=camera.index) for camera in found
        ]
        if self._listed == list(found):
            return
        self._listed = list(found)
        for button in self._cameras:
            # A hidden button switches its camera off.
            button.hide()
            button.deleteLater()
        self._cameras = [
            self._camera_button(name, camera) for name, camera in zip(names, found, strict=True)
        ]
        self._arrange()

    def show_recent(self, sources: Sequence[str]) -> None:
        """Show a button for each of the newest of the recent `sources`."""
        for button in self._recent:
            button.deleteLater()
        self._recent = []
        for text in sources[:_MOST_RECENT]:
            button = self._source_button(_shortened(printable(text)), "", text)
            button.setFlat(True)
            button.setProperty("flat", True)
            self._recent.append(button)
            self._recent_rows.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._show_what_fits()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.shown.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._arrange()
        self._show_what_fits()

    def _show_what_fits(self) -> None:
        has_room = self.height() >= _ROOM_FOR_RECENT and bool(self._recent)
        for widget in (self._recent_title, *self._recent):
            widget.setVisible(has_room)
        self._title.setVisible(self.height() >= 200)
        self._hint.setVisible(self.height() >= 260)

    def _arrange(self) -> None:
        """Put the buttons of the cameras and kinds of sources into one or two columns."""
        columns = 2 if self.width() >= 2 * _BUTTON_WIDTH + 40 else 1
        if columns == 1 and self.height() < 6 * _BUTTON_HEIGHT:
            columns = 2
        while self._grid.takeAt(0) is not None:
            pass
        width = max(min(_BUTTON_WIDTH, (self.width() - 40) // columns), 60)
        for index, button in enumerate([*self._cameras, *self._kinds]):
            button.setFixedWidth(width)
            row, column = divmod(index, columns)
            self._grid.addWidget(button, row, column + 1)
            button.show()
        # A column that was at the edge before may be one of buttons now.
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 0)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(columns + 1, 1)

    def _action_button(self, text: str, image: str, action: str) -> QPushButton:
        button = self._button(text, image)
        button.clicked.connect(lambda: self.action_asked.emit(action))
        return button

    def _camera_button(self, name: str, camera: Camera) -> QPushButton:
        button = CameraButton(camera, name, _INK, self)
        button.setMinimumHeight(_BUTTON_HEIGHT)
        button.chosen.connect(lambda: self.source_chosen.emit(str(camera.index)))
        return button

    def _source_button(self, text: str, image: str, source: str) -> QPushButton:
        button = self._button(text, image)
        button.clicked.connect(lambda: self.source_chosen.emit(source))
        return button

    def _button(self, text: str, image: str) -> QPushButton:
        # Qt would take a single & in a name as the mark of an access key.
        button = QPushButton(text.replace("&", "&&"), self)
        button.setMinimumHeight(_BUTTON_HEIGHT if image else 24)
        if image:
            button.setIcon(icon(image, _INK))
            button.setIconSize(QSize(20, 20))
        return button


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"
