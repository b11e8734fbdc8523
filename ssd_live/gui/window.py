"""The main window.

The window builds its parts, passes the user's requests to the session, and shows the session's
events in its parts.
"""

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QMainWindow,
    QMenu,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import CancelledError, SsdLiveError
from ssd_live.gui import theme
from ssd_live.gui.actions import Actions
from ssd_live.gui.bench import BenchDialog
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.capture_actions import CaptureActions
from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.dialogs import AboutDialog, PreferencesDialog, ShortcutsDialog
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.notice import NoticeBar
from ssd_live.gui.readout import Readout
from ssd_live.gui.shortcut_filter import ShortcutFilter
from ssd_live.gui.source_menus import SourceMenus
from ssd_live.gui.transport import TransportBar
from ssd_live.gui.view import BoxStyle, VideoView
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.session import LiveSession
from ssd_live.pipeline.capture import Capture, CaptureOptions, Phase
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import SourceOptions, parse_source

_PULSE_MS = 100
_SAMPLE_MS = 250
_SEEK_SECONDS = 5.0
_ZOOM_STEP = 1.5
_PLOTS_HEIGHT = 340


class MainWindow(QMainWindow):
    """The main window, which shows a session.

    `model_request` is the model that the session is already loading. `options` are the source
    options of the command line. `models` and `backends` are the names to offer. `shown` has the
    threshold and the hidden classes of each model. `settings` is changed when the user changes a
    setting. `closed` is emitted when the window closes.
    """

    closed = Signal()

    def __init__(
        self,
        session: LiveSession,
        bridge: Bridge,
        settings: Settings,
        *,
        model_request: ModelRequest,
        options: SourceOptions,
        models: list[str],
        backends: list[str],
        shown: DisplayFilters,
    ) -> None:
        super().__init__()
        self._session = session
        self._bridge = bridge
        self._settings = settings
        self._options = options
        self._request_in_use: ModelRequest | None = None
        self._model_request = model_request
        self._shown = shown
        # Phase, error and attempts last reported for the source of each view.
        self._said: dict[VideoView, tuple[object, ...]] = {}
        self.setWindowTitle("ssd_live")
        self.setAcceptDrops(True)
        self.actions_by_name = Actions(self)
        self.addActions(self.actions_by_name.all())
        self._make_parts(models, backends)
        self._make_menus()
        self._connect_actions()
        self._connect_news()
        self._restore()
        self._pulse_timer = self._timer(_PULSE_MS, self._pulse)
        self._sample_timer = self._timer(_SAMPLE_MS, self._readout.sample)
        self._pulse()

    @property
    def view(self) -> VideoView:
        """The video view of the selected source."""
        return self.grid.view

    # Building.

    def _make_parts(self, models: list[str], backends: list[str]) -> None:
        actions = self.actions_by_name
        self.grid = VideoGrid(self._session)
        self.notice = NoticeBar()
        self._transport = TransportBar(
            [actions[name] for name in ("step_back", "play", "step", "loop")]
        )
        self._transport.hide()
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notice)
        layout.addWidget(self.grid, 1)
        layout.addWidget(self._transport)
        self.setCentralWidget(middle)
        self.panel = DetectionPanel(models, backends)
        self._shortcut_filter = ShortcutFilter(self)
        for widget in (*self.panel.findChildren(QWidget), *self._transport.findChildren(QWidget)):
            widget.installEventFilter(self._shortcut_filter)
        self._panel_dock = self._dock(
            self.tr("Detection"), self.panel, Qt.DockWidgetArea.RightDockWidgetArea, "detection"
        )
        self._numbers_dock = self._dock(
            self.tr("Plots"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, "plots"
        )
        self._numbers_dock.hide()
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self._source_label = QLabel()
        self.statusBar().addWidget(self._source_label, 1)
        self._sources = SourceMenus(
            self, self._bridge, self._settings, lambda text, options: self.open(text, options)
        )
        self._capture_actions = CaptureActions(
            self,
            self._session,
            self._bridge,
            self._settings,
            self.grid,
            self.notice,
            actions["record"],
            lambda: self._request_in_use or self._model_request,
        )
        self._readout = Readout(self, self._session, self._settings, self.grid, self.panel)
        self.statusBar().addPermanentWidget(self._readout.rates)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea, name: str) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _make_menus(self) -> None:
        actions = self.actions_by_name
        source = self._menu(self.tr("&Source"))
        source.addMenu(self._sources.cameras)
        self._add(source, "open_file", "open_folder", "open_address", "open_screen", "open_pattern")
        source.addMenu(self._sources.recent)
        source.addSeparator()
        self._add(source, "export")
        source.addSeparator()
        self._add(source, "quit")
        self._add(
            self._menu(self.tr("&Playback")),
            "play",
            "step",
            "step_back",
            "back",
            "forward",
            "loop",
            "mirror",
        )
        self._add(
            self._menu(self.tr("&Record")), "record", "record_boxes", "snapshot", "copy", "folder"
        )
        view = self._menu(self.tr("&View"))
        self._add(view, "full_screen", "zoom_in", "zoom_out", "zoom_fit")
        if len(self._session.streams) > 1:
            self._add(view, "alone", "next_source")
        for name in ("alone", "next_source"):
            actions[name].setEnabled(len(self._session.streams) > 1)
        view.addSeparator()
        self._add(view, "hud", "detection_panel", "numbers_panel", "source_rate")
        view.addSeparator()
        self._add(view, "threshold_up", "threshold_down", "search_classes", "preferences")
        self._add(self._menu(self.tr("&Help")), "bench", "shortcuts", "about")
        actions["leave_full_screen"].setEnabled(False)

    def _menu(self, title: str) -> QMenu:
        menu = self.menuBar().addMenu(title)
        menu.setToolTipsVisible(True)
        return menu

    def _add(self, menu: QMenu, *names: str) -> None:
        for name in names:
            menu.addAction(self.actions_by_name[name])

    def _connect_actions(self) -> None:
        connect = self.actions_by_name.connect
        action = self.actions_by_name
        connect("open_file", self._sources.ask_file)
        connect("open_folder", self._sources.ask_folder)
        connect("open_address", self._sources.ask_address)
        connect("open_screen", lambda: self.open("screen"))
        connect("open_pattern", lambda: self.open("pattern"))
        connect("export", self._capture_actions.ask_export)
        connect("quit", self.close)
        connect("play", lambda: self._play(action["play"].isChecked()))
        connect("step", lambda: self._step(1))
        connect("step_back", lambda: self._step(-1))
        connect("back", lambda: self._seek_by(-_SEEK_SECONDS))
        connect("forward", lambda: self._seek_by(_SEEK_SECONDS))
        connect("loop", self._set_loop)
        connect("mirror", self._set_mirror)
        connect("record", lambda: self.record(action["record"].isChecked()))
        connect(
            "record_boxes",
            lambda: setattr(self._settings, "record_boxes", action["record_boxes"].isChecked()),
        )
        connect("snapshot", self._capture_actions.save_picture)
        connect("copy", self._capture_actions.copy_picture)
        connect("folder", self._capture_actions.ask_output_folder)
        connect("full_screen", lambda: self.set_full_screen(action["full_screen"].isChecked()))
        connect("leave_full_screen", lambda: self.set_full_screen(False))
        connect("zoom_in", lambda: self.view.set_zoom(self.view.zoom * _ZOOM_STEP))
        connect("zoom_out", lambda: self.view.set_zoom(self.view.zoom / _ZOOM_STEP))
        connect("zoom_fit", lambda: self.view.set_zoom(1.0))
        connect("alone", lambda: self._show_alone(action["alone"].isChecked()))
        connect("next_source", lambda: self.grid.choose(self.grid.index + 1))
        connect("hud", self._set_hud)
        connect(
            "detection_panel",
            lambda: self._panel_dock.setVisible(action["detection_panel"].isChecked()),
        )
        connect("numbers_panel", lambda: self.show_plots(action["numbers_panel"].isChecked()))
        connect("source_rate", self._set_show)
        connect("threshold_up", lambda: self.panel.nudge_threshold(1))
        connect("threshold_down", lambda: self.panel.nudge_threshold(-1))
        connect("search_classes", self._search_classes)
        connect("preferences", self._ask_preferences)
        connect("bench", self._measure)
        connect("shortcuts", lambda: ShortcutsDialog(self.actions_by_name, self).exec())
        connect("about", lambda: AboutDialog(self).exec())

    def _connect_news(self) -> None:
        bridge = self._bridge
        for view in self.grid.views:
            bridge.picture.connect(view.fetch)
        bridge.loading.connect(self.panel.show_loading)
        bridge.loaded.connect(self._loaded)
        bridge.load_failed.connect(self._load_failed)
        bridge.trouble.connect(lambda line: self.notice.say("error", line, "network"))
        self.panel.wished.connect(self.model_request)
        self.panel.loading_cancelled.connect(self._session.cancel_loading)
        self.panel.threshold_changed.connect(self._set_threshold)
        self.panel.hidden_changed.connect(self._set_hidden)
        self.panel.style_changed.connect(self._set_style)
        self.grid.double_clicked.connect(self._double_clicked)
        self.grid.chosen.connect(self._chosen)
        self._transport.sought.connect(self._seek)
        self._panel_dock.visibilityChanged.connect(lambda _: self._follow_docks())
        self._numbers_dock.visibilityChanged.connect(lambda _: self._follow_docks())

    def _restore(self) -> None:
        settings, action = self._settings, self.actions_by_name
        style = BoxStyle(settings.labels, settings.line_width)
        for view in self.grid.views:
            view.set_style(style)
        self.panel.show_settings(self._model_request, style)
        self.panel.show_loading(
            self.tr("Loading {network} …").format(network=self._model_request.model)
        )
        for name, value in (
            ("hud", settings.hud),
            ("loop", settings.loop),
            ("mirror", settings.mirror),
            ("record_boxes", settings.record_boxes),
            ("source_rate", settings.show == "source"),
            ("detection_panel", True),
            ("play", True),
        ):
            action[name].setChecked(value)
        for stream in self._session.streams:
            stream.pipeline.show = settings.show
            stream.pipeline.cap_rate(settings.rate_cap or None)
        self.resize(1180, 720)
        with contextlib.suppress(ValueError):
            self.restoreGeometry(QByteArray(base64.b64decode(settings.geometry)))
            self.restoreState(QByteArray(base64.b64decode(settings.layout)))
        if not self._numbers_dock.isHidden():
            self.show_plots(True)
        for view in self.grid.views:
            view.set_empty_text(self._opening_text())
        self.set_theme()

    def _timer(self, interval_ms: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.timeout.connect(slot)
        timer.start(interval_ms)
        return timer

    # Sources.

    def open(self, text: str, options: SourceOptions | None = None) -> None:
        """Open another source in the selected view.

        `text` names the source: a path, an address, a camera number, "screen" or "pattern". If it
        is not valid, the notice bar shows the error and the current source stays. If `options` is
        None, the last options that were given are used.
        """
        try:
            spec = parse_source(text)
        except SsdLiveError as error:
            self.notice.say("error", str(error), self._topic(self.view))
            return
        if options is not None:
            self._options = options
        self._settings.remember_source(text)
        self.notice.resolved(self._topic(self.view))
        self.view.clear()
        self.view.set_zoom(1.0)
        self.view.set_empty_text(self._opening_text())
        settings = self._settings
        self._session.stream.open(
            spec,
            CaptureOptions(
                self._options, loop=settings.loop, mirror=settings.mirror and spec.kind == "camera"
            ),
        )
        # The cap of `live FILE --fps N` was for that file only.
        self._session.stream.pipeline.cap_rate(settings.rate_cap or None)
        self.actions_by_name["play"].setChecked(True)
        self.actions_by_name["record"].setChecked(False)
        self._pulse()

    def say_no_camera(self) -> None:
        """Show the notice that no camera was found and that the sample clip is shown instead."""
        self.notice.say(
            "done",
            self.tr(
                "No camera was found, so the sample clip is shown. Choose another source in the "
                "Source menu."
            ),
        )

    def _opening_text(self) -> str:
        return self.tr("Opening …")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        self.grid.choose_at(self.grid.mapFrom(self, event.position().toPoint()))
        urls = event.mimeData().urls()
        text = (urls[0].toLocalFile() or urls[0].toString()) if urls else event.mimeData().text()
        event.acceptProposedAction()
        self.open(text)

    # Playback.

    def _measure(self) -> None:
        state = self._session.pipeline.state
        file = Path(state.spec.address) if state is not None and state.spec.kind == "file" else None
        playing = [
            capture
            for capture in self._captures()
            if not capture.is_paused and capture.state.phase is not Phase.ENDED
        ]

        def hold(on: bool) -> None:
            for capture in playing:
                if on:
                    capture.pause()
                else:
                    capture.play()

        BenchDialog(self._model_request, file, hold, self).exec()

    def _captures(self) -> list[Capture]:
        """Return the captures (the readers of the sources), without sources that have none."""
        return [
            capture
            for stream in self._session.streams
            if (capture := stream.pipeline.capture) is not None
        ]

    def _play(self, play: bool) -> None:
        if (capture := self._session.pipeline.capture) is not None:
            if play:
                capture.play()
            else:
                capture.pause()
        self._show_play_icon()

    def _step(self, frames: int) -> None:
        if (capture := self._session.pipeline.capture) is not None:
            capture.step(frames)
        self.actions_by_name["play"].setChecked(False)
        self._show_play_icon()

    def _seek(self, seconds: float) -> None:
        if (capture := self._session.pipeline.capture) is not None:
            capture.seek(seconds)

    def _seek_by(self, seconds: float) -> None:
        if (state := self._session.pipeline.state) is not None:
            self._seek(max(state.position + seconds, 0.0))

    def _set_loop(self) -> None:
        self._settings.loop = self.actions_by_name["loop"].isChecked()
        for capture in self._captures():
            capture.set_loop(self._settings.loop)

    def _set_mirror(self) -> None:
        self._settings.mirror = self.actions_by_name["mirror"].isChecked()
        for capture in self._captures():
            if capture.state.spec.kind == "camera":
                capture.set_mirror(self._settings.mirror)

    # Detection.

    def model_request(self, model_request: ModelRequest) -> None:
        """Start to load another model, and return at once.

        The current model stays in use until the new one is ready.
        """
        self._model_request = model_request
        self.panel.show_settings(
            model_request, BoxStyle(self._settings.labels, self._settings.line_width)
        )
        self.panel.show_loading(self.tr("Loading {network} …").format(network=model_request.model))
        self._session.load(model_request)

    def _loaded(self, model_request: ModelRequest, loaded: ModelInfo) -> None:
        self._request_in_use = model_request
        settings = self._settings
        if model_request == self._model_request:
            settings.model, settings.backend, settings.precision = (
                model_request.model,
                model_request.backend,
                model_request.precision,  # type: ignore[assignment]
            )
            self.notice.resolved("network")
        else:
            # The session fell back from the GPU to the CPU. Keep the notice about that, and do not
            # save the fallback, so that the next start tries the GPU again.
            self.panel.show_settings(model_request, BoxStyle(settings.labels, settings.line_width))
        self.panel.show_loaded(loaded, self._shown.of(loaded.metadata))
        self._show_boxes_anew()
        self._capture_actions.record_if_asked()

    def _load_failed(self, model_request: ModelRequest, error: SsdLiveError) -> None:
        if model_request == self._model_request:
            self._model_request = self._request_in_use or model_request
        self.notice.say(
            "done" if isinstance(error, CancelledError) else "error", str(error), "network"
        )
        self._capture_actions.record_if_asked()
        self.panel.show_not_loaded(self._request_in_use)
        if (loaded := self._session.loaded) is not None:
            self.panel.show_loaded(loaded, self._shown.of(loaded.metadata))

    def _show_boxes_anew(self) -> None:
        for view in self.grid.views:
            view.update()

    def _set_threshold(self, threshold: float) -> None:
        self._session.set_threshold(threshold)
        self._show_boxes_anew()

    def _set_hidden(self, hidden: frozenset[str]) -> None:
        self._session.set_hidden_classes(hidden)
        self._show_boxes_anew()

    def _set_style(self, style: BoxStyle) -> None:
        self._settings.labels, self._settings.line_width = style.labels, style.line_width  # type: ignore[assignment]
        for view in self.grid.views:
            view.set_style(style)

    def record(self, on: bool, path: Path | None = None) -> None:
        """Start a recording of the selected source if `on` is true, else stop it.

        If `path` is None, the file gets a new name in the output folder.
        """
        self._capture_actions.record(on, path)

    def record_when_ready(self, path: Path) -> None:
        """Start to record to `path` as soon as the model is loaded or has failed to load."""
        self._capture_actions.record_when_ready(path)

    @property
    def recording_failure(self) -> str:
        """The error message if the recording of `record_when_ready` did not start, else ""."""
        return self._capture_actions.failure or self._capture_actions.never_recorded()

    def export(self, source: Path, output: Path) -> None:
        """Start to write an annotated copy of the file `source` to `output`, and return at once.

        Call it only when no export is running.
        """
        self._capture_actions.export(source, output)

    def _search_classes(self) -> None:
        self._panel_dock.show()
        self.panel.focus_search()

    def _set_show(self) -> None:
        self._settings.show = (
            "source" if self.actions_by_name["source_rate"].isChecked() else "inferred"
        )
        for stream in self._session.streams:
            stream.pipeline.show = self._settings.show

    # Appearance.

    def set_full_screen(self, on: bool) -> None:
        """Show only the video on the whole screen if `on` is true, else return to the window."""
        self.actions_by_name["full_screen"].setChecked(on)
        self.actions_by_name["leave_full_screen"].setEnabled(on)
        for part in (self.menuBar(), self.statusBar(), self._transport):
            part.setVisible(not on)
        if on:
            self._docks_before = (self._panel_dock.isVisible(), self._numbers_dock.isVisible())
            self._panel_dock.hide()
            self._numbers_dock.hide()
            # showFullScreen would forget that the window was maximised.
            self.setWindowState(self.windowState() | Qt.WindowState.WindowFullScreen)
        else:
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowFullScreen)
            self._panel_dock.setVisible(self._docks_before[0])
            self._numbers_dock.setVisible(self._docks_before[1])

    _docks_before = (True, False)

    def show_plots(self, on: bool) -> None:
        """Show the panel of plots if `on` is true, else hide it.

        The plots are created when they are first shown, because this takes time.
        """
        if on and self._readout.plots is None:
            from ssd_live.gui.numbers_panel import NumbersPanel

            plots = self._readout.plots = NumbersPanel()
            plots.setMinimumHeight(260)
            self._numbers_dock.setWidget(plots)
            self.resizeDocks([self._numbers_dock], [_PLOTS_HEIGHT], Qt.Orientation.Vertical)
        self._numbers_dock.setVisible(on)

    def _follow_docks(self) -> None:
        self.actions_by_name["detection_panel"].setChecked(not self._panel_dock.isHidden())
        self.actions_by_name["numbers_panel"].setChecked(not self._numbers_dock.isHidden())

    def _set_hud(self) -> None:
        self._settings.hud = self.actions_by_name["hud"].isChecked()
        self._readout.show_hud()

    def _ask_preferences(self) -> None:
        dialog = PreferencesDialog(self._settings, self)
        if not dialog.exec():
            return
        dialog.change(self._settings)
        for stream in self._session.streams:
            stream.pipeline.cap_rate(self._settings.rate_cap or None)
        self.set_theme()

    def set_theme(self) -> None:
        """Use the theme that the settings name for all widgets and icons."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        theme.apply(application, self._settings.theme)
        self.actions_by_name.colour_icons(application.palette().buttonText().color())
        self._icon_playing = None

    # Regular updates.

    def _pulse(self) -> None:
        self._session.tick()
        for view in self.grid.views:
            self._follow(view)
        state = self._session.pipeline.state
        if state is None:
            return
        duration = state.info.duration if state.info else None
        self._transport.follow(state.position, duration)
        has_length = duration is not None if state.info else state.spec.kind in ("file", "images")
        self._transport.setVisible(has_length and not self.isFullScreen())
        info = state.info
        mode = (
            f"{info.width} x {info.height}{f', {info.rate:g} FPS' if info.rate else ''} {info.mode}"
            if info
            else ""
        )
        self._source_label.setText(f"{state.spec.title}   {mode}")
        self._show_play_icon()
        self._capture_actions.show_time()

    def _follow(self, view: VideoView) -> None:
        """Show the state of a view's source in the notice bar and the view, if it has changed."""
        state = view.stream.pipeline.state
        # With several sources do not report each attempt, because its message would replace the
        # messages of the others.
        attempts = state.attempts if state is not None and len(self.grid.views) == 1 else 0
        if state is None or (news := (state.phase, state.trouble, attempts)) == self._said.get(
            view
        ):
            return
        self._said[view] = news
        topic = self._topic(view)
        if state.phase is Phase.RECONNECTING:
            text = self.tr("{trouble} Trying again (attempt {attempts}) …").format(
                trouble=_sentence(state.trouble), attempts=state.attempts
            )
            self.notice.say("error", text if attempts else state.trouble, topic)
            view.set_empty_text(self._no_source_text(state.trouble))
        elif state.phase is Phase.FAILED:
            self.notice.say("error", state.trouble, topic)
            view.set_empty_text(self._no_source_text(state.trouble))
        elif state.phase in (Phase.PLAYING, Phase.PAUSED):
            self.notice.resolved(topic)
        if state.phase is Phase.ENDED and view is self.view:
            self.actions_by_name["play"].setChecked(False)

    def _topic(self, view: VideoView) -> str:
        """Return the topic (see `NoticeBar.say`) of the notices about the source of a view."""
        return f"source {self.grid.views.index(view)}"

    # Several sources.

    def _chosen(self) -> None:
        """Update the window after another view was selected."""
        capture = self._session.pipeline.capture
        self.actions_by_name["play"].setChecked(
            capture is None or not (capture.is_paused or capture.state.phase is Phase.ENDED)
        )
        self._pulse()

    def _double_clicked(self) -> None:
        if len(self.grid.views) > 1:
            self._show_alone(not self.grid.is_alone)
        else:
            self.set_full_screen(not self.isFullScreen())

    def _show_alone(self, on: bool) -> None:
        self.actions_by_name["alone"].setChecked(on)
        self.grid.show_alone(on)

    def _show_play_icon(self) -> None:
        """Show the icon of the next action on the play button: pause or play."""
        playing = self.actions_by_name["play"].isChecked()
        if playing != self._icon_playing:
            self._icon_playing = playing
            name = (
                QStyle.StandardPixmap.SP_MediaPause
                if playing
                else QStyle.StandardPixmap.SP_MediaPlay
            )
            ink = self.palette().buttonText().color()
            self.actions_by_name["play"].setIcon(theme.tinted(self.style().standardIcon(name), ink))

    _icon_playing: bool | None = None

    def _no_source_text(self, trouble: str) -> str:
        """Return the text to show in a view that has no video. `trouble` is the error message.

        If there are several sources, each view is small, so the text is only the error message.
        """
        if len(self.grid.views) > 1:
            return trouble
        keys = {
            name: self.actions_by_name[name]
            .shortcut()
            .toString(QKeySequence.SequenceFormat.NativeText)
            for name in ("open_file", "open_address", "open_pattern")
        }
        return self.tr(
            "This source gives no video.\n\n"
            "Connect a camera and choose it in the Source menu, drop a file here,\n"
            "or press {open_file} for a file, {open_address} for a network camera, {open_pattern} "
            "for a test pattern."
        ).format(**keys)

    # The window's own events.

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.WindowStateChange:
            for view in self.grid.views:
                view.set_minimised(self.isMinimized())
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self._settings.geometry = base64.b64encode(bytes(self.saveGeometry().data())).decode()
        self._settings.layout = base64.b64encode(bytes(self.saveState().data())).decode()
        self._pulse_timer.stop()
        self._sample_timer.stop()
        self._capture_actions.close()
        self.closed.emit()
        event.accept()


def _sentence(line: str) -> str:
    return line if line.endswith((".", "!", "?")) else f"{line}."
