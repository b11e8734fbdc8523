"""Play, pause, step and seek the sources of the window."""

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMainWindow

from ssd_live.gui import theme
from ssd_live.gui.actions import Actions
from ssd_live.gui.sound_control import SoundControl
from ssd_live.gui.transport import TransportBar
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.capture import Capture, Phase
from ssd_live.settings import Settings

_SEEK_SECONDS = 5.0
SPEEDS = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)


class Playback(QObject):
    """The controls that play, pause, step and seek the sources of a window.

    Playing, pausing, stepping and seeking change only the selected source. The settings, for
    example for repeating, apply to all sources, but mirroring applies only to cameras. `bar` is the
    transport bar, which shows the selected source, and `sound` the controls of its sound.
    """

    def __init__(
        self, window: QMainWindow, session: LiveSession, settings: Settings, actions: Actions
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._settings = settings
        self._actions = actions
        self._play_action = actions["play"]
        # Whether the icon on the play action is the one for a source that plays. None if the icon
        # must be drawn again.
        self._icon_is_for_playing: bool | None = None
        buttons = [actions[name] for name in ("step_back", "play", "step", "loop")]
        self.may_show_bar: Callable[[], bool] = lambda: True
        self.sound = SoundControl(settings, actions, self._themed)
        self.bar = TransportBar(buttons, SPEEDS, self.sound)
        self.bar.hide()
        self.bar.sought.connect(self.seek)
        self.bar.speed_chosen.connect(self.set_speed)

    # What the user can do.

    def play_or_pause(self) -> None:
        """Play the selected source if the action "play" is checked, or else pause it."""
        if (capture := self._session.pipeline.capture) is not None:
            if self._play_action.isChecked():
                capture.play()
            else:
                capture.pause()
        self._show_play_icon()

    def step(self) -> None:
        """Show the next frame of the selected source, and pause it there."""
        self._step_by(1)

    def step_back(self) -> None:
        """Show the previous frame of the selected source, and pause it there."""
        self._step_by(-1)

    def _step_by(self, frames: int) -> None:
        if (capture := self._session.pipeline.capture) is not None:
            capture.step(frames)
        self.show_paused()
        self._show_play_icon()

    def seek(self, seconds: float) -> None:
        """Move the selected source to the position `seconds` after its beginning."""
        if (capture := self._session.pipeline.capture) is not None:
            capture.seek(seconds)

    def back(self) -> None:
        """Move the selected source five seconds back, but not before its start."""
        self._seek_by(-_SEEK_SECONDS)

    def forward(self) -> None:
        """Move the selected source five seconds forward."""
        self._seek_by(_SEEK_SECONDS)

    def _seek_by(self, seconds: float) -> None:
        if (state := self._session.pipeline.state) is not None:
            self.seek(max(state.position + seconds, 0.0))

    def slower(self) -> None:
        """Play the selected source at the next lower speed."""
        self._change_speed(-1)

    def faster(self) -> None:
        """Play the selected source at the next higher speed."""
        self._change_speed(1)

    def _change_speed(self, steps: int) -> None:
        if (capture := self._session.pipeline.capture) is not None:
            place = SPEEDS.index(capture.speed) + steps
            capture.set_speed(SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])
            self.follow()

    def set_speed(self, speed: float) -> None:
        """Play the selected source at one of the `SPEEDS`."""
        if (capture := self._session.pipeline.capture) is not None:
            capture.set_speed(speed)

    def set_loop(self) -> None:
        """Store as a setting whether the action "loop" is checked, and apply this to all sources.

        If it is checked, a source that ends, such as a file, starts again from its beginning.
        """
        self._settings.loop = self._actions["loop"].isChecked()
        for capture in self._captures():
            capture.set_loop(self._settings.loop)

    def set_mirror(self) -> None:
        """Store as a setting whether the action "mirror" is checked, and apply this to all cameras.

        If it is checked, left and right of the frames are flipped.
        """
        self._settings.mirror = self._actions["mirror"].isChecked()
        for capture in self._captures():
            if capture.state.spec.kind == "camera":
                capture.set_mirror(self._settings.mirror)

    def set_show(self) -> None:
        """Store as a setting which frames are shown, and apply this to all sources.

        If the action "source_rate" is checked, every frame is shown, or else only the frames on
        which inference ran.
        """
        self._settings.show = "source" if self._actions["source_rate"].isChecked() else "inferred"
        for stream in self._session.streams:
            stream.pipeline.show = self._settings.show

    def limit_rate(self) -> None:
        """Limit the frame rate of all sources to the rate in the settings; 0 means no limit."""
        for stream in self._session.streams:
            stream.pipeline.cap_rate(self._settings.rate_cap or None)

    def holder(self) -> Callable[[bool], None]:
        """Return a function that pauses and resumes the sources that are playing now.

        Called with True, the function pauses the sources that were playing when `holder` was
        called. Called with False, it resumes the same sources.
        """
        playing = [capture for capture in self._captures() if _is_playing(capture)]

        def hold(on: bool) -> None:
            for capture in playing:
                if on:
                    capture.pause()
                else:
                    capture.play()

        return hold

    def _captures(self) -> list[Capture]:
        """Return the captures, which are the readers of the sources.

        A source that was not opened yet has none.
        """
        return [
            capture
            for stream in self._session.streams
            if (capture := stream.pipeline.capture) is not None
        ]

    # What the user sees.

    def follow(self) -> None:
        """Show the position of the selected source in the transport bar.

        The bar is hidden if the source has no length, such as a camera or a single image, and while
        `may_show_bar` returns false. Call this method regularly.
        """
        state = self._session.pipeline.state
        capture = self._session.pipeline.capture
        speed = capture.speed if capture else 1.0
        self.sound.follow(state, speed)
        if state is None:
            self.bar.hide()
            return
        duration = state.info.duration if state.info else None
        self.bar.follow(state.position, duration, state.info.rate if state.info else None, speed)
        if state.info:
            has_length = duration is not None and not state.info.is_still
        else:
            has_length = state.spec.kind == "file"
        self.bar.setVisible(has_length and self.may_show_bar())
        self._show_play_icon()

    def show_selected(self) -> None:
        """Check the action "play" if the selected source is playing, or else uncheck it.

        Call this after another source was selected.
        """
        capture = self._session.pipeline.capture
        self._play_action.setChecked(capture is None or _is_playing(capture))

    def show_playing(self) -> None:
        """Check the action "play", without starting the selected source."""
        self._play_action.setChecked(True)

    def show_paused(self) -> None:
        """Uncheck the action "play", without pausing the selected source."""
        self._play_action.setChecked(False)

    def forget_icon(self) -> None:
        """Make the next update draw the icons that depend on the state again.

        Call this after the theme has changed, because the icons have a colour of the theme.
        """
        self._icon_is_for_playing = None
        self.sound.show_icon()

    def _show_play_icon(self) -> None:
        """Show on the play button the icon of what a click does next: pause or play."""
        playing = self._play_action.isChecked()
        if playing == self._icon_is_for_playing:
            return
        self._icon_is_for_playing = playing
        self._play_action.setIcon(self._themed("pause" if playing else "play"))

    def _themed(self, name: str) -> QIcon:
        return theme.icon(name, self._window.palette().buttonText().color())


def _is_playing(capture: Capture) -> bool:
    return not (capture.is_paused or capture.state.phase is Phase.ENDED)
