"""Detect objects in images with a model file that runs on a backend."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Literal, Self

from ssd_live.backends.base import Backend, Precision, Workload
from ssd_live.detection.filter import DetectionFilter, detection_filter
from ssd_live.detection.tile_chooser import TileChooser, Tiles, TileUse
from ssd_live.detection.tiles import Found, TileMerger
from ssd_live.detections import Detections
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame, InputFit, Region, frame_of
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.choose import choose
from ssd_live.selection.load import load_chosen
from ssd_live.tracking.appearance import colour_histograms


class Detector:
    """A model on a backend that detects objects in images.

    `load` makes a detector. Call the detector with an image to get the `Detections` in the image.
    Use the detector in a `with` block, or call `close` at the end. `choice` says which backend,
    device and precision run the `model`. `detection_filter` says which detections are returned.
    With the `workload` "throughput", the backend computes several images at the same time.
    Threads may share one detector; their images are computed one after the other.
    """

    def __init__(
        self,
        model: ModelFile,
        choice: BackendChoice,
        detection_filter: DetectionFilter,
        workload: Workload = "latency",
    ) -> None:
        self.model = model
        self.choice = choice
        self._filter = detection_filter
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._backend: Backend | None = load_chosen(model, choice, workload)

    def __call__(self, image: Pixels) -> Detections:
        """Return the detections in an image (H, W, 3) uint8 BGR.

        Boxes are x1, y1, x2, y2 in pixels of the image. Raises `UsageError` if the image is not
        such an array, if the detector is closed, or if this process was forked after the detector
        was loaded. Raises `BackendError` if inference fails.
        """
        frame = frame_of(image)
        self._check_process()
        fit, size = self.model.metadata.input_fit, (frame.width, frame.height)
        pixels = fit.image(frame)[None]
        # The outputs are valid only until the next image is submitted.
        with self._lock:
            outputs = self._open().submit(pixels).result()
            return self._filter.detections(outputs, 0, size, fit.region(size))

    def many(self, images: Iterable[Pixels]) -> list[Detections]:
        """Return the detections in each of several images (H, W, 3) uint8 BGR, in their order.

        The images may differ in size. Several of them are computed at the same time, which is
        faster than one call for each. Raises what a call with one image raises.
        """
        self._check_process()
        with self._lock:
            looked = self._pipelined(frame_of(image) for image in images)
            return [found for _, (found, _) in looked]

    def _frames(
        self, frames: Iterable[Frame], most: int = 0, tiles: Tiles = 0, *, with_looks: bool = False
    ) -> Generator[tuple[Frame, Found]]:
        """Yield each frame with what was found in it; with `with_looks`, also the histograms.

        Meanwhile, later frames are already being computed. At most `most` network inputs are in
        flight; 0 means as many as the backend can take. `tiles` says where small objects are looked
        for, besides the whole frame. Until the iteration ends, no other thread and no other call
        may use this detector. Raises what a call with one image raises.
        """
        self._check_process()
        yield from self._pipelined(frames, most, tiles, with_looks=with_looks)

    def _pipelined(
        self, frames: Iterable[Frame], most: int = 0, tiles: Tiles = 0, *, with_looks: bool = False
    ) -> Generator[tuple[Frame, Found]]:
        backend, fit = self._open(), self.model.metadata.input_fit
        most = min(most, backend.slots) if most else backend.slots
        chooser = TileChooser(tiles, fit.size) if tiles else None
        merger = TileMerger(fit)
        in_flight: deque[_View] = deque()
        waiting: deque[tuple[Frame, TileUse | None, list[_View]]] = deque()

        def finished() -> Iterator[tuple[Frame, Found]]:
            while waiting and waiting[0][2][-1].found is not None:
                frame, use, views = waiting.popleft()
                whole, *parts = [view.found for view in views if view.found is not None]
                if use is None:
                    yield frame, whole
                else:
                    looked = dict(zip(use.looked, parts, strict=True))
                    yield frame, merger.merged(use.area, whole, looked, use.unchanged)

        for frame in frames:
            use = chooser.use(frame) if chooser else None
            regions = [None, *(tile.region for tile in use.looked)] if use else [None]
            views = []
            for region in regions:
                view = _View(frame, region, backend, fit)
                views.append(view)
                in_flight.append(view)
                if len(in_flight) >= most:
                    in_flight.popleft().look(self._filter, with_looks=with_looks)
            waiting.append((frame, use, views))
            yield from finished()
        while in_flight:
            in_flight.popleft().look(self._filter, with_looks=with_looks)
        yield from finished()

    def _open(self) -> Backend:
        if self._backend is None:
            raise UsageError("the detector is closed; load a new detector")
        return self._backend

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            # Threads do not survive a fork, neither the backend's nor OpenCV's: waiting for them
            # would never end.
            raise UsageError(
                "a detector does not work in a forked process; load a detector in each process"
            )

    def close(self) -> None:
        """Close the backend and free its memory. A second call does nothing."""
        with self._lock:
            backend, self._backend = self._backend, None
            if backend is not None:
                backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _View:
    """A network input that was submitted: a frame, or the part of it in `region`.

    `found` is what the network found in it, or None before `look`.
    """

    def __init__(
        self, frame: Frame, region: Region | None, backend: Backend, fit: InputFit
    ) -> None:
        self._size = frame.width, frame.height
        self._shown = fit.region(self._size, region)
        # The pixels must not change or go away until the result is there.
        self._pixels = frame.network_input(fit.size, self._shown)[None]
        self._pending = backend.submit(self._pixels)
        self.found: Found | None = None

    def look(self, wanted: DetectionFilter, *, with_looks: bool) -> None:
        """Wait for the outputs, and keep what passes the filter."""
        found = wanted.detections(self._pending.result(), 0, self._size, self._shown)
        looks = None
        if with_looks:
            shown = self._shown or Region(0, 0, *self._size)
            looks = colour_histograms(self._pixels[0], found.boxes, shown)
        self.found = found, looks


def load(
    model: str = DEFAULT_MODEL,
    *,
    backend: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threshold: float | None = None,
    classes: Sequence[str] = (),
    notify: Callable[[str], None] = lambda _: None,
    workload: Workload = "latency",
) -> Detector:
    """Return a detector for a model that is given by its name or its file.

    `backend` is "auto", "cpu", the name of a backend such as "openvino", or a name and a device as
    in "openvino:GPU". `precision` is "auto", "fp32", "fp16", "bf16" or "int8". "auto" takes the
    fastest one that was measured on this machine; before anything is measured, a rule chooses one
    that starts at once. `threshold` is the lowest score of a detection; None means the display
    threshold of the model. `classes` are the names of the classes to detect; an empty sequence
    means all classes. `notify` is called with lines of text during slow steps. `workload` is
    "latency" to get each result as soon as possible, or "throughput" to compute as many images per
    second as possible.

    Raises `UnknownModelError` if there is no such model, `ModelFileError` if the file is not a
    model file, `UsageError` if another argument is not valid, `MissingPackageError` if the backend
    is not installed, and `BackendError` if the backend cannot load the model.
    """
    file = find_model(model)
    wanted = detection_filter(file.metadata, threshold, classes)
    choice = choose(file, backend, precision, workload=workload, notify=notify)
    return Detector(file, choice, wanted, workload)
