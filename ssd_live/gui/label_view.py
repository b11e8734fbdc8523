"""Show an image with its labelled boxes, and let a person draw, move and resize them."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from ssd_live.imaging.overlay import numbered_colour
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.labels import Box, LabelledBox

# A box that is smaller, in pixels of the image, was a click.
_LEAST_PIXELS = 3.0
# An edge is caught from so far away, in pixels of the screen.
_REACH, _OUTSIDE = 7.0, 4.0
_HANDLE = 7.0
_ZOOM_STEP, _LARGEST_ZOOM = 1.25, 40.0
_BACKGROUND, _INK = "#101114", "#c9ccd3"
_MARGIN = 60


class _Doing(Enum):
    """What the mouse does while its button is down."""

    NOTHING = 0
    DRAWING = 1
    MOVING = 2
    RESIZING = 3
    PANNING = 4


class LabelView(QWidget):
    """An image with its boxes, of which one may be selected.

    `changed` is emitted with all boxes after the user has drawn, moved, resized or deleted one.
    `selection_changed` is emitted with the index of the selected box, or -1. `class_id` is the
    class of a box that is drawn. `names` are the names of the classes. `text` stands in
    place of the image, if there is none.
    """

    changed = Signal(object)
    selection_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.class_id = 0
        self.names: Mapping[int, str] = {}
        self.text = ""
        self._image: QImage | None = None
        self._boxes: tuple[LabelledBox, ...] = ()
        self._selected = -1
        # Whether the mouse moves the selected box. A box that was just drawn is selected, but the
        # next one may begin inside it.
        self._is_grabbed = False
        self._zoom, self._offset = 1.0, QPointF()
        self._doing = _Doing.NOTHING
        self._pressed_at = self._end = QPointF()
        # The selected box when the mouse button was pressed.
        self._before: LabelledBox | None = None
        # Which edges follow the mouse: those at x1, y1, x2 and y2.
        self._edges = (False, False, False, False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("The image with its boxes"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(760, 560)

    @property
    def boxes(self) -> tuple[LabelledBox, ...]:
        """The boxes that are shown."""
        return self._boxes

    @property
    def selected(self) -> int:
        """The index of the selected box, or -1."""
        return self._selected

    def show_image(self, pixels: Pixels | None) -> None:
        """Show a BGR image (H, W, 3) uint8, or nothing; it fills the view."""
        self._image = None
        self._doing = _Doing.NOTHING
        if pixels is not None:
            height, width = pixels.shape[:2]
            image = QImage(
                pixels.data, width, height, pixels.strides[0], QImage.Format.Format_BGR888
            )
            self._image = image.copy()
        self.fit()

    def show_boxes(self, boxes: tuple[LabelledBox, ...]) -> None:
        """Show boxes; the selection stays if there is still such a box."""
        # What the mouse moves may be another box now.
        self._stop_dragging()
        self._boxes = boxes
        if self._selected >= len(boxes):
            self.select(-1)
        self.update()

    def select(self, index: int) -> None:
        """Select a box by its index, or none with -1."""
        index = index if index < len(self._boxes) else -1
        if index != self._selected:
            self._stop_dragging()
            self._selected = index
            self.selection_changed.emit(index)
        self._is_grabbed = index >= 0
        self.update()

    def select_next(self, step: int) -> None:
        """Select the next box, or the one before if `step` is -1."""
        if self._boxes:
            start = self._selected if self._selected >= 0 else (-1 if step > 0 else 0)
            self.select((start + step) % len(self._boxes))

    def fit(self) -> None:
        """Show the whole image."""
        self._zoom, self._offset = 1.0, QPointF()
        self.update()

    def zoom(self, factor: float, around: QPointF | None = None) -> None:
        """Zoom, so that the place `around` in the view stays where it is."""
        if self._image is None:
            return
        around = QPointF(self.rect().center()) if around is None else around
        before = self._to_image(around)
        self._zoom = min(max(self._zoom * factor, 1.0), _LARGEST_ZOOM)
        scale, corner = self._place()
        self._offset += around - (corner + before * scale)
        if self._zoom == 1.0:
            self._offset = QPointF()
        self.update()

    def set_class(self, class_id: int) -> None:
        """Make this the class of the next box, and of the selected one."""
        self.class_id = class_id
        self._replace_selected(class_id=class_id, score=None)

    def toggle_difficult(self) -> None:
        """Say of the selected box that it is difficult, or that it is not."""
        if self._selected >= 0:
            self._replace_selected(difficult=not self._boxes[self._selected].difficult)

    def delete_selected(self) -> None:
        """Delete the selected box."""
        index = self._selected
        if index >= 0:
            self.select(-1)
            self._tell((*self._boxes[:index], *self._boxes[index + 1 :]))

    def nudge(self, dx: float, dy: float, *, grow: bool) -> None:
        """Move the selected box by pixels of the image, or with `grow` its lower right corner."""
        if self._selected >= 0:
            x1, y1, x2, y2 = self._boxes[self._selected].box
            box = (x1, y1, x2 + dx, y2 + dy) if grow else (x1 + dx, y1 + dy, x2 + dx, y2 + dy)
            self._replace_selected(box=self._inside(box), score=None)

    # Places.

    def _place(self) -> tuple[float, QPointF]:
        """Return the scale of the image, and where its upper left corner is."""
        assert self._image is not None
        width, height = self._image.width(), self._image.height()
        scale = min(self.width() / width, self.height() / height) * self._zoom
        left, top = (self.width() - scale * width) / 2, (self.height() - scale * height) / 2
        return scale, QPointF(left, top) + self._offset

    def place_of(self, point: QPointF) -> QPointF:
        """Return where a place of the image, in pixels, is in the view."""
        scale, corner = self._place()
        return corner + point * scale

    def _to_image(self, point: QPointF) -> QPointF:
        scale, corner = self._place()
        return (point - corner) / scale

    def _on_screen(self, box: Box) -> QRectF:
        scale, corner = self._place()
        x1, y1, x2, y2 = box
        return QRectF(
            corner.x() + scale * x1, corner.y() + scale * y1, scale * (x2 - x1), scale * (y2 - y1)
        )

    def _inside(self, box: Box) -> Box:
        """Return a box inside the image, with its corners in order and its size if it fits."""
        assert self._image is not None
        width, height = float(self._image.width()), float(self._image.height())
        x1, x2 = sorted((box[0], box[2]))
        y1, y2 = sorted((box[1], box[3]))
        return (
            min(max(x1, 0.0), width),
            min(max(y1, 0.0), height),
            min(max(x2, 0.0), width),
            min(max(y2, 0.0), height),
        )

    def _edges_at(self, point: QPointF) -> tuple[bool, bool, bool, bool]:
        """Return which edges of the selected box the mouse catches at a place in the view."""
        if self._selected < 0:
            return False, False, False, False
        place = self._on_screen(self._boxes[self._selected].box)
        # Outside, little is caught, because another box may begin there.
        if not place.adjusted(-_OUTSIDE, -_OUTSIDE, _OUTSIDE, _OUTSIDE).contains(point):
            return False, False, False, False
        left, right = abs(point.x() - place.left()), abs(point.x() - place.right())
        top, bottom = abs(point.y() - place.top()), abs(point.y() - place.bottom())
        return (
            left <= _REACH and left <= right,
            top <= _REACH and top <= bottom,
            right <= _REACH and right < left,
            bottom <= _REACH and bottom < top,
        )

    def _moves_at(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> bool:
        """Return whether a drag from a place in the view moves the selected box."""
        if self._selected < 0 or modifiers & Qt.KeyboardModifier.ControlModifier:
            return False
        place = self._on_screen(self._boxes[self._selected].box)
        return self._is_grabbed and place.contains(point)

    def _box_at(self, point: QPointF) -> int:
        """Return the index of the smallest box at a place in the view, or -1."""
        at = [
            (place.width() * place.height(), index)
            for index, each in enumerate(self._boxes)
            if (place := self._on_screen(each.box)).contains(point)
        ]
        return min(at)[1] if at else -1

    # Changes.

    def _tell(self, boxes: tuple[LabelledBox, ...]) -> None:
        if boxes != self._boxes:
            self._boxes = boxes
            self.changed.emit(boxes)
        self.update()

    def _replace_selected(self, **changes: Any) -> None:
        if self._selected >= 0:
            boxes = list(self._boxes)
            boxes[self._selected] = replace(boxes[self._selected], **changes)
            self._tell(tuple(boxes))

    def _show_selected(self, shown: LabelledBox) -> None:
        """Show this in place of the selected box, without telling it yet."""
        boxes = list(self._boxes)
        boxes[self._selected] = shown
        self._boxes = tuple(boxes)
        self.update()

    def _stop_dragging(self) -> None:
        """Put a box that the mouse moves or resizes back, and let the mouse change it no more."""
        if self._before is not None and self._doing in (_Doing.MOVING, _Doing.RESIZING):
            self._doing = _Doing.NOTHING
            self._show_selected(self._before)

    # Events.

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        factor = _ZOOM_STEP if event.angleDelta().y() > 0 else 1 / _ZOOM_STEP
        self.zoom(factor, event.position())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._image is None or self._doing is not _Doing.NOTHING:
            return
        self._pressed_at = self._end = event.position()
        if event.button() == Qt.MouseButton.MiddleButton:
            self._doing = _Doing.PANNING
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._edges = self._edges_at(event.position())
        if any(self._edges):
            self._doing = _Doing.RESIZING
        elif self._moves_at(event.position(), event.modifiers()):
            self._doing = _Doing.MOVING
        else:
            self._doing = _Doing.DRAWING
        if self._selected >= 0:
            self._before = self._boxes[self._selected]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        point = event.position()
        if self._image is None:
            return
        if self._doing is _Doing.NOTHING:
            self._show_cursor(point)
        elif self._doing is _Doing.PANNING:
            self._offset += point - self._pressed_at
            self._pressed_at = point
            self.update()
        elif self._doing is _Doing.DRAWING:
            self._end = point
            self.update()
        else:
            self._show_selected(self._dragged(point))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        doing = self._doing
        if doing is _Doing.DRAWING:
            start, end = self._to_image(self._pressed_at), self._to_image(event.position())
            box = self._inside((start.x(), start.y(), end.x(), end.y()))
            if min(box[2] - box[0], box[3] - box[1]) < _LEAST_PIXELS:
                # A click selects what is there.
                self.select(self._box_at(event.position()))
            elif self.class_id:
                self._tell((*self._boxes, LabelledBox(self.class_id, box)))
                self.select(len(self._boxes) - 1)
                self._is_grabbed = False
            self.update()
        elif doing in (_Doing.MOVING, _Doing.RESIZING):
            dragged = self._dragged(event.position())
            self._stop_dragging()
            x1, y1, x2, y2 = dragged.box
            if min(x2 - x1, y2 - y1) >= _LEAST_PIXELS:
                self._replace_selected(box=dragged.box, score=dragged.score)
        self._doing = _Doing.NOTHING

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        steps = {
            Qt.Key.Key_Left: (-1.0, 0.0),
            Qt.Key.Key_Right: (1.0, 0.0),
            Qt.Key.Key_Up: (0.0, -1.0),
            Qt.Key.Key_Down: (0.0, 1.0),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or self._selected < 0:
            super().keyPressEvent(event)
            return
        size = 10.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        grows = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        self.nudge(step[0] * size, step[1] * size, grow=grows)

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002, N802 - Qt's names
        """Tab goes through the boxes while there are some."""
        if not self._boxes:
            return super().focusNextPrevChild(next)
        self.select_next(1 if next else -1)
        return True

    def _dragged(self, point: QPointF) -> LabelledBox:
        """Return the selected box as the mouse has moved or resized it; then it is a label."""
        assert self._before is not None
        box = self._dragged_place(point, self._before.box)
        if box == self._before.box:
            return self._before
        return replace(self._before, box=box, score=None)

    def _dragged_place(self, point: QPointF, before: Box) -> Box:
        assert self._image is not None
        scale, _ = self._place()
        moved = (point - self._pressed_at) / scale
        x1, y1, x2, y2 = before
        if self._doing is _Doing.RESIZING:
            at_x1, at_y1, at_x2, at_y2 = self._edges
            return self._inside(
                (
                    x1 + moved.x() * at_x1,
                    y1 + moved.y() * at_y1,
                    x2 + moved.x() * at_x2,
                    y2 + moved.y() * at_y2,
                )
            )
        dx = min(max(moved.x(), -x1), self._image.width() - x2)
        dy = min(max(moved.y(), -y1), self._image.height() - y2)
        return x1 + dx, y1 + dy, x2 + dx, y2 + dy

    def _show_cursor(self, point: QPointF) -> None:
        at_x1, at_y1, at_x2, at_y2 = self._edges_at(point)
        if (at_x1 and at_y1) or (at_x2 and at_y2):
            shape = Qt.CursorShape.SizeFDiagCursor
        elif (at_x1 and at_y2) or (at_x2 and at_y1):
            shape = Qt.CursorShape.SizeBDiagCursor
        elif at_x1 or at_x2:
            shape = Qt.CursorShape.SizeHorCursor
        elif at_y1 or at_y2:
            shape = Qt.CursorShape.SizeVerCursor
        elif self._box_at(point) >= 0:
            shape = Qt.CursorShape.SizeAllCursor
        else:
            shape = Qt.CursorShape.CrossCursor
        self.setCursor(shape)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(_BACKGROUND))
        if self._image is None:
            painter.setPen(QColor(_INK))
            text = self.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(text, flags, self.text)
            return
        scale, corner = self._place()
        size = self._image.size()
        # Single pixels are to be seen when they are large.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 4)
        painter.drawImage(
            QRectF(corner.x(), corner.y(), scale * size.width(), scale * size.height()), self._image
        )
        for index, each in enumerate(self._boxes):
            self._paint_box(painter, each, is_selected=index == self._selected)
        if self._doing is _Doing.DRAWING:
            painter.setPen(QPen(self._colour(self.class_id), 2))
            painter.drawRect(QRectF(self._pressed_at, self._end).normalized())
        painter.end()

    def _paint_box(self, painter: QPainter, each: LabelledBox, *, is_selected: bool) -> None:
        place, colour = self._on_screen(each.box), self._colour(each.class_id)
        pen = QPen(colour, 3 if is_selected else 2)
        if each.score is not None:
            # A suggestion that nobody has accepted.
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRect(place)
        if is_selected:
            half = _HANDLE / 2
            for x in (place.left(), place.right()):
                for y in (place.top(), place.bottom()):
                    painter.fillRect(QRectF(x - half, y - half, _HANDLE, _HANDLE), colour)
        text = self._text_of(each)
        if not text:
            return
        metrics = painter.fontMetrics()
        label = QRectF(
            place.left(),
            place.top() - metrics.height(),
            metrics.horizontalAdvance(text) + 6,
            metrics.height(),
        )
        label.moveTop(max(label.top(), 0.0))
        painter.fillRect(label, colour)
        painter.setPen(QColor("black" if colour.lightness() > 127 else "white"))
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)

    def _text_of(self, each: LabelledBox) -> str:
        """Return what stands above a box. The only class of a project needs no name."""
        parts = [self.names.get(each.class_id, "")] if len(self.names) > 1 else []
        if each.score is not None:
            parts.append(f"{each.score:.0%}?")
        if each.difficult:
            parts.append("✱")
        return " ".join(parts)

    def _colour(self, class_id: int) -> QColor:
        blue, green, red = numbered_colour(max(class_id - 1, 0))
        return QColor(red, green, blue)
