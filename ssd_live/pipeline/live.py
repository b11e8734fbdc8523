"""Process a live source: capture, infer and render in three threads.

Between two threads there is a slot for one frame. A newer frame replaces the frame in the slot.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ssd_live.analytics.zones import Zone, unmasked
from ssd_live.closing import Closing
from ssd_live.detection.tile_chooser import TileChooser, Tiles, TileUse
from ssd_live.detection.tiles import Found, TileMerger
from ssd_live.detections import Detections
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.frame import Frame, InputFit, Region
from ssd_live.pipeline.capture import Capture, CaptureOptions, CaptureState
from ssd_live.pipeline.counters import Cause, Durations, FrameCounter, Rate, Recent
from ssd_live.pipeline.motion_gate import MotionGate
from ssd_live.pipeline.picture import Picture, PictureSlot, Viewport, render
from ssd_live.pipeline.redaction import LiveRedactor
from ssd_live.remote.network import LiveModel
from ssd_live.tracking.appearance import colour_histograms
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.tracker import Tracker
from ssd_live.video.sources import PacketListener, SourcePacket, SourceSpec

_POLL_SECONDS = 0.2
# How long `close` waits for each thread to end.
JOIN_SECONDS = 2.0
# How long `close` waits for a request in flight before it kills the network's process.
_PATIENCE_SECONDS = 0.5
_INFERENCE_TIMEOUT_SECONDS = 20.0

# inferred: every shown frame has its own boxes. source: every frame is shown, with the newest boxes
# that exist.
Show = Literal["inferred", "source"]

T = TypeVar("T")


class NewestSlot(Generic[T]):
    """A slot for one item between two threads.

    `put` never waits, because it replaces an item that was not taken. A slow reader thus does not
    delay the writer.
    """

    def __init__(self) -> None:
        self._item: T | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> T | None:
        """Store an item; return the item that it replaced, or None."""
        with self._changed:
            replaced, self._item = self._item, item
            self._changed.notify()
        return replaced

    def take(self, timeout: float = 0.0) -> T | None:
        """Wait for an item, at most `timeout` seconds; remove it from the slot and return it.

        Return None if no item came in time or if `wake` was called.
        """
        with self._changed:
            if self._item is None and timeout > 0:
                self._changed.wait(timeout)
            item, self._item = self._item, None
        return item

    def wake(self) -> None:
        """Let a waiting `take` return at once."""
        with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A captured frame in the pipeline, with detections if there are any yet.

    `stale` means that the detections were found on an earlier frame. If `for_show` is false,
    inference runs on the frame, but the frame is not shown and does not count as shown, failed or
    dropped. If `inferred` is false, to save power, the tracker foretold the boxes. `source_number`
    is the number of the source that the frame comes from.
    """

    frame: Frame
    detections: Detections | None = None
    stale: bool = False
    for_show: bool = True
    inferred: bool = True
    # The number of the source, counted by `open`; frames of an earlier source are not shown.
    source_number: int = 0


class FrameListener(Protocol):
    """A callback that gets every frame before rendering, even a frame that is not shown later.

    `Recorder.offer` is such a callback. The pipeline calls it in the infer thread or the capture
    thread, so it must not wait.
    """

    def __call__(self, live_frame: LiveFrame) -> None: ...


class _Look:
    """What the network finds in parts of one frame, and how many seconds that takes.

    `candidates` chooses the detections that help in tracking, which get their colour histograms;
    None keeps all, without histograms.
    """

    def __init__(
        self, network: LiveModel, frame: Frame, candidates: CandidateFilter | None
    ) -> None:
        self._network = network
        self._frame = frame
        self._candidates = candidates
        self.resize_seconds = self.inference_seconds = 0.0

    def at(self, region: Region | None) -> Found:
        """Return what is found in a region of the frame, or in all of it."""
        network, frame = self._network, self._frame
        size = frame.width, frame.height
        shown = network.input_fit.region(size, region)
        started = time.monotonic()
        image = frame.network_input(network.input_size, shown)
        resized = time.monotonic()
        outputs = network.backend.submit(image[None]).result(_INFERENCE_TIMEOUT_SECONDS)
        self.resize_seconds += resized - started
        self.inference_seconds += time.monotonic() - resized
        found = network.accept_all.detections(outputs, 0, size, shown)
        if self._candidates is None:
            return found, None
        found = found.where(found.scores >= self._candidates.lowest_score)
        return found, colour_histograms(image, found.boxes, shown or Region(0, 0, *size))


