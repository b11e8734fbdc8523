"""The panel over a view whose source gives no frames: what is wrong, and what the user can do."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

_MARGIN = 12


class SignalPanel(QFrame):
    """A panel in the middle of its parent, with a text and the buttons "Retry" and "Close source".

    It is hidden until `say` is called with a text. `retried` and `source_closed` are emitted when
    the user presses a button.
    """

    retried = Signal()
    source_closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("signal")
        self.setStyleSheet(
            "QFrame#signal { background: rgba(20, 22, 28, 215); border-radius: 8px; }"
            "QFrame#signal QLabel { color: #f4f5f7; }"
        )
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        retry, close = QPushButton(self.tr("Retry")), QPushButton(self.tr("Close source"))
        retry.clicked.connect(self.retried)
        close.clicked.connect(self.source_closed)
        buttons = QHBoxLayout()
        buttons.addStretch()
        for button in (retry, close):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            buttons.addWidget(button)
        buttons.addStretch()
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(self._label)
        self._layout.addLayout(buttons)
        self.hide()

    @property
    def text(self) -> str:
        """The text that is shown, or "" if the panel is hidden."""
        return "" if self.isHidden() else self._label.text()

    def say(self, text: str) -> None:
        """Show `text`; "" hides the panel."""
        if text == self.text:
            return
        self._label.setText(text)
        self.setVisible(bool(text))
        self.move_to_middle()

    def move_to_middle(self) -> None:
        """Fit the panel into the middle of its parent. The parent calls this when it is resized."""
        room = self._over.size()
        width = min(max(room.width() - 2 * _MARGIN, 0), 420)
        self.setFixedWidth(width)
        height = min(self._layout.heightForWidth(width), room.height())
        self.setGeometry(
            (room.width() - width) // 2, max((room.height() - height) // 2, 0), width, height
        )
