"""The main window.

The window builds its parts, connects the actions to them, and restores its appearance.
"""

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QMainWindow, QVBoxLayout, QWidget

from ssd_live.analytics.rules import RuleBook
from ssd_live.analytics.zones import Zone
from ssd_live.gui import theme
from ssd_live.gui.actions import Actions
from ssd_live.gui.bench import BenchDialog
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.capture_actions import CaptureActions
from ssd_live.gui.context_menu import context_menu
from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.dialogs import AboutDialog, PreferencesDialog, ShortcutsDialog
from ssd_live.gui.docks import Docks
from ssd_live.gui.event_controller import EventController
from ssd_live.gui.event_panel import EventPanel
from ssd_live.gui.full_screen import FullScreenControls
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.menus import fill_menu_bar, tool_bar
from ssd_live.gui.model_controller import ModelController
from ssd_live.gui.notice import Notices
from ssd_live.gui.object_panel import ObjectPanel
from ssd_live.gui.playback import Playback
from ssd_live.gui.readout import Readout
from ssd_live.gui.redaction_controller import RedactionController
from ssd_live.gui.search_controller import SearchController
from ssd_live.gui.shortcut_filter import ShortcutFilter
from ssd_live.gui.source_controller import SourceController
from ssd_live.gui.teach_controller import TeachController
from ssd_live.gui.timeline_view import TimelineView
from ssd_live.gui.view import VideoView
from ssd_live.gui.zone_controller import ZoneController
from ssd_live.gui.zone_panel import ZonePanel
from ssd_live.index.database import index_path
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.seen_objects import SeenObject
from ssd_live.live.session import LiveSession
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.settings import Settings
from ssd_live.video.sources import SourceOptions

_PULSE_MS = 100
_SAMPLE_MS = 250
# The heat map is drawn anew after so many samples.
_HEAT_SAMPLES = 4
_ZOOM_STEP = 1.5
# In logical pixels; a smaller screen makes the window smaller.
_FIRST_SIZE = (1180, 720)


