"""Paint boxes, labels and short texts over the picture of a video view."""

from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from ssd_live.detections import Detections
from ssd_live.imaging.overlay import BoxStyle, class_colour, ink_on, place_label

_TEXT = QColor("#f4f5f7")
_TEXT_BACKGROUND = QColor(0, 0, 0, 150)
_OUTLINE = QColor(0, 0, 0, 160)


class FramePlace(NamedTuple):
    """The place of a frame in a widget.

    `left` and `top` are the place of its upper left corner in logical pixels, and `scale` is
    logical pixels for each pixel of the frame. `shown` is the part of the widget that shows it.
    """

    left: float
    top: float
    scale: float
    shown: QRectF


def paint_boxes(
    painter: QPainter,
    found: Detections,
    place: FramePlace,
    style: BoxStyle,
    dotted: list[bool],
    taken: list[QRectF],
) -> None:
    """Paint boxes and labels; the box with the highest score is on top.

    Boxes for which `dotted` is true are dotted. Labels avoid the areas `taken` (logical pixels), if
    there is room elsewhere.
    """
    left, top, scale, _ = place
    painter.setBrush(Qt.BrushStyle.NoBrush)
    boxes = [
        QRectF(left + x1 * scale, top + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale)
        for x1, y1, x2, y2 in found.boxes.tolist()
    ]
    width = style.line_width
    for box, name, is_dotted in zip(
        reversed(boxes), reversed(found.names), reversed(dotted), strict=True
    ):
        # The dark line on both sides keeps the box visible on a background of its colour.
        for colour, line in ((_OUTLINE, width + 2), (_colour(name), width)):
            pen = QPen(colour, line)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            if is_dotted:
                pen.setStyle(Qt.PenStyle.DotLine)
            painter.setPen(pen)
            painter.drawRect(box)
    if style.labels != "none":
        _paint_labels(painter, found, boxes, place.shown, style, taken)


def _paint_labels(
    painter: QPainter,
    found: Detections,
    boxes: list[QRectF],
    shown: QRectF,
    style: BoxStyle,
    taken: list[QRectF],
) -> None:
    """Paint the labels of the boxes that are visible in the area `shown`, inside this area."""
    font = QFont(painter.font())
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    height = metrics.height() + 2
    placed: list[tuple[float, float, float, float]] = []
    for area in taken:
        place = area.translated(-shown.topLeft())
        placed.append((place.left(), place.top(), place.right(), place.bottom()))
    for box, one in zip(boxes, found, strict=True):
        if not box.intersects(shown):
            continue
        text = style.text(one.name, one.score, one.track_id or 0)
        width = metrics.horizontalAdvance(text) + 8
        x1, y1 = box.left() - shown.left(), box.top() - shown.top()
        spot = place_label(
            (x1, y1, x1 + box.width(), y1 + box.height()),
            (width, height),
            (shown.width(), shown.height()),
            placed,
        )
        placed.append(spot)
        area = QRectF(shown.left() + spot[0], shown.top() + spot[1], width, height)
        painter.fillRect(area, _colour(one.name))
        painter.setPen(QColor(*ink_on(class_colour(one.name))))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


def paint_lines(painter: QPainter, lines: tuple[str, ...], corner: QPointF, width: float) -> QRectF:
    """Paint lines of text on a dark ground, and return its area.

    `corner` is the upper left one, in logical pixels. A line that is wider than `width` ends with
    an ellipsis.
    """
    metrics = QFontMetricsF(painter.font())
    fitting = [metrics.elidedText(line, Qt.TextElideMode.ElideRight, width) for line in lines]
    broadest = max(metrics.horizontalAdvance(line) for line in fitting)
    height = metrics.lineSpacing() * len(fitting) + 12
    area = QRectF(corner.x(), corner.y(), broadest + 20, height)
    _paint_ground(painter, area)
    text = "\n".join(fitting)
    painter.drawText(area.adjusted(10, 6, -10, -6), Qt.AlignmentFlag.AlignLeft, text)
    return area


def pill_size(painter: QPainter, text: str, *, dot: bool) -> tuple[float, float]:
    """Return the width and height of a pill with a text, in logical pixels."""
    metrics = QFontMetricsF(painter.font())
    return metrics.horizontalAdvance(text) + _indent(dot) + 10, metrics.height() + 12


def paint_pill(painter: QPainter, text: str, area: QRectF, dot: QColor | None = None) -> None:
    """Paint a short text on a dark ground that fills `area`, after a dot of this colour if any."""
    _paint_ground(painter, area)
    if dot is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(dot)
        painter.drawEllipse(QPointF(area.left() + 15, area.center().y()), 5, 5)
        painter.setPen(_TEXT)
    inner = area.adjusted(_indent(dot is not None), 0, -8, 0)
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, text)


def _indent(dot: bool) -> int:
    return 26 if dot else 12


def _paint_ground(painter: QPainter, area: QRectF) -> None:
    """Paint a dark ground with round corners, and set the pen for a text on it."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_TEXT_BACKGROUND)
    painter.drawRoundedRect(area, 6, 6)
    painter.setPen(_TEXT)


def _colour(name: str) -> QColor:
    blue, green, red = class_colour(name)
    return QColor(red, green, blue)
