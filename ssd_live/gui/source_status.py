"""Show the state of each source: in its view, in the notice bar and in the status bar."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel

from ssd_live.gui.actions import Actions
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import NoticeBar
from ssd_live.gui.view import VideoView
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.capture import CaptureState, Phase


class SourceStatus(QObject):
    """An object that reads the state of each source and shows it to the user.

    `label` is the label for the status bar, with the name and the video mode of the selected
    source. `ended` is emitted when the selected source has reached its end. `actions` has the
    actions that open another source; a view that has no video shows their keys.
    """

    ended = Signal()

    def __init__(
        self,
        parent: QObject,
        session: LiveSession,
        grid: VideoGrid,
        notice: NoticeBar,
        actions: Actions,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._grid = grid
        self._notice = notice
        self._actions = actions
        self.label = QLabel()
        # The phase, error message and attempts that were last shown for the source of each view.
        self._reported: dict[VideoView, tuple[object, ...]] = {}
        for view in grid.views:
            self.show_opening(view)

    def show_opening(self, view: VideoView) -> None:
        """Show in `view` that its source is being opened, and hide the notice about this source."""
        self._notice.resolved(self._topic(view))
        view.set_empty_text(self.tr("Opening …"))

    def show_error(self, view: VideoView, text: str) -> None:
        """Show an error about the source of a view in the notice bar."""
        self._notice.say("error", text, self._topic(view))

    def show_no_camera(self) -> None:
        """Show the notice that no camera was found and that the sample clip is shown instead."""
        self._notice.say(
            "done",
            self.tr(
                "No camera was found, so the sample clip is shown. Choose another source in the "
                "Source menu."
            ),
        )

    def follow(self) -> None:
        """Show the state of each source whose state has changed, and update `label`.

        Call this method regularly.
        """
        for view in self._grid.views:
            state = view.stream.pipeline.state
            if state is not None and self._is_new(view, state):
                self._show(view, state)
        if (state := self._session.pipeline.state) is not None:
            self.label.setText(f"{state.spec.title}   {_video_mode(state)}")

    def _is_new(self, view: VideoView, state: CaptureState) -> bool:
        """Return whether `state` differs from the state last shown for `view`, and remember it.

        The phase, the error message and the number of attempts to open the source are compared. If
        there are several sources, the attempts are not compared, because a notice about each
        attempt would replace the notices about the other sources.
        """
        attempts = 0 if self._is_one_of_several else state.attempts
        news = (state.phase, state.error_message, attempts)
        if news == self._reported.get(view):
            return False
        self._reported[view] = news
        return True

    def _show(self, view: VideoView, state: CaptureState) -> None:
        if state.phase in (Phase.RECONNECTING, Phase.FAILED):
            self.show_error(view, self._error_text(state))
            view.set_empty_text(self._no_source_text(state.error_message))
        elif state.phase in (Phase.PLAYING, Phase.PAUSED):
            self._notice.resolved(self._topic(view))
        elif state.phase is Phase.ENDED and view is self._grid.view:
            self.ended.emit()

    @property
    def _is_one_of_several(self) -> bool:
        return len(self._grid.views) > 1

    def _topic(self, view: VideoView) -> str:
        """Return the topic (see `NoticeBar.say`) of the notices about the source of a view."""
        return f"source {self._grid.views.index(view)}"

    def _error_text(self, state: CaptureState) -> str:
        """Return the text of the notice about a source that has failed or is being tried again."""
        if state.phase is Phase.FAILED or self._is_one_of_several or not state.attempts:
            return state.error_message
        return self.tr("{message} Trying again (attempt {attempts}) …").format(
            message=_sentence(state.error_message), attempts=state.attempts
        )

    def _no_source_text(self, message: str) -> str:
        """Return the text to show in a view that has no video.

        `message` is the error message of the source. If there are several sources, each view is
        small, so the text is only this message.
        """
        if self._is_one_of_several:
            return message
        keys = {
            name: self._actions[name].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            for name in ("open_file", "open_address", "open_pattern")
        }
        return self.tr(
            "This source gives no video.\n\n"
            "Connect a camera and choose it in the Source menu, drop a file here,\n"
            "or press {open_file} for a file, {open_address} for a network camera, {open_pattern} "
            "for a test pattern."
        ).format(**keys)


def _video_mode(state: CaptureState) -> str:
    """Return the size, the frame rate and the format of a source, or "" if it is not open."""
    info = state.info
    if info is None:
        return ""
    rate = f", {info.rate:g} FPS" if info.rate else ""
    return f"{info.width} x {info.height}{rate} {info.mode}"


def _sentence(line: str) -> str:
    return line if line.endswith((".", "!", "?")) else f"{line}."
