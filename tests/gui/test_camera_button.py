"""The buttons of the cameras show what the cameras see, and hand them over when they are chosen."""

import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFocusEvent
from PySide6.QtWidgets import QApplication, QWidget

from ssd_live.gui.camera_button import PREVIEW_SIZE, CameraButton
from ssd_live.gui.welcome import WelcomePanel
from ssd_live.video.sources.camera import Camera
from tests.gui.waiting import settle, wait_until

RED = (10, 20, 230)


class RedCamera:
    """Stands in for OpenCV's capture, as there is no camera here. It can be opened only once at a
    time.
    """

    tried = in_use = opened = 0

    def __init__(self, index: int, backend: int) -> None:
        self._values: dict[int, float] = {}
        RedCamera.tried += 1
        self._is_open = RedCamera.in_use == 0
        if self._is_open:
            RedCamera.in_use += 1
            RedCamera.opened += 1

    def isOpened(self) -> bool:  # noqa: N802
        return self._is_open

    def set(self, name: int, value: float) -> bool:
        self._values[name] = value
        return True

    def get(self, name: int) -> float:
        return self._values.get(name, 0.0)

    def read(self) -> tuple[bool, Any]:
        return True, np.full((480, 640, 3), RED, np.uint8)

    def release(self) -> None:
        if self._is_open:
            self._is_open = False
            RedCamera.in_use -= 1


@pytest.fixture
def camera(application: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    RedCamera.tried = RedCamera.in_use = RedCamera.opened = 0
    monkeypatch.setattr(cv2, "VideoCapture", RedCamera)
    yield
    wait_until(lambda: RedCamera.in_use == 0, "the camera is free")
    wait_until(has_no_thread, "the thread has ended")


def has_no_thread() -> bool:
    return "preview" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def button(camera: None) -> Iterator[CameraButton]:
    parent = QWidget()
    # The real pointer is elsewhere.
    parent.setGeometry(300, 300, 200, 100)
    found = CameraButton(Camera(2, "Desk & door"), "Desk & door", QColor("white"), parent)
    parent.show()
    yield found
    parent.close()
    settle()


def enter(button: CameraButton) -> None:
    QApplication.sendEvent(button, QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5)))


def leave(button: CameraButton) -> None:
    QApplication.sendEvent(button, QEvent(QEvent.Type.Leave))


def has_preview(button: CameraButton) -> bool:
    if button.iconSize() != PREVIEW_SIZE:
        return False
    image = button.icon().pixmap(PREVIEW_SIZE).toImage()
    return image.pixelColor(image.width() // 2, image.height() // 2) == QColor(*RED[::-1])


def test_what_the_camera_sees_is_shown_while_the_pointer_rests_on_its_button(
    button: CameraButton,
) -> None:
    assert button.text() == "Desk && door"
    enter(button)
    wait_until(lambda: has_preview(button), "the preview is shown")
    assert RedCamera.in_use == 1
    leave(button)
    wait_until(lambda: RedCamera.in_use == 0, "the camera is free")
    # The last image stays.
    assert has_preview(button)


def test_a_pointer_that_passes_does_not_switch_the_camera_on(button: CameraButton) -> None:
    enter(button)
    leave(button)
    wait_until_after_rest(button)
    assert RedCamera.opened == 0


def wait_until_after_rest(button: CameraButton) -> None:
    """Wait until a second pointer that rests has been shown the preview and has left."""
    other = CameraButton(Camera(3, "other"), "other", QColor("white"), button.window())
    opened = RedCamera.opened
    enter(other)
    wait_until(lambda: RedCamera.opened > opened, "the other camera is on")
    leave(other)
    wait_until(lambda: RedCamera.in_use == 0, "the other camera is free")
    RedCamera.opened -= 1


@pytest.mark.parametrize(
    ("reason", "is_on"),
    [(Qt.FocusReason.TabFocusReason, True), (Qt.FocusReason.OtherFocusReason, False)],
)
def test_the_keyboard_shows_it_too(
    reason: Qt.FocusReason, is_on: bool, button: CameraButton
) -> None:
    QApplication.sendEvent(button, QFocusEvent(QEvent.Type.FocusIn, reason))
    if is_on:
        wait_until(lambda: has_preview(button), "the preview is shown")
    else:
        wait_until_after_rest(button)
        assert not has_preview(button)
    QApplication.sendEvent(button, QFocusEvent(QEvent.Type.FocusOut, reason))
    wait_until(lambda: RedCamera.in_use == 0, "the camera is free")


def test_a_camera_is_free_when_it_is_chosen(button: CameraButton) -> None:
    in_use: list[int] = []
    button.chosen.connect(lambda: in_use.append(RedCamera.in_use))
    button.click()
    assert in_use == [0]
    enter(button)
    wait_until(lambda: has_preview(button), "the preview is shown")
    button.click()
    button.click()
    wait_until(lambda: len(in_use) == 2, "it is chosen once")
    settle()
    assert in_use == [0, 0]


def test_a_camera_that_another_program_uses_has_no_preview_and_can_be_chosen(
    button: CameraButton,
) -> None:
    other = RedCamera(2, 0)
    chosen: list[int] = []
    button.chosen.connect(lambda: chosen.append(1))
    enter(button)
    wait_until(lambda: RedCamera.tried == 2 and has_no_thread(), "the preview has been tried")
    settle()
    # While another button waits and tries as long, this one does not try again and again.
    second = CameraButton(Camera(3, "other"), "other", QColor("white"), button.window())
    enter(second)
    wait_until(lambda: RedCamera.tried >= 3 and has_no_thread(), "the other has been tried")
    settle()
    assert RedCamera.tried == 3
    assert not has_preview(button)
    button.click()
    wait_until(lambda: chosen == [1], "it is chosen")
    other.release()


def test_a_page_that_is_hidden_switches_the_camera_off(camera: None) -> None:
    parent = QWidget()
    parent.setGeometry(300, 300, 400, 300)
    page = WelcomePanel(parent)
    page.show_cameras([Camera(2, "Desk & door")])
    parent.show()
    page.show()
    found = page.buttons[0]
    assert isinstance(found, CameraButton)
    enter(found)
    wait_until(lambda: has_preview(found), "the preview is shown")
    # The page looks for cameras each time it is shown; the same cameras keep their buttons.
    page.show_cameras([Camera(2, "Desk & door")])
    assert page.buttons[0] is found
    page.hide()
    wait_until(lambda: RedCamera.in_use == 0, "the camera is free")
    parent.close()
