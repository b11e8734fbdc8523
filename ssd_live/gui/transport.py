"""The bar with buttons and a slider for playback and seeking."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QAction, QMouseEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QToolTip,
    QWidget,
)

_STEPS_A_SECOND = 100
_LEAST_SLIDER_WIDTH = 80
# In a narrower bar, there is no room for the number of the frame.
_ROOM_FOR_FRAME = 620


class SeekSlider(QSlider):
    """A slider whose handle jumps to the point that the user clicks.

    A tooltip shows the time at the point under the mouse.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setMouseTracking(True)
        self.setMinimumWidth(_LEAST_SLIDER_WIDTH)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if not self._handle().contains(event.position().toPoint()):
            self.setValue(self._value_at(event.position().x()))
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mouseMoveEvent(event)
        if self.isEnabled():
            seconds = self._value_at(event.position().x()) / _STEPS_A_SECOND
            QToolTip.showText(event.globalPosition().toPoint(), clock(seconds, tenths=True), self)

    def _handle(self) -> QRect:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        return self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )

    def _value_at(self, x: float) -> int:
        width = self._handle().width()
        return QStyle.sliderValueFromPosition(
            self.minimum(), self.maximum(), round(x - width / 2), max(self.width() - width, 1)
        )


class TransportBar(QWidget):
    """A bar with a button for each of `actions`, a seek slider, the position and the speed.

    `sound` are the controls of the sound, or None. The position is shown as a time and, if there is
    room, as the number of the frame. `sought` is emitted when the user moves the slider; its value
    is the new position in seconds. `speed_chosen` is emitted with one of the `speeds`.
    """

    sought = Signal(float)
    speed_chosen = Signal(float)

    def __init__(
        self, actions: list[QAction], speeds: Sequence[float], sound: QWidget | None = None
    ) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 2, 10, 2)
        for action in actions:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            layout.addWidget(button)
        self._slider = SeekSlider()
        self._slider.setAccessibleName(self.tr("Position in the file"))
        self._slider.setSingleStep(_STEPS_A_SECOND)
        self._slider.setPageStep(10 * _STEPS_A_SECOND)
        self._slider.valueChanged.connect(self._moved)
        self._time = QLabel()
        self._frame = QLabel()
        self._frame.setMinimumWidth(self._frame.fontMetrics().horizontalAdvance("# 000000"))
        self._speed = QToolButton()
        self._speed.setAutoRaise(True)
        self._speed.setToolTip(self.tr("Speed"))
        self._speed.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._speed)
        for speed in speeds:
            menu.addAction(_times(speed)).triggered.connect(
                lambda _=False, speed=speed: self.speed_chosen.emit(speed)
            )
        self._speed.setMenu(menu)
        layout.addWidget(self._slider, 1)
        for widget in (self._time, self._frame, sound, self._speed):
            if widget is not None:
                layout.addWidget(widget)
        self._following = False

    def follow(
        self,
        position: float,
        duration: float | None,
        rate: float | None = None,
        speed: float = 1.0,
    ) -> None:
        """Show the position and the duration of the source, in seconds, and its speed.

        `rate` is the number of frames per second, or None if it is unknown. The slider is disabled
        if `duration` is None or 0. If `duration` is None, no time is shown. While the user drags
        the slider, this method does not move it.
        """
        self._slider.setEnabled(bool(duration))
        self._speed.setEnabled(bool(duration))
        self._speed.setText(_times(speed))
        self._frame.setVisible(self.width() >= _ROOM_FOR_FRAME)
        self._frame.setText(f"# {round(position * rate)}" if duration and rate else "")
        if duration:
            self._time.setText(f"{clock(position, tenths=True)} / {clock(duration, tenths=True)}")
        else:
            self._time.setText(clock(position, tenths=True) if duration is not None else "")
        if self._slider.isSliderDown():
            return
        self._following = True
        self._slider.setMaximum(round((duration or 0) * _STEPS_A_SECOND))
        self._slider.setValue(round(position * _STEPS_A_SECOND))
        self._following = False

    def _moved(self, value: int) -> None:
        if not self._following:
            self.sought.emit(value / _STEPS_A_SECOND)


def clock(seconds: float, *, tenths: bool = False) -> str:
    """Return a time in seconds as text: "1:02" (minutes:seconds), or "1:02:03" with hours.

    With `tenths`, a tenth of a second follows, as in "1:02.5".
    """
    # A time such as 0.3 is a little less than that in binary.
    tenth = int(seconds * 10 + 1e-6)
    whole = tenth // 10
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{tenth % 10}" if tenths else text


def _times(speed: float) -> str:
    return f"{speed:g}×"
