"""Draw under a video when its objects were there: a lane for each class, and one for each zone."""

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ssd_live.gui.transport import clock
from ssd_live.imaging.overlay import class_colour
from ssd_live.index.timeline import Mark, Timeline
from ssd_live.reporting.times import ticks

# In logical pixels: the height of a lane and of the axis, and the width of a name and of a tick.
_LANE, _AXIS, _NAME, _TICK = 18, 16, 110, 44
_MOST_LANES = 7
_LEAST_SECONDS = 2.0
_ZOOM_STEP = 1.25
_MOST_TICKS = 10
# Bars that are narrower than this cannot be told from each other, so that they are drawn as a
# density.
_LEAST_BAR = 2.0
_MARK_REACH = 4.0
_MARK_COLOURS = {"in": "#16a34a", "entered": "#16a34a", "out": "#ea580c", "left": "#ea580c"}


class TimelineView(QWidget):
    """The lanes of one video. A click goes to a moment, and the wheel zooms.

    `sought` is emitted with the time that the user clicks on, in seconds of the source.
    """

    sought = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._timeline: Timeline | None = None
        self._lanes: list[tuple[str, QColor]] = []
        self._marks: list[tuple[str, list[Mark]]] = []
        self._duration = 0.0
        self._begin, self._end = 0.0, 1.0
        self._position = 0.0
        self._drag: tuple[float, float] | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(self.tr("Timeline"))

    @property
    def timeline(self) -> Timeline | None:
        """What is shown, or None."""
        return self._timeline

    @property
    def span(self) -> tuple[float, float]:
        """The part that is shown: begin and end in seconds of the source."""
        return self._begin, self._end

    def show_timeline(self, timeline: Timeline | None, duration: float) -> None:
        """Show what happened in a video that is so many seconds long, or nothing."""
        self._timeline = timeline
        self._lanes, self._marks = [], []
        if timeline is not None:
            for name in timeline.classes[:_MOST_LANES]:
                blue, green, red = class_colour(name)
                self._lanes.append((name, QColor(red, green, blue)))
            by_name: dict[str, list[Mark]] = {}
            for mark in (*timeline.counts, *timeline.events):
                by_name.setdefault(mark.name, []).append(mark)
            self._marks = list(by_name.items())[:_MOST_LANES]
            last = float(timeline.ends.max()) if timeline.ends.size else 0.0
            duration = max(duration, last)
        self._duration = max(duration, _LEAST_SECONDS)
        self._begin, self._end = 0.0, self._duration
        self.updateGeometry()
        self.update()

    def follow(self, position: float) -> None:
        """Show the position in the video, in seconds; while it plays, the part moves along."""
        if position == self._position:
            return
        was_shown = self._begin <= self._position <= self._end
        self._position = position
        if was_shown and not self._begin <= position <= self._end:
            self._move_to(position - 0.1 * (self._end - self._begin))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        lanes = len(self._lanes) + len(self._marks)
        return QSize(400, max(lanes, 1) * _LANE + _AXIS)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(200, self.sizeHint().height())

    # Places.

    def _x(self, time: float) -> float:
        share = (time - self._begin) / (self._end - self._begin)
        return _NAME + share * (self.width() - _NAME)

    def _time(self, x: float) -> float:
        share = (x - _NAME) / max(self.width() - _NAME, 1)
        time = self._begin + share * (self._end - self._begin)
        return min(max(time, 0.0), self._duration)

    def _move_to(self, begin: float) -> None:
        span = self._end - self._begin
        self._begin = min(max(begin, 0.0), self._duration - span)
        self._end = self._begin + span

    def zoom(self, factor: float, at: float) -> None:
        """Show a part that is so many times shorter; the time `at` stays where it is."""
        span = min(max((self._end - self._begin) / factor, _LEAST_SECONDS), self._duration)
        share = (at - self._begin) / (self._end - self._begin)
        self._begin, self._end = 0.0, span
        self._move_to(at - share * span)
        self.update()

    # Painting.

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        ink = palette.color(QPalette.ColorRole.Text)
        faint = QColor(ink)
        faint.setAlphaF(0.15)
        bottom = self.height() - _AXIS
        painter.setFont(self.font())
        for time, text in ticks(self._begin, self._end, _MOST_TICKS):
            x = self._x(time)
            painter.setPen(faint)
            painter.drawLine(QPointF(x, 0), QPointF(x, bottom))
            painter.setPen(ink)
            left = min(x - _TICK / 2, self.width() - _TICK)
            painter.drawText(QRectF(left, bottom, _TICK, _AXIS), Qt.AlignmentFlag.AlignCenter, text)
        painter.save()
        painter.setClipRect(QRectF(_NAME, 0, self.width() - _NAME, bottom))
        for number, (_, colour) in enumerate(self._lanes):
            self._paint_tracks(painter, number, colour)
        for number, (_, marks) in enumerate(self._marks):
            self._paint_marks(painter, len(self._lanes) + number, marks)
        painter.restore()
        titles = [name for name, _ in (*self._lanes, *self._marks)]
        for number, title in enumerate(titles):
            place = QRectF(6, number * _LANE, _NAME - 12, _LANE)
            shown = painter.fontMetrics().elidedText(
                title, Qt.TextElideMode.ElideRight, int(place.width())
            )
            painter.setPen(ink)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, shown)
            painter.setPen(faint)
            y = (number + 1) * _LANE
            painter.drawLine(0, y, self.width(), y)
        if self._begin <= self._position <= self._end:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 2))
            x = self._x(self._position)
            painter.drawLine(QPointF(x, 0), QPointF(x, bottom))
        painter.end()

    def _paint_tracks(self, painter: QPainter, number: int, colour: QColor) -> None:
        """Paint where at least one track of a class is; darker where there are more."""
        assert self._timeline is not None
        its = self._timeline
        shown = (its.class_ids == number) & (its.ends >= self._begin) & (its.begins <= self._end)
        if not shown.any():
            return
        width = max(self.width() - _NAME, 1)
        scale = width / (self._end - self._begin)
        lefts = ((its.begins[shown] - self._begin) * scale).clip(0, width - 1)
        rights = ((its.ends[shown] - self._begin) * scale).clip(0, width - 1)
        rights = np.maximum(rights, lefts + _LEAST_BAR).clip(0, width)
        # How many tracks each column of pixels has, by their begins and ends.
        changes = np.zeros(width + 2, np.int64)
        np.add.at(changes, lefts.astype(np.int64), 1)
        np.add.at(changes, np.ceil(rights).astype(np.int64), -1)
        levels = np.cumsum(changes)[:width]
        most = int(levels.max())
        edges = np.flatnonzero(np.diff(levels, prepend=0, append=0))
        for left, right in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            level = int(levels[left])
            if level:
                shade = QColor(colour)
                shade.setAlphaF(0.45 + 0.55 * level / most)
                height = (_LANE - 5) * (0.5 + 0.5 * level / most)
                top = (number + 1) * _LANE - 2 - height
                painter.fillRect(QRectF(_NAME + left, top, right - left, height), shade)

    def _paint_marks(self, painter: QPainter, number: int, marks: list[Mark]) -> None:
        top = number * _LANE
        painted: set[int] = set()
        for mark in marks:
            if not self._begin <= mark.time <= self._end:
                continue
            x = round(self._x(mark.time))
            # Marks in one place look like one.
            if x in painted:
                continue
            painted.add(x)
            colour = QColor(_MARK_COLOURS.get(mark.what, "#dc2626"))
            is_out = mark.what in ("out", "left")
            painter.fillRect(QRectF(x - 1, top + (9 if is_out else 2), 3, 7), colour)

    # The mouse.

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton and event.position().x() >= _NAME:
            self.sought.emit(self._time(event.position().x()))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._drag = event.position().x(), self._begin

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        x = event.position().x()
        if self._drag is not None:
            pressed, begin = self._drag
            scale = (self._end - self._begin) / max(self.width() - _NAME, 1)
            self._move_to(begin - (x - pressed) * scale)
            self.update()
        elif event.buttons() & Qt.MouseButton.LeftButton and x >= _NAME:
            self.sought.emit(self._time(x))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._drag = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._begin, self._end = 0.0, self._duration
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        turn = event.angleDelta()
        if abs(turn.x()) > abs(turn.y()):
            self._move_to(self._begin - turn.x() / 1200 * (self._end - self._begin))
            self.update()
        else:
            at = self._time(event.position().x())
            self.zoom(math.pow(_ZOOM_STEP, turn.y() / 120), at)
        event.accept()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self.text_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def text_at(self, x: float, y: float) -> str:
        """Return what is at a place of this widget: the time, and the tracks or the mark there."""
        if self._timeline is None or x < _NAME:
            return ""
        time, lane = self._time(x), int(y // _LANE)
        lines = [clock(time, tenths=True)]
        if 0 <= lane < len(self._lanes):
            its = self._timeline
            here = (its.class_ids == lane) & (its.begins <= time) & (its.ends >= time)
            ids = its.track_ids[here].tolist()
            if ids:
                more = " …" if len(ids) > _MOST_LANES else ""
                numbers = ", ".join(f"#{number}" for number in sorted(ids)[:_MOST_LANES])
                lines.append(f"{self._lanes[lane][0]} {numbers}{more}")
        elif 0 <= lane - len(self._lanes) < len(self._marks):
            name, marks = self._marks[lane - len(self._lanes)]
            nearest = min(marks, key=lambda mark: abs(mark.time - time))
            if abs(self._x(nearest.time) - x) <= _MARK_REACH:
                lines.append(f"{name}: {nearest.what}")
        return "\n".join(lines)
