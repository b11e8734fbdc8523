"""Open, add and close the sources of the window, and fill the pages that offer sources."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMainWindow

from ssd_live.errors import SsdLiveError
from ssd_live.gui.actions import Actions
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import Notices
from ssd_live.gui.playback import Playback
from ssd_live.gui.source_menus import SourceMenus
from ssd_live.gui.source_status import SourceStatus
from ssd_live.gui.view import VideoView
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.capture import CaptureOptions
from ssd_live.settings import Settings
from ssd_live.system.paths import assets_folder
from ssd_live.video.sources import SourceOptions, parse_source
from ssd_live.video.sources.camera import Camera

_MOST_VIEWS = 64
_SAMPLE = assets_folder() / "media" / "bikes.mp4"


class SourceController(QObject):
    """An object that opens, adds and closes the sources of the window.

    `options` are the source options of the command line. `menus` are the menus and dialogs that
    ask for a source. `status` shows the state of each source. `changed` is emitted when a source
    was opened or closed.
    """

    changed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        session: LiveSession,
        bridge: Bridge,
        settings: Settings,
        options: SourceOptions,
        grid: VideoGrid,
        notice: Notices,
        playback: Playback,
        actions: Actions,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._settings = settings
        self._options = options
        self._grid = grid
        self._notice = notice
        self._playback = playback
        self._actions = actions
        self.status = SourceStatus(window, session, grid, notice)
        self.menus = SourceMenus(window, bridge, settings, self.open, actions["clear_recent"])
        bridge.cameras_listed.connect(self._show_cameras)
        self.status.opened.connect(settings.remember_source)
        self.status.ended.connect(playback.show_paused)
        for view in grid.views:
            self._connect_view(view)
        connect = actions.connect
        connect("open_file", self.menus.ask_file)
        connect("open_folder", self.menus.ask_folder)
        connect("open_address", self.menus.ask_address)
        connect("open_screen", lambda: self.open("screen"))
        connect("open_pattern", lambda: self.open("pattern"))
        connect("open_sample", lambda: self.open(str(_SAMPLE)))
        connect("add_source", self.add)
        connect("close_source", lambda: self.close(grid.view))
        connect("clear_recent", self.forget_recent)

    def open(self, text: str, options: SourceOptions | None = None) -> None:
        """Open another source in the selected view.

        `text` names the source: a path, an address, a camera number, "screen" or "pattern". If it
        is not valid, a notice shows the error, and the current source stays. If `options` is
        None, the source options that were given last are used.
        """
        view, settings = self._grid.view, self._settings
        try:
            spec = parse_source(text)
        except SsdLiveError as error:
            self.status.show_error(view, str(error))
            return
        if options is not None:
            self._options = options
        view.clear()
        view.set_zoom(1.0)
        # Otherwise the focus would move from the page that offers sources to another view.
        view.setFocus()
        self.status.show_opening(view, text)
        view.stream.open(
            spec,
            CaptureOptions(
                self._options, loop=settings.loop, mirror=settings.mirror and spec.kind == "camera"
            ),
        )
        # The rate limit of `live FILE --fps N` was for that file only.
        view.stream.pipeline.cap_rate(settings.rate_cap or None)
        self._playback.show_playing()
        self._actions["record"].setChecked(False)
        self.changed.emit()

    def open_several(self, sources: Sequence[str]) -> None:
        """Open the first source in the selected view, and each other source in a new view."""
        for number, text in enumerate(sources):
            if number and self.add() is None:
                break
            self.open(text)

    def add(self) -> VideoView | None:
        """Add a view without a source, which shows what can be opened, and return it.

        Return None and show a notice if there are as many views as the window has room for.
        """
        if len(self._grid.views) >= _MOST_VIEWS:
            said = self.tr("More than %n source(s) do not fit into the window", "", _MOST_VIEWS)
            self._notice.say("error", said, "sources")
            return None
        view = self._grid.add()
        view.set_style(self._session.style)
        self._connect_view(view)
        self.status.show_closed(view)
        self._actions["solo"].setChecked(False)
        self._playback.limit_rate()
        return view

    def close(self, view: VideoView) -> None:
        """Close the source of a view; if there are other views, remove the view too."""
        if len(self._grid.views) > 1:
            self.status.forget(view)
            self._grid.remove(view)
        else:
            view.stream.close_source()
            view.clear()
            self.status.show_closed(view)
        self.changed.emit()

    def forget_recent(self) -> None:
        """Forget the recent sources."""
        self._settings.recent_sources = []
        for view in self._grid.views:
            view.welcome.show_recent([])

    def _connect_view(self, view: VideoView) -> None:
        view.signal_panel.retried.connect(lambda: self._retry(view))
        view.signal_panel.source_closed.connect(lambda: self.close(view))
        view.name_strip.closed.connect(lambda: self.close(view))
        view.welcome.shown.connect(lambda: self._fill_welcome(view))
        view.welcome.source_chosen.connect(lambda text: self._open_in(view, text))
        view.welcome.action_asked.connect(lambda name: self._ask_in(view, name))
        if not view.welcome.isHidden():
            self._fill_welcome(view)

    def _retry(self, view: VideoView) -> None:
        self.status.show_opening(view)
        view.stream.reopen()
        if view is self._grid.view:
            self._playback.show_playing()
        self.changed.emit()

    def _open_in(self, view: VideoView, text: str) -> None:
        """Open a source in a view, which becomes the selected one."""
        self._grid.choose(self._grid.views.index(view))
        self.open(text)

    def _ask_in(self, view: VideoView, name: str) -> None:
        """Do the action `name`, which opens a source, for a view."""
        self._grid.choose(self._grid.views.index(view))
        if name == "choose_screen":
            self.menus.screens.popup(QCursor.pos())
        else:
            self._actions[name].trigger()

    def _fill_welcome(self, view: VideoView) -> None:
        view.welcome.show_recent(self._settings.recent_sources)
        self.menus.look_for_cameras()

    def _show_cameras(self, found: list[Camera]) -> None:
        for view in self._grid.views:
            view.welcome.show_cameras(found)
