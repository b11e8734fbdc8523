"""A real window on a real session."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListWidget, QListWidgetItem, QWidget

from ssd_live.analytics.rules import RuleBook
from ssd_live.analytics.zones import Zone
from ssd_live.backends.base import PRECISIONS
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.transport import SeekSlider
from ssd_live.gui.view import VideoView
from ssd_live.gui.window import MainWindow
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.request import Overrides
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.capture import CaptureOptions, CaptureState, Phase
from ssd_live.pipeline.counters import FrameCounts
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import SourceOptions, parse_source
from tests.gui.waiting import settle, wait_until
from tests.tiny_model import tiny_model

SMALL_PATTERN = "pattern:320x180@30"
NO_NETWORK = ModelRequest("none")
WidgetType = TypeVar("WidgetType", bound=QWidget)


@dataclass(eq=False)
class Desk:
    """The window, and what works behind it."""

    window: MainWindow
    session: LiveSession
    bridge: Bridge
    settings: Settings
    _is_closed: bool = False

    @property
    def view(self) -> VideoView:
        return self.window.view

    @property
    def panel(self) -> DetectionPanel:
        return self.window.panel

    @property
    def state(self) -> CaptureState:
        state = self.session.pipeline.state
        assert state is not None
        return state

    @property
    def counts(self) -> FrameCounts:
        return self.session.pipeline.frame_counter.counts()

    @property
    def time(self) -> float:
        """Seconds from the source's beginning of the picture on the screen; -1 without one."""
        return self.view.picture.frame.time if self.view.picture else -1.0

    def trigger(self, action: str) -> None:
        """As the menu does it."""
        self.window.actions_by_name[action].trigger()

    def is_on(self, action: str) -> bool:
        return self.window.actions_by_name[action].isChecked()

    def press(
        self, key: str, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """A key, where the focus is."""
        self.window.activateWindow()
        wait_until(self.window.isActiveWindow, "the window is active")
        QTest.keyClick(
            QApplication.focusWidget() or self.window, getattr(Qt.Key, f"Key_{key}"), modifier
        )
        settle()

    def child(self, kind: type[WidgetType], accessible_name: str = "") -> WidgetType:
        """The one widget of a kind, or the one of that name."""
        found = [
            w
            for w in self.window.findChildren(kind)
            if not accessible_name or w.accessibleName() == accessible_name
        ]
        assert len(found) == 1, f"{len(found)} widgets are a {kind.__name__} {accessible_name}"
        return found[0]

    @property
    def seek_bar(self) -> SeekSlider:
        return self.child(SeekSlider)

    def wait_for_picture(self) -> None:
        """One is there, and painted."""
        wait_until(lambda: self.view.picture is not None, "a picture has come")
        settle()

    def wait_for_live_layout(self) -> None:
        """A live source has no seek bar, which leaves more room for the view."""
        wait_until(lambda: not self.seek_bar.isVisible(), "the seek bar is away")
        settle()

    def wait_for_phase(self, phase: Phase) -> None:
        wait_until(lambda: self.state.phase is phase, f"the source is {phase.value}")

    def wait_for_boxes(self) -> None:
        wait_until(lambda: len(self.view.visible_detections() or ()), "boxes are shown")
        # Which may be before the window has heard of the network.
        wait_until(
            lambda: self.child(QListWidget, "Classes").count(), "the panel lists the classes"
        )

    def pause(self) -> None:
        """By the action, until the view stands still."""
        self.trigger("play")
        self.wait_for_phase(Phase.PAUSED)
        wait_until(lambda: not self.counts.in_flight, "the frames on their way have arrived")
        settle()

    def colour(self, x: float, y: float) -> tuple[int, int, int]:
        """Red, green, blue of a point of the view (logical pixels) as painted now."""
        image = self.view.grab().toImage()
        ratio = image.devicePixelRatio()
        return red_green_blue(image, int(x * ratio), int(y * ratio))

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self.window.close()
        self.window.hide()
        self.window.deleteLater()
        settle()
        self.session.close()
        settle()


def open_desk(
    source: str | Path = SMALL_PATTERN,
    *more: str | Path,
    settings: Settings | None = None,
    model_request: ModelRequest | None = None,
    size: tuple[int, int] = (900, 600),
    models: Sequence[str] = (),
    overrides: Overrides | None = None,
    zones: tuple[Zone, ...] | None = None,
    book: RuleBook | None = None,
    rules_file: Path | None = None,
) -> Desk:
    """The application's own order: source and network start before there is a window."""
    bridge, settings = Bridge(), settings or Settings()
    shown = DisplayFilters(settings, overrides or Overrides())
    session = LiveSession(bridge.events(), shown, show=settings.show, streams=1 + len(more))
    if model_request is not None:
        session.load(model_request)
    for stream, text in zip(session.streams, (source, *more), strict=True):
        stream.open(parse_source(str(text)), CaptureOptions(loop=settings.loop))
    window = MainWindow(
        session,
        bridge,
        settings,
        model_request=model_request or NO_NETWORK,
        options=SourceOptions(),
        models=list(models),
        backends=["openvino", "onnxruntime"],
        precisions=list(PRECISIONS),
        shown=shown,
        zones=zones,
        book=book,
        rules_file=rules_file,
    )
    if not settings.geometry:
        window.resize(*size)
    window.show()
    return Desk(window, session, bridge, settings)


def part(parent: QWidget, kind: type[WidgetType]) -> WidgetType:
    """The first widget of a kind inside another."""
    found = parent.findChild(kind)
    assert isinstance(found, kind)
    return found


def red_green_blue(image: QImage, x: int, y: int) -> tuple[int, int, int]:
    return rgb(image.pixelColor(x, y))


def write_model(
    path: Path,
    boxes: Sequence[Sequence[float]],
    scores: Sequence[Sequence[float]],
    **metadata: object,
) -> ModelRequest:
    """A model file that finds `boxes` (0..1) in every picture, scored for cat and dog; the model
    request for it on the runtime that starts fastest.
    """
    path.write_bytes(tiny_model(boxes, scores, name=path.stem, **metadata).data)
    return ModelRequest(str(path), "onnxruntime", "fp32")


def write_map(path: Path, size: tuple[int, int] = (512, 256)) -> Path:
    """A picture whose every colour says where it is: red grows to the right from 0 to 255, green
    downwards; blue is 128.
    """
    width, height = size
    picture = np.full((height, width, 3), 128, np.uint8)
    picture[..., 2] = np.linspace(0, 255, width)[None, :].round()
    picture[..., 1] = np.linspace(0, 255, height)[:, None].round()
    cv2.imwrite(str(path), picture)
    return path


def place_of(colour: tuple[int, int, int]) -> tuple[float, float]:
    """Where on the map (0..1) a colour is."""
    return colour[0] / 255, colour[1] / 255


def rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def turn_wheel(view: QWidget, x: float, y: float, notches: int) -> None:
    at = QPointF(x, y)
    event = QWheelEvent(
        at,
        view.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def drop(window: QWidget, content: QMimeData, x: int = 50, y: int = 50) -> None:
    """What the window system tells a window when something is dragged onto it and let go."""
    action, button, modifier = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    at = QPoint(x, y)
    enter = QDragEnterEvent(at, action, content, button, modifier)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(at), action, content, button, modifier))


def toggle(item: QListWidgetItem) -> None:
    """A click on the item's check box."""
    classes = item.listWidget()
    classes.scrollToItem(item)
    place = classes.visualItemRect(item)
    QTest.mouseClick(
        classes.viewport(),
        Qt.MouseButton.LeftButton,
        pos=QPoint(place.left() + 9, place.center().y()),
    )
