"""The bar with buttons and a slider for playback and seeking."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QMouseEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

_STEPS_A_SECOND = 100


class SeekSlider(QSlider):
    """A slider whose handle jumps to the point that the user clicks."""

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        if not handle.contains(event.position().toPoint()):
            span = max(self.width() - handle.width(), 1)
            place = round(event.position().x() - handle.width() / 2)
            self.setValue(
                QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), place, span)
            )
        super().mousePressEvent(event)


class TransportBar(QWidget):
    """A bar with a button for each of `actions`, a seek slider, and the position as a time.

    `sought` is emitted when the user moves the slider; its value is the new position in seconds.
    """

    sought = Signal(float)

    def __init__(self, actions: list[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 2, 10, 2)
        for action in actions:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            layout.addWidget(button)
        self._slider = SeekSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName(self.tr("Position in the file"))
        self._slider.setSingleStep(_STEPS_A_SECOND)
        self._slider.setPageStep(10 * _STEPS_A_SECOND)
        self._slider.valueChanged.connect(self._moved)
        self._time = QLabel()
        self._time.setMinimumWidth(
            self._time.fontMetrics().horizontalAdvance("00:00:00 / 00:00:00")
        )
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._time)
        self._following = False

    def follow(self, position: float, duration: float | None) -> None:
        """Show the position and the duration of the source, in seconds.

        The slider is disabled if `duration` is None or 0. If `duration` is None, no time is shown.
        While the user drags the slider, this method does not move it.
        """
        self._slider.setEnabled(bool(duration))
        if duration:
            self._time.setText(f"{clock(position)} / {clock(duration)}")
        else:
            self._time.setText(clock(position) if duration is not None else "")
        if self._slider.isSliderDown():
            return
        self._following = True
        self._slider.setMaximum(round((duration or 0) * _STEPS_A_SECOND))
        self._slider.setValue(round(position * _STEPS_A_SECOND))
        self._following = False

    def _moved(self, value: int) -> None:
        if not self._following:
            self.sought.emit(value / _STEPS_A_SECOND)


def clock(seconds: float) -> str:
    """Return a time in seconds as text: "1:02" (minutes:seconds), or "1:02:03" with hours."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
