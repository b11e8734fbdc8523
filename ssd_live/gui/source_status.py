"""Show the state of each source: in its view, in a notice, in the title and in the status bar."""

import time

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLabel, QMainWindow

from ssd_live.gui.error_texts import translated
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import Notices
from ssd_live.gui.transport import clock
from ssd_live.gui.view import VideoView
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.capture import CaptureState, Phase

_TITLE = "ssd_live"


class SourceStatus(QObject):
    """An object that reads the state of each source and shows it to the user.

    `label` is the label for the status bar, with the name and the video mode of the selected
    source. The title of `window` has its name too. `ended` is emitted when the selected source has
    reached its end, and `opened` when a source that the user chose gives its first frame; its value
    is the text that the user gave.
    """

    ended = Signal()
    opened = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        grid: VideoGrid,
        notice: Notices,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._grid = grid
        self._notice = notice
        self.label = QLabel()
        # The phase and error message that were last shown for the source of each view.
        self._reported: dict[VideoView, tuple[object, ...]] = {}
        # What the user gave to open a source that has not given a frame yet.
        self._given: dict[VideoView, str] = {}
        # When each source was lost, on the monotonic clock.
        self._lost_since: dict[VideoView, float] = {}
        for view in grid.views:
            if view.stream.pipeline.state is None:
                self.show_closed(view)
            else:
                self.show_opening(view)

    def show_opening(self, view: VideoView, given: str = "") -> None:
        """Show in `view` that its source is being opened, and remove the notice about this source.

        `given` is the text that the user gave, or "" if the user did not choose the source.
        """
        self.forget(view)
        if given:
            self._given[view] = given
        view.welcome.hide()
        view.set_empty_text(self.tr("Opening …"))

    def show_closed(self, view: VideoView) -> None:
        """Show in `view` that it has no source, and what the user can open."""
        self.forget(view)
        view.set_empty_text("")
        view.welcome.show()

    def forget(self, view: VideoView) -> None:
        """Forget what is known about the source of a view, and remove the notice about it."""
        self._notice.resolved(self._topic(view))
        view.set_lost("")
        view.set_paused(False)
        for kept in (self._reported, self._given, self._lost_since):
            kept.pop(view, None)

    def show_error(self, view: VideoView, text: str) -> None:
        """Show an error about the source of a view in a notice."""
        self._notice.say("error", text, self._topic(view))

    def show_no_camera(self) -> None:
        """Show the notice that no camera was found and that the sample clip is shown instead."""
        self._notice.say("done", self.tr("No camera found. Playing the sample clip."), "camera")

    def follow(self) -> None:
        """Show the state of each source, and update `label` and the title of the window.

        Call this method regularly.
        """
        for view in self._grid.views:
            state = view.stream.pipeline.state
            view.name_strip.say(*self._strip_text(state))
            if state is None:
                continue
            news = (state.phase, state.error_message)
            if news != self._reported.get(view):
                self._reported[view] = news
                self._show(view, state)
            if view in self._lost_since:
                view.set_lost(self._lost_text(view, state))
        state = self._session.pipeline.state
        self.label.setText(f"{state.spec.title}   {_video_mode(state)}" if state else "")
        title = f"{state.spec.title} – {_TITLE}" if state else _TITLE
        if title != self._window.windowTitle():
            self._window.setWindowTitle(title)

    def _show(self, view: VideoView, state: CaptureState) -> None:
        view.set_paused(state.phase is Phase.PAUSED)
        if state.phase in (Phase.RECONNECTING, Phase.FAILED):
            self._lost_since.setdefault(view, time.monotonic())
            self._given.pop(view, None)
            view.set_empty_text("")
        elif state.phase in (Phase.PLAYING, Phase.PAUSED):
            self._notice.resolved(self._topic(view))
            self._lost_since.pop(view, None)
            view.set_lost("")
            if given := self._given.pop(view, ""):
                self.opened.emit(given)
        elif state.phase is Phase.ENDED and view is self._grid.view:
            self.ended.emit()

    def _topic(self, view: VideoView) -> str:
        """Return the topic (see `Notices.say`) of the notices about the source of a view."""
        return f"source {id(view)}"

    def _lost_text(self, view: VideoView, state: CaptureState) -> str:
        """Return the text over a view whose source has failed or is being tried again."""
        if state.phase is Phase.FAILED:
            return translated(state.error_message)
        since = clock(time.monotonic() - self._lost_since[view])
        return (
            self.tr("No signal {time}").format(time=since) + f"\n{translated(state.error_message)}"
        )

    def _strip_text(self, state: CaptureState | None) -> tuple[str, str]:
        """Return the texts of a name strip: the name of the source, and its state or ""."""
        if state is None:
            return self.tr("No source"), ""
        words = {
            Phase.OPENING: self.tr("opening"),
            Phase.PAUSED: self.tr("paused"),
            Phase.ENDED: self.tr("ended"),
            Phase.RECONNECTING: self.tr("no signal"),
            Phase.FAILED: self.tr("failed"),
        }
        return state.spec.title, words.get(state.phase, "")


def _video_mode(state: CaptureState) -> str:
    """Return the size, the frame rate and the format of a source, or "" if it is not open."""
    info = state.info
    if info is None:
        return ""
    rate = f", {info.rate:g} FPS" if info.rate else ""
    return f"{info.width} x {info.height}{rate} {info.mode}"
