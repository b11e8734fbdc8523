"""Paint the zones of a source over its picture, with their counts and their handles."""

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from ssd_live.analytics.counting import ZoneCounts
from ssd_live.analytics.zones import Point, Zone
from ssd_live.gui.zone_editor import ZoneEditor
from ssd_live.imaging.overlay import ink_on
from ssd_live.imaging.zone_overlay import arrow_of, colour_in

_DARK = QColor(0, 0, 0, 150)
_LINE, _HANDLE, _MIDDLE = 2, 5.0, 3.0
_FILL_ALPHA, _MASK_ALPHA = 28, 110
_DRAFT = QColor("#ffffff")


def zone_text(zone: Zone, counts: ZoneCounts | None) -> str:
    """Return the counts of a line or an area as a short text; a mask has none."""
    translate = QCoreApplication.translate
    if zone.kind == "mask" or counts is None:
        return ""
    if zone.kind == "line":
        return translate("Zones", "{in} in, {out} out").format(
            **{"in": counts.went_in.total(), "out": counts.went_out.total()}
        )
    return translate("Zones", "{inside} inside").format(inside=counts.inside.total())


def paint_zones(
    painter: QPainter, area: QRectF, editor: ZoneEditor, counts: Mapping[str, ZoneCounts]
) -> list[QRectF]:
    """Paint all zones of a picture that fills `area`, in logical pixels.

    If the editor is on, the selected zone has handles, and the zone that is being drawn is shown.
    Return the areas of the labels.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def at(point: Point) -> QPointF:
        return QPointF(area.left() + point[0] * area.width(), area.top() + point[1] * area.height())

    for index, zone in enumerate(editor.zones):
        is_selected = editor.is_on and index == editor.selected
        _paint_zone(painter, [at(point) for point in zone.points], zone, is_selected=is_selected)
    labels = []
    for zone in editor.zones:
        text = zone_text(zone, counts.get(zone.name))
        if zone.kind != "mask" or editor.is_on:
            label = f"{zone.name}: {text}" if text else zone.name
            labels.append(_paint_label(painter, at(zone.points[0]), label, zone))
    if editor.is_on and editor.drawn_kind is not None:
        points = [at(point) for point in editor.draft]
        if editor.pointer is not None and points:
            points.append(at(editor.pointer))
        _stroke(painter, QPolygonF(points), _DRAFT, closed=False)
        _paint_handles(painter, points[: len(editor.draft)], _HANDLE, _DRAFT)
    return labels


def _paint_zone(painter: QPainter, points: list[QPointF], zone: Zone, *, is_selected: bool) -> None:
    colour = QColor(zone.colour)
    polygon = QPolygonF(points)
    if zone.kind != "line":
        fill = QColor(0, 0, 0, _MASK_ALPHA) if zone.kind == "mask" else QColor(colour)
        if zone.kind == "area":
            fill.setAlpha(2 * _FILL_ALPHA if is_selected else _FILL_ALPHA)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(polygon)
    _stroke(painter, polygon, colour, closed=zone.kind != "line", wide=is_selected)
    if zone.kind == "line":
        line = np.array([[point.x(), point.y()] for point in points], np.float32)
        begin, end = (QPointF(x, y) for x, y in arrow_of(line).tolist())
        back = (begin - end) * 0.4
        side = QPointF(-back.y(), back.x())
        for path in ([begin, end], [end + back + side, end, end + back - side]):
            _stroke(painter, QPolygonF(path), colour, closed=False, wide=is_selected)
    if is_selected:
        _paint_handles(painter, points, _HANDLE, colour)
        if zone.kind != "line":
            middles = [(a + b) / 2 for a, b in zip(points, [*points[1:], points[0]], strict=True)]
            _paint_handles(painter, middles, _MIDDLE, colour)


def _stroke(
    painter: QPainter, polygon: QPolygonF, colour: QColor, *, closed: bool, wide: bool = False
) -> None:
    """Draw a line with a dark edge, so that it is visible on any background."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    width = _LINE + wide
    for ink, thick in ((_DARK, width + 2), (colour, width)):
        pen = QPen(ink, thick)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        if closed:
            painter.drawPolygon(polygon)
        else:
            painter.drawPolyline(polygon)


def _paint_handles(painter: QPainter, points: list[QPointF], radius: float, colour: QColor) -> None:
    painter.setPen(QPen(_DARK, 1))
    painter.setBrush(QColor("#ffffff") if radius == _HANDLE else colour)
    for point in points:
        painter.drawEllipse(point, radius, radius)


def _paint_label(painter: QPainter, place: QPointF, text: str, zone: Zone) -> QRectF:
    """Paint a label at the upper right of `place`, and return its area."""
    metrics = QFontMetricsF(painter.font())
    width, height = metrics.horizontalAdvance(text) + 10, metrics.height() + 2
    box = QRectF(place.x() + 6, place.y() - height - 4, width, height)
    # The label stays inside the picture.
    clip = painter.clipBoundingRect() if painter.hasClipping() else box
    box.moveLeft(max(min(box.left(), clip.right() - width), clip.left()))
    box.moveTop(max(min(box.top(), clip.bottom() - height), clip.top()))
    painter.fillRect(box, QColor(zone.colour))
    painter.setPen(QColor(*ink_on(colour_in(zone.colour))))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    return box
