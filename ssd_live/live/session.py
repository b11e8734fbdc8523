"""Define `LiveSession`: pipelines, network and recordings together, without a window."""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ssd_live.backends import ENGINE_BACKENDS
from ssd_live.closing import Closing
from ssd_live.detection.filter import DetectionFilter, detection_filter
from ssd_live.detection.tile_chooser import Tiles
from ssd_live.detections import Detections
from ssd_live.errors import BackendError, CancelledError, MissingPackageError, SsdLiveError
from ssd_live.imaging.image_files import write_image
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.imaging.redaction import HidingStyle
from ssd_live.live.display_filter import DisplayFilters
from ssd_live.live.outputs import annotated
from ssd_live.live.recorder import Recorded
from ssd_live.live.source import ActiveModel, LiveSource, counts, together
from ssd_live.live.tuner import BackendTuner
from ssd_live.modelfile.metadata import Metadata
from ssd_live.pipeline.counters import total
from ssd_live.pipeline.live import LivePipeline, Show
from ssd_live.pipeline.picture import Picture
from ssd_live.pipeline.redaction import LiveRedactor
from ssd_live.remote.loader import LoaderEvents, NetworkLoader
from ssd_live.remote.network import LiveModel, ModelInfo, ModelRequest
from ssd_live.system import machine

_logger = logging.getLogger(__name__)

# The steady counts leave out these first seconds of the session.
START_SECONDS = 2.0
# A network that fails is loaded again, but at most three times in 60 seconds.
_RESTARTS, _RESTART_WINDOW_SECONDS = 3, 60.0


@dataclass(frozen=True)
class SessionEvents:
    """The callbacks of a live session.

    The session calls them in any of its threads. None of them may wait, because this would delay
    the session.

    - `picture`: a rendered image is ready to be fetched from a pipeline.
    - `loading`: gets a line of text about the progress of loading a network.
    - `loaded`: gets the model request and what was loaded; the network is now in use.
    - `load_failed`: gets the model request and the error; the previous network, if any, stays in
      use.
    - `error`: gets an error message.
    - `recorded`: gets the result of a recording that has ended.
    """

    picture: Callable[[], None]
    loading: Callable[[str], None]
    loaded: Callable[[ModelRequest, ModelInfo], None]
    load_failed: Callable[[ModelRequest, SsdLiveError], None]
    error: Callable[[str], None]
    recorded: Callable[[Recorded], None]


