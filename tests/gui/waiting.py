"""Waiting for what the window or its threads do, while Qt's events are handled."""

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from tests.waiting import LIMIT_SECONDS

_POLL_MS = 5


def wait_until(condition: Callable[[], object], what: str, limit: float = LIMIT_SECONDS) -> None:
    """Handle events until the condition holds; fail with `what` was awaited if it does
    not in time.
    """
    loop, poll = QEventLoop(), QTimer()
    poll.start(_POLL_MS)
    deadline = time.monotonic() + limit
    try:
        while not condition():
            assert time.monotonic() < deadline, f"waited {limit:g} s in vain until {what}"
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    finally:
        poll.stop()


def settle() -> None:
    """Handle the events that are there, deletions too."""
    QCoreApplication.processEvents()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QCoreApplication.processEvents()


def in_dialog(open_dialog: Callable[[], object], do: Callable[[QWidget], None]) -> None:
    """`open_dialog` shows a modal dialog and returns when it is closed; `do` is called with the
    dialog, which is closed afterwards.
    """
    failures: list[BaseException] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            return
        poll.stop()
        try:
            do(dialog)
        except BaseException as error:  # must come out of the test, not out of Qt
            failures.append(error)
        finally:
            dialog.close()

    poll = QTimer()
    poll.timeout.connect(look)
    poll.start(_POLL_MS)
    open_dialog()
    was_shown = not poll.isActive()
    poll.stop()
    if failures:
        raise failures[0]
    assert was_shown, "no dialog was shown"
