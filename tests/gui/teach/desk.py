"""What tests of the window of a project do with it, by mouse and keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QListWidget,
    QPushButton,
)

from ssd_live.gui.label_view import LabelView
from ssd_live.gui.teach_window import TeachWindow
from ssd_live.imaging.frame import Frame
from ssd_live.project.store import Project
from ssd_live.project.versions import complete_version
from ssd_live.remote.network import ModelRequest
from ssd_live.system.paths import assets_folder
from tests.gui.waiting import settle, wait_until
from tests.waiting import LIMIT_SECONDS

MODEL = ModelRequest("ssd300-mobilenetv2-oid", "onnxruntime", "fp32")


def wait_for(condition: Callable[[], object], limit: float = LIMIT_SECONDS) -> None:
    wait_until(condition, "the window has done it", limit)


def view_of(window: TeachWindow) -> LabelView:
    (view,) = window.findChildren(LabelView)
    return view


def list_of(window: TeachWindow, name: str = "Images") -> QListWidget:
    (found,) = [its for its in window.findChildren(QListWidget) if its.accessibleName() == name]
    return found


def filter_of(window: TeachWindow) -> QComboBox:
    name = "Which images are listed"
    (found,) = [its for its in window.findChildren(QComboBox) if its.accessibleName() == name]
    return found


def button_of(window: TeachWindow, text: str) -> QPushButton:
    (found,) = [its for its in window.findChildren(QPushButton) if its.text() == text]
    return found


def says(window: TeachWindow, text: str) -> bool:
    return any(text in label.text() for label in window.findChildren(QLabel))


def wait_for_image(window: TeachWindow) -> None:
    """Until the chosen image is shown."""
    wait_for(lambda: window.has_image)


def press(
    window: TeachWindow,
    key: Qt.Key,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    QTest.keyClick(view_of(window), key, modifiers)
    settle()


def place_of(window: TeachWindow, x: float, y: float) -> QPoint:
    """Where a place of the image, 640 x 272 pixels, is in the view."""
    return view_of(window).place_of(QPointF(x, y)).toPoint()


def drag(
    window: TeachWindow,
    start: tuple[float, float],
    end: tuple[float, float],
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    view, a, b = view_of(window), place_of(window, *start), place_of(window, *end)
    QTest.mouseMove(view, a)
    QTest.mousePress(view, button, modifiers, a)
    QTest.mouseMove(view, (a + b) / 2)
    QTest.mouseMove(view, b)
    QTest.mouseRelease(view, button, modifiers, b)
    settle()


def click(window: TeachWindow, place: tuple[float, float]) -> None:
    QTest.mouseClick(view_of(window), Qt.MouseButton.LeftButton, pos=place_of(window, *place))
    settle()


def boxes_of(window: TeachWindow, row: int = 0) -> list[tuple[int, ...]]:
    """The class and the box of each object of an image, to whole pixels."""
    image = window.project.images[row]
    return [(each.class_id, *(round(value) for value in each.box)) for each in image.boxes]


def near(found: list[tuple[int, ...]], wanted: list[tuple[int, ...]]) -> bool:
    return len(found) == len(wanted) and all(
        one[0] == other[0] and max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 2
        for one, other in zip(found, wanted, strict=True)
    )


def add_frame(window: TeachWindow, frame: Frame, *place: Any) -> tuple[str, str]:
    """Add a frame of the live window, and return what became of it."""
    said: list[tuple[str, str]] = []
    source, seconds, doubt = (*place, None, None)[:3]
    window.adding.add_frame(
        frame, source, seconds, doubt, lambda kind, text: said.append((kind, text))
    )
    wait_for(lambda: said)
    return said[0]


def write_version(project: Project, number: int, **facts: Any) -> Path:
    """Write a version that has the bundled network for persons, and return its folder."""
    folder = project.folder / "versions" / str(number)
    folder.mkdir(parents=True)
    bundled = assets_folder() / "models" / "ssdlite300-mobilenetv2-person.onnx"
    (folder / "model.onnx").write_bytes(bundled.read_bytes())
    (folder / "weights.safetensors").write_bytes(b"weights")
    complete_version(folder, facts)
    return folder
