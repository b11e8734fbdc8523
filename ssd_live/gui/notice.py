"""The bar above the video that shows an error or a result as selectable text.

The bar is part of the window and not a dialog, so the user can always go on working.
"""

from typing import Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

Kind = Literal["error", "done"]

_COLOURS = {"error": ("#b3261e", "#ffffff"), "done": ("#1f6f43", "#ffffff")}
_DONE_MS = 6000


class NoticeBar(QFrame):
    """A bar that shows one message at a time.

    There are two kinds of messages. An "error" stays until the user closes it, until `resolved` is
    called with its topic, or until another message replaces it. A "done" message (a result) also
    disappears after six seconds.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAutoFillBackground(True)
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip(self.tr("Close this message"))
        close.setAccessibleName(self.tr("Close this message"))
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 4, 4)
        layout.addWidget(self._label, 1)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self._topic = ""
        self.hide()

    @property
    def text(self) -> str:
        """The message that is shown, or "" if the bar is hidden."""
        return self._label.text() if self.isVisible() else ""

    def say(self, kind: Kind, text: str, topic: str = "") -> None:
        """Show a message of the given kind in place of the current one.

        `topic` is a name for the subject of the message; `resolved` uses it to hide the message.
        """
        background, ink = _COLOURS[kind]
        self.setStyleSheet(
            f"NoticeBar {{ background: {background}; }} QLabel, QToolButton {{ color: {ink}; "
            "background: transparent; }"
        )
        self._topic = topic
        if self._label.text() != text:
            self._label.setText(text)
        self.show()
        self._timer.stop()
        if kind == "done":
            self._timer.start(_DONE_MS)

    def resolved(self, topic: str) -> None:
        """Hide the current message if it was shown with this `topic`."""
        if self._topic == topic:
            self.hide()