class MainWindow(QMainWindow):
    """The main window of the program, which shows the sources and detections of `session`.

    `bridge` passes on the events of the session. `model_request` is the model that the session is
    already loading. `options` are the source options of the command line. `models`, `backends` and
    `precisions` are the names that the user can choose. `shown` has the threshold and the hidden
    classes of each model. `zones` are those of the first source, or None for those that are stored
    for it. `book` has the rules that are tried there, and `rules_file` is their file, or None.
    `settings` is changed when the user changes a setting. `closed` is
    emitted when the window closes.
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
        precisions: list[str],
        shown: DisplayFilters,
        zones: tuple[Zone, ...] | None = None,
        book: RuleBook | None = None,
        rules_file: Path | None = None,
    ) -> None:
        super().__init__()
        self._session = session
        self._bridge = bridge
        self._settings = settings
        self._options = options
        self._models = models
        self._samples = 0
        self.setWindowTitle("ssd_live")
        self.setAcceptDrops(True)
        self.actions_by_name = Actions(self)
        self.addActions(self.actions_by_name.all())
        self._make_widgets(models, backends, precisions)
        self._make_controllers(model_request, shown, zones)
        self._watch_rules(None if book is None or rules_file is None else (book, rules_file))
        bridge.loaded.connect(self._check_redaction)
        self._connect_actions()
        self._connect_news()
        self._watch_exports()
        self._restore()
        # Zones and rules of the sources that are open already; those of others come with them.
        self._zones.follow()
        self._events.follow()
        self._pulse_timer = self._timer(_PULSE_MS, self._pulse)
        self._sample_timer = self._timer(_SAMPLE_MS, self._sample)
        self._pulse()

    @property
    def view(self) -> VideoView:
        """The video view of the selected source."""
        return self.grid.view

    # Building.

    # The order in which widgets are added to the window is their order for the Tab key. The video
    # comes first, so that it has the keyboard focus at the start.

    def _make_widgets(self, models: list[str], backends: list[str], precisions: list[str]) -> None:
        session, settings, actions = self._session, self._settings, self.actions_by_name
        self.grid = VideoGrid(session)
        self.notice = Notices(self.grid)
        self._playback = Playback(self, session, settings, actions)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._timeline = TimelineView()
        layout.addWidget(self.grid, 1)
        layout.addWidget(self._timeline)
        layout.addWidget(self._playback.bar)
        self.setCentralWidget(middle)
        self._full_screen = FullScreenControls(middle, layout, self._playback.bar)
        self._playback.may_show_bar = lambda: self._full_screen.are_shown
        self.panel = DetectionPanel(models, backends, precisions)
        self._objects = ObjectPanel()
        self._zone_panel = ZonePanel()
        self._event_panel = EventPanel()
        shortcut_filter = ShortcutFilter(self)
        panels = self._objects, self._zone_panel, self._event_panel
        for part in (self.panel, *panels, self._playback.bar):
            for widget in part.findChildren(QWidget):
                widget.installEventFilter(shortcut_filter)
        self._shortcut_filter = shortcut_filter
        self._readout = Readout(self, session, settings, self.grid, self.panel)
        self._docks = Docks(
            self,
            actions,
            self.panel,
            self._objects,
            self._zone_panel,
            self._event_panel,
            self._readout.make_plots,
        )

    def _make_controllers(
        self, model_request: ModelRequest, shown: DisplayFilters, zones: tuple[Zone, ...] | None
    ) -> None:
        session, bridge, settings = self._session, self._bridge, self._settings
        actions = self.actions_by_name
        self._sources = SourceController(
            self,
            session,
            bridge,
            settings,
            self._options,
            self.grid,
            self.notice,
            self._playback,
            actions,
        )
        self.statusBar().addWidget(self._sources.status.label, 1)
        self._model = ModelController(
            self,
            session,
            bridge,
            settings,
            self.grid,
            self.notice,
            self.panel,
            model_request,
            shown,
        )
        self._capture_actions = CaptureActions(
            self,
            session,
            bridge,
            settings,
            self.grid,
            self.notice,
            actions["record"],
            lambda: self._model.in_use,
        )
        self._zones = ZoneController(
            self, session, self.grid, self.notice, self._playback, self._zone_panel, zones
        )
        self._zones.begin_tracking = self._begin_tracking
        self._search = SearchController(
            self,
            session,
            self._sources,
            self._playback,
            self._timeline,
            self.notice,
            index_path(),
        )
        bridge.recorded.connect(self._search.recorded)
        self._redaction = RedactionController(
            self, session, self.notice, self._capture_actions, lambda: self._model.in_use
        )
        self.teach = TeachController(
            self,
            session,
            self.grid,
            self.notice,
            self._model,
            settings,
            actions,
        )
        self.statusBar().addPermanentWidget(self._readout.rates)
        for button in self.statusBar().findChildren(QAbstractButton):
            button.installEventFilter(self._shortcut_filter)
        fill_menu_bar(self.menuBar(), actions, self._sources.menus)
        self._tool_bar = tool_bar(actions)
        self.addToolBar(self._tool_bar)

    def _watch_rules(self, given: tuple[RuleBook, Path] | None) -> None:
        capture = self._capture_actions
        self._events = EventController(
            self,
            self._session,
            self.grid,
            self.notice,
            self._playback,
            self._event_panel,
            given,
            capture.open_folder,
            capture.output_folder,
            capture.process_options,
        )
        self._bridge.loaded.connect(self._events.check)

    def _connect_actions(self) -> None:
        action, playback = self.actions_by_name, self._playback
        connect = action.connect
        connect("open_model", self._model.ask_file)
        connect("reset_layout", self._reset_layout)
        connect("export", self._capture_actions.ask_export)
        connect("redact", self._redaction.ask)
        connect("quit", self._quit)
        connect("play", playback.play_or_pause)
        connect("step", playback.step)
        connect("step_back", playback.step_back)
        connect("back", playback.back)
        connect("forward", playback.forward)
        connect("slower", playback.slower)
        connect("faster", playback.faster)
        connect("loop", playback.set_loop)
        connect("mute", playback.sound.toggle_mute)
        connect("louder", playback.sound.louder)
        connect("quieter", playback.sound.quieter)
        connect("mirror", playback.set_mirror)
        connect("record", lambda: self.record(action["record"].isChecked()))
        connect(
            "record_boxes",
            lambda: setattr(self._settings, "record_boxes", action["record_boxes"].isChecked()),
        )
        connect("snapshot", self._capture_actions.save_picture)
        connect("copy", self._capture_actions.copy_picture)
        connect("folder", self._capture_actions.ask_output_folder)
        connect("show_folder", self._capture_actions.open_output_folder)
        connect("full_screen", lambda: self.set_full_screen(action["full_screen"].isChecked()))
        connect("leave_full_screen", lambda: self.set_full_screen(False))
        connect("zoom_in", lambda: self.view.set_zoom(self.view.zoom * _ZOOM_STEP))
        connect("zoom_out", lambda: self.view.set_zoom(self.view.zoom / _ZOOM_STEP))
        connect("zoom_fit", lambda: self.view.set_zoom(1.0))
        connect("solo", lambda: self._show_solo(action["solo"].isChecked()))
        connect("next_source", lambda: self.grid.choose(self.grid.index + 1))
        connect("hud", self._set_hud)
        connect("hud_details", self._set_hud)
        connect(
            "detection_panel", lambda: self._docks.show_panel(action["detection_panel"].isChecked())
        )
        connect("numbers_panel", lambda: self.show_plots(action["numbers_panel"].isChecked()))
        connect("object_panel", lambda: self._show_objects(action["object_panel"].isChecked()))
        connect("zone_panel", lambda: self._show_zones(action["zone_panel"].isChecked()))
        connect("timeline", self._show_timeline)
        connect("find_again", self._search.open_search)
        connect("event_panel", lambda: self._show_events(action["event_panel"].isChecked()))
        connect("source_rate", playback.set_show)
        connect("track", self._set_tracking)
        connect("small_objects", self._set_small_objects)
        connect("heat_map", self._show_heat)
        connect("threshold_up", lambda: self.panel.nudge_threshold(1))
        connect("threshold_down", lambda: self.panel.nudge_threshold(-1))
        connect("search_classes", self._docks.search_classes)
        connect("preferences", self._ask_preferences)
        connect("new_project", self.teach.ask_new)
        connect("open_project", self.teach.ask_open)
        connect("add_to_project", self.teach.add_frame)
        connect("collect", lambda: self.teach.collect(only_unsure=False))
        connect("collect_unsure", lambda: self.teach.collect(only_unsure=True))
        connect("bench", self._measure)
        connect("measure_backends", self._session.measure_backends)
        connect("shortcuts", lambda: ShortcutsDialog(action, self).exec())
        connect("about", lambda: AboutDialog(self).exec())

    def _connect_news(self) -> None:
        for view in self.grid.views:
            self._connect_view(view)
        self.grid.count_changed.connect(self._count_changed)
        self.grid.added.connect(self._connect_view)
        self._sources.changed.connect(self._pulse)
        self._model.load_ended.connect(self._capture_actions.record_if_asked)
        self.grid.double_clicked.connect(self._double_clicked)
        self.grid.chosen.connect(self._chosen)
        self._objects.chosen.connect(self._go_to_object)

    def _connect_view(self, view: VideoView) -> None:
        view.trails.seconds = self._settings.trail_seconds
        self._full_screen.watch(view)
        self._bridge.picture.connect(view.fetch)
        view.context_menu_asked.connect(self._show_context_menu)

    def _restore(self) -> None:
        settings, action = self._settings, self.actions_by_name
        for name, value in (
            ("hud", settings.hud),
            ("hud_details", settings.hud_details),
            ("loop", settings.loop),
            ("mirror", settings.mirror),
            ("record_boxes", settings.record_boxes),
            ("timeline", settings.timeline),
            ("source_rate", settings.show == "source"),
            ("track", self._session.tracks_objects),
            ("small_objects", bool(self._session.tiles)),
            ("detection_panel", True),
            ("play", True),
        ):
            action[name].setChecked(value)
        self._count_changed()
        self._search.show_timeline(settings.timeline)
        action["leave_full_screen"].setEnabled(False)
        self._playback.set_show()
        self._playback.limit_rate()
        self._take_first_size()
        with contextlib.suppress(ValueError):
            self.restoreGeometry(QByteArray(base64.b64decode(settings.geometry)))
            self._docks.restore(QByteArray(base64.b64decode(settings.layout)))
        self.set_theme()

    def _timer(self, interval_ms: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.timeout.connect(slot)
        timer.start(interval_ms)
        return timer

    # Sources.

    def open(self, text: str, options: SourceOptions | None = None) -> None:
        """Open another source in the selected view; see `SourceController.open`."""
        self._sources.open(text, options)

    def add_source(self) -> VideoView | None:
        """Add a view without a source; see `SourceController.add`."""
        return self._sources.add()

    def close_source(self, view: VideoView) -> None:
        """Close the source of a view; see `SourceController.close`."""
        self._sources.close(view)

    def _count_changed(self) -> None:
        for name in ("solo", "next_source"):
            self.actions_by_name[name].setEnabled(len(self.grid.views) > 1)

    def _show_context_menu(self, place: QPoint, name: str) -> None:
        menu = context_menu(self, self.actions_by_name, self.panel.classes, name)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def say_no_camera(self) -> None:
        """Show the notice that no camera was found and that the sample clip is shown instead."""
        self._sources.status.show_no_camera()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        self.grid.choose_at(self.grid.mapFrom(self, event.position().toPoint()))
        urls = event.mimeData().urls()
        texts = [url.toLocalFile() or url.toString() for url in urls] or [event.mimeData().text()]
        event.acceptProposedAction()
        models = [text for text in texts if text.lower().endswith(".onnx")]
        sources = [text for text in texts if text not in models]
        if models:
            self.show_model(models[0])
        self._sources.open_several(sources)

    def show_model(self, path: str) -> None:
        """Show the card of a model file, and use it if the user wants that."""
        self._model.show_card(path)

    # Several sources.

    def _chosen(self) -> None:
        """Update the window after another view was selected."""
        self._playback.show_selected()
        self._pulse()

    def _double_clicked(self) -> None:
        if len(self.grid.views) > 1:
            self._show_solo(not self.grid.is_solo)
        else:
            self.set_full_screen(not self.isFullScreen())

    def _show_solo(self, on: bool) -> None:
        self.actions_by_name["solo"].setChecked(on)
        self.grid.show_solo(on)

    # Detection.

    def model_request(self, model_request: ModelRequest) -> None:
        """Start to load another model, and return at once.

        The current model stays in use until the new one is ready.
        """
        self._model.load(model_request)

    # Recordings and exports.

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
        """The error message if the recording of `record_when_ready` did not start, or else ""."""
        return self._capture_actions.failure or self._capture_actions.never_recorded()

    def export(self, source: Path, output: Path) -> None:
        """Start to write an annotated copy of the file `source` to `output`, and return at once.

        Call it only when no export is running.
        """
        self._capture_actions.export(source, output)

    # Appearance.

    def set_full_screen(self, on: bool) -> None:
        """Show only the video on the whole screen if `on` is true, else return to the window."""
        self.actions_by_name["full_screen"].setChecked(on)
        self.actions_by_name["leave_full_screen"].setEnabled(on)
        for part in (self.menuBar(), self._tool_bar, self.statusBar()):
            part.setVisible(not on)
        self._full_screen.set_on(on)
        if on:
            self._docks.hide_all()
            # showFullScreen would forget that the window was maximised.
            self.setWindowState(self.windowState() | Qt.WindowState.WindowFullScreen)
        else:
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowFullScreen)
            self._docks.show_again()

    def show_plots(self, on: bool) -> None:
        """Show the panel of plots if `on` is true, else hide it."""
        self._docks.show_plots(on)

    def _show_objects(self, on: bool) -> None:
        """Show or hide the list of objects. It needs ids, so it turns tracking on."""
        self._docks.show_objects(on)
        if on:
            self._begin_tracking()

    def _show_zones(self, on: bool) -> None:
        """Show or hide the panel of zones. While it is shown, the mouse draws and moves them."""
        self._docks.show_zones(on)
        self._zones.edit(on)
        if on:
            self.view.setFocus()

    def _show_events(self, on: bool) -> None:
        """Show or hide the panel of rules and events."""
        self._docks.show_events(on)
        if on:
            self._events.follow()

    def _show_timeline(self) -> None:
        self._settings.timeline = self.actions_by_name["timeline"].isChecked()
        self._search.show_timeline(self._settings.timeline)

    def _begin_tracking(self) -> None:
        if not self._session.tracks_objects:
            self.actions_by_name["track"].setChecked(True)
            self._set_tracking()

    def _show_heat(self) -> None:
        """Show the heat map of each source over its picture, if the user wants it."""
        on = self.actions_by_name["heat_map"].isChecked()
        for view in self.grid.views:
            view.show_heat(view.stream.heat_map.pixels() if on else None)

    def _set_small_objects(self) -> None:
        """Look in tiles, or no more. Not every frame shows every tile, so objects are tracked."""
        on = self._settings.small_objects = self.actions_by_name["small_objects"].isChecked()
        self._session.look_in_tiles("auto" if on else 0)
        if on:
            self._begin_tracking()

    def _go_to_object(self, its: SeenObject, is_here: bool) -> None:
        """Follow an object that is in the picture, or else go to where a file shows it first."""
        if is_here:
            self.view.follow(its.track_id)
        elif self._is_seekable:
            self._playback.seek(its.first)

    @property
    def _is_seekable(self) -> bool:
        state = self._session.pipeline.state
        return state is not None and state.info is not None and state.info.duration is not None

    def _set_hud(self) -> None:
        self._settings.hud = self.actions_by_name["hud"].isChecked()
        self._settings.hud_details = self.actions_by_name["hud_details"].isChecked()
        self._readout.show_hud()

    def _set_tracking(self) -> None:
        self._settings.track = self.actions_by_name["track"].isChecked()
        self._session.track_objects(self._settings.track)

    def _measure(self) -> None:
        state = self._session.pipeline.state
        file = Path(state.spec.address) if state is not None and state.spec.kind == "file" else None
        self._session.has_other_work = lambda: True
        BenchDialog(self._model.requested, file, self._playback.holder(), self).exec()
        self._watch_exports()

    def _watch_exports(self) -> None:
        """Let the session measure backends only while nothing is exported."""
        self._session.has_other_work = lambda: self._capture_actions.is_exporting

    def _ask_preferences(self) -> None:
        dialog = PreferencesDialog(
            self._settings, self._models, str(self._capture_actions.usual_folder()), self
        )
        dialog.layout_reset.connect(self._reset_layout)
        dialog.recent_cleared.connect(self._sources.forget_recent)
        if not dialog.exec():
            return
        settings = self._settings
        saved_power, was_indexed = settings.save_power, settings.index_recordings
        was_redacted = settings.redact, settings.redact_style
        dialog.change(self._settings)
        self.actions_by_name["record_boxes"].setChecked(self._settings.record_boxes)
        self._playback.limit_rate()
        # An option of the command line stays in force if the setting was not changed.
        if self._settings.save_power != saved_power:
            self._session.save_power(self._settings.save_power)
        if self._settings.index_recordings != was_indexed:
            self._session.use_index(index_path() if self._settings.index_recordings else None)
        if (settings.redact, settings.redact_style) != was_redacted:
            # Classes of the command line stay in force if these were not changed.
            is_same = settings.redact == was_redacted[0]
            names = self._session.redacted_classes if is_same else settings.redact
            self._session.redact(names, settings.redact_style)
            for view in self.grid.views:
                # Nobody saves or keeps a frame of before any more.
                view.clear()
            if self._session.loaded is not None:
                self._check_redaction(self._model.in_use, self._session.loaded)
        for view in self.grid.views:
            view.trails.seconds = self._settings.trail_seconds
        self.set_theme()

    def _check_redaction(self, request: ModelRequest, loaded: ModelInfo) -> None:
        """Say which class cannot be hidden, because the model in use does not have it."""
        unknown = self._session.unknown_redacted(loaded.metadata)
        if unknown:
            said = self.tr(
                "Everything is hidden, because the model has no class {name}; change Hide objects "
                "in the settings, or the model"
            )
            self.notice.say("error", said.format(name=unknown[0]), "redaction")
        else:
            self.notice.resolved("redaction")

    def _reset_layout(self) -> None:
        self.setWindowState(Qt.WindowState.WindowNoState)
        self._docks.reset()
        self._take_first_size()

    def _take_first_size(self) -> None:
        room = self.screen().availableSize()
        width, height = _FIRST_SIZE
        self.resize(min(width, round(0.95 * room.width())), min(height, round(0.9 * room.height())))

    def set_theme(self) -> None:
        """Give all widgets and icons the colours of the theme that is stored in the settings."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        theme.apply(application, self._settings.theme)
        colour = application.palette().buttonText().color()
        self.actions_by_name.colour_icons(colour)
        self._docks.colour_icons(colour)
        self._playback.forget_icon()

    # Regular updates.

    def _sample(self) -> None:
        self._readout.sample()
        self._zones.follow()
        self._events.follow()
        self._search.follow()
        self._samples += 1
        if self._samples % _HEAT_SAMPLES == 0 and self.actions_by_name["heat_map"].isChecked():
            self._show_heat()
        if not self._objects.isVisible():
            return
        if self._session.tracks_objects:
            objects, now = self._session.stream.seen_objects.newest_first()
            self._objects.show_objects(objects, now, is_file=self._is_seekable)
        else:
            self._objects.show_off()

    def _pulse(self) -> None:
        self._session.tick()
        self._sources.status.follow()
        self._playback.follow()
        self._capture_actions.show_time()

    # The window's own events.

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.WindowStateChange:
            for view in self.grid.views:
                view.set_minimised(self.isMinimized())
        super().changeEvent(event)

    def _quit(self) -> None:
        if self._capture_actions.may_close() and self.teach.may_close():
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        # Ask only if the user closes the window, not if the program or a signal does.
        if event.spontaneous() and not (
            self._capture_actions.may_close() and self.teach.may_close()
        ):
            event.ignore()
            return
        self._settings.geometry = base64.b64encode(bytes(self.saveGeometry().data())).decode()
        self._settings.layout = base64.b64encode(bytes(self.saveState().data())).decode()
        self._pulse_timer.stop()
        self._sample_timer.stop()
        self._capture_actions.close()
        self._playback.sound.close_sound()
        self._search.close()
        self._redaction.close()
        self.teach.close()
        self._events.close()
        self.closed.emit()
        event.accept()
