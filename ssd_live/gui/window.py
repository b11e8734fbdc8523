"""The main window: it puts the parts together, and passes wishes to the session and news to the parts."""

import base64
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QStandardPaths, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QImage, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QProgressBar,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ssd_live.errors import SsdLiveError
from ssd_live.files import printable
from ssd_live.gui import theme
from ssd_live.gui.actions import Actions
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.dialogs import AboutDialog, PreferencesDialog, ShortcutsDialog, ask_address
from ssd_live.gui.export import Export
from ssd_live.gui.keys import KeyKeeper
from ssd_live.gui.notice import NoticeBar
from ssd_live.gui.transport import TransportBar, clock
from ssd_live.gui.view import BoxStyle, VideoView
from ssd_live.inference.remote import Loaded, Wish
from ssd_live.live.recorder import Recorded
from ssd_live.live.request import Overrides
from ssd_live.live.session import LiveSession, annotated, default_recording
from ssd_live.pipeline.capture import CaptureOptions, CaptureState, Phase
from ssd_live.settings import Settings
from ssd_live.video.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from ssd_live.video.sources import SourceOptions, parse_source
from ssd_live.video.sources.camera import Camera, cameras

if TYPE_CHECKING:
    from ssd_live.gui.numbers_panel import NumbersPanel

_PULSE_MS = 100
_SAMPLE_MS = 250
_SEEK_SECONDS = 5.0
_ZOOM_STEP = 1.5
_PLOTS_HEIGHT = 340


