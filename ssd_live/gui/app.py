"""The application around the window: it shows the window and returns the exit code."""

import contextlib
import threading
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from ssd_live.backends import installed
from ssd_live.detection.tile_chooser import Tiles
from ssd_live.errors import CancelledError, OutputError, SsdLiveError
from ssd_live.gui import theme, translation
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.event_loop_monitor import EventLoopMonitor
from ssd_live.gui.window import MainWindow
from ssd_live.index.database import index_path
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.outputs import write_numbers
from ssd_live.live.request import LiveRequest
from ssd_live.live.session import LiveSession
from ssd_live.modelfile.catalogue import model_paths
from ssd_live.pipeline.capture import CaptureOptions, Phase
from ssd_live.remote.network import ModelRequest
from ssd_live.selection.choice import offered_precisions
from ssd_live.settings import load_settings, save_settings, settings_path
from ssd_live.system.signals import on_signals
from ssd_live.video.sources import SourceSpec, parse_source

_INTERRUPTED = 130
# The name of the desktop entry in tools/package/linux, without `.desktop`.
APP_ID = "io.github.ssd_live.ssd_live"


class Application:
    """One run of the program with a window, from the start until the window closes.

    `request` holds the sources and options of the command line.
    """

    def __init__(self, request: LiveRequest) -> None:
        self._request = request
        self._settings_path = settings_path()
        self._settings, self._settings_note = load_settings(self._settings_path)
        self._saved = self._settings.model_copy(deep=True)
        self._exit_code = 0
        self._screenshot_error = self._load_error = ""

    def run(self) -> int:
        """Show the window until it closes, and return the exit code.

        The exit code is 130 if SIGINT (Ctrl-C), SIGTERM or SIGHUP closed the window, or else 0.
        Raises `OutputError` if a screenshot, a recording or statistics that the command line asked
        for were not written.
        Raises `SsdLiveError` if no model was loaded or if a source failed before its first frame.
        """
        request, settings = self._request, self._settings
        model_request = request.model_request(settings.model, settings.backend, settings.precision)
        bridge = Bridge()
        # Sources and network start before the window is built, because they run in threads and
        # processes of their own. This shortens the start.
        shown = DisplayFilters(settings, request.overrides)
        is_indexed = settings.index_recordings if request.index is None else request.index
        usual_tiles: Tiles = "auto" if settings.small_objects else 0
        with LiveSession(
            bridge.events(),
            shown,
            show=settings.show,
            streams=len(request.sources),
            track=settings.track if request.track is None else request.track,
            save_power=settings.save_power if request.save_power is None else request.save_power,
            tiles=usual_tiles if request.tiles is None else request.tiles,
            index=index_path() if is_indexed else None,
        ) as session:
            redacted = settings.redact if request.redact is None else request.redact
            session.redact(redacted, request.redact_style or settings.redact_style)
            session.load(model_request)
            for stream, source in zip(session.streams, self._sources(), strict=False):
                mirror = settings.mirror and source.kind == "camera"
                stream.open(
                    source, CaptureOptions(request.options, loop=settings.loop, mirror=mirror)
                )
            application = self._application()
            models = sorted(model_paths())
            backends = ["cpu", *installed()]
            window = MainWindow(
                session,
                bridge,
                settings,
                model_request=model_request,
                options=request.options,
                models=models,
                backends=backends,
                precisions=list(offered_precisions()),
                shown=shown,
                zones=request.zones,
                book=request.book,
                rules_file=request.rules_file,
            )
            numbers = self._show(application, window, session, bridge)
        if request.stats is not None:
            write_numbers(request.stats, session.settled(numbers))
        self._save_settings()
        # The window has already shown these errors. Raise them so that the exit code reports them.
        if failure := self._screenshot_error or window.recording_failure:
            raise OutputError(failure)
        if self._load_error and session.loaded is None:
            raise SsdLiveError(self._load_error)
        for stream in session.streams:
            state = stream.pipeline.state
            if (
                state is not None
                and state.phase in (Phase.FAILED, Phase.RECONNECTING)
                and not stream.pipeline.frame_counter.counts().captured
            ):
                raise SsdLiveError(state.error_message)
        return self._exit_code

    def _sources(self) -> tuple[SourceSpec, ...]:
        """Return the sources to open; the settings decide if the command line names none."""
        request, settings = self._request, self._settings
        if not request.is_default or settings.start_with == "camera":
            return request.sources
        if settings.start_with == "last" and settings.recent_sources:
            with contextlib.suppress(SsdLiveError):
                return (parse_source(settings.recent_sources[0]),)
            return request.sources
        return () if settings.start_with == "welcome" else request.sources

    def _application(self) -> QApplication:
        application = QApplication.instance() or QApplication(["ssd_live"])
        assert isinstance(application, QApplication)
        application.setApplicationName("ssd_live")
        application.setApplicationDisplayName("ssd_live")
        application.setDesktopFileName(APP_ID)
        application.setWindowIcon(theme.application_icon())
        theme.apply(application, self._settings.theme)
        translation.install(application, translation.chosen_language(self._settings.language))
        return application

    def _show(
        self, application: QApplication, window: MainWindow, session: LiveSession, bridge: Bridge
    ) -> dict[str, Any]:
        request = self._request
        monitor = EventLoopMonitor(window)
        numbers: dict[str, Any] = {}

        def close() -> None:
            # Take the numbers and the screenshot before the window starts to close.
            numbers.update(session.numbers(), heartbeat=monitor.numbers())
            if request.screenshot is not None:
                self._take_screenshot(window, request.screenshot)
            application.exit(0)

        def note_failure(model_request: ModelRequest, error: SsdLiveError) -> None:
            self._load_error = "" if isinstance(error, CancelledError) else str(error)

        bridge.load_failed.connect(note_failure)
        window.closed.connect(close)
        if request.record is not None:
            window.record_when_ready(request.record)
        if self._settings_note:
            window.notice.say("error", self._settings_note, "settings")
        elif request.no_camera and self._settings.start_with == "camera":
            window.say_no_camera()
        for stream, cap in zip(session.streams, request.rate_caps, strict=True):
            if cap is not None:
                stream.pipeline.cap_rate(cap)
        if request.full_screen:
            window.show()
            window.set_full_screen(True)
        else:
            window.show()
        if request.exit_after is not None:
            QTimer.singleShot(round(request.exit_after * 1000), window.close)
        saver = QTimer(window)
        saver.timeout.connect(self._save_in_background)
        saver.start(5000)
        with self._close_on_signals(window):
            monitor.start()
            application.exec()
        window.hide()
        window.deleteLater()
        application.processEvents()
        return numbers

    def _close_on_signals(self, window: MainWindow) -> contextlib.AbstractContextManager[None]:
        """Return a with-block inside which Ctrl-C, SIGTERM and SIGHUP close the window."""

        def close(number: int, frame: object) -> None:
            self._exit_code = _INTERRUPTED
            window.close()

        return on_signals(close)

    def _take_screenshot(self, window: MainWindow, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not window.grab().save(str(path)):
            self._screenshot_error = (
                f"{path}: the screenshot cannot be written; end the name in .png and choose a "
                "folder that can be written"
            )

    def _save_settings(self) -> None:
        if self._settings == self._saved:
            return
        self._saved = self._settings.model_copy(deep=True)
        # If the settings file cannot be written, the changes are lost, but the program goes on.
        with contextlib.suppress(OutputError):
            save_settings(self._saved, self._settings_path)

    def _save_in_background(self) -> None:
        if self._settings != self._saved:
            threading.Thread(target=self._save_settings, name="settings", daemon=True).start()


def run(request: LiveRequest) -> int:
    """Show the window until it closes, and return the exit code.

    Raises what `Application.run` raises.
    """
    return Application(request).run()
