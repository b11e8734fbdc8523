"""What waits for its detections: frames in order, as many at a time in flight as a
backend takes.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from ssd_live.backends.base import Backend, Outputs, Pending
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections
from ssd_live.errors import BackendError
from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.pixels import Pixels

# What stages hand on together: enough to work in warm caches for a while, and little enough that 4K
# fits in memory.
BURST_BYTES = 8_000_000
_MOST_IN_BURST = 16
_BURSTS_IN_FLIGHT = 8

Other = TypeVar("Other")


@dataclass(frozen=True, eq=False)
class FrameDetections:
    """A frame with its detections; `stale` if they were found on an earlier frame."""

    frame: Frame
    detections: Detections
    stale: bool = False


@dataclass(frozen=True)
class InferenceConfig:
    """How frames are looked at: which backend, which input size (width, height), which detections
    count, every how many frames, where.

    `batch` is what the backend was loaded with.
    """

    backend: Backend
    input_size: tuple[int, int]
    wanted: DetectionFilter
    every: int = 1
    region: Region | None = None
    batch: int = 1

    def weight(self, frame: Frame) -> int:
        """Bytes that a frame carries through the pipeline with its input for the network; of a
        small one, what keeps a burst from being long.
        """
        width, height = self.input_size
        return max(
            3 * width * height + sum(plane.nbytes for plane in frame.planes),
            BURST_BYTES // _MOST_IN_BURST,
        )


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """A frame, its (width, height), and the network's input where it is to be looked at."""

    frame: Frame
    size: tuple[int, int]
    image: Pixels | None


@dataclass
class _Batch:
    """Pictures on their way through the backend together."""

    images: list[Pixels] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    pending: Pending | None = None
    outputs: Outputs | None = None
    found: list[Detections] = field(default_factory=list)

    def wait(self) -> None:
        """Until the answer is there; asked only once, also where that fails."""
        pending, self.pending = self.pending, None
        if pending is not None:
            self.outputs = pending.result()


class InFlightQueue(Generic[Other]):
    """Takes `PreparedFrame` frames and, between them, other things; gives everything back in the
    order in which it came.

    `waited` is told the seconds for which an answer was waited. Methods raise `BackendError`.
    """

    def __init__(self, inference: InferenceConfig, waited: Callable[[float], None]) -> None:
        self._inference = inference
        self._waited = waited
        self._items: deque[tuple[Frame | Other, _Batch | None, int]] = deque()
        self._in_flight: deque[_Batch] = deque()
        self._filling: _Batch | None = None
        self._last: Detections | None = None
        self._most = 0

    @property
    def is_empty(self) -> bool:
        return not self._items

    @property
    def in_flight(self) -> int:
        """Batches of which the answer was not yet taken."""
        return len(self._in_flight)

    @property
    def is_full(self) -> bool:
        """Whether something must be taken before anything is added."""
        return 0 < self._most <= len(self._in_flight)

    def add(self, item: PreparedFrame | Other) -> None:
        if not isinstance(item, PreparedFrame):
            self._items.append((item, None, 0))
            return
        if item.image is None:
            self._items.append((item.frame, None, 0))
            return
        if not self._most:
            self._most = self._most_in_flight(item.frame)
        batch = self._filling = self._filling or _Batch()
        self._items.append((item.frame, batch, len(batch.sizes)))
        batch.images.append(item.image)
        batch.sizes.append(item.size)
        if len(batch.sizes) == self._inference.batch:
            self._start()

    def _most_in_flight(self, frame: Frame) -> int:
        """All of the backend's slots, where so many frames are not too much memory; never fewer
        than it takes to work and wait.
        """
        inference = self._inference
        fitting = (
            _BURSTS_IN_FLIGHT
            * BURST_BYTES
            // (inference.weight(frame) * inference.batch * inference.every)
        )
        return min(inference.backend.slots, max(fitting, 2))

    def _start(self) -> None:
        """One picture goes as it is; of many the last one fills what is left."""
        batch, self._filling = self._filling, None
        assert batch is not None
        images, size = batch.images, self._inference.batch
        pixels = (
            images[0][None] if size == 1 else np.stack(images + images[-1:] * (size - len(images)))
        )
        batch.pending = self._inference.backend.submit(pixels)
        images.clear()
        self._in_flight.append(batch)

    def drain_partial(self) -> list[FrameDetections | Other]:
        """What makes room in a full line; a third stays in flight, for the backend to work on
        meanwhile.
        """
        return self.take(self._most - max(2 * self._most // 3, 1))

    def take_all(self) -> list[FrameDetections | Other]:
        """Also what is not yet a whole batch."""
        taken = self.drain_partial() if self.is_full else []
        if self._filling is not None:
            self._start()
        return taken + self.take(0)

    def take(self, left: int) -> list[FrameDetections | Other]:
        """From the front, until `left` batches are in flight and something must be waited for."""
        count = len(self._in_flight) - left
        if count > 0:
            started = time.perf_counter()
            # First the last of them, when the others are there as well: this thread is woken once,
            # not for each.
            self._in_flight[count - 1].wait()
            self._waited(time.perf_counter() - started)
        taken: list[FrameDetections | Other] = []
        while self._items:
            item, batch, index = self._items[0]
            if batch is not None and not batch.found:
                if count <= 0:
                    break
                self._find(self._in_flight.popleft())
                count -= 1
            self._items.popleft()
            if batch is not None:
                self._last = batch.found[index]
            if isinstance(item, Frame):
                assert self._last is not None
                taken.append(FrameDetections(item, self._last, stale=batch is None))
            else:
                taken.append(item)
        return taken

    def _find(self, batch: _Batch) -> None:
        batch.wait()
        assert batch.outputs is not None
        wanted, region = self._inference.wanted, self._inference.region
        batch.found = [
            wanted.detections(batch.outputs, index, size, region)
            for index, size in enumerate(batch.sizes)
        ]

    def discard_in_flight(self) -> None:
        """Wait for what is in flight and throw it away: the backend's slots are free then."""
        for batch in self._in_flight:
            try:
                batch.wait()
            except BackendError:
                continue
