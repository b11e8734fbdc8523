"""Notices over the video: how long they stay."""

import pytest
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication, QFrame, QWidget

from ssd_live.gui import notice
from ssd_live.gui.notice import Notices
from ssd_live.gui.welcome import WelcomePanel
from tests.gui.waiting import settle, wait_until


def test_a_result_stays_while_the_pointer_is_on_it(
    application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice, "DONE_MS", 50)
    parent = QWidget()
    # The real pointer is elsewhere.
    parent.setGeometry(300, 300, 400, 300)
    notices = Notices(parent)
    parent.show()
    notices.say("done", "saved", "one")
    frame = notices.findChild(QFrame, "notice")
    assert frame is not None
    QApplication.sendEvent(frame, QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5)))
    # It has outlived one that came after it.
    notices.say("done", "something else", "other")
    wait_until(lambda: notices.text == "saved", "the other notice is gone")
    QApplication.sendEvent(frame, QEvent(QEvent.Type.Leave))
    wait_until(lambda: notices.text == "", "the notice is gone")
    parent.close()


def test_the_buttons_of_an_empty_view_stay_in_its_middle(application: QApplication) -> None:
    parent = QWidget()
    page = WelcomePanel(parent)
    parent.resize(900, 700)
    parent.show()
    page.show()
    for width in (300, 800, 500, 300, 860):
        page.setGeometry(0, 0, width, 600)
        settle()
        left = min(button.geometry().left() for button in page.buttons)
        right = max(button.geometry().right() for button in page.buttons)
        assert abs((left + right) / 2 - width / 2) <= 2
    parent.close()
