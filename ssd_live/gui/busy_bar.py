"""A progress bar that shows a moving block while the progress is unknown."""

import time

from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QProgressBar, QWidget

_FRAME_MS = 40
# The share of the bar that the block takes, and the seconds that it takes from side to side.
_SHARE, _SECONDS = 0.25, 1.2


class BusyBar(QProgressBar):
    """A progress bar; with the range 0 to 0 a block moves in it, because the progress is unknown.

    Qt's own busy state fills the whole bar in some styles, which looks like the end of the work.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._move)

    @property
    def is_busy(self) -> bool:
        """Whether the progress is unknown."""
        return self.minimum() == self.maximum()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        self._timer.stop()

    def _move(self) -> None:
        if self.is_busy:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if not self.is_busy:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        area = QRectF(self.rect())
        height = min(area.height(), 8.0)
        area = QRectF(0, (area.height() - height) / 2, area.width(), height)
        painter.fillRect(area, self.palette().color(QPalette.ColorRole.AlternateBase))
        phase = time.monotonic() / _SECONDS % 2
        share = phase if phase <= 1 else 2 - phase
        width = area.width() * _SHARE
        block = QRectF((area.width() - width) * share, area.top(), width, height)
        painter.fillRect(block, self.palette().color(QPalette.ColorRole.Highlight))
