"""The transport bar in full-screen mode: it appears when the mouse moves, and hides again."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

_SHOWN_MS = 2500


class FullScreenControls(QObject):
    """An object that lays the transport bar over the video while the window fills the screen.

    `middle` is the widget with the video and the bar below it, in `layout`. In full-screen mode the
    bar and the mouse pointer are shown for 2.5 seconds after the mouse moved. The bar lies over the
    video then, so that the video does not move.
    """

    def __init__(self, middle: QWidget, layout: QVBoxLayout, bar: QWidget) -> None:
        super().__init__(middle)
        self._middle = middle
        self._layout = layout
        self._bar = bar
        self.is_on = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SHOWN_MS)
        self._timer.timeout.connect(self._hide)

    @property
    def are_shown(self) -> bool:
        """Whether the bar may be shown; in full-screen mode only after the mouse moved."""
        return not self.is_on or self._timer.isActive()

    def watch(self, view: QWidget) -> None:
        """Show the controls when the mouse moves over `view`."""
        view.setMouseTracking(True)
        view.installEventFilter(self)

    def set_on(self, on: bool) -> None:
        """Begin full-screen mode if `on` is true, else end it."""
        if on == self.is_on:
            return
        self.is_on = on
        if on:
            self._layout.removeWidget(self._bar)
            self._bar.setAutoFillBackground(True)
            self._place()
            self._hide()
        else:
            self._timer.stop()
            self._layout.addWidget(self._bar)
            self._middle.unsetCursor()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if self.is_on and event.type() in (QEvent.Type.MouseMove, QEvent.Type.MouseButtonPress):
            self._place()
            self._middle.unsetCursor()
            self._timer.start()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        height = self._bar.sizeHint().height()
        self._bar.setGeometry(0, self._middle.height() - height, self._middle.width(), height)
        self._bar.raise_()

    def _hide(self) -> None:
        if self._bar.underMouse() and not self._bar.isHidden():
            self._timer.start()
            return
        self._bar.hide()
        self._middle.setCursor(Qt.CursorShape.BlankCursor)