class LiveSession(Closing):
    """One run of live detection: sources with their pipelines and recordings, and the network.

    Use it in a `with` block, or call `close`. All methods except `close` return at once. `events`
    are the callbacks. `shown` holds the display filters. `streams` is the number of sources at the
    start, at least 1, which share one network. With `show` "inferred", a frame is shown only after
    inference, with its own boxes. With "source", every frame is shown at once, with the newest
    boxes that exist. With `track`, objects are tracked, each source by itself; with
    `save_power` too, inference runs only where something moves. `tiles` says where inference looks
    for small objects, besides the whole frame. `index` is the file of the index in which the
    objects of recordings are found again, or None.
    """

    def __init__(
        self,
        events: SessionEvents,
        shown: DisplayFilters,
        *,
        show: Show = "inferred",
        streams: int = 1,
        track: bool = False,
        save_power: bool = False,
        tiles: Tiles = 0,
        index: Path | None = None,
    ) -> None:
        self._events = events
        self._index = index
        # The names of the classes that are hidden in all frames.
        self.redacted_classes: tuple[str, ...] = ()
        self._redaction_style: HidingStyle = "solid"
        self.tracks_objects = track
        self._saves_power = save_power
        self.tiles = tiles
        self._shown = shown
        self._in_use = ActiveModel()
        # Held while the sources change and while they get a new network, so that each gets one.
        self._sources_lock = threading.Lock()
        self.streams = [self._source(show) for _ in range(streams)]
        # The selected source.
        self.stream = self.streams[0]
        self._closing: list[threading.Thread] = []
        self._loader = NetworkLoader(
            LoaderEvents(self._progress, self._ready, self._load_failed), streams
        )
        self._tuner = BackendTuner(self._switch, self._measured, self.processes)
        # The request of a switch to a faster backend that goes on, or None.
        self._switching: ModelRequest | None = None
        self._switch_was_asked_for = False
        # Whether the program has other work, such as an export, beside which nothing is measured.
        self.has_other_work: Callable[[], bool] = lambda: False
        self._dying = threading.Lock()
        self._is_alive = False
        # The model that is being loaded, otherwise the model in use.
        self._model_request: ModelRequest | None = None
        self._request_in_use: ModelRequest | None = None
        self._deaths: deque[float] = deque(maxlen=_RESTARTS + 1)
        self._started = time.monotonic()
        self._process = psutil.Process()
        self._known: dict[int, psutil.Process] = {}

    def _source(self, show: Show) -> LiveSource:
        pipeline = LivePipeline(
            self._events.picture,
            lambda error: self._events.error(str(error)),
            self._network_died,
            show=show,
        )
        pipeline.track_objects(self.tracks_objects)
        pipeline.saves_power = self._saves_power
        pipeline.tiles = self.tiles
        pipeline.redact(self._redactor())
        if self._in_use.filter is not None:
            pipeline.shown_thresholds = self._in_use.filter.thresholds
        return LiveSource(
            pipeline, self._in_use, self._events.recorded, self._index, self._events.error
        )

    # The sources.

    def add_stream(self) -> LiveSource:
        """Add a source, which is not open yet, and return it at once.

        The source uses the network in use. If that was loaded for fewer sources, a network for all
        of them is loaded, and replaces it when it is ready.
        """
        added = self._source(self.pipeline.show)
        with self._sources_lock:
            networks = [its for stream in self.streams if (its := stream.pipeline.network)]
            # The network may have ended unnoticed. `_network_died` then loads one for all sources.
            with contextlib.suppress(BackendError):
                if networks:
                    added.pipeline.use(_shared(networks[0]))
            self.streams = [*self.streams, added]
            must_load = not networks or len(self.streams) > self._loader.users
            self._loader.users = max(self._loader.users, len(self.streams))
        if must_load and self._model_request is not None:
            self._loader.load(self._model_request)
        return added

    def remove_stream(self, stream: LiveSource) -> None:
        """Close a source and remove it from the session; return at once.

        The last source cannot be removed. A recording of the source ends. If the source was
        selected, the one before it is selected, or else the first one.
        """
        assert len(self.streams) > 1
        with self._sources_lock:
            index = self.streams.index(stream)
            self.streams = [other for other in self.streams if other is not stream]
            if self.stream is stream:
                self.stream = self.streams[max(index - 1, 0)]
        stream.stop()
        closing = threading.Thread(target=stream.close, name="close", daemon=True)
        closing.start()
        self._closing = [*(thread for thread in self._closing if thread.is_alive()), closing]

    @property
    def pipeline(self) -> LivePipeline:
        """The pipeline of the selected source."""
        return self.stream.pipeline

    def track_objects(self, on: bool) -> None:
        """Give the objects of all sources ids and steady boxes, or no more."""
        self.tracks_objects = on
        for stream in self.streams:
            stream.pipeline.track_objects(on)

    def save_power(self, on: bool) -> None:
        """Detect only where something moves while objects are tracked, or on every frame again."""
        self._saves_power = on
        for stream in self.streams:
            stream.pipeline.saves_power = on

    def look_in_tiles(self, tiles: Tiles) -> None:
        """Look for small objects in so many tiles of each frame too, or no more (0)."""
        self.tiles = tiles
        for stream in self.streams:
            stream.pipeline.tiles = tiles

    def redact(self, classes: Sequence[str], style: HidingStyle = "solid") -> None:
        """Hide objects of these classes in all frames, before they are shown, recorded or kept.

        Upper and lower case do not matter. Frames are then shown only after inference. While the
        model in use does not have all the classes, whole frames are hidden. No classes hide
        nothing.
        """
        self.redacted_classes, self._redaction_style = tuple(classes), style
        for stream in self.streams:
            stream.pipeline.redact(self._redactor())
            stream.show_again()

    def _redactor(self) -> LiveRedactor | None:
        if not self.redacted_classes:
            return None
        return LiveRedactor(self.redacted_classes, self._redaction_style)

    def unknown_redacted(self, metadata: Metadata) -> list[str]:
        """Return the classes to hide that a model does not have."""
        known = {name.casefold() for name in metadata.classes}
        return [name for name in self.redacted_classes if name.casefold() not in known]

    def use_index(self, index: Path | None) -> None:
        """Write the objects of recordings that begin from now on to this index, or to none."""
        self._index = index
        for stream in self.streams:
            stream.index = index

    # The network.

    @property
    def loaded(self) -> ModelInfo | None:
        """The model in use, or None before the first model is loaded."""
        return self._in_use.loaded

    @property
    def filter(self) -> DetectionFilter | None:
        """The filter for the detections that are shown, or None before a model is loaded."""
        return self._in_use.filter

    @property
    def is_loading(self) -> bool:
        """Whether a model is being loaded."""
        return self._model_request is not self._request_in_use

    def load(self, model_request: ModelRequest) -> None:
        """Begin to load another model; the session switches to this model when it is ready."""
        self._model_request = model_request
        self._switching = None
        self._tuner.cancel()
        self._loader.load(model_request)

    def cancel_loading(self) -> None:
        """Cancel the loading of a model; the network that was in use before stays in use.

        Measuring is cancelled too. If `measure_backends` began it, the event `loaded` is called.
        """
        was_asked_for = self._tuner.is_asked_for
        self._tuner.cancel()
        self._loader.cancel()
        if was_asked_for:
            self._measured("")

    def measure_backends(self) -> None:
        """Measure the backends for the model in use, and switch to a backend that is faster.

        The event `loading` gets lines of text about the progress. At the end, `loaded` is called,
        even if the same backend stays in use. If measuring or the switch fails, `error` is called
        after it. If no model is in use, this method does nothing.
        """
        if self.loaded is not None:
            self._tuner.measure_now(self._events.loading)

    def _switch(self) -> None:
        """Load the model in use again beside the running one; the faster backend is then chosen."""
        self._switch_was_asked_for = self._tuner.was_asked_for
        if self._request_in_use is not None and self._model_request is self._request_in_use:
            # A copy, by which a failure of this switch is told from one of the user's request.
            self._switching = self._model_request = replace(self._request_in_use)
            self._loader.load(self._switching)

    def _measured(self, error_message: str) -> None:
        if self._request_in_use is not None and self.loaded is not None:
            self._events.loaded(self._request_in_use, self.loaded)
        # An error that comes before `loaded` would count as mended by it.
        if error_message:
            self._events.error(error_message)

    def _progress(self, line: str) -> None:
        if self._switching is None:
            self._events.loading(line)

    def set_threshold(self, threshold: float) -> None:
        """Set the lowest score that is shown for the model in use, and store it as a setting.

        The score is from 0 to 1. A threshold below the score threshold of the model itself shows
        all its detections. If no model is loaded, nothing happens.
        """
        if self.loaded is not None:
            self._shown.choose_threshold(self.loaded.metadata, threshold)
            self._make_filter(self.loaded.metadata)

    def set_hidden_classes(self, names: frozenset[str]) -> None:
        """Set the names of all hidden classes of the model in use, and store them as a setting.

        If no model is loaded, nothing happens.
        """
        if self.loaded is not None:
            self._shown.choose_hidden(self.loaded.metadata, names)
            self._make_filter(self.loaded.metadata)

    def _make_filter(self, metadata: Metadata) -> None:
        shown = self._shown.of(metadata)
        threshold = shown.threshold
        if threshold is not None:
            threshold = min(max(threshold, metadata.score_threshold), 1.0)
        checked = detection_filter(metadata, threshold)
        wanted = np.array([name not in shown.hidden for name in metadata.classes])
        self._in_use.filter = replace(checked, wanted=wanted)
        for stream in self.streams:
            stream.pipeline.shown_thresholds = checked.thresholds

    @property
    def style(self) -> BoxStyle:
        """The style of boxes in snapshots and recordings."""
        return self._in_use.style

    def set_style(self, style: BoxStyle) -> None:
        """Set the style of boxes in snapshots and recordings, also in those that go on."""
        self._in_use.style = style

    def visible(self, found: Detections | None) -> Detections | None:
        """Return the detections in `found` that the display filter lets through.

        Return None if `found` is None, if no model is loaded, or if the detections are from a model
        with other classes.
        """
        return self._filtered(found, self.filter)

    def over_threshold(self, found: Detections | None) -> Detections | None:
        """Return what `visible` returns, and the detections of hidden classes too."""
        shown = self.filter
        if shown is None:
            return None
        return self._filtered(found, replace(shown, wanted=np.ones(len(shown.classes), bool)))

    @staticmethod
    def _filtered(found: Detections | None, shown: DetectionFilter | None) -> Detections | None:
        if found is None or shown is None or found.classes != shown.classes:
            return None
        return shown.of(found)

    def _ready(self, model_request: ModelRequest, loaded: ModelInfo, network: LiveModel) -> None:
        self._in_use.loaded = loaded
        self._make_filter(loaded.metadata)
        self._is_alive = True
        # Each pipeline uses the same network through a handle of its own.
        with self._sources_lock:
            networks = [network, *(_shared(network) for _ in self.streams[1:])]
            for stream, its_network in zip(self.streams, networks, strict=True):
                stream.pipeline.use(its_network)
                stream.repeat_still()
        self._tuner.use(
            model_request, loaded, "latency" if len(self.streams) == 1 else "throughput"
        )
        # From now on, `tick` may measure.
        self._request_in_use, self._switching = model_request, None
        self._events.loaded(model_request, loaded)

    def _load_failed(self, model_request: ModelRequest, error: SsdLiveError) -> None:
        if model_request is self._switching:
            # The backend in use still runs.
            self._switching, self._model_request = None, self._request_in_use
            # What the user cancelled is no error.
            is_cancelled = isinstance(error, CancelledError)
            if not is_cancelled:
                _logger.warning("the switch to a faster backend failed: %s", error)
            if self._switch_was_asked_for:
                self._measured("" if is_cancelled else str(error))
            return
        if model_request is self._model_request:
            if (
                isinstance(error, BackendError | MissingPackageError)
                and _may_use_gpu(model_request)
                and not self._is_alive
            ):
                self._go_on_without_gpu(model_request, error)
                return
            self._model_request = self._request_in_use
        self._events.load_failed(model_request, error)

    def _network_died(self, error: BaseException) -> None:
        """Load the network again after it failed with `error`.

        If this was at least the fourth failure within 60 seconds, the network is not loaded again.
        Instead, the model is loaded for the CPU if it may have used a GPU; otherwise nothing is
        loaded. Each pipeline calls this method in its infer thread. Only the first call after a
        failure has an effect.
        """
        with self._dying:
            if not self._is_alive:
                return
            self._is_alive = False
        self._switching = None
        now = time.monotonic()
        self._deaths.append(now)
        often = len(self._deaths) > _RESTARTS and self._deaths[0] > now - _RESTART_WINDOW_SECONDS
        model_request = self._model_request
        if often and model_request is not None and _may_use_gpu(model_request):
            self._go_on_without_gpu(model_request, error)
            return
        self._events.error(str(error))
        if model_request is not None and not often:
            self._loader.load(model_request)

    def _go_on_without_gpu(self, model_request: ModelRequest, error: BaseException) -> None:
        self._events.error(f"{error}; the CPU is used instead of the GPU")
        self._model_request = replace(model_request, backend="cpu", precision="auto")
        self._loader.load(self._model_request)

    # Snapshots.

    def save_snapshot(
        self, picture: Picture, path: Path, done: Callable[[Path, str], None]
    ) -> None:
        """Write the whole frame of `picture`, with its boxes and zones, to the image file `path`.

        It is a frame of the selected source.

        This method returns at once, because a separate thread writes the file. That thread then
        calls `done` with the path and an error message, which is empty on success.
        """
        found, style = self.visible(picture.detections), self._in_use.style
        counted = self.stream.zone_watch.counted()

        def save() -> None:
            try:
                write_image(path, annotated(picture, found, style, counted))
            except SsdLiveError as error:
                done(path, str(error))
            else:
                done(path, "")

        threading.Thread(target=save, name="snapshot", daemon=True).start()

    # Statistics.

    def tick(self) -> None:
        """Do what must be done regularly: begin the steady counts, and measure the backends.

        The steady counts are the frame counts without the slow start of the session. They begin
        when the session is at least `START_SECONDS` old.
        """
        if time.monotonic() - self._started >= START_SECONDS:
            for stream in self.streams:
                stream.tick()
        self._tuner.tick(
            1000 * self.pipeline.durations["inference"].last if len(self.streams) == 1 else 0.0,
            is_calm=self._is_alive
            and not self.is_loading
            and not self.has_other_work()
            and not any(stream.recorder for stream in self.streams),
        )

    def numbers(self) -> dict[str, Any]:
        """Return all counts and measurements so far, as a dictionary for JSON.

        For several sources the values are totals, and "streams" holds the numbers of each source.
        """
        loaded = self.loaded
        # Measure each source only once, so that the totals match the parts.
        measured = [stream.measured() for stream in self.streams]
        streams = [stream.numbers(its) for stream, its in zip(self.streams, measured, strict=True)]
        of_all = (
            streams[0] if len(streams) == 1 else together(measured).numbers() | {"streams": streams}
        )
        return {
            "seconds": round(time.monotonic() - self._started, 3),
            "model": loaded.metadata.name if loaded else None,
            "backend": loaded.description if loaded else None,
            **of_all,
            "memory_mb": round(self.usage()[1], 1),
        }

    def settled(self, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return a copy of `numbers` with the final frame counts.

        `numbers` is what the method `numbers` returned before `close`. Call this method after
        `close`, because until then frames are still in flight.
        """
        all_counts = [stream.pipeline.frame_counter.counts() for stream in self.streams]
        settled = numbers | counts(total(all_counts))
        if "streams" in settled:
            settled["streams"] = [
                stream | counts(frame_counts)
                for stream, frame_counts in zip(settled["streams"], all_counts, strict=True)
            ]
        return settled

    def usage(self) -> tuple[float, float]:
        """Return (CPU use, memory) of all processes of this program.

        The CPU use is in percent of all cores, as a mean since the previous call. The memory is the
        resident memory in megabytes.
        """
        percent = memory = 0.0
        running = {
            process.pid: self._known.get(process.pid, process) for process in self.processes()
        }
        for process in running.values():
            with contextlib.suppress(psutil.Error):
                percent += process.cpu_percent()
                memory += process.memory_info().rss / 1e6
        self._known = running
        return percent / machine.available_cores(), memory

    def processes(self) -> list[psutil.Process]:
        """Return this process and all its child processes, also the children of its children."""
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return [self._process]

    def close(self) -> None:
        """End all threads and the network; wait at most two seconds for each recording to end."""
        self._tuner.close()
        self._loader.close()
        for stream in self.streams:
            stream.stop()
        # A source that hangs delays its end; close all at the same time.
        closing = [
            threading.Thread(target=stream.close, name="close", daemon=True)
            for stream in self.streams
        ]
        for thread in closing:
            thread.start()
        for thread in (*closing, *self._closing):
            thread.join()


def _shared(network: LiveModel) -> LiveModel:
    other = network.backend.share()
    assert other is not None
    return replace(network, backend=other)


def _may_use_gpu(model_request: ModelRequest) -> bool:
    name, _, device = model_request.backend.partition(":")
    return name in ("auto", *ENGINE_BACKENDS) or device.upper() not in ("", "CPU")
