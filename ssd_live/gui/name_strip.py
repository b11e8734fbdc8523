"""The strip at the top of a view that names its source, with a button to close it."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from ssd_live.gui.theme import icon

_INK = QColor("#f4f5f7")


class NameStrip(QWidget):
    """A strip with the name and the state of a source, and a button that closes the source.

    `closed` is emitted when the user presses the button. The colours do not follow the theme,
    because the strip lies over the video.
    """

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("strip")
        self.setStyleSheet(
            "QWidget#strip { background: rgba(20, 22, 28, 200); }"
            f"QWidget#strip QLabel {{ color: {_INK.name()}; }}"
        )
        self._text = ""
        self._name, self._state = QLabel(), QLabel()
        # The labels let the mouse through, so that a click selects the view.
        for label in (self._name, self._state):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._close = QToolButton()
        self._close.setAutoRaise(True)
        self._close.setIcon(icon("close", _INK))
        self._close.setIconSize(QSize(12, 12))
        self._close.setToolTip(self.tr("Close this source"))
        self._close.setAccessibleName(self._close.toolTip())
        self._close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._close.clicked.connect(self.closed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 2, 2)
        layout.addWidget(self._name, 1)
        layout.addWidget(self._state)
        layout.addWidget(self._close)
        self.hide()

    @property
    def text(self) -> tuple[str, str]:
        """The name and the state of the source."""
        return self._text, self._state.text()

    def say(self, name: str, state: str) -> None:
        """Show the name and the state of the source."""
        if (name, state) != self.text:
            self._text = name
            self._state.setText(state)
            self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        self._elide()

    def _elide(self) -> None:
        """Shorten the name in its middle, so that it fits."""
        used = self._state.sizeHint().width() + self._close.sizeHint().width() + 24
        self._name.setText(
            QFontMetrics(self._name.font()).elidedText(
                self._text, Qt.TextElideMode.ElideMiddle, max(self.width() - used, 0)
            )
        )
