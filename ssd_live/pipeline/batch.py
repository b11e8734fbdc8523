"""Files: every frame, in order, none lost. Decoding, inference and writing overlap in three threads with bounded queues between them."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from ssd_live.backends.base import Backend, Outputs, Pending
from ssd_live.errors import BackendError
from ssd_live.filtering import DetectionFilter
from ssd_live.pipeline.queue import BoundedQueue, QueueClosedError
from ssd_live.pixels import Pixels
from ssd_live.types import Detections, Frame, Region

# Frames between two stages: enough to ride out an uneven frame, few enough that 4K fits in memory.
_QUEUE_FRAMES = 4
_POLL_SECONDS = 0.1
_JOIN_SECONDS = 30.0

Other = TypeVar("Other")


@dataclass(frozen=True, eq=False)
class Detected:
    """A frame with its detections; `stale` if they were found on an earlier frame."""

    frame: Frame
    detections: Detections
    stale: bool = False


@dataclass(frozen=True)
class Inference:
    """How frames are looked at: which backend, which input size (width, height), which detections count, every how many frames, where.

    `batch` is what the backend was loaded with.
    """

    backend: Backend
    input_size: tuple[int, int]
    wanted: DetectionFilter
    every: int = 1
    region: Region | None = None
    batch: int = 1


@dataclass
class _Batch:
    """Frames on their way through the backend together."""

    frames: list[Frame] = field(default_factory=list)
    images: list[Pixels] = field(default_factory=list)
    pending: Pending | None = None
    found: list[Detections] = field(default_factory=list)

    def result(self) -> Outputs:
        assert self.pending is not None
        return self.pending.result()


@dataclass
class Counters:
    """What the stages did; seconds are of work, without waiting for each other."""

    read: int = 0
    done: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    first_done_at: float | None = None

    def add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


class BatchPipeline(Generic[Other]):
    """Runs `source` through inference into `sink`.

    The source gives frames and, between them, other things (packets of sound), which go past inference in their place. The sink is
    called in order by one thread, with `Detected` for each frame and with the other things as they are.
    """

    def __init__(self, source: Iterable[Frame | Other], inference: Inference, sink: Callable[[Detected | Other], None]) -> None:
        self._source = source
        self._inference = inference
        self._sink = sink
        self._decoded: BoundedQueue[Frame | Other] = BoundedQueue(_QUEUE_FRAMES)
        self._inferred: BoundedQueue[Detected | Other] = BoundedQueue(_QUEUE_FRAMES)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._failure_lock = threading.Lock()
        self.counters = Counters()

    def stop(self) -> None:
        """Read nothing more; what was read is finished."""
        self._stop.set()

    def abort(self) -> None:
        """Tear everything down at once; `run` raises `KeyboardInterrupt`."""
        with self._failure_lock:
            self._failure = self._failure or KeyboardInterrupt()
        self._tear_down()

    def run(self, on_progress: Callable[[Counters], None] = lambda _: None) -> None:
        """Until the source ends or `stop`. The first failure of any stage is raised here; the others then end as well.

        An interrupt (KeyboardInterrupt) in the calling thread tears everything down at once and goes on upwards; call `stop` from a signal
        handler to end in order instead.
        """
        stages = (("decode", self._decode), ("infer", self._infer), ("write", self._write))
        threads = [threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True) for name, work in stages]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                threads[-1].join(_POLL_SECONDS)
                on_progress(self.counters)
            # Threads may be done before they were looked at once.
            on_progress(self.counters)
        finally:
            self._tear_down()
            for thread in threads:
                thread.join(_JOIN_SECONDS)
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
        finally:
            # The traceback holds this frame, and the frame must not hold the traceback: files stay open in such a ring.
            del failure

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except QueueClosedError:
            pass
        except BaseException as error:
            with self._failure_lock:
                self._failure = self._failure or error
            self._tear_down()

    def _tear_down(self) -> None:
        self._stop.set()
        self._decoded.close()
        self._inferred.close()

    def _decode(self) -> None:
        source = iter(self._source)
        while not self._stop.is_set():
            started = time.perf_counter()
            item = next(source, None)
            self.counters.add("decode", time.perf_counter() - started)
            if item is None:
                break
            is_frame = isinstance(item, Frame)
            self._decoded.put(item, weight=int(is_frame))
            self.counters.read += is_frame
        self._decoded.finish()

    def _infer(self) -> None:
        in_flight: deque[_Batch] = deque()
        try:
            for item in self._answered(iter(self._decoded), in_flight):
                self._inferred.put(item, weight=int(isinstance(item, Detected)))
        finally:
            # Another file may follow on the same backend: its slots must be free.
            for batch in in_flight:
                with contextlib.suppress(BackendError):
                    batch.result()
        self._inferred.finish()

    def _answered(self, items: Iterator[Frame | Other], in_flight: "deque[_Batch]") -> Iterator[Detected | Other]:
        """Keep the backend's slots full; give everything back in the order in which it came."""
        line: deque[tuple[Frame | Other, _Batch | None, int]] = deque()
        filling: _Batch | None = None
        last: Detections | None = None

        def take_first() -> Detected | Other:
            nonlocal last
            item, batch, index = line.popleft()
            if not isinstance(item, Frame):
                return item
            if batch is None:
                assert last is not None
                return Detected(item, last, stale=True)
            if not batch.found:
                self._finish(in_flight.popleft())
            last = batch.found[index]
            return Detected(item, last)

        for item in items:
            batch, index = None, 0
            if isinstance(item, Frame) and item.index % self._inference.every == 0:
                batch = filling = filling or _Batch()
                index = len(batch.frames)
                self._add(batch, item)
                if len(batch.frames) == self._inference.batch:
                    while len(in_flight) == self._inference.backend.slots:
                        yield take_first()
                    self._start(batch)
                    in_flight.append(batch)
                    filling = None
            line.append((item, batch, index))
            while line and line[0][1] is None:
                yield take_first()
        if filling is not None:
            while len(in_flight) == self._inference.backend.slots:
                yield take_first()
            self._start(filling)
            in_flight.append(filling)
        while line:
            yield take_first()

    def _add(self, batch: "_Batch", frame: Frame) -> None:
        started = time.perf_counter()
        batch.images.append(frame.network_input(self._inference.input_size, self._inference.region))
        batch.frames.append(frame)
        self.counters.add("resize", time.perf_counter() - started)

    def _start(self, batch: "_Batch") -> None:
        """One picture goes as it is; of many the last one fills what is left at the end."""
        images = batch.images
        missing = self._inference.batch - len(images)
        pixels = images[0][None] if self._inference.batch == 1 else np.stack(images + images[-1:] * missing)
        batch.pending = self._inference.backend.submit(pixels)
        images.clear()

    def _finish(self, batch: "_Batch") -> None:
        started = time.perf_counter()
        outputs = batch.result()
        self.counters.add("inference", time.perf_counter() - started)
        wanted, region = self._inference.wanted, self._inference.region
        batch.found = [wanted.detections(outputs, index, (frame.width, frame.height), region) for index, frame in enumerate(batch.frames)]

    def _write(self) -> None:
        for item in self._inferred:
            self._sink(item)
            if isinstance(item, Detected):
                if self.counters.first_done_at is None:
                    self.counters.first_done_at = time.time()
                self.counters.done += 1
