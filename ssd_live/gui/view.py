"""The video view, which paints the newest frame of a source, and boxes and labels over the frame.

The pipeline renders the frame at the size of the view, so the view only copies the pixels. The view
draws boxes and labels itself, as vectors.
"""

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from ssd_live.analytics.counting import ZoneCounts
from ssd_live.analytics.zones import Point
from ssd_live.detections import Detections
from ssd_live.gui.box_painter import (
    FramePlace,
    paint_boxes,
    paint_lines,
    paint_pill,
    pill_size,
)
from ssd_live.gui.name_strip import NameStrip
from ssd_live.gui.signal_panel import SignalPanel
from ssd_live.gui.trails import Trails
from ssd_live.gui.welcome import WelcomePanel
from ssd_live.gui.zone_editor import ZoneEditor
from ssd_live.gui.zone_painter import paint_zones
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.imaging.pixels import Pixels
from ssd_live.live.session import LiveSession
from ssd_live.live.source import LiveSource
from ssd_live.pipeline.picture import Picture, Viewport
from ssd_live.tracking.links import LONGEST_GAP
from ssd_live.tracking.marks import Marks

BACKGROUND = QColor("#0b0c0f")
_QUIET_TEXT = QColor("#c3c8d2")
_DIMMED = QColor(11, 12, 15, 170)
_MAX_ZOOM = 16.0
_LEAST_SIZE, _LEAST_SIZE_OF_MANY = (240, 160), (96, 54)
_FRAME, _FRAME_WIDTH = QColor("#3b82f6"), 2
_WHEEL_STEP = 1.25
_RECORDING_RED = QColor("#ef4444")
# How far an object is zoomed in that is followed, and how far the view goes towards it at a frame.
_FOLLOWING_ZOOM, _GOING_ALONG = 2.5, 0.3
# A press of the mouse that moves less is a click, in logical pixels.
_CLICK_PIXELS = 4


