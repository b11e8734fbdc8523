"""Load the model that the user chooses, and set which detections are shown and how."""

from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from ssd_live.errors import CancelledError, SsdLiveError
from ssd_live.gui.bridge import Bridge
from ssd_live.gui.detection_panel import DetectionPanel
from ssd_live.gui.grid import VideoGrid
from ssd_live.gui.model_card import ModelCard, read_model
from ssd_live.gui.notice import Notices
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.session import LiveSession
from ssd_live.modelfile.file import ModelFile
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.settings import Settings

# The topic (see `Notices.say`) of the notices about the model.
_TOPIC = "network"


class ModelController(QObject):
    """An object that passes the user's choices in the detection panel to the session and the views.

    It also shows in the panel which model is loaded. `requested` is the model that the session is
    already loading. `shown` has the threshold and the hidden classes of each model. `load_ended` is
    emitted when a model is loaded or has failed to load.
    """

    load_ended = Signal()

    def __init__(
        self,
        window: QWidget,
        session: LiveSession,
        bridge: Bridge,
        settings: Settings,
        grid: VideoGrid,
        notice: Notices,
        panel: DetectionPanel,
        requested: ModelRequest,
        shown: DisplayFilters,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._settings = settings
        self._grid = grid
        self._notice = notice
        self._panel = panel
        self._requested = requested
        self._in_use: ModelRequest | None = None
        self._shown = shown
        self._show_loading()
        session.set_style(self._style())
        for view in grid.views:
            view.set_style(self._style())
        bridge.loading.connect(panel.show_loading)
        bridge.loaded.connect(self._loaded)
        bridge.load_failed.connect(self._load_failed)
        bridge.error.connect(lambda line: notice.say("error", line, _TOPIC))
        panel.wished.connect(self.load)
        panel.loading_cancelled.connect(session.cancel_loading)
        panel.threshold_changed.connect(self._set_threshold)
        panel.hidden_changed.connect(self._set_hidden)
        panel.style_changed.connect(self._set_style)

    @property
    def requested(self) -> ModelRequest:
        """The model that was requested last (it may be loading), or `in_use` if loading failed."""
        return self._requested

    @property
    def in_use(self) -> ModelRequest:
        """The model that is in use, or the requested model if none is loaded yet."""
        return self._in_use or self._requested

    def load(self, model_request: ModelRequest) -> None:
        """Start to load another model, and return at once.

        The current model stays in use until the new one is ready.
        """
        self._requested = model_request
        self._show_loading()
        self._session.load(model_request)

    def ask_file(self) -> None:
        """Ask the user for a model file, and show its card."""
        models = self.tr("Models")
        name, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Open a model"), self._settings.open_folder, f"{models} (*.onnx)"
        )
        if name:
            self.show_card(name)

    def show_card(self, path: str) -> None:
        """Read a model file in a thread, show its card, and load it if the user wants that."""
        read_model(self, path, lambda read: self._show_read(path, read))

    def _show_read(self, path: str, read: ModelFile | str) -> None:
        if isinstance(read, str):
            self._notice.say("error", read, _TOPIC)
            return
        card = ModelCard(read, self._window)
        card.accepted.connect(lambda: self.load(replace(self._requested, model=path)))
        card.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        card.open()

    def _show_loading(self) -> None:
        self._panel.show_settings(self._requested, self._style())
        self._panel.show_loading(
            self.tr("Loading {network} …").format(network=self._requested.model)
        )

    def _style(self) -> BoxStyle:
        return BoxStyle(self._settings.labels, self._settings.line_width)

    def _loaded(self, model_request: ModelRequest, loaded: ModelInfo) -> None:
        self._in_use = model_request
        if model_request == self._requested:
            settings = self._settings
            settings.model, settings.backend, settings.precision = (
                model_request.model,
                model_request.backend,
                model_request.precision,  # type: ignore[assignment]
            )
            self._notice.resolved(_TOPIC)
        else:
            # The session fell back from the GPU to the CPU. Keep the notice about that, and do not
            # save the fallback, so that the next start tries the GPU again.
            self._panel.show_settings(model_request, self._style())
        self._panel.show_loaded(loaded, self._shown.of(loaded.metadata))
        self._show_boxes_anew()
        self._infer_held_frames()
        self.load_ended.emit()

    def _infer_held_frames(self) -> None:
        """Let the model find its objects in the frames of files at which sources are paused."""
        for stream in self._session.streams:
            capture = stream.pipeline.capture
            if capture is not None and capture.is_paused:
                state = capture.state
                if state.info is not None and state.info.seekable and not state.info.is_still:
                    capture.seek(state.position)

    def _load_failed(self, model_request: ModelRequest, error: SsdLiveError) -> None:
        if model_request == self._requested:
            self._requested = self.in_use
        self._notice.say(
            "done" if isinstance(error, CancelledError) else "error", str(error), _TOPIC
        )
        self._panel.show_not_loaded(self._in_use)
        if (loaded := self._session.loaded) is not None:
            self._panel.show_loaded(loaded, self._shown.of(loaded.metadata))
        self.load_ended.emit()

    def _show_boxes_anew(self) -> None:
        for view in self._grid.views:
            view.update()

    def _set_threshold(self, threshold: float) -> None:
        self._session.set_threshold(threshold)
        self._show_boxes_anew()

    def _set_hidden(self, hidden: frozenset[str]) -> None:
        self._session.set_hidden_classes(hidden)
        self._show_boxes_anew()

    def _set_style(self, style: BoxStyle) -> None:
        self._settings.labels = style.labels
        self._settings.line_width = style.line_width
        self._session.set_style(style)
        for view in self._grid.views:
            view.set_style(style)
