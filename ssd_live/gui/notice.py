"""A line above the video for what went wrong or was done: readable, selectable, and never in the
way.
"""

from typing import Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

Kind = Literal["error", "done"]

_COLOURS = {"error": ("#b3261e", "#ffffff"), "done": ("#1f6f43", "#ffffff")}
_DONE_MS = 6000


class NoticeBar(QFrame):
    """Shows one line at a time; an error stays until it is closed or mended, the others go by
    themselves.
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
        return self._label.text() if self.isVisible() else ""

    def say(self, kind: Kind, text: str, topic: str = "") -> None:
        """`topic` names what the line is about, so that `resolved` can take it back."""
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
        if self._topic == topic:
            self.hide()
