"""The notices that lie over the video and show errors and results as selectable text.

Notices are part of the window and not dialogs, so the user can always go on working. They lie over
the video, so that the video does not move when one comes or goes.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.gui.error_texts import translated

Kind = Literal["error", "done"]
# A button of a notice: its text, and what it calls.
NoticeAction = tuple[str, Callable[[], object]]

_COLOURS = {"error": "#b3261e", "done": "#1f6f43"}
DONE_MS = 6000
_MARGIN, _MOST_WIDTH = 10, 640
# More than this many at once would hide the video.
_MOST = 3


class _Notice(QFrame):
    """One notice with its buttons.

    `closed` is emitted when the user closes it, and for a "done" notice also after six seconds, in
    which the pointer was not on it.
    """

    closed = Signal()

    def __init__(
        self, kind: Kind, text: str, topic: str, actions: Sequence[NoticeAction], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.kind, self.topic = kind, topic
        self.setObjectName("notice")
        self.setStyleSheet(
            f"QFrame#notice {{ background: {_COLOURS[kind]}; border-radius: 6px; }}"
            "QFrame#notice QLabel, QFrame#notice QToolButton { color: #ffffff; }"
            "QFrame#notice QToolButton { background: transparent; border-radius: 4px;"
            " border: 1px solid rgba(255, 255, 255, 150); padding: 2px 8px; }"
            "QFrame#notice QToolButton#close { border: none; }"
            "QFrame#notice QToolButton:hover { background: rgba(255, 255, 255, 50); }"
        )
        self._label = QLabel(text)
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.addWidget(self._label, 1)
        for name, slot in actions:
            button = QToolButton()
            button.setText(name)
            button.clicked.connect(lambda _=False, slot=slot: slot())
            layout.addWidget(button)
        close = QToolButton()
        close.setObjectName("close")
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip(self.tr("Close this message"))
        close.setAccessibleName(self.tr("Close this message"))
        close.clicked.connect(self.closed)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.closed)
        self._start()

    @property
    def text(self) -> str:
        return self._label.text()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802 - Qt's name
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        self._start()
        super().leaveEvent(event)

    def _start(self) -> None:
        if self.kind == "done":
            self._timer.start(DONE_MS)


class Notices(QWidget):
    """The notices at the lower edge of the widget `over`, the newest at the bottom.

    There are two kinds of notices. An "error" stays until the user closes it, until `resolved` is
    called with its topic, or until another notice with its topic replaces it. A "done" notice (a
    result) also disappears after six seconds in which the pointer was not on it. At most three
    notices are shown. If there are more, the oldest is removed.
    """

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._over = over
        self._notices: list[_Notice] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        over.installEventFilter(self)
        self.hide()

    @property
    def text(self) -> str:
        """The text of the newest notice, or "" if there is none."""
        return self._notices[-1].text if self._notices else ""

    @property
    def kind(self) -> Kind | None:
        """The kind of the newest notice, or None if there is none."""
        return self._notices[-1].kind if self._notices else None

    def say(
        self, kind: Kind, text: str, topic: str = "", actions: Sequence[NoticeAction] = ()
    ) -> None:
        """Show a notice of the given kind, with a button for each of the `actions`.

        `topic` is a name for the subject of the notice. A notice replaces an earlier one with the
        same topic, and `resolved` uses the topic to remove the notice.
        """
        if kind == "error":
            text = translated(text)
        shown = next((one for one in self._notices if one.topic == topic), None)
        if shown is not None and (shown.kind, shown.text) == (kind, text) and kind == "error":
            return
        self.resolved(topic)
        notice = _Notice(kind, text, topic, actions, self)
        notice.closed.connect(lambda: self._remove(notice))
        self._notices.append(notice)
        self._layout.addWidget(notice)
        while len(self._notices) > _MOST:
            self._remove(self._notices[0])
        notice.show()
        self.show()
        self._place()

    def resolved(self, topic: str) -> None:
        """Remove the notice that was shown with this `topic`, if there is one."""
        for notice in [one for one in self._notices if one.topic == topic]:
            self._remove(notice)

    def clear(self) -> None:
        """Remove all notices."""
        for notice in list(self._notices):
            self._remove(notice)

    def _remove(self, notice: _Notice) -> None:
        if notice not in self._notices:
            return
        self._notices.remove(notice)
        self._layout.removeWidget(notice)
        notice.hide()
        notice.setParent(None)
        notice.deleteLater()
        self.setVisible(bool(self._notices))
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        room = self._over.size()
        width = min(max(room.width() - 2 * _MARGIN, 0), _MOST_WIDTH)
        self._layout.activate()
        height = min(self._layout.totalHeightForWidth(width), room.height())
        top = max(room.height() - height - _MARGIN, 0)
        self.setGeometry((room.width() - width) // 2, top, width, height)
        self.raise_()