class VideoView(QWidget):
    """A widget that shows the video of one source of a session.

    `stream` is the source. The view tells the source's pipeline which part of the frame to render,
    and at which size. `double_clicked` is emitted on a double click, and `focused` when the view
    gets the keyboard focus. `context_menu_asked` is emitted with the place of the mouse, in pixels
    of the screen, and the class of the box there, or "". `signal_panel` is shown while the source
    gives no frames, `name_strip` while there are several sources, and `welcome` while there is no
    source.
    """

    double_clicked = Signal()
    focused = Signal()
    context_menu_asked = Signal(QPoint, str)

    def __init__(
        self, session: LiveSession, stream: LiveSource, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.stream = stream
        self._picture: Picture | None = None
        self._image = QImage()
        self._zoom, self._centre = 1.0, (0.5, 0.5)
        self._drag_from: QPointF | None = None
        self._style = BoxStyle()
        self.trails = Trails()
        self.zones = ZoneEditor(self)
        self.zones.repainted.connect(self._zones_repainted)
        self.zones.edited.connect(lambda _: self.update())
        self._zone_counts: dict[str, ZoneCounts] = {}
        self._heat = QImage()
        self._marks = Marks()
        # The id of the object that stays in the middle, or 0, and when it was seen last.
        self._followed = 0
        self._followed_at = 0.0
        self._pressed_at: QPointF | None = None
        self._empty_text = ""
        self._hud: tuple[str, ...] = ()
        self._badge = ""
        self._is_paused = False
        self.signal_panel = SignalPanel(self)
        self._minimised = self._framed = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.name_strip = NameStrip(self)
        self.welcome = WelcomePanel(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Video"))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(960, 540)

    # Content.

    def fetch(self) -> None:
        """Take the newest rendered frame from the pipeline, if there is a new one, and repaint."""
        picture = self.stream.pipeline.picture()
        if picture is None:
            return
        earlier, self._picture = self._picture, picture
        # The image shares memory with `_picture`, so it must not outlive `_picture`.
        self._image = QImage(
            picture.pixels.data,
            picture.width,
            picture.pixels.shape[0],
            picture.pixels.strides[0],
            QImage.Format.Format_RGB32,
        )
        self._image.setDevicePixelRatio(self.devicePixelRatio())
        if earlier is None or (earlier.frame.width, earlier.frame.height) != (
            picture.frame.width,
            picture.frame.height,
        ):
            self._ask()
        found = self.visible_detections()
        self.trails.add(picture.frame.time, found)
        if found is not None:
            self._marks.of(found, inferred=picture.inferred)
            self._go_along(picture, found)
        self.update()

    def clear(self) -> None:
        """Remove the frame, and show the text that was given to `set_empty_text` instead."""
        self._picture, self._image = None, QImage()
        self.trails.clear()
        self.update()

    @property
    def picture(self) -> Picture | None:
        """The rendered frame that is shown, or None if there is no frame."""
        return self._picture

    def visible_detections(self) -> Detections | None:
        """Return the detections that are drawn: score at least the threshold, class not hidden.

        Return None if there is no frame, if the frame has no detections because no inference has
        ended yet, if its detections are from a model with other classes, or if the source is lost.
        """
        if self._picture is None or self.signal_panel.text:
            return None
        return self._session.visible(self._picture.detections)

    def seen_detections(self) -> Detections | None:
        """Return what `visible_detections` returns, and the detections of hidden classes too."""
        if self._picture is None or self.signal_panel.text:
            return None
        return self._session.over_threshold(self._picture.detections)

    def set_lost(self, text: str) -> None:
        """Show that the source gives no frames; `text` says why. "" means that it gives some.

        The last frame is dimmed, and its boxes are not shown, because they are out of date.
        """
        was_lost = bool(self.signal_panel.text)
        self.signal_panel.say(text)
        if was_lost != bool(text):
            self.update()

    @property
    def is_paused(self) -> bool:
        """Whether the view shows that its source is paused."""
        return self._is_paused

    def set_paused(self, paused: bool) -> None:
        """Show that the source is paused if `paused` is true, else remove the mark."""
        if paused != self._is_paused:
            self._is_paused = paused
            self.update()

    def set_style(self, style: BoxStyle) -> None:
        """Set the style of boxes and labels, and repaint."""
        self._style = style
        self.update()

    @property
    def empty_text(self) -> str:
        """The text that is shown while there is no frame."""
        return self._empty_text

    def set_empty_text(self, text: str) -> None:
        """Set the text that is shown while there is no frame."""
        self._empty_text = text
        self.update()

    @property
    def hud(self) -> tuple[str, ...]:
        """The lines of the statistics overlay."""
        return self._hud

    def set_hud(self, lines: tuple[str, ...]) -> None:
        """Set the lines of the statistics overlay; an empty tuple hides it."""
        if lines != self._hud:
            self._hud = lines
            self.update()

    @property
    def badge(self) -> str:
        """The text beside the red recording mark, or "" if the mark is hidden."""
        return self._badge

    def set_badge(self, text: str) -> None:
        """Show the red recording mark with `text` beside it; "" hides the mark."""
        if text != self._badge:
            self._badge = text
            self.update()

    def set_one_of_several(self, several: bool) -> None:
        """Show a strip with the name of the source if `several` is true, else hide it."""
        self.name_strip.setVisible(several)
        self.setMinimumSize(*_LEAST_SIZE_OF_MANY if several else _LEAST_SIZE)
        self._place_panels()
        self.update()

    def _place_panels(self) -> None:
        strip = self.name_strip
        # The frame of the selected view stays visible around the strip.
        strip.setGeometry(
            _FRAME_WIDTH,
            _FRAME_WIDTH,
            max(self.width() - 2 * _FRAME_WIDTH, 0),
            strip.sizeHint().height(),
        )
        self.signal_panel.move_to_middle()
        self.welcome.setGeometry(self.rect().adjusted(0, self._top(), 0, 0))

    def follow(self, track_id: int) -> None:
        """Keep the object with this id in the middle, zoomed in; 0 ends this.

        It also ends when the whole frame is shown again, or when the object has been away for some
        seconds.
        """
        self._followed = track_id
        if track_id and self._picture is not None:
            self._followed_at = self._picture.frame.time
            if self._zoom == 1.0:
                self.set_zoom(_FOLLOWING_ZOOM)
        self.update()

    @property
    def followed(self) -> int:
        """The id of the object that stays in the middle, or 0."""
        return self._followed

    def show_zone_counts(self, counts: dict[str, ZoneCounts]) -> None:
        """Show the counts of each zone beside it."""
        if counts != self._zone_counts:
            self._zone_counts = counts
            self.update()

    def show_heat(self, pixels: Pixels | None) -> None:
        """Show a heat map, BGRA (h, w, 4) uint8, over the whole frame; None shows none."""
        if pixels is None and self._heat.isNull():
            return
        if pixels is None:
            self._heat = QImage()
        else:
            height, width, _ = pixels.shape
            image = QImage(
                pixels.data, width, height, pixels.strides[0], QImage.Format.Format_ARGB32
            )
            self._heat = image.copy()
        self.update()

    def _zones_repainted(self) -> None:
        if self.zones.drawn_kind is not None:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.unsetCursor()
        self.update()

    def _go_along(self, picture: Picture, found: Detections) -> None:
        """Move the visible part of the frame towards the object that is followed."""
        if not self._followed:
            return
        time, frame = picture.frame.time, picture.frame
        its = next((one for one in found if one.track_id == self._followed), None)
        if its is not None:
            self._followed_at = time
            x1, y1, x2, y2 = its.box
            place = (x1 + x2) / 2 / frame.width, (y1 + y2) / 2 / frame.height
            x, y = (
                old + _GOING_ALONG * (new - old)
                for old, new in zip(self._centre, place, strict=True)
            )
            self._centre = (x, y)
            self._keep_inside()
            self._ask()
        elif not 0 <= time - self._followed_at < LONGEST_GAP:
            self.follow(0)

    def _top(self) -> int:
        """Return the height that the name strip takes, in logical pixels."""
        return 0 if self.name_strip.isHidden() else self.name_strip.sizeHint().height()

    def set_framed(self, framed: bool) -> None:
        """Draw the border that marks the selected view if `framed` is true, else remove it."""
        if framed != self._framed:
            self._framed = framed
            self.update()

    # Zoom and position.

    @property
    def zoom(self) -> float:
        """The zoom factor, 1 to 16; 1 fits the whole frame into the view."""
        return self._zoom

    def set_zoom(self, zoom: float, around: QPointF | None = None) -> None:
        """Set the zoom factor, limited to 1 to 16; 1 fits the whole frame into the view.

        The point `around` (logical pixels of this widget) keeps showing the same point of the
        frame. If `around` is None, the centre of the view keeps showing the same point.
        """
        zoom = min(max(zoom, 1.0), _MAX_ZOOM)
        if self._picture is not None and around is not None:
            at = self._to_frame(around)
            self._zoom = zoom
            scale = self._scale() / self.devicePixelRatio()
            self._centre = (
                at.x() - (around.x() - self.width() / 2) / scale / self._picture.frame.width,
                at.y() - (around.y() - self.height() / 2) / scale / self._picture.frame.height,
            )
        self._zoom = zoom
        if zoom == 1.0:
            self._followed = 0
        self._keep_inside()
        self._ask()
        self.update()

    def pan(self, across: float, down: float) -> None:
        """Move the visible part of the frame to the right and down; do nothing without a frame.

        `across` and `down` are fractions of the part's width and height; negative values move it to
        the left and up.
        """
        if self._picture is None:
            return
        x1, y1, x2, y2 = self._part()
        self._centre = (self._centre[0] + across * (x2 - x1), self._centre[1] + down * (y2 - y1))
        self._keep_inside()
        self._ask()
        self.update()

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatio()
        return max(round(self.width() * ratio), 1), max(round(self.height() * ratio), 1)

    def _scale(self) -> float:
        """Return the width of one pixel of the frame on the screen, in device pixels."""
        assert self._picture is not None
        width, height = self._device_size()
        return (
            min(width / self._picture.frame.width, height / self._picture.frame.height) * self._zoom
        )

    def _part(self) -> tuple[float, float, float, float]:
        """Return the visible part of the frame as (x1, y1, x2, y2).

        The values are fractions (0 to 1) of the frame's width and height.
        """
        assert self._picture is not None
        scale = self._scale()
        width, height = self._device_size()
        across = min(width / (scale * self._picture.frame.width), 1.0)
        down = min(height / (scale * self._picture.frame.height), 1.0)
        return (
            self._centre[0] - across / 2,
            self._centre[1] - down / 2,
            self._centre[0] + across / 2,
            self._centre[1] + down / 2,
        )

    def _keep_inside(self) -> None:
        if self._picture is None or self._zoom == 1.0:
            self._centre = (0.5, 0.5)
            return
        x1, y1, x2, y2 = self._part()
        half_across, half_down = (x2 - x1) / 2, (y2 - y1) / 2
        self._centre = (
            min(max(self._centre[0], half_across), 1 - half_across),
            min(max(self._centre[1], half_down), 1 - half_down),
        )

    def _ask(self) -> None:
        """Make the pipeline render for the current size, zoom and position of this view.

        If the view is not visible, make the pipeline stop rendering.
        """
        if self._minimised or not self.isVisible():
            self.stream.pipeline.set_viewport(None)
            return
        width, height = self._device_size()
        part = (
            self._part() if self._picture is not None and self._zoom > 1 else (0.0, 0.0, 1.0, 1.0)
        )
        self.stream.pipeline.set_viewport(Viewport(width, height, part))

    def _origin(self) -> tuple[float, float, float]:
        """Return (left, top, scale), the place and the scale of the frame in this widget.

        `left` and `top` are the place of the frame's top left corner in logical pixels; `scale` is
        logical pixels per pixel of the frame.
        """
        assert self._picture is not None
        scale = self._scale() / self.devicePixelRatio()
        frame = self._picture.frame
        return (
            self.width() / 2 - self._centre[0] * frame.width * scale,
            self.height() / 2 - self._centre[1] * frame.height * scale,
            scale,
        )

    def _to_frame(self, point: QPointF) -> QPointF:
        """Return a point of this widget as fractions of the frame's size (0 to 1 if inside it)."""
        assert self._picture is not None
        left, top, scale = self._origin()
        return QPointF(
            (point.x() - left) / scale / self._picture.frame.width,
            (point.y() - top) / scale / self._picture.frame.height,
        )

    # Painting.

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), BACKGROUND)
        if self._picture is None:
            self._paint_text(painter)
        else:
            self._paint_picture(painter, self._picture)
        if self.signal_panel.text:
            painter.fillRect(self.rect(), _DIMMED)
        # Boxes and labels come later, so that the numbers never cover them.
        hud = None
        if self._hud and not self.signal_panel.text:
            hud = paint_lines(painter, self._hud, QPointF(10, 10 + self._top()), self.width() - 40)
        found = self.visible_detections()
        if self._picture is not None and not self._heat.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._whole_area(), self._heat)
        taken = [] if hud is None else [hud]
        if self._picture is not None and (self.zones.zones or self.zones.is_on):
            painter.setClipRect(self._shown_area())
            taken += paint_zones(painter, self._whole_area(), self.zones, self._zone_counts)
            painter.setClipping(False)
        if self._picture is not None and found is not None and len(found):
            if self._top():
                taken.append(QRectF(self.name_strip.geometry()))
            self._paint_boxes(painter, found, taken, stale=self._picture.stale)
        if self._badge:
            self._paint_pill(painter, self._badge, at_right=True, dot=_RECORDING_RED)
        if self._is_paused:
            self._paint_pill(painter, self.tr("Paused"), at_right=False)
        if self._framed:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = QPen(_FRAME, _FRAME_WIDTH)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()
        if self._picture is not None:
            self.stream.pipeline.painted(self._picture)

    def _paint_text(self, painter: QPainter) -> None:
        painter.setPen(_QUIET_TEXT)
        painter.drawText(
            self.rect().adjusted(24, 24, -24, -24),
            Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
            self._empty_text,
        )

    def _paint_picture(self, painter: QPainter, picture: Picture) -> None:
        left, top, scale = self._origin()
        region = picture.region
        ratio = self.devicePixelRatio()
        x, y = left + region.x * scale, top + region.y * scale
        fits = (
            abs(self._image.width() / ratio - region.width * scale) <= 1
            and abs(self._image.height() / ratio - region.height * scale) <= 1
        )
        if fits:
            # The image was rendered for this size, so copy it pixel by pixel.
            painter.drawImage(
                QPointF(round(x * ratio) / ratio, round(y * ratio) / ratio), self._image
            )
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(
                QRectF(x, y, region.width * scale, region.height * scale), self._image
            )

    def _paint_boxes(
        self, painter: QPainter, found: Detections, taken: list[QRectF], *, stale: bool
    ) -> None:
        """Paint ways, boxes and labels. Labels avoid `taken`, if there is room elsewhere."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = FramePlace(*self._origin(), self._shown_area())
        painter.setClipRect(place.shown)
        self.trails.paint(painter, found, self._origin(), self._style.line_width)
        marked = self._marks.of(found, inferred=False) | stale
        paint_boxes(painter, found, place, self._style, marked.tolist(), taken)
        painter.restore()

    def _whole_area(self) -> QRectF:
        """Return the place of the whole frame in logical pixels; a part may be outside."""
        assert self._picture is not None
        left, top, scale = self._origin()
        frame = self._picture.frame
        return QRectF(left, top, frame.width * scale, frame.height * scale)

    def _shown_area(self) -> QRectF:
        """Return the part of this widget that shows the frame, in logical pixels."""
        return self._whole_area().intersected(QRectF(self.rect()))

    def _paint_pill(
        self, painter: QPainter, text: str, *, at_right: bool, dot: QColor | None = None
    ) -> None:
        """Paint a short text at the upper right, or else at the lower left.

        If `dot` is a colour, a dot of this colour stands before the text.
        """
        width, height = pill_size(painter, text, dot=dot is not None)
        area = (
            QRectF(self.width() - width - 10, 10 + self._top(), width, height)
            if at_right
            else QRectF(10, self.height() - height - 10, width, height)
        )
        paint_pill(painter, text, area, dot)

    # Events.

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._keep_inside()
        self._ask()
        self._place_panels()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        self.stream.pipeline.set_viewport(None)

    def set_minimised(self, minimised: bool) -> None:
        """Stop rendering if `minimised` is true, else resume it.

        The window calls this when it is minimised or restored, because Qt still reports the widgets
        of a minimised window as visible.
        """
        self._minimised = minimised
        self._ask()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        self.focused.emit()
        super().focusInEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        self.set_zoom(self._zoom * _WHEEL_STEP ** (event.angleDelta().y() / 120), event.position())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton:
            if self._edits_zones and self.zones.press(*self._place(event.position())):
                return
            self._drag_from = self._pressed_at = event.position()

    @property
    def _edits_zones(self) -> bool:
        return self.zones.is_on and self._picture is not None

    def _place(self, point: QPointF) -> tuple[Point, Point]:
        """Return a point of this widget as shares of the frame, and the frame's size here."""
        at, area = self._to_frame(point), self._whole_area()
        return (at.x(), at.y()), (area.width(), area.height())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._edits_zones and self.zones.move(self._place(event.position())[0]):
            return
        if self._drag_from is None or self._picture is None:
            return
        moved = self._drag_from - event.position()
        self._followed = 0
        self._drag_from = event.position()
        _, _, scale = self._origin()
        frame = self._picture.frame
        self._centre = (
            self._centre[0] + moved.x() / scale / frame.width,
            self._centre[1] + moved.y() / scale / frame.height,
        )
        self._keep_inside()
        self._ask()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._edits_zones and self.zones.release():
            return
        self._drag_from = None
        pressed, self._pressed_at = self._pressed_at, None
        if pressed is not None and (event.position() - pressed).manhattanLength() < _CLICK_PIXELS:
            self.follow(self._box_at(pressed)[1])

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        self.setFocus()
        if self._edits_zones and self.zones.delete_point(*self._place(QPointF(event.pos()))):
            return
        self.context_menu_asked.emit(event.globalPos(), self._box_at(QPointF(event.pos()))[0])

    def _box_at(self, place: QPointF) -> tuple[str, int]:
        """Return class and track id of the smallest box around a point of this widget.

        They are "" and 0 if there is no box, and the id is 0 if objects are not tracked.
        """
        found = self.visible_detections()
        if self._picture is None or found is None:
            return "", 0
        at = self._to_frame(place)
        x, y = at.x() * self._picture.frame.width, at.y() * self._picture.frame.height
        around = [
            ((x2 - x1) * (y2 - y1), one.name, one.track_id or 0)
            for one in found
            for x1, y1, x2, y2 in (one.box,)
            if x1 <= x <= x2 and y1 <= y <= y2
        ]
        return min(around)[1:] if around else ("", 0)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._edits_zones:
            self.zones.finish_drawing()
            return
        # The first click of the two may have begun to follow an object.
        self.set_zoom(1.0)
        self.double_clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        steps = {
            Qt.Key.Key_Left: (-0.1, 0),
            Qt.Key.Key_Right: (0.1, 0),
            Qt.Key.Key_Up: (0, -0.1),
            Qt.Key.Key_Down: (0, 0.1),
        }
        if self.zones.is_on and self._zone_key(event):
            return
        if self._zoom > 1 and Qt.Key(event.key()) in steps:
            self.pan(*steps[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def _zone_key(self, event: QKeyEvent) -> bool:
        """Do what a key does to the zones; return whether it does anything."""
        zones, key = self.zones, event.key()
        if event.matches(QKeySequence.StandardKey.Undo):
            zones.undo()
        elif event.matches(QKeySequence.StandardKey.Redo):
            zones.redo()
        elif zones.drawn_kind is not None and key == Qt.Key.Key_Escape:
            zones.cancel_drawing()
        elif zones.drawn_kind is not None and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            zones.finish_drawing()
        elif zones.drawn_kind is not None and key == Qt.Key.Key_Backspace:
            zones.take_back_point()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            zones.delete_selected()
        else:
            return False
        return True