class MainWindow(QMainWindow):
    """`options` are what the command line asked of a source; `wish` is the network that is being loaded already."""

    settings_changed = Signal()
    closed = Signal()

    def __init__(
        self,
        session: LiveSession,
        bridge: Bridge,
        settings: Settings,
        *,
        wish: Wish,
        options: SourceOptions,
        models: list[str],
        backends: list[str],
        overrides: Overrides,
    ) -> None:
        super().__init__()
        self._session = session
        self._bridge = bridge
        self._settings = settings
        self._options = options
        self._wish_in_use: Wish | None = None
        self._wish = wish
        self._overrides: Overrides | None = overrides
        self._last_account = session.pipeline.ledger.account()
        self._last_sample = time.monotonic()
        self._recording_since: float | None = None
        self._numbers: NumbersPanel | None = None
        self._export = Export(self)
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
        self._sample_timer = self._timer(_SAMPLE_MS, self._sample)
        self._pulse()

    # Building.

    def _make_parts(self, models: list[str], backends: list[str]) -> None:
        actions = self.actions_by_name
        self.view = VideoView(self._session)
        self.notice = NoticeBar()
        self._transport = TransportBar([actions[name] for name in ("step_back", "play", "step", "loop")])
        self._transport.hide()
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notice)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._transport)
        self.setCentralWidget(middle)
        self.panel = DetectionPanel(models, backends)
        self._key_keeper = KeyKeeper(self)
        for widget in (*self.panel.findChildren(QWidget), *self._transport.findChildren(QWidget)):
            widget.installEventFilter(self._key_keeper)
        self._panel_dock = self._dock(self.tr("Detection"), self.panel, Qt.DockWidgetArea.RightDockWidgetArea, "detection")
        self._numbers_dock = self._dock(self.tr("Plots"), QWidget(), Qt.DockWidgetArea.BottomDockWidgetArea, "plots")
        self._numbers_dock.hide()
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self._source_label, self._rate_label = QLabel(), QLabel()
        self._export_bar = QProgressBar()
        self._export_bar.setMaximumWidth(240)
        self._export_cancel = QToolButton()
        self._export_cancel.setText(self.tr("Cancel the export"))
        self._export_cancel.clicked.connect(self._export.cancel)
        bar = self.statusBar()
        bar.addWidget(self._source_label, 1)
        for widget in (self._export_bar, self._export_cancel, self._rate_label):
            bar.addPermanentWidget(widget)
        self._export_bar.hide()
        self._export_cancel.hide()

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea, name: str) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _make_menus(self) -> None:
        actions = self.actions_by_name
        source = self._menu(self.tr("&Source"))
        self._camera_menu = source.addMenu(self.tr("&Cameras"))
        self._camera_menu.aboutToShow.connect(self._list_cameras)
        self._add(source, "open_file", "open_folder", "open_address", "open_screen", "open_pattern")
        self._recent_menu = source.addMenu(self.tr("&Recent"))
        self._recent_menu.aboutToShow.connect(self._list_recent)
        source.addSeparator()
        self._add(source, "export")
        source.addSeparator()
        self._add(source, "quit")
        self._add(self._menu(self.tr("&Playback")), "play", "step", "step_back", "back", "forward", "loop", "mirror")
        self._add(self._menu(self.tr("&Record")), "record", "record_boxes", "snapshot", "copy", "folder")
        view = self._menu(self.tr("&View"))
        self._add(view, "full_screen", "zoom_in", "zoom_out", "zoom_fit")
        view.addSeparator()
        self._add(view, "hud", "detection_panel", "numbers_panel", "source_rate")
        view.addSeparator()
        self._add(view, "threshold_up", "threshold_down", "search_classes", "preferences")
        self._add(self._menu(self.tr("&Help")), "shortcuts", "about")
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
        connect("open_file", self._ask_file)
        connect("open_folder", self._ask_folder)
        connect("open_address", self._ask_address)
        connect("open_screen", lambda: self.open("screen"))
        connect("open_pattern", lambda: self.open("pattern"))
        connect("export", self._ask_export)
        connect("quit", self.close)
        connect("play", lambda: self._play(action["play"].isChecked()))
        connect("step", lambda: self._step(1))
        connect("step_back", lambda: self._step(-1))
        connect("back", lambda: self._seek_by(-_SEEK_SECONDS))
        connect("forward", lambda: self._seek_by(_SEEK_SECONDS))
        connect("loop", self._set_loop)
        connect("mirror", self._set_mirror)
        connect("record", lambda: self.record(action["record"].isChecked()))
        connect("record_boxes", lambda: setattr(self._settings, "record_boxes", action["record_boxes"].isChecked()))
        connect("snapshot", self._snapshot)
        connect("copy", self._copy)
        connect("folder", self._ask_output_folder)
        connect("full_screen", lambda: self.set_full_screen(action["full_screen"].isChecked()))
        connect("leave_full_screen", lambda: self.set_full_screen(False))
        connect("zoom_in", lambda: self.view.set_zoom(self.view.zoom * _ZOOM_STEP))
        connect("zoom_out", lambda: self.view.set_zoom(self.view.zoom / _ZOOM_STEP))
        connect("zoom_fit", lambda: self.view.set_zoom(1.0))
        connect("hud", self._set_hud)
        connect("detection_panel", lambda: self._panel_dock.setVisible(action["detection_panel"].isChecked()))
        connect("numbers_panel", lambda: self.show_plots(action["numbers_panel"].isChecked()))
        connect("source_rate", self._set_show)
        connect("threshold_up", lambda: self.panel.nudge_threshold(1))
        connect("threshold_down", lambda: self.panel.nudge_threshold(-1))
        connect("search_classes", self._search_classes)
        connect("preferences", self._ask_preferences)
        connect("shortcuts", lambda: ShortcutsDialog(self.actions_by_name, self).exec())
        connect("about", lambda: AboutDialog(self).exec())

    def _connect_news(self) -> None:
        bridge = self._bridge
        bridge.picture.connect(self.view.fetch)
        bridge.loading.connect(self.panel.show_loading)
        bridge.loaded.connect(self._loaded)
        bridge.load_failed.connect(self._load_failed)
        bridge.trouble.connect(lambda line: self.notice.say("error", line, "network"))
        bridge.recorded.connect(self._recorded)
        bridge.snapshot_saved.connect(self._saved)
        bridge.cameras_listed.connect(self._show_cameras)
        self.panel.wished.connect(self.wish)
        self.panel.threshold_changed.connect(self._set_threshold)
        self.panel.hidden_changed.connect(self._set_hidden)
        self.panel.style_changed.connect(self._set_style)
        self.view.clicked_twice.connect(lambda: self.set_full_screen(not self.isFullScreen()))
        self._transport.sought.connect(self._seek)
        self._export.advanced.connect(self._export_advanced)
        self._export.ended.connect(self._export_ended)
        self._panel_dock.visibilityChanged.connect(lambda _: self._follow_docks())
        self._numbers_dock.visibilityChanged.connect(lambda _: self._follow_docks())

    def _restore(self) -> None:
        settings, action = self._settings, self.actions_by_name
        style = BoxStyle(settings.labels, settings.line_width)
        self.view.set_style(style)
        self.panel.show_settings(self._wish, style)
        self.panel.show_loading(self.tr("Loading {network} …").format(network=self._wish.model))
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
        self._session.pipeline.show = settings.show
        self._session.pipeline.cap_rate(settings.rate_cap or None)
        self.resize(1180, 720)
        with contextlib.suppress(ValueError):
            self.restoreGeometry(QByteArray(base64.b64decode(settings.geometry)))
            self.restoreState(QByteArray(base64.b64decode(settings.layout)))
        if not self._numbers_dock.isHidden():
            self.show_plots(True)
        self.view.set_empty_text(self._opening_text())
        self.set_theme()

    def _timer(self, interval_ms: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.timeout.connect(slot)
        timer.start(interval_ms)
        return timer

    # Sources.

    def open(self, text: str, options: SourceOptions | None = None) -> None:
        """Show another source; the one shown goes on if this one makes no sense."""
        try:
            spec = parse_source(text)
        except SsdLiveError as error:
            self.notice.say("error", str(error), "source")
            return
        if options is not None:
            self._options = options
        self._settings.remember_source(text)
        self.notice.mended("source")
        self.view.clear()
        self.view.set_zoom(1.0)
        self.view.set_empty_text(self._opening_text())
        settings = self._settings
        self._session.open(spec, CaptureOptions(self._options, loop=settings.loop, mirror=settings.mirror and spec.kind == "camera"))
        self.actions_by_name["play"].setChecked(True)
        self.actions_by_name["record"].setChecked(False)
        self._pulse()

    def say_no_camera(self) -> None:
        self.notice.say("done", self.tr("No camera was found, so this is the sample clip. Choose another source in the menu Source."))

    def _opening_text(self) -> str:
        return self.tr("Opening …")

    def _ask_file(self) -> None:
        suffixes = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        videos, everything = self.tr("Videos and images"), self.tr("All files")
        filters = f"{videos} ({suffixes});;{everything} (*)"
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Open file"), "", filters)
        if name:
            self.open(name)

    def _ask_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, self.tr("Open folder of images")):
            self.open(name)

    def _ask_address(self) -> None:
        if address := ask_address(self, self._settings.recent_sources):
            self.open(address)

    def _list_cameras(self) -> None:
        self._camera_menu.clear()
        self._camera_menu.addAction(self.tr("Looking for cameras …")).setEnabled(False)
        # Some drivers take long to answer.
        threading.Thread(target=lambda: self._bridge.cameras_listed.emit(cameras()), name="cameras", daemon=True).start()

    def _show_cameras(self, found: list[Camera]) -> None:
        self._camera_menu.clear()
        if not found:
            self._camera_menu.addAction(self.tr("No camera is connected")).setEnabled(False)
        for camera in found:
            modes = self._camera_menu.addMenu(f"{camera.index}: {camera.name}")
            modes.addAction(self.tr("Best mode")).triggered.connect(self._opener(str(camera.index), SourceOptions()))
            for mode in camera.modes:
                width, height = mode.size or (0, 0)
                text = self.tr("{width} x {height} at {rate} FPS").format(width=width, height=height, rate=f"{mode.rate:g}")
                modes.addAction(f"{text} {mode.pixel_format or ''}".strip()).triggered.connect(self._opener(str(camera.index), mode))

    def _list_recent(self) -> None:
        self._recent_menu.clear()
        for text in self._settings.recent_sources:
            self._recent_menu.addAction(printable(text)).triggered.connect(self._opener(text, None))
        if not self._settings.recent_sources:
            self._recent_menu.addAction(self.tr("Nothing yet")).setEnabled(False)

    def _opener(self, text: str, options: SourceOptions | None) -> Callable[..., None]:
        return lambda *_: self.open(text, options)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        urls = event.mimeData().urls()
        text = (urls[0].toLocalFile() or urls[0].toString()) if urls else event.mimeData().text()
        event.acceptProposedAction()
        self.open(text)

    # Playback.

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
        if (capture := self._session.pipeline.capture) is not None:
            capture.set_loop(self._settings.loop)

    def _set_mirror(self) -> None:
        self._settings.mirror = self.actions_by_name["mirror"].isChecked()
        capture = self._session.pipeline.capture
        if capture is not None and capture.state.spec.kind == "camera":
            capture.set_mirror(self._settings.mirror)

    # Detection.

    def wish(self, wish: Wish) -> None:
        """Load another network; the one in use goes on until then."""
        self._wish = wish
        self.panel.show_settings(wish, BoxStyle(self._settings.labels, self._settings.line_width))
        self.panel.show_loading(self.tr("Loading {network} …").format(network=wish.model))
        self._session.load(wish)

    def _loaded(self, wish: Wish, loaded: Loaded) -> None:
        name = loaded.metadata.name
        self._wish_in_use = wish
        settings = self._settings
        settings.model, settings.backend, settings.precision = wish.model, wish.backend, wish.precision  # type: ignore[assignment]
        hidden = self._hidden_now(loaded)
        threshold = settings.thresholds.get(name, loaded.metadata.display_threshold)
        overrides, self._overrides = self._overrides, None
        if overrides is not None and overrides.threshold is not None:
            threshold = overrides.threshold
        if overrides is not None and overrides.classes:
            shown = {wanted.strip().casefold() for wanted in overrides.classes}
            hidden = frozenset(known for known in loaded.metadata.classes if known.casefold() not in shown)
        self._session.set_hidden_classes(hidden)
        self._session.set_threshold(threshold)
        self.panel.show_loaded(loaded, threshold, hidden)
        self.notice.mended("network")
        self.view.update()
        self._record_if_asked()

    def _load_failed(self, wish: Wish, error: SsdLiveError) -> None:
        self.notice.say("error", str(error), "network")
        self._record_if_asked()
        self.panel.show_not_loaded(self._wish_in_use)
        if (loaded := self._session.loaded) is not None:
            self.panel.show_loaded(loaded, self._session.filter.threshold if self._session.filter else 0.5, self._hidden_now(loaded))

    def _hidden_now(self, loaded: Loaded) -> frozenset[str]:
        return frozenset(self._settings.hidden_classes.get(loaded.metadata.name, []))

    def _set_threshold(self, threshold: float) -> None:
        self._session.set_threshold(threshold)
        if self._session.loaded is not None:
            self._settings.thresholds = self._settings.thresholds | {self._session.loaded.metadata.name: threshold}
        self.view.update()

    def _set_hidden(self, hidden: frozenset[str]) -> None:
        self._session.set_hidden_classes(hidden)
        if self._session.loaded is not None:
            self._settings.hidden_classes = self._settings.hidden_classes | {self._session.loaded.metadata.name: sorted(hidden)}
        self.view.update()

    def _set_style(self, style: BoxStyle) -> None:
        self._settings.labels, self._settings.line_width = style.labels, style.line_width  # type: ignore[assignment]
        self.view.set_style(style)

    def _search_classes(self) -> None:
        self._panel_dock.show()
        self.panel.focus_search()

    def _set_show(self) -> None:
        self._settings.show = "source" if self.actions_by_name["source_rate"].isChecked() else "inferred"
        self._session.pipeline.show = self._settings.show

    # Recording and pictures.

    def record_when_ready(self, path: Path) -> None:
        """Begin when the network is there, or is not to be had: a recording is of what is seen."""
        self._record_to = path

    def _record_if_asked(self) -> None:
        path, self._record_to = self._record_to, None
        if path is not None:
            self.record(True, path)

    _record_to: Path | None = None

    def record(self, on: bool, path: Path | None = None) -> None:
        """Begin or end a recording."""
        if not on:
            self._session.stop_recording()
            self._recording_since = None
            self.view.set_badge("")
        else:
            try:
                path = path or default_recording(self._output_folder(), time.localtime())
                self._session.start_recording(path, boxes=self._settings.record_boxes)
                self._recording_since = time.monotonic()
            except SsdLiveError as error:
                self.notice.say("error", str(error), "recording")
                on = False
        self.actions_by_name["record"].setChecked(on)

    def _recorded(self, recorded: Recorded) -> None:
        if recorded.trouble:
            self.notice.say("error", recorded.trouble, "recording")
        else:
            text = self.tr("Recorded {seconds} s, %n frame(s), to {path}", "", recorded.frames)
            said = text.format(seconds=f"{recorded.seconds:.1f}", path=printable(recorded.path))
            lost = self.tr("%n frame(s) came too fast to be written", "", recorded.lost) if recorded.lost else ""
            self.notice.say("done", f"{said} ({lost})" if lost else said)
        if self._session.recorder is None:
            self._recording_since = None
            self.view.set_badge("")
            self.actions_by_name["record"].setChecked(False)

    def _snapshot(self) -> None:
        if (picture := self.view.picture) is None:
            return
        path = default_recording(self._output_folder(), time.localtime()).with_suffix(".png")
        self._session.save_snapshot(picture, path, lambda path, trouble: self._bridge.snapshot_saved.emit(path, trouble))

    def _saved(self, path: Path, trouble: str) -> None:
        if trouble:
            self.notice.say("error", trouble, "snapshot")
        else:
            self.notice.say("done", self.tr("Saved {path}").format(path=printable(path)))

    def _copy(self) -> None:
        if (picture := self.view.picture) is None:
            return
        image = annotated(picture, self.view.visible_detections())
        height, width = image.shape[:2]
        QApplication.clipboard().setImage(QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888).copy())
        self.notice.say("done", self.tr("The picture is on the clipboard"))

    def _output_folder(self) -> Path:
        if self._settings.output_folder:
            return Path(self._settings.output_folder)
        movies = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        return Path(movies or Path.home())

    def _ask_output_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, self.tr("Folder for recordings and pictures"), str(self._output_folder())):
            self._settings.output_folder = name

    def _ask_export(self) -> None:
        state = self._session.pipeline.state
        if self._export.is_running:
            self.notice.say("error", self.tr("An export is going on; cancel it or wait for its end"), "export")
            return
        if state is None or state.spec.kind != "file":
            self.notice.say("error", self.tr("Only a video file can be exported; record a camera or a stream instead"), "export")
            return
        source = Path(state.spec.address)
        suggested = source.with_name(f"{source.stem} annotated.mp4")
        videos = self.tr("Videos")
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Export annotated copy"), str(suggested), f"{videos} (*.mp4 *.mkv *.mov)")
        if name:
            self.export(source, Path(name))

    def export(self, source: Path, output: Path) -> None:
        """With the network and the threshold that are shown."""
        wish = self._wish_in_use or self._wish
        options = ["--model", wish.model, "--backend", wish.backend, "--precision", wish.precision]
        if (shown := self._session.filter) is not None:
            options += ["--threshold", f"{shown.threshold:g}"]
            if not shown.wanted.all():
                options += ["--classes", ",".join(name for name, wanted in zip(shown.classes, shown.wanted, strict=True) if wanted)]
        self._export.start(source, output, options)
        self._export_bar.setRange(0, 0)
        self._export_bar.show()
        self._export_cancel.show()

    def _export_advanced(self, done: int, total: int) -> None:
        self._export_bar.setRange(0, total)
        self._export_bar.setValue(done)

    def _export_ended(self, output: str, trouble: str) -> None:
        self._export_bar.hide()
        self._export_cancel.hide()
        if trouble:
            self.notice.say("error", trouble, "export")
        else:
            self.notice.say("done", self.tr("Exported to {path}").format(path=output))

    # The look.

    def set_full_screen(self, on: bool) -> None:
        """Only the video."""
        self.actions_by_name["full_screen"].setChecked(on)
        self.actions_by_name["leave_full_screen"].setEnabled(on)
        for part in (self.menuBar(), self.statusBar(), self._transport):
            part.setVisible(not on)
        if on:
            self._docks_before = (self._panel_dock.isVisible(), self._numbers_dock.isVisible())
            self._panel_dock.hide()
            self._numbers_dock.hide()
            # Not showFullScreen, which forgets that a window was maximised.
            self.setWindowState(self.windowState() | Qt.WindowState.WindowFullScreen)
        else:
            self.setWindowState(self.windowState() & ~Qt.WindowState.WindowFullScreen)
            self._panel_dock.setVisible(self._docks_before[0])
            self._numbers_dock.setVisible(self._docks_before[1])

    _docks_before = (True, False)

    def show_plots(self, on: bool) -> None:
        if on and self._numbers is None:
            from ssd_live.gui.numbers_panel import NumbersPanel

            self._numbers = NumbersPanel()
            self._numbers.setMinimumHeight(260)
            self._numbers_dock.setWidget(self._numbers)
            self.resizeDocks([self._numbers_dock], [_PLOTS_HEIGHT], Qt.Orientation.Vertical)
        self._numbers_dock.setVisible(on)

    def _follow_docks(self) -> None:
        self.actions_by_name["detection_panel"].setChecked(not self._panel_dock.isHidden())
        self.actions_by_name["numbers_panel"].setChecked(not self._numbers_dock.isHidden())

    def _set_hud(self) -> None:
        self._settings.hud = self.actions_by_name["hud"].isChecked()
        self._show_hud()

    def _ask_preferences(self) -> None:
        dialog = PreferencesDialog(self._settings, self)
        if not dialog.exec():
            return
        dialog.change(self._settings)
        self._session.pipeline.cap_rate(self._settings.rate_cap or None)
        self.set_theme()

    def set_theme(self) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        theme.apply(application, self._settings.theme)
        self.actions_by_name.colour_icons(application.palette().buttonText().color())
        self._icon_playing = None

    # What is told from time to time.

    def _pulse(self) -> None:
        self._session.tick()
        state = self._session.pipeline.state
        if state is None:
            return
        duration = state.info.duration if state.info else None
        if state.info is not None:
            self._transport.follow(state.position, duration)
        has_length = duration is not None if state.info else state.spec.kind in ("file", "images")
        self._transport.setVisible(has_length and not self.isFullScreen())
        if (state.phase, state.trouble, state.attempts, state.info) != self._said:
            self._said = (state.phase, state.trouble, state.attempts, state.info)
            self._show_state(state)
        self._show_play_icon()
        if self._recording_since is not None:
            self.view.set_badge(clock(time.monotonic() - self._recording_since))

    def _show_state(self, state: CaptureState) -> None:
        if state.phase is Phase.RECONNECTING:
            text = self.tr("{trouble} Trying again ({attempts}) …").format(trouble=_sentence(state.trouble), attempts=state.attempts)
            self.notice.say("error", text, "source")
            self.view.set_empty_text(self._no_source_text())
        elif state.phase is Phase.FAILED:
            self.notice.say("error", state.trouble, "source")
            self.view.set_empty_text(self._no_source_text())
        elif state.phase in (Phase.PLAYING, Phase.PAUSED):
            self.notice.mended("source")
        if state.phase is Phase.ENDED:
            self.actions_by_name["play"].setChecked(False)
        info = state.info
        mode = f"{info.width} x {info.height}{f', {info.rate:g} FPS' if info.rate else ''} {info.mode}" if info else ""
        self._source_label.setText(f"{state.spec.title}   {mode}")

    def _show_play_icon(self) -> None:
        """What pressing the button would do."""
        playing = self.actions_by_name["play"].isChecked()
        if playing != self._icon_playing:
            self._icon_playing = playing
            name = QStyle.StandardPixmap.SP_MediaPause if playing else QStyle.StandardPixmap.SP_MediaPlay
            ink = self.palette().buttonText().color()
            self.actions_by_name["play"].setIcon(theme.tinted(self.style().standardIcon(name), ink))

    _icon_playing: bool | None = None
    _said: tuple[object, ...] = ()

    def _no_source_text(self) -> str:
        keys = {
            name: self.actions_by_name[name].shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            for name in ("open_file", "open_address", "open_pattern")
        }
        return self.tr(
            "There is no picture from this source.\n\n"
            "Connect a camera and choose it under Source, drop a file here,\n"
            "or press {open_file} for a file, {open_address} for a network camera, {open_pattern} for a test pattern."
        ).format(**keys)

    def _sample(self) -> None:
        self._show_hud()
        self.panel.show_counts(self.view.visible_detections())
        pipeline = self._session.pipeline
        account, now = pipeline.ledger.account(), time.monotonic()
        new, elapsed = account.since(self._last_account), now - self._last_sample
        self._last_account, self._last_sample = account, now
        rates = {stage: rate.per_second(now) for stage, rate in pipeline.rates.items()}
        self._rate_label.setText(
            self.tr("{shown} FPS shown, {captured} captured").format(shown=f"{rates['display']:.1f}", captured=f"{rates['capture']:.1f}")
        )
        if self._numbers is None or self._numbers_dock.isHidden():
            return
        names = {"inference": "infer"}
        stages = {names.get(stage, stage): 1000 * taken.last for stage, taken in pipeline.durations.items() if taken.longest}
        drops = {cause: new.dropped.get(cause, 0) / elapsed for cause in account.dropped}
        processor, memory = self._session.usage()
        self._numbers.add(rates, stages, drops, {"processor": processor}, {"memory": memory})

    def _show_hud(self) -> None:
        if not self._settings.hud:
            self.view.set_hud(())
            return
        pipeline = self._session.pipeline
        rates = {stage: f"{rate.per_second():.1f}" for stage, rate in pipeline.rates.items()}
        latency = pipeline.durations["latency"].milliseconds()
        account = pipeline.ledger.account()
        loaded = self._session.loaded
        lines = [
            self.tr("{display} FPS shown · {inference} inferred · {capture} captured").format(**rates),
            self.tr("latency {p50} ms, p99 {p99} ms").format(p50=f"{latency['p50']:.1f}", p99=f"{latency['p99']:.1f}"),
            self.tr("%n frame(s) dropped", "", sum(account.dropped.values())),
            f"{loaded.metadata.name} · {loaded.description}" if loaded else self.tr("network is loading"),
        ]
        self.view.set_hud(tuple(lines))

    # The window's own events.

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.WindowStateChange:
            self.view.set_minimised(self.isMinimized())
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        self._settings.geometry = base64.b64encode(bytes(self.saveGeometry().data())).decode()
        self._settings.layout = base64.b64encode(bytes(self.saveState().data())).decode()
        self._pulse_timer.stop()
        self._sample_timer.stop()
        self._export.kill()
        self.closed.emit()
        event.accept()


def _sentence(line: str) -> str:
    return line if line.endswith((".", "!", "?")) else f"{line}."