class LivePipeline(Closing):
    """A pipeline that shows one live source. Use it in a `with` block, or call `close`.

    All methods may be called from any thread, and only `close` waits. The pipeline calls:

    - `on_picture` in the render thread, when the method `picture` has a new image to return. It is
      called again only after that image was fetched.
    - `on_error` in the render thread, with the error of a frame that cannot be drawn.
    - `on_death` in the infer thread, with the error of the network in use, after that network was
      removed.

    With `show` "inferred", a frame is shown only after inference, with its own boxes. With
    "source", every frame is shown at once, with the newest boxes that exist.
    """

    def __init__(
        self,
        on_picture: Callable[[], None],
        on_error: Callable[[BaseException], None] = lambda _: None,
        on_death: Callable[[SsdLiveError], None] = lambda _: None,
        *,
        show: Show = "inferred",
    ) -> None:
        self._on_picture = on_picture
        self._on_error = on_error
        self._on_death = on_death
        self.show: Show = show
        # A new tuple replaces it at each change, because other threads go through it.
        self.frame_listeners: tuple[FrameListener, ...] = ()
        # It gets every packet of a network stream in the capture thread, unless objects are hidden.
        self.packet_listener: PacketListener | None = None
        # A callback that gets every frame that has detections of its own, in the infer thread. It
        # must not wait. Frames of an earlier source have a lower number.
        self.detections_listener: FrameListener | None = None
        self.frame_counter = FrameCounter()
        self.rates = {stage: Rate() for stage in ("capture", "inference", "display")}
        self.durations = {
            stage: Durations() for stage in ("read", "resize", "inference", "render", "latency")
        }
        # From capture to the screen, of frames with detections of their own.
        self.recent_latency = Recent()
        self._counts_at_open = self.frame_counter.counts()
        self._to_infer: NewestSlot[LiveFrame] = NewestSlot()
        self._to_render: NewestSlot[LiveFrame] = NewestSlot()
        self._display = PictureSlot(self.frame_counter)
        self._lock = threading.Lock()
        self._capture: Capture | None = None
        # A camera that is still being closed cannot be opened yet.
        self._closed_capture: Capture | None = None
        self._viewport: Viewport | None = None
        # Set while the view is visible, and also before a view exists.
        self._visible = threading.Event()
        self._visible.set()
        self._network: LiveModel | None = None
        self._next_network: LiveModel | None = None
        self._newest: Detections | None = None
        self._tracks_objects = False
        # The lowest score of a shown track of each class, or None; a track with less gets no id.
        self.shown_thresholds: NDArray[np.float32] | None = None
        # The infer thread uses these. An id is never given twice, so the last one is kept.
        self._tracker: Tracker | None = None
        self._last_track_id = 0
        # Where inference looks for small objects, besides the whole frame.
        self.tiles: Tiles = 0
        # The infer thread uses these. They are made for a source, a network and a number of tiles.
        self._chooser: TileChooser | None = None
        self._merger = TileMerger(InputFit((1, 1)))
        self._tiled: tuple[object, ...] = ()
        # What stands in one of these masks is ignored while objects are tracked.
        self.masks: tuple[Zone, ...] = ()
        self._redactor: LiveRedactor | None = None
        # Whether the last frame must not be drawn again, because it shows what is hidden now.
        self._is_outdated = False
        # Whether inference goes on while the view is not visible.
        self.always_infers = False
        # Whether inference runs only where something moves, while objects are tracked.
        self.saves_power = False
        self._gate = MotionGate()
        # What the tracker is made for: the number of the source, the classes and the thresholds.
        self._tracked: tuple[object, ...] = ()
        self._period = 0.0
        self._next_due = 0.0
        self._number = self._source_number = 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("infer", self._infer), ("render", self._render))
        ]
        for thread in self._threads:
            thread.start()

    # Source and network.

    @property
    def capture(self) -> Capture | None:
        """The capture of the source, which can play, pause, step and seek; None before `open`."""
        return self._capture

    @property
    def state(self) -> CaptureState | None:
        """The state of the capture, or None before `open`."""
        return self._capture.state if self._capture else None

    def open(self, spec: SourceSpec, options: CaptureOptions) -> None:
        """Switch to the source `spec`; the capture of the previous source ends.

        This method does nothing after `stop`.
        """
        with self._lock:
            earlier, closed = self._capture or self._closed_capture, self._stop.is_set()
            self._closed_capture = None
            if closed:
                return
            if earlier is not None:
                earlier.retire()
            self._source_number += 1
            for slot in (self._to_infer, self._to_render):
                self._drop(slot.take(), Cause.CHANGED)
            self._display.discard(Cause.CHANGED)
            self._newest = None
            self._counts_at_open = self.frame_counter.counts()
            same_camera = earlier is not None and spec.kind == "camera"
            deliver = partial(self._deliver, self._source_number)
            self._capture = Capture(spec, options, deliver, after=earlier if same_camera else None)
            self._capture.reading = self.durations["read"]
            self._capture.packet_listener = self._note_packet
            self._capture.start()

    def close_source(self) -> None:
        """End the capture of the source; the pipeline then has no source until `open`."""
        with self._lock:
            capture, self._capture = self._capture, None
            self._closed_capture = capture
            # Frames that are on their way belong to no source any more.
            self._source_number += 1
            for slot in (self._to_infer, self._to_render):
                self._drop(slot.take(), Cause.CHANGED)
            self._display.discard(Cause.CHANGED)
            self._newest = None
        if capture is not None:
            capture.retire()

    def dropped(self) -> dict[str, int]:
        """Return how many frames were dropped since the source was opened, for each `Cause`.

        Frames that were dropped because the user wanted it are not among them: while the source was
        paused, over the rate cap, while the view was not visible, or when the source was changed.
        """
        dropped = self.frame_counter.counts().since(self._counts_at_open).dropped
        wanted = (Cause.PAUSED, Cause.RATE_CAP, Cause.CHANGED, Cause.HIDDEN)
        return {cause: count for cause, count in dropped.items() if cause not in wanted}

    def cap_rate(self, rate: float | None) -> None:
        """Process at most `rate` frames per second; None removes the limit."""
        self._period = 1 / rate if rate else 0.0

    def use(self, network: LiveModel) -> None:
        """Switch to another network for the next frame and all later ones.

        The infer thread closes the previous network. After `stop`, this method only closes
        `network`.
        """
        with self._lock:
            replaced: LiveModel | None = network
            if not self._stop.is_set():
                replaced, self._next_network = self._next_network, network
        if replaced is not None:
            replaced.backend.close()
        self._to_infer.wake()

    def track_objects(self, on: bool) -> None:
        """Give detections ids and steady boxes, from the next frame on, or no more.

        An image alone is not tracked.
        """
        self._tracks_objects = on

    @property
    def redactor(self) -> LiveRedactor | None:
        """What hides objects in all frames before anybody gets them, or None."""
        return self._redactor

    def redact(self, redactor: LiveRedactor | None) -> None:
        """Hide objects in all frames from now on, or no more; earlier ones are not drawn again."""
        with self._lock:
            self._redactor = redactor
            self._is_outdated = True
            self._display.discard(Cause.CHANGED, counted=self._number)

    @property
    def tracks_objects(self) -> bool:
        """Whether detections get ids and steady boxes."""
        return self._tracks_objects

    def listen(self, listener: FrameListener) -> None:
        """Call `listener` with every frame from now on. Inference then runs also while the view is
        not visible.
        """
        with self._lock:
            self.frame_listeners = (*self.frame_listeners, listener)

    def unlisten(self, listener: FrameListener) -> None:
        """Call `listener` no more. It may be one that was never called."""
        with self._lock:
            self.frame_listeners = tuple(its for its in self.frame_listeners if its != listener)

    @property
    def network(self) -> LiveModel | None:
        """The network that inference uses now, or None if frames are shown without inference."""
        return self._network

    # The interface for the view.

    def set_viewport(self, viewport: Viewport | None) -> None:
        """Set the size of the view and the part of the frame that it shows.

        None means that the view is not visible; nothing is rendered then, and inference stops
        unless there is a frame listener.
        """
        if viewport is None:
            self._visible.clear()
        else:
            self._visible.set()
        if viewport != self._viewport:
            self._viewport = viewport
            self._to_render.wake()

    def picture(self) -> Picture | None:
        """Return the newest rendered image, or None if there is none since the last call.

        If the image of an earlier frame was fetched but not painted, that frame counts as dropped.
        """
        return self._display.take()

    def painted(self, picture: Picture) -> None:
        """Count the frame of a fetched image as shown. Call this when the image is on the screen.

        Only the first call for each frame counts.
        """
        now = time.monotonic()
        if not self._display.painted(picture):
            return
        self.rates["display"].tick(now)
        latency = now - picture.frame.captured_at
        self.durations["latency"].add(latency)
        if picture.detections is not None and picture.inferred and not picture.stale:
            self.recent_latency.add(now, latency)

    def stop(self) -> None:
        """Begin to end all threads, without waiting."""
        with self._lock:
            self._stop.set()
            capture = self._capture
        if capture is not None:
            capture.retire()
        self._to_infer.wake()
        self._to_render.wake()

    def close(self) -> None:
        """End all threads and wait for them; every frame still in the pipeline counts as dropped.

        A network that does not answer is killed.
        """
        self.stop()
        if (capture := self._capture) is not None:
            capture.join(JOIN_SECONDS)
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        if (network := self._network) is not None:
            network.kill()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        for slot in (self._to_infer, self._to_render):
            self._drop(slot.take(), Cause.STOPPED)
        self._display.close()

    # The stages.

    def _deliver(self, source_number: int, frame: Frame, held_back: bool) -> None:
        """Pass a captured frame on to the next stages, or drop it; the capture thread calls this.

        `source_number` is the number of the frame's source. If `held_back` is true, the frame is
        dropped because the source is paused.
        """
        self.frame_counter.capture()
        self.rates["capture"].tick(frame.captured_at)
        live_frame = LiveFrame(frame, source_number=source_number)
        if held_back:
            self._drop(live_frame, Cause.PAUSED)
            return
        if self._is_too_soon(frame.captured_at):
            self._drop(live_frame, Cause.RATE_CAP)
            return
        # What must be hidden in a frame is known only after inference.
        if self.show == "inferred" or self._redactor is not None:
            waits = Cause.HIDDEN if self._is_idle else Cause.INFERENCE
            self._drop(self._to_infer.put(live_frame), waits)
            return
        # The frame is shown at once, because its own boxes would come too late.
        self._drop(self._to_infer.put(replace(live_frame, for_show=False)), Cause.INFERENCE)
        self._hand_on(replace(live_frame, detections=self._newest, stale=self._newest is not None))

    def _note_packet(self, packet: SourcePacket) -> None:
        listener = self.packet_listener
        # Packets show what must be hidden.
        if listener is not None and self._redactor is None:
            listener(packet)

    def _is_too_soon(self, now: float) -> bool:
        """Return whether the rate cap drops a frame that was captured at `now`.

        `now` is in seconds on the monotonic clock. A frame that is early by a tenth of a period or
        less counts as on time.
        """
        if not self._period:
            return False
        if now < self._next_due - 0.1 * self._period:
            return True
        self._next_due = max(self._next_due + self._period, now)
        return False

    @property
    def _is_idle(self) -> bool:
        """Whether nobody needs detections.

        The view is then not visible, and there is no frame listener.
        """
        is_watched = self.always_infers or bool(self.frame_listeners)
        return not self._visible.is_set() and not is_watched

    def _infer(self) -> None:
        while not self._stop.is_set():
            self._change_network()
            if self._is_idle:
                # The newest frame waits, so that it is there when the view comes back. Boxes of
                # before would be out of date.
                self._newest = None
                self._visible.wait(_POLL_SECONDS)
                continue
            live_frame = self._to_infer.take(_POLL_SECONDS)
            if live_frame is None:
                continue
            # A network may have come while this thread waited. A single image comes only once.
            self._change_network()
            looked_at = self._look_at(live_frame)
            if looked_at is None:
                continue
            if looked_at.for_show:
                self._hand_on(looked_at)
            if (listener := self.detections_listener) is not None:
                listener(looked_at)
        self._change_network()
        if self._network is not None:
            self._network.backend.close()
            self._network = None

    def _look_at(self, live_frame: LiveFrame) -> LiveFrame | None:
        """Run inference; return the frame with its own detections, or None if inference failed.

        Without a network the frame is returned unchanged.
        """
        network = self._network
        if network is None:
            return self._redacted(live_frame)
        frame = live_frame.frame
        if (foretold := self._foretold(live_frame, network)) is not None:
            return self._redacted(foretold)
        try:
            candidates = self._candidates(network)
            look = _Look(network, frame, candidates)
            found = look.at(None)
            if (tiles := self._tile_use(live_frame, network)) is not None:
                looked = {tile: look.at(tile.region) for tile in tiles.looked}
                found = self._merger.merged(tiles.area, found, looked, tiles.unchanged)
            detections = self._track(live_frame, found, network, candidates)
        except Exception as error:  # an error in a backend must not end the thread silently
            if live_frame.for_show:
                self.frame_counter.fail()
            self._give_up(network, error)
            return None
        self.durations["resize"].add(look.resize_seconds)
        self.durations["inference"].add(look.inference_seconds)
        self.frame_counter.infer()
        self.rates["inference"].tick(time.monotonic())
        if live_frame.source_number == self._source_number:
            self._newest = detections
        return self._redacted(replace(live_frame, detections=detections), found[0])

    def _redacted(self, live_frame: LiveFrame, found: Detections | None = None) -> LiveFrame:
        """Hide what must be hidden in a frame; `found` is what the network found in it."""
        redactor, network = self._redactor, self._network
        if redactor is None:
            return live_frame
        thresholds = () if network is None else network.thresholds
        shown = self.shown_thresholds
        if shown is not None and len(shown) == len(thresholds):
            # What is shown with a box must be hidden.
            thresholds = tuple(np.minimum(shown, thresholds).tolist())
        frame = redactor.redacted(
            live_frame.frame,
            live_frame.source_number,
            (found, live_frame.detections),
            thresholds,
        )
        return replace(live_frame, frame=frame)

    def _foretold(self, live_frame: LiveFrame, network: LiveModel) -> LiveFrame | None:
        """Return the frame with the boxes that the tracker expects, if that is enough.

        Return None if inference must run: objects are not tracked, power is not to be saved, or
        something moves.
        """
        tracker = self._tracker
        if not (self.saves_power and self._tracks_objects):
            return None
        # The gate sees every frame, also those for which there is no tracker yet.
        use = self._gate.use(live_frame.frame)
        wanted = (live_frame.source_number, network.accept_all.classes, network.thresholds)
        if use == "detect" or tracker is None or self._tracked != wanted:
            return None
        found = tracker.update(live_frame.frame.time, None)
        if live_frame.source_number == self._source_number:
            self._newest = found
        return replace(live_frame, detections=found, inferred=False)

    @property
    def _is_still(self) -> bool:
        """Whether the source is a single image."""
        state = self.state
        return state is not None and state.info is not None and state.info.is_still

    def _candidates(self, network: LiveModel) -> CandidateFilter | None:
        """Return the filter of the detections that help in tracking, or None without tracking."""
        if not self._tracks_objects or self._is_still or not network.thresholds:
            return None
        return CandidateFilter(network.thresholds)

    def _tile_use(self, live_frame: LiveFrame, network: LiveModel) -> TileUse | None:
        """Return the tiles in which inference looks for small objects, or None for none."""
        tiles = self.tiles
        if not tiles:
            return None
        if tiles == "auto" and self._is_still:
            tiles = "natural"
        wanted = (live_frame.source_number, tiles, network)
        if self._chooser is None or self._tiled != wanted:
            self._chooser = TileChooser(tiles, network.input_size)
            self._merger = TileMerger(network.input_fit)
            self._tiled = wanted
        return self._chooser.use(live_frame.frame)

    def _track(
        self,
        live_frame: LiveFrame,
        found: Found,
        network: LiveModel,
        candidates: CandidateFilter | None,
    ) -> Detections:
        """Return the tracked objects of a frame, or the detections if objects are not tracked.

        `candidates` is the filter by which they were found, or None.
        """
        if candidates is None:
            self._tracker = None
            return found[0]
        classes = network.accept_all.classes
        wanted = (live_frame.source_number, classes, network.thresholds)
        if self._tracker is None or self._tracked != wanted:
            self._tracker = Tracker(classes, candidates, self._last_track_id)
            self._tracked = wanted
        # For a moment, the thresholds may be those of the next network.
        shown = self.shown_thresholds
        fits = shown is not None and len(shown) == len(network.thresholds)
        self._tracker.shown = shown if fits else None
        frame, (detections, looks) = live_frame.frame, found
        if self.masks:
            kept = unmasked(detections.boxes, self.masks, (frame.width, frame.height))
            detections = detections.where(kept)
            looks = None if looks is None else looks[kept]
        tracked = self._tracker.update(frame.time, detections, looks)
        self._last_track_id = self._tracker.last_id
        return tracked

    def _give_up(self, network: LiveModel, error: BaseException) -> None:
        """Remove and close a network that failed, and report `error` to `on_death`.

        Frames are shown without boxes until another network comes. The error is not reported if
        another network already waits to be used or if the pipeline ends.
        """
        self._network = None
        network.backend.close()
        with self._lock:
            replaced = self._next_network is not None
        if not (replaced or self._stop.is_set()):
            self._on_death(
                error
                if isinstance(error, SsdLiveError)
                else BackendError(
                    f"{network.name}: {error}; choose another backend if this happens again"
                )
            )

    def _change_network(self) -> None:
        with self._lock:
            network, self._next_network = self._next_network, None
        if network is not None:
            earlier, self._network = self._network, network
            self._newest = None
            if earlier is not None:
                earlier.backend.close()

    def _hand_on(self, live_frame: LiveFrame) -> None:
        if live_frame.source_number != self._source_number:
            self._drop(live_frame, Cause.CHANGED)
            return
        for listener in self.frame_listeners:
            listener(live_frame)
        self._drop(self._to_render.put(live_frame), Cause.RENDERING)

    def _render(self) -> None:
        last: LiveFrame | None = None
        shown: Viewport | None = None
        while not self._stop.is_set():
            live_frame = self._to_render.take(_POLL_SECONDS)
            viewport = self._viewport
            if self._is_outdated:
                last, self._is_outdated = None, False
            if live_frame is not None:
                last = live_frame
                self._number += 1
            if viewport is None:
                self._settle(live_frame, Cause.HIDDEN)
            elif live_frame is not None or (
                last is not None and viewport != shown and last.source_number == self._source_number
            ):
                # Without a new frame, the last one is drawn again for a view that has changed.
                assert last is not None
                self._show(last, viewport, is_new=live_frame is not None)
            shown = viewport

    def _show(self, live_frame: LiveFrame, viewport: Viewport, *, is_new: bool) -> None:
        started = time.monotonic()
        try:
            pixels, width, region = render(live_frame.frame, viewport)
        except Exception as error:  # one frame that cannot be drawn must not end the thread
            if is_new:
                self.frame_counter.fail()
                self._settle(None, Cause.RENDERING)
            self._on_error(error)
            return
        self.durations["render"].add(time.monotonic() - started)
        picture = Picture(
            self._number,
            live_frame.frame,
            pixels,
            width,
            region,
            live_frame.detections,
            live_frame.stale,
            live_frame.inferred,
        )
        with self._lock:
            if live_frame.source_number != self._source_number:
                if is_new:
                    self.frame_counter.drop(Cause.CHANGED)
                self._display.discard(Cause.CHANGED, counted=self._number)
                return
            announce = self._display.put(picture)
        if announce:
            self._on_picture()

    def _settle(self, live_frame: LiveFrame | None, cause: Cause) -> None:
        """Count `live_frame` and the frame of the waiting image as dropped for `cause`.

        If `live_frame` is None, only the frame of the waiting image is counted. The waiting image
        is the one that the view has not fetched; it is removed. No frame is counted twice, even if
        the newest frame is drawn again later.
        """
        self._drop(live_frame, cause)
        self._display.discard(cause, counted=self._number)

    def _drop(self, live_frame: LiveFrame | None, cause: Cause) -> None:
        if live_frame is not None and live_frame.for_show:
            self.frame_counter.drop(cause)
