"""Connect the search window and the timeline with the sources of the window."""

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from ssd_live.gui.index_thread import IndexThread
from ssd_live.gui.notice import Notices
from ssd_live.gui.playback import Playback
from ssd_live.gui.search_window import SearchWindow
from ssd_live.gui.source_controller import SourceController
from ssd_live.gui.timeline_view import TimelineView
from ssd_live.index.query import Source
from ssd_live.index.timeline import Timeline, timeline_of
from ssd_live.live.recorder import Recorded
from ssd_live.live.session import LiveSession

# Who looks at an object sees what led to it.
_BEFORE_SECONDS = 1.0


class SearchController(QObject):
    """Shows what was seen earlier: in the search window, and in the timeline under a file.

    `path` is the file of the index. `timeline` shows the file of the selected source if it is in
    the index. Call `follow` regularly.
    """

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        sources: SourceController,
        playback: Playback,
        timeline: TimelineView,
        notice: Notices,
        path: Path,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session, self._sources, self._playback = session, sources, playback
        self._timeline, self._path = timeline, path
        self._thread = IndexThread(path, self)
        for signal in (self._thread.failed, self._thread.noted):
            signal.connect(lambda text: notice.say("error", text, "index"))
        self._search: SearchWindow | None = None
        self._file: Path | None = None
        self._is_wanted = False
        # The place to go to once its video is open.
        self._waiting: tuple[Path, float] | None = None
        timeline.sought.connect(playback.seek)
        timeline.hide()

    @property
    def search_window(self) -> SearchWindow:
        """The window that searches; it is made when it is first used."""
        if self._search is None:
            self._search = SearchWindow(self._path, self._window)
            self._search.play_asked.connect(self.play)
            self._search.deleted.connect(self._look_again)
        return self._search

    def open_search(self) -> None:
        """Show the search window in front, and search."""
        self.search_window.show()
        self.search_window.raise_()
        self.search_window.activateWindow()

    def show_timeline(self, on: bool) -> None:
        """Show the timeline under each file that is in the index, or no more."""
        self._is_wanted = on
        self._look_again()

    def play(self, source: Source, time: float) -> None:
        """Show a moment of a source, shortly before a time in seconds."""
        video = source.playable
        if video is None:
            return
        time = max(time - _BEFORE_SECONDS, 0.0)
        if self._open_file() == video:
            self._playback.seek(time)
        else:
            self._waiting = video, time
            self._sources.open(str(video))
        self._window.activateWindow()

    def recorded(self, recorded: Recorded) -> None:
        """Look again, because a recording has ended."""
        if recorded.path == self._file:
            self._look_again()

    def follow(self) -> None:
        """Show the timeline of the file that is open, and go to the place that was asked for."""
        file, state = self._open_file(), self._session.pipeline.state
        if self._waiting is not None and state is not None and state.info is not None:
            video, time = self._waiting
            if file == video:
                self._playback.seek(time)
            self._waiting = None
        if file != self._file:
            self._file = file
            self._look()
        if self._timeline.isVisible() and state is not None:
            self._timeline.follow(state.position)

    def close(self) -> None:
        """End the threads."""
        self._thread.close()
        if self._search is not None:
            self._search.close_index()
            self._search.close()

    def _open_file(self) -> Path | None:
        """Return the video file that the selected source plays, or None."""
        state = self._session.pipeline.state
        if state is None or state.spec.kind != "file" or state.info is None:
            return None
        return None if state.info.duration is None else Path(state.spec.address).absolute()

    def _look_again(self) -> None:
        self._file = None
        self._timeline.hide()

    def _look(self) -> None:
        """Read the timeline of the open file, if it is wanted and there is an index."""
        file = self._file
        self._timeline.hide()
        if file is None or not self._is_wanted or not self._path.exists():
            return

        def show(timeline: Timeline | None) -> None:
            if file == self._file and timeline is not None:
                state = self._session.pipeline.state
                duration = state.info.duration if state and state.info else None
                self._timeline.show_timeline(timeline, duration or 0.0)
                self._timeline.show()

        self._thread.run(lambda index: timeline_of(index, file), show)
