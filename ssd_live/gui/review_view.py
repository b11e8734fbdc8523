"""Show a frame of a video with what will be hidden in it, and let a person draw more."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ssd_live.imaging.pixels import Pixels

_LEAST_PIXELS = 4.0
_COLOURS = {"planned": "#f59e0b", "asked": "#ef4444", "shown": "#f3f4f6", "drawn": "#3b82f6"}


@dataclass(frozen=True)
class ReviewBox:
    """A region in a frame: x1, y1, x2, y2 in pixels.

    `kind` is "planned" if it will be hidden, "asked" if it will be and belongs to the moment that
    is reviewed, "shown" if a person decided that it is not hidden, and "drawn" if a person hides
    it.
    """

    box: tuple[float, float, float, float]
    kind: str


class ReviewView(QWidget):
    """A frame with its regions. `drawn` is emitted with a region that the user draws: x1, y1, x2,
    y2 in pixels of the frame.
    """

    drawn = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._boxes: list[ReviewBox] = []
        self._is_covered = False
        self._begin: QPointF | None = None
        self._end = QPointF()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(self.tr("The frame with what will be hidden"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(640, 400)

    def show_frame(self, picture: Pixels | None) -> None:
        """Show a BGR frame (h, w, 3) uint8, or nothing."""
        self._image = None
        if picture is not None:
            height, width = picture.shape[:2]
            image = QImage(
                picture.data, width, height, picture.strides[0], QImage.Format.Format_BGR888
            )
            self._image = image.copy()
        self.update()

    def show_boxes(self, boxes: list[ReviewBox], *, is_covered: bool) -> None:
        """Show regions as outlines, or black as in the copy if `is_covered`."""
        self._boxes, self._is_covered = boxes, is_covered
        self.update()

    def _place(self) -> tuple[float, QPointF]:
        """Return the scale of the frame, and where its upper left corner is."""
        assert self._image is not None
        width, height = self._image.width(), self._image.height()
        scale = min(self.width() / width, self.height() / height)
        left, top = (self.width() - scale * width) / 2, (self.height() - scale * height) / 2
        return scale, QPointF(left, top)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#101114"))
        if self._image is None:
            return
        scale, corner = self._place()
        size = self._image.size()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(
            QRectF(corner.x(), corner.y(), scale * size.width(), scale * size.height()), self._image
        )
        for each in self._boxes:
            x1, y1, x2, y2 = (scale * value for value in each.box)
            place = QRectF(x1, y1, x2 - x1, y2 - y1).translated(corner)
            if self._is_covered:
                if each.kind != "shown":
                    painter.fillRect(place, Qt.GlobalColor.black)
                continue
            pen = QPen(QColor(_COLOURS[each.kind]), 3 if each.kind == "asked" else 2)
            if each.kind == "shown":
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawRect(place)
        if self._begin is not None:
            painter.setPen(QPen(QColor(_COLOURS["drawn"]), 2))
            painter.drawRect(QRectF(self._begin, self._end).normalized())
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton and self._image is not None:
            self._begin = self._end = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._end = event.position()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        begin, self._begin = self._begin, None
        self.update()
        if begin is None or self._image is None:
            return
        scale, corner = self._place()
        place = QRectF(begin - corner, event.position() - corner).normalized()
        width, height = self._image.width(), self._image.height()
        x1, x2 = (min(max(x / scale, 0.0), width) for x in (place.left(), place.right()))
        y1, y2 = (min(max(y / scale, 0.0), height) for y in (place.top(), place.bottom()))
        if x2 - x1 >= _LEAST_PIXELS and y2 - y1 >= _LEAST_PIXELS:
            self.drawn.emit((x1, y1, x2, y2))
