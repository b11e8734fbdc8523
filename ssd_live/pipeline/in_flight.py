"""Define `InFlightQueue`, a queue of frames that wait for their detections, in order.

The queue keeps as many batches in flight as the backend accepts.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import (
    Backend,
    CancellablePending,
    GpuPictureBackend,
    Outputs,
    Pending,
)
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detection.tile_chooser import Tiles, TileUse
from ssd_live.detection.tiles import Found, TileMerger
from ssd_live.detections import Detections
from ssd_live.errors import BackendError
from ssd_live.imaging.frame import Frame, InputFit, InputRegion, Region, Resize
from ssd_live.imaging.gpu_frame import GpuPicture
from ssd_live.imaging.pixels import Pixels
from ssd_live.tracking.appearance import colour_histograms

# The size of a burst: large enough that a stage works in warm caches for a while, and small enough
# that 4K frames fit into memory.
BURST_BYTES = 8_000_000
_MOST_IN_BURST = 16
_BURSTS_IN_FLIGHT = 8

NetworkImage = Pixels | Future[Pixels] | GpuPicture

Other = TypeVar("Other")


@dataclass(frozen=True, eq=False)
class FrameDetections:
    """A frame with its detections; `stale` is true if they were found on an earlier frame.

    `looks` (N, `BINS`) float32 are the colour histograms of the detections, for tracking, or None.
    If `inferred` is false, the boxes were filled in, because inference did not run on this frame.
    `check` holds what the network found in this frame only to tell what was missed, or is None.
    """

    frame: Frame
    detections: Detections
    stale: bool = False
    looks: NDArray[np.float32] | None = None
    check: Detections | None = None
    inferred: bool = True


@dataclass(frozen=True)
class InferenceConfig:
    """The configuration of inference on the frames of a source.

    `input_size` is the (width, height) of the network input in pixels. `wanted` is the filter that
    says which detections to keep. Inference runs on frames whose index is a multiple of `every`; if
    it is 0, a `MotionGate` decides.
    `region` is the part of the frame that inference sees, in pixels; None is the whole frame.
    `batch` is the batch size with which the backend was loaded. `resize_threads` is the number of
    threads that make the network inputs, or 0 to make them in the thread that decodes. If
    `with_looks` is true, the detections get their colour histograms, unless the pixels are in GPU
    memory. `tiles` says in which tiles inference looks for small objects, besides the whole frame.
    `resize` says how a frame becomes a network input.
    """

    backend: Backend
    input_size: tuple[int, int]
    wanted: DetectionFilter
    every: int = 1
    region: Region | None = None
    batch: int = 1
    resize_threads: int = 0
    with_looks: bool = False
    tiles: Tiles = 0
    resize: Resize = "stretch, linear"

    @property
    def input_fit(self) -> InputFit:
        """How frames become network inputs."""
        return InputFit(self.input_size, self.resize)

    def weight(self, frame: Frame) -> int:
        """Return how many bytes a frame and its network input add to the weight of a burst.

        See `burst_weight`.
        """
        width, height = self.input_size
        return burst_weight(3 * width * height + frame.nbytes)


def burst_weight(nbytes: int) -> int:
    """Return the weight in bytes of a frame with `nbytes` bytes in a burst.

    A burst is the frames that one stage hands to the next at once; its weight is limited. The
    weight of a frame has a lower limit, so that a burst of small frames stays short.
    """
    return max(nbytes, BURST_BYTES // _MOST_IN_BURST)


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """A frame, its size (width, height) in pixels, and its network input `image`.

    `image` is None if inference does not run on this frame. With `is_check`, inference runs only to
    tell what is missed without it. It is a future if another thread makes
    the network input. If the frame's pixels are in GPU memory, `image` is a `GpuPicture`, from
    which the backend makes the network input. `tile_images` are the network inputs of the tiles in
    `tiles.looked`.
    """

    frame: Frame
    size: tuple[int, int]
    image: NetworkImage | None
    is_check: bool = False
    tiles: TileUse | None = None
    tile_images: tuple[NetworkImage, ...] = ()


@dataclass
class _Batch:
    """A batch: the network inputs that the backend computes in one call.

    `images` holds the network inputs until the batch is submitted. `arrays` holds them until the
    detections are known, if colour histograms are wanted. `sizes` holds the (width,
    height) of the frame of each input in pixels, and `regions` what the input shows of it, or None
    for all of it without bars. `pending` is the request to the backend while the batch is in
    flight, otherwise None. `outputs` holds what the backend computed, or None before that. `found`
    holds the detections of each input and their colour histograms; it is empty until they are
    known.
    """

    images: list[NetworkImage] = field(default_factory=list)
    arrays: list[Pixels] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    regions: list[InputRegion | None] = field(default_factory=list)
    pending: Pending | None = None
    outputs: Outputs | None = None
    found: list[Found] = field(default_factory=list)

    def wait(self) -> None:
        """Wait for the outputs and store them, if the batch is in flight.

        Only the first call waits; if it fails, a second call does nothing. Raises `BackendError` if
        the backend failed.
        """
        pending, self.pending = self.pending, None
        if pending is not None:
            self.outputs = pending.result()


class _Place(NamedTuple):
    """The place of a network input in its batch."""

    batch: _Batch
    place: int

    @property
    def is_ready(self) -> bool:
        return bool(self.batch.found)

    @property
    def found(self) -> Found:
        return self.batch.found[self.place]


class _Waiting(NamedTuple, Generic[Other]):
    """An item that waits for its turn.

    `place` is that of the whole frame, or None if inference does not run on it, and `tile_places`
    are those of the tiles in `tiles.looked`.
    """

    item: Frame | Other
    place: _Place | None = None
    is_check: bool = False
    tiles: TileUse | None = None
    tile_places: tuple[_Place, ...] = ()

    @property
    def is_ready(self) -> bool:
        return self.place is None or (
            # The tiles came later, and batches are computed in order.
            (self.tile_places or (self.place,))[-1].is_ready
        )


def _array(image: NetworkImage) -> Pixels:
    """Wait until a network input is made, and return it: (height, width, 3) uint8 BGR."""
    assert not isinstance(image, GpuPicture)
    return image.result() if isinstance(image, Future) else image


class InFlightQueue(Generic[Other]):
    """A queue that takes `PreparedFrame` objects and, between them, other items.

    The queue returns everything in the order of arrival: a `FrameDetections` for each frame, and
    the other items unchanged. After each wait for a batch, it calls `waited` with the duration in
    seconds. The methods raise `BackendError` if inference fails.
    """

    def __init__(self, inference: InferenceConfig, waited: Callable[[float], None]) -> None:
        self._inference = inference
        self._waited = waited
        self._items: deque[_Waiting[Other]] = deque()
        self._in_flight: deque[_Batch] = deque()
        self._filling: _Batch | None = None
        self._last: Detections | None = None
        self._tiles = TileMerger(inference.input_fit)
        self._most = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in the queue."""
        return not self._items

    @property
    def in_flight(self) -> int:
        """The number of submitted batches whose outputs were not taken yet."""
        return len(self._in_flight)

    @property
    def is_full(self) -> bool:
        """Whether no more batches may be in flight. If so, call `make_room` before `add`."""
        return 0 < self._most <= len(self._in_flight)

    def add(self, item: PreparedFrame | Other) -> None:
        """Add a frame or another item, and submit the batch if it is full.

        A frame without a network input gets the newest detections of the frames before it.
        """
        if not isinstance(item, PreparedFrame):
            self._items.append(_Waiting(item))
            return
        if item.image is None:
            self._items.append(_Waiting(item.frame))
            return
        if not self._most:
            self._most = self._most_in_flight(item.frame)
        place = self._place(item.image, item.size, self._inference.region)
        looked = item.tiles.looked if item.tiles else ()
        tile_places = tuple(
            self._place(image, item.size, tile.region)
            for tile, image in zip(looked, item.tile_images, strict=True)
        )
        self._items.append(_Waiting(item.frame, place, item.is_check, item.tiles, tile_places))

    def _place(self, image: NetworkImage, size: tuple[int, int], region: Region | None) -> _Place:
        """Add a network input to the batch that is being filled, and submit it if it is full."""
        batch = self._filling = self._filling or _Batch()
        batch.images.append(image)
        batch.sizes.append(size)
        batch.regions.append(self._inference.input_fit.region(size, region))
        if len(batch.sizes) == self._inference.batch:
            # A frame with tiles may be more than one batch.
            if self.is_full:
                self._wait(self._most_left)
            self._start()
        return _Place(batch, len(batch.sizes) - 1)

    def _most_in_flight(self, frame: Frame) -> int:
        """Return how many batches to keep in flight, if all frames are as large as `frame`.

        The result is the number of the backend's slots, or less if the frames need too much memory.
        It is at least two (if the backend has two slots), so that the backend computes one batch
        while another batch waits.
        """
        inference = self._inference
        fitting = (
            _BURSTS_IN_FLIGHT
            * BURST_BYTES
            // (inference.weight(frame) * inference.batch * max(inference.every, 1))
        )
        return min(inference.backend.slots, max(fitting, 2))

    def _start(self) -> None:
        """Submit the batch that is being filled.

        A batch of one network input is submitted without a copy. Copies of the last network input
        fill an incomplete batch.
        """
        batch, self._filling = self._filling, None
        assert batch is not None
        backend = self._inference.backend
        images = batch.images + batch.images[-1:] * (self._inference.batch - len(batch.images))
        batch.images.clear()
        pictures = [image for image in images if isinstance(image, GpuPicture)]
        if pictures:
            assert isinstance(backend, GpuPictureBackend)
            assert len(pictures) == len(images)
            batch.pending = backend.submit_pictures(pictures)
        else:
            arrays = [_array(image) for image in images]
            if self._inference.with_looks:
                batch.arrays = arrays
            batch.pending = backend.submit(
                arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
            )
        self._in_flight.append(batch)

    def take_ready(self) -> list[FrameDetections | Other]:
        """Remove the items at the front of the queue that are ready, and return them at once.

        Stop at the first frame whose batch is in flight or not submitted.
        """
        return self._take(len(self._in_flight))

    def make_room(self) -> list[FrameDetections | Other]:
        """Wait for the oldest batches of a full queue; remove and return the items that are ready.

        About a third of the batches stay in flight, so that the backend has work in the meantime.
        """
        return self._take(self._most_left)

    @property
    def _most_left(self) -> int:
        """How many batches of a full queue stay in flight when room is made."""
        return self._most - max(2 * self._most // 3, 1)

    def flush(self) -> list[FrameDetections | Other]:
        """Wait for all batches; remove and return all items. Submit an incomplete batch first."""
        taken = self.make_room() if self.is_full else []
        if self._filling is not None:
            self._start()
        return taken + self._take(0)

    def _take(self, left: int) -> list[FrameDetections | Other]:
        """Wait until at most `left` batches are in flight, and return what is then ready, in order.

        The result starts at the front of the queue. It holds every frame with its detections, and
        every other item between them. The first frame that is not computed, and all items behind
        it, stay in the queue.
        """
        self._wait(left)
        return self._ready()

    def _wait(self, left: int) -> None:
        """Wait until at most `left` batches are in flight."""
        count = len(self._in_flight) - left
        if count > 0:
            started = time.perf_counter()
            # Wait for the last batch first. The others are ready then as well, so that this thread
            # wakes up once and not once for each batch.
            self._in_flight[count - 1].wait()
            self._waited(time.perf_counter() - started)
        for _ in range(count):
            self._find(self._in_flight.popleft())

    def _ready(self) -> list[FrameDetections | Other]:
        """Remove and return the items at the front of the queue that are ready."""
        taken: list[FrameDetections | Other] = []
        while self._items and self._items[0].is_ready:
            waiting = self._items.popleft()
            looks = check = None
            if waiting.place is not None:
                if waiting.is_check:
                    check, _ = self._found(waiting, waiting.place)
                else:
                    self._last, looks = self._found(waiting, waiting.place)
            item = waiting.item
            if isinstance(item, Frame):
                assert self._last is not None
                stale = waiting.place is None or waiting.is_check
                taken.append(FrameDetections(item, self._last, stale, looks, check))
            else:
                taken.append(item)
        return taken

    def _found(self, waiting: _Waiting[Other], place: _Place) -> Found:
        """Return what was found in a frame, also in its tiles."""
        tiles = waiting.tiles
        if tiles is None:
            return place.found
        looked = {
            tile: its.found for tile, its in zip(tiles.looked, waiting.tile_places, strict=True)
        }
        return self._tiles.merged(tiles.area, place.found, looked, tiles.unchanged)

    def _find(self, batch: _Batch) -> None:
        batch.wait()
        assert batch.outputs is not None
        wanted = self._inference.wanted
        for index, (size, region) in enumerate(zip(batch.sizes, batch.regions, strict=True)):
            found = wanted.detections(batch.outputs, index, size, region)
            looks = None
            if batch.arrays:
                area = region or Region(0, 0, *size)
                looks = colour_histograms(batch.arrays[index], found.boxes, area)
            batch.found.append((found, looks))
        batch.arrays.clear()

    def discard_in_flight(self) -> None:
        """Cancel all batches in flight and wait for their end, so that all slots are free.

        Errors of these batches are ignored.
        """
        for batch in self._in_flight:
            if isinstance(batch.pending, CancellablePending):
                batch.pending.cancel()
        for batch in self._in_flight:
            try:
                batch.wait()
            except BackendError:
                continue
