"""Let the user choose a part of the screen with the mouse."""

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QScreen
from PySide6.QtWidgets import QWidget

_SHADE = QColor(0, 0, 0, 120)
_FRAME = QColor("#3b82f6")
# In logical pixels. A smaller rectangle is an accidental click.
_LEAST_SIDE = 16


class RegionPicker(QWidget):
    """A screenshot of a screen that fills this screen, and in which the user draws a rectangle.

    `picked` is emitted with the source text of the region, such as "screen:10,20,640,480", in
    device pixels of the whole desktop. The Escape key closes the widget without a choice.
    """

    picked = Signal(str)

    def __init__(self, screen: QScreen) -> None:
        super().__init__()
        self._screen = screen
        self._picture = screen.grabWindow(0)
        self._from: QPoint | None = None
        self._chosen = QRect()
        self.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Draw a rectangle around the region"))
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setGeometry(screen.geometry())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.drawPixmap(self.rect(), self._picture)
        painter.setClipRegion(self.visibleRegion().subtracted(self._chosen))
        painter.fillRect(self.rect(), _SHADE)
        painter.setClipping(False)
        painter.setPen(QColor("white"))
        painter.drawText(
            self.rect().adjusted(0, 24, 0, 0),
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop,
            self.tr("Draw a rectangle around the region; press Escape to cancel"),
        )
        if not self._chosen.isEmpty():
            painter.setPen(QPen(_FRAME, 2))
            painter.drawRect(self._chosen)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._from = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._from is not None:
            self._chosen = QRect(self._from, event.position().toPoint()).normalized()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._from = None
        if min(self._chosen.width(), self._chosen.height()) < _LEAST_SIDE:
            self._chosen = QRect()
            self.update()
            return
        self.close()
        self.picked.emit(screen_text(self._screen, self._chosen))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)


def screen_text(screen: QScreen, part: QRect | None = None) -> str:
    """Return the source text of a screen, or of a part of it.

    `part` is in logical pixels from the upper left corner of the screen. The result is in device
    pixels of the whole desktop.
    """
    ratio, origin = screen.devicePixelRatio(), screen.geometry().topLeft()
    part = part or QRect(QPoint(0, 0), screen.geometry().size())
    # Qt gives the origin of a screen in device pixels.
    numbers = (
        origin.x() + round(part.x() * ratio),
        origin.y() + round(part.y() * ratio),
        round(part.width() * ratio),
        round(part.height() * ratio),
    )
    return "screen:" + ",".join(map(str, numbers))
