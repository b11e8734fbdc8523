"""The speaker button and the volume slider, and the sound of the selected source."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QHBoxLayout, QSlider, QToolButton, QWidget

from ssd_live.gui.actions import Actions
from ssd_live.live.sound import SoundPlayer
from ssd_live.pipeline.capture import CaptureState, Phase
from ssd_live.settings import Settings

_WIDTH = 70
_STEP = 10


class SoundControl(QWidget):
    """Controls for the sound of the selected source, which are shown while it is a file with sound.

    `icon` returns an icon of the theme by its name.
    """

    def __init__(self, settings: Settings, actions: Actions, icon: Callable[[str], QIcon]) -> None:
        super().__init__()
        self._settings, self._icon = settings, icon
        self._mute = actions["mute"]
        self._mute.setChecked(settings.muted)
        self._player = SoundPlayer()
        button = QToolButton()
        button.setDefaultAction(self._mute)
        button.setAutoRaise(True)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, 100)
        self._slider.setFixedWidth(_WIDTH)
        self._slider.setPageStep(_STEP)
        self._slider.setAccessibleName(self.tr("Volume"))
        self._slider.setToolTip(self.tr("Volume"))
        self._slider.setValue(settings.volume)
        self._slider.valueChanged.connect(self._set_volume)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(button)
        layout.addWidget(self._slider)
        self.hide()
        self._apply()

    def follow(self, state: CaptureState | None, speed: float) -> None:
        """Let the sound follow a source that is played at a speed. Call this method regularly."""
        info = state.info if state is not None else None
        if state is None or info is None or state.spec.kind != "file" or info.is_still:
            self._player.follow(None, 0.0, plays=False)
        else:
            plays = state.phase is Phase.PLAYING and speed == 1
            file = Path(state.spec.address), info.start
            self._player.follow(file, state.position, plays=plays)
        self.setVisible(self._player.has_sound)

    def toggle_mute(self) -> None:
        """Silence the sound if the action "mute" is checked, or else let it be heard again."""
        self._settings.muted = self._mute.isChecked()
        self._apply()

    def louder(self) -> None:
        """Make the sound louder by a tenth of the full volume; it is heard again if it was mute."""
        self._unmute()
        self._slider.setValue(self._slider.value() + _STEP)

    def quieter(self) -> None:
        """Make the sound quieter by a tenth of the full volume; if it is mute, it stays so."""
        is_muted = self._settings.muted
        self._slider.setValue(self._slider.value() - _STEP)
        if is_muted:
            self._mute.setChecked(True)
            self.toggle_mute()

    def show_icon(self) -> None:
        """Draw the icon of the speaker, for example after the theme has changed."""
        self._mute.setIcon(self._icon("muted" if self._settings.muted else "sound"))

    def close_sound(self) -> None:
        """End the sound."""
        self._player.close()

    def _set_volume(self, percent: int) -> None:
        self._settings.volume = percent
        # Who moves the slider wants to hear something.
        self._unmute()

    def _unmute(self) -> None:
        self._settings.muted = False
        self._mute.setChecked(False)
        self._apply()

    def _apply(self) -> None:
        self._player.volume = self._settings.volume / 100
        self._player.is_muted = self._settings.muted
        self.show_icon()
