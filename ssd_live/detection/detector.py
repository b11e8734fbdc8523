"""Detect objects in images with a model file that runs on a backend."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Literal, Self

from ssd_live.backends.base import Backend, Pending, Precision, Workload
from ssd_live.detection.filter import DetectionFilter, detection_filter
from ssd_live.detections import Detections
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame, frame_of
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.choose import choose
from ssd_live.selection.load import load_chosen


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
            return [found for _, found, _ in self._pipelined(frame_of(image) for image in images)]

    def _frames(
        self, frames: Iterable[Frame], most: int = 0
    ) -> Generator[tuple[Frame, Detections, Pixels]]:
        """Yield each frame with its detections and its network input.

        Meanwhile, later frames are already being computed. At most `most` frames are in flight; 0
        means as many as the backend can take. Until the iteration ends, no other thread and no
        other call may use this detector. Raises what a call with one image raises.
        """
        self._check_process()
        yield from self._pipelined(frames, most)

    def _pipelined(
        self, frames: Iterable[Frame], most: int = 0
    ) -> Generator[tuple[Frame, Detections, Pixels]]:
        backend, fit = self._open(), self.model.metadata.input_fit
        most = min(most, backend.slots) if most else backend.slots
        in_flight: deque[tuple[Frame, Pixels, Pending]] = deque()

        def first() -> tuple[Frame, Detections, Pixels]:
            frame, pixels, pending = in_flight.popleft()
            size = frame.width, frame.height
            found = self._filter.detections(pending.result(), 0, size, fit.region(size))
            return frame, found, pixels[0]

        for frame in frames:
            # The pixels must not change or go away until the result is there.
            pixels = fit.image(frame)[None]
            in_flight.append((frame, pixels, backend.submit(pixels)))
            if len(in_flight) >= most:
                yield first()
        while in_flight:
            yield first()

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
