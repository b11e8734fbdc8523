"""Remember where the objects of a view came from, and paint their ways."""

from collections import deque
from typing import NamedTuple

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from ssd_live.detections import Detections
from ssd_live.imaging.overlay import class_colour

# A way has at most so many points, whatever the frame rate.
_MOST_POINTS = 240
# The end of a way is nearly transparent.
_PARTS = 4
_DARK = QColor(0, 0, 0, 120)
_DARK_WIDTH = 2


class _Point(NamedTuple):
    """The middle of the lower side of a box, in pixels of the frame, at a time in seconds."""

    time: float
    x: float
    y: float


class Trails:
    """The ways of the objects of one view in the last `seconds` of the source."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.seconds = seconds
        self._ways: dict[int, deque[_Point]] = {}
        self._time = 0.0

    def clear(self) -> None:
        """Forget all ways."""
        self._ways.clear()

    def add(self, time: float, found: Detections | None) -> None:
        """Add where the tracked objects of a frame are. `time` is that of the frame, in seconds.

        A time before that of the last frame, as after a seek, begins all ways anew.
        """
        if time < self._time or time > self._time + max(self.seconds, 1.0):
            self._ways.clear()
        self._time = time
        if found is not None and found.track_ids is not None and self.seconds:
            for (x1, _, x2, y2), track_id in zip(
                found.boxes.tolist(), found.track_ids.tolist(), strict=True
            ):
                way = self._ways.setdefault(track_id, deque(maxlen=_MOST_POINTS))
                # A frame that is rendered again, as after a zoom, adds no point.
                if not way or time - way[-1].time >= self.seconds / _MOST_POINTS:
                    way.append(_Point(time, (x1 + x2) / 2, y2))
        for track_id, way in list(self._ways.items()):
            while way and way[0].time < time - self.seconds:
                way.popleft()
            if not way:
                del self._ways[track_id]

    def paint(
        self, painter: QPainter, found: Detections, origin: tuple[float, float, float], width: int
    ) -> None:
        """Paint the ways of the objects in `found`, with lines of this width, fading to the past.

        `origin` is the place of the frame's corner in the widget, and its scale.
        """
        if found.track_ids is None:
            return
        left, top, scale = origin
        for track_id, name in zip(found.track_ids.tolist(), found.names, strict=True):
            points = [
                QPointF(left + point.x * scale, top + point.y * scale)
                for point in self._ways.get(track_id, ())
            ]
            if len(points) < 2:
                continue
            blue, green, red = class_colour(name)
            size = -(-len(points) // _PARTS)
            for part in range(_PARTS):
                # A part begins where the one before it ends.
                line = QPolygonF(points[max(part * size - 1, 0) : (part + 1) * size])
                clear = (part + 1) / _PARTS
                for opaque, thick in (
                    (_DARK, width + _DARK_WIDTH),
                    (QColor(red, green, blue), width),
                ):
                    colour = QColor(opaque)
                    colour.setAlphaF(opaque.alphaF() * clear)
                    pen = QPen(colour, thick)
                    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
                    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
                    painter.setPen(pen)
                    painter.drawPolyline(line)
