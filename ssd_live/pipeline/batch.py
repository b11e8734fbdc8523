"""Process every frame of a file in order, without losing any.

Decoding, inference and writing overlap in three threads with bounded queues between them. More
threads can make the network inputs, for a GPU that is faster than one thread.

A stage hands its results to the next stage in bursts, that is, several frames at once. Each thread
then works in warm caches for a while, and threads rarely wake each other. On two cores the bursts
save a tenth of the whole time (docs/benchmarks-log.md).
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from ssd_live.detection.tile_chooser import TileChooser, TileUse
from ssd_live.detections import no_detections
from ssd_live.imaging.frame import Frame, InputRegion, Region
from ssd_live.imaging.gpu_frame import GpuFrame
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.pipeline.in_flight import (
    BURST_BYTES,
    FrameDetections,
    InferenceConfig,
    InFlightQueue,
    NetworkImage,
    PreparedFrame,
    burst_weight,
)
from ssd_live.pipeline.motion_gate import FrameUse, MotionGate

# How long to wait for new frames while requests are in flight; the detections of those may be ready
# by then.
_PATIENCE_SECONDS = 0.1
_POLL_SECONDS = 0.1
_JOIN_SECONDS = 30.0

T = TypeVar("T")
Other = TypeVar("Other")


class QueueClosedError(Exception):
    """A `BoundedQueue` was closed, because a stage failed or the work was ended early."""


class QueueFinishedError(Exception):
    """A `BoundedQueue` is empty, and no more items will come."""


class BoundedQueue(Generic[T]):
    """A first-in, first-out queue between two stages, which limits the total weight of its items.

    `put` waits while the new item would raise the total weight above `capacity`. An item of weight
    0 (a sound packet) never waits, so that only large items are limited. An item heavier than
    `capacity` waits until no other weight is in the queue. `is_awaited` is true while the reader
    waits for an item or has not started yet.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._finished = False
        self.is_closed = False
        self.is_awaited = True
        self._changed = threading.Condition()

    def put(self, item: T, weight: int = 1) -> None:
        """Wait until the queue has room for an item of this weight, then add the item.

        `weight` is in the unit of the queue's capacity. Raises `QueueClosedError` if the queue is
        closed.
        """
        with self._changed:
            while (
                not self.is_closed
                and weight
                and self._weight
                and self._weight + weight > self._capacity
            ):
                self._changed.wait()
            if self.is_closed:
                raise QueueClosedError
            self._items.append((item, weight))
            self._weight += weight
            self._changed.notify_all()

    def finish(self) -> None:
        """Declare that no more items will come.

        When the queue is empty, iteration then ends, and `take` raises `QueueFinishedError`.
        """
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Discard all items; every waiting or later `put` or read raises `QueueClosedError`."""
        with self._changed:
            self.is_closed = True
            self._items.clear()
            self._changed.notify_all()

    def take(self, seconds: float | None = None) -> T | None:
        """Wait for the next item; remove it from the queue and return it.

        `seconds` is the longest time to wait, or None to wait without a limit. Return None if the
        time is up. Raises `QueueFinishedError` if `finish` was called and the queue is empty, and
        `QueueClosedError` if the queue is closed.
        """
        with self._changed:
            self.is_awaited = not self._items
            self._changed.wait_for(lambda: self._items or self._finished or self.is_closed, seconds)
            self.is_awaited = False
            if self.is_closed:
                raise QueueClosedError
            if not self._items:
                if self._finished:
                    raise QueueFinishedError
                return None
            item, weight = self._items.popleft()
            self._weight -= weight
            self._changed.notify_all()
            return item

    def __iter__(self) -> Iterator[T]:
        """Remove and yield the items, until the queue is empty and `finish` was called.

        Raises `QueueClosedError` if the queue is closed.
        """
        with contextlib.suppress(QueueFinishedError):
            while (item := self.take()) is not None:
                yield item


@dataclass
class Counters:
    """The counts and times of the stages of a `BatchPipeline`.

    `read` is the number of frames read from the source, and `done` the number of frames that the
    sink has finished. `seconds` maps the name of a stage to its working time in seconds, without
    the time in which it waits for another stage. `first_done_at` is the time when the first frame
    was done, in seconds of `time.time`, or None before that. `last_done_at` is the time when the
    last frame was done, in seconds of `time.perf_counter`. Frames finish in bursts, so divide
    `done` by the time up to `last_done_at`, not by the time up to now, to get the speed.
    """

    read: int = 0
    done: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    first_done_at: float | None = None
    last_done_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, stage: str, seconds: float) -> None:
        """Add `seconds` to the working time of the stage named `stage`. Any thread may call it."""
        with self._lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


class BatchPipeline(Generic[Other]):
    """A pipeline that runs the frames of `source` through inference into `sink`.

    The source yields frames and, between them, other items (packets of sound). The other items skip
    inference but keep their position in the order. One thread calls the sink in order: with
    `FrameDetections` for each frame, and with the other items unchanged. If `pixels` is false, the
    frames that the sink gets have no planes, so that their memory returns to the decoder as soon as
    the network input is made. `inference` holds the backend and the options of inference; if it is
    None, all frames are stale and have no detections. After `cancellation.stop`, the pipeline reads
    no more of the source and finishes the frames that it has read. After `cancellation.abort`, it
    cancels all stages at once.
    """

    def __init__(
        self,
        source: Iterable[Frame | Other],
        inference: InferenceConfig | None,
        sink: Callable[[FrameDetections | Other], None],
        *,
        pixels: bool = True,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._source = source
        self._inference = inference
        self._sink = sink
        self._pixels = pixels
        self._decoded: BoundedQueue[list[PreparedFrame | Other]] = BoundedQueue(BURST_BYTES)
        self._inferred: BoundedQueue[list[FrameDetections | Other]] = BoundedQueue(BURST_BYTES)
        self._gate = MotionGate()
        self._chooser = (
            TileChooser(inference.tiles, inference.input_size, inference.region)
            if inference is not None and inference.tiles
            else None
        )
        self._cancellation = cancellation or Cancellation()
        self._resizers: ThreadPoolExecutor | None = None
        self._failure: BaseException | None = None
        self._failure_lock = threading.Lock()
        self.counters = Counters()

    def run(self, on_progress: Callable[[Counters], None] = lambda _: None) -> None:
        """Run until the source ends or the work is cancelled.

        `on_progress` is called with the counters every tenth of a second, and at the end. Raises
        the first error of any stage, after the other stages have ended, and `KeyboardInterrupt`
        after `cancellation.abort`. An interrupt (`KeyboardInterrupt`) in the calling thread cancels
        all stages at once and is raised to the caller.
        """
        with self._cancellation.calls(self._end_if_aborted):
            self._run(on_progress)

    def _end_if_aborted(self) -> None:
        if self._cancellation.is_aborted:
            self._fail(KeyboardInterrupt())

    def _run(self, on_progress: Callable[[Counters], None]) -> None:
        stages = (("decode", self._decode), ("infer", self._infer), ("write", self._write))
        threads = [
            threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
            for name, work in stages
        ]
        if self._inference is not None and self._inference.resize_threads:
            self._resizers = ThreadPoolExecutor(self._inference.resize_threads, "resize")
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                threads[-1].join(_POLL_SECONDS)
                on_progress(self.counters)
            # The threads may end before the loop above reports once.
            on_progress(self.counters)
        finally:
            self._tear_down()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
            if self._resizers is not None:
                self._resizers.shutdown(cancel_futures=True)
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
        finally:
            # The traceback refers to this stack frame, so the stack frame must not refer to the
            # error: such a reference cycle keeps files open.
            del failure

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except QueueClosedError:
            pass
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._failure_lock:
            self._failure = self._failure or error
        self._tear_down()

    def _tear_down(self) -> None:
        self._decoded.close()
        self._inferred.close()

    def _decode(self) -> None:
        source = iter(self._source)
        burst: list[PreparedFrame | Other] = []
        weight = each = 0
        while not (self._cancellation.is_stopped or self._decoded.is_closed):
            started = time.perf_counter()
            item = next(source, None)
            self.counters.add("decode", time.perf_counter() - started)
            if item is None:
                break
            if isinstance(item, Frame):
                decoded = self._prepared(item)
                burst.append(decoded)
                each = self._weight(decoded.frame)
                weight += each
                self.counters.read += 1
            else:
                burst.append(item)
            # If the next stage waits, it gets the burst before it is full.
            if weight + each > BURST_BYTES or self._decoded.is_awaited:
                self._decoded.put(burst, weight)
                burst, weight = [], 0
        if burst:
            self._decoded.put(burst, weight)
        self._decoded.finish()

    def _prepared(self, frame: Frame) -> PreparedFrame:
        """Return `frame` with its network input, which is None if inference does not run on it.

        Without resize threads, the input is made in the decode thread, because the pixels are still
        in this core's cache. The planes of the frame are removed if the sink does not need them.
        """
        size = (frame.width, frame.height)
        inference = self._inference
        use: FrameUse = "none"
        if inference is not None and not inference.every:
            use = self._gate.use(frame)
        elif inference is not None and frame.index % inference.every == 0:
            use = "detect"
        image: NetworkImage | None = None
        tiles: TileUse | None = None
        tile_images: list[NetworkImage] = []
        if inference is not None and use != "none":
            image = self._image(frame, inference, inference.region)
            if self._chooser is not None:
                tiles = self._chooser.use(frame)
                tile_images = [self._image(frame, inference, tile.region) for tile in tiles.looked]
        return PreparedFrame(
            frame if self._pixels else replace(frame, planes=(), native=None),
            size,
            image,
            use == "check",
            tiles,
            tuple(tile_images),
        )

    def _image(
        self, frame: Frame, inference: InferenceConfig, region: Region | None
    ) -> NetworkImage:
        """Return the network input of a region of `frame`, or the future of it."""
        shown = inference.input_fit.region((frame.width, frame.height), region)
        if isinstance(frame, GpuFrame):
            return frame.picture(shown)
        if self._resizers is not None:
            return self._resizers.submit(self._resized, frame, inference.input_size, shown)
        return self._resized(frame, inference.input_size, shown)

    def _resized(self, frame: Frame, size: tuple[int, int], region: InputRegion | None) -> Pixels:
        """Return the network input of a region of `frame`, and count the time."""
        started = time.perf_counter()
        image = frame.network_input(size, region)
        self.counters.add("resize", time.perf_counter() - started)
        return image

    def _weight(self, frame: Frame) -> int:
        inference = self._inference
        return burst_weight(frame.nbytes) if inference is None else inference.weight(frame)

    def _infer(self) -> None:
        if self._inference is None:
            self._pass_on()
            return
        line: InFlightQueue[Other] = InFlightQueue(
            self._inference, lambda seconds: self.counters.add("inference", seconds)
        )
        try:
            while True:
                burst = self._decoded.take(None if line.is_empty else _PATIENCE_SECONDS)
                if burst is None:
                    self._hand_on(line.flush())
                    continue
                for item in burst:
                    if line.is_full:
                        self._hand_on(line.make_room())
                    line.add(item)
                self._hand_on(line.take_ready())
        except QueueFinishedError:
            self._hand_on(line.flush())
            self._inferred.finish()
        finally:
            # Another file may follow on the same backend.
            line.discard_in_flight()

    def _pass_on(self) -> None:
        """Hand the frames on as they are, without inference."""
        nothing = no_detections()
        for burst in self._decoded:
            self._hand_on(
                [
                    FrameDetections(item.frame, nothing, stale=True)
                    if isinstance(item, PreparedFrame)
                    else item
                    for item in burst
                ]
            )
        self._inferred.finish()

    def _hand_on(self, items: list[FrameDetections | Other]) -> None:
        if items:
            self._inferred.put(
                items,
                sum(
                    self._weight(item.frame) for item in items if isinstance(item, FrameDetections)
                ),
            )

    def _write(self) -> None:
        for burst in self._inferred:
            for item in burst:
                if self._inferred.is_closed:
                    return
                self._sink(item)
                if isinstance(item, FrameDetections):
                    if self.counters.first_done_at is None:
                        self.counters.first_done_at = time.time()
                    self.counters.last_done_at = time.perf_counter()
                    self.counters.done += 1
