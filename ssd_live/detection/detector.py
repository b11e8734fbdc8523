"""Detect objects in images with a model file that runs on a backend."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Literal, Self

import numpy as np

from ssd_live.backends.base import Backend, Precision
from ssd_live.detection.filter import DetectionFilter, detection_filter
from ssd_live.detections import Detections
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame
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
    Threads may share one detector; their images are computed one after the other.
    """

    def __init__(
        self, model: ModelFile, choice: BackendChoice, detection_filter: DetectionFilter
    ) -> None:
        self.model = model
        self.choice = choice
        self._filter = detection_filter
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._backend: Backend | None = load_chosen(model, choice)

    def __call__(self, image: Pixels) -> Detections:
        """Return the detections in an image (H, W, 3) uint8 BGR.

        Boxes are x1, y1, x2, y2 in pixels of the image. Raises `UsageError` if the image is not
        such an array, if the detector is closed, or if this process was forked after the detector
        was loaded. Raises `BackendError` if inference fails.
        """
        if not isinstance(image, np.ndarray):
            raise UsageError(
                f"an image must be a NumPy array (H, W, 3) uint8 BGR, not {type(image).__name__}; "
                "read a file with cv2.imread first"
            )
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(
                f"an image must be (H, W, 3) uint8 BGR, not {image.shape} {image.dtype}; "
                "convert the image first"
            )
        if os.getpid() != self._process:
            # Threads do not survive a fork, neither the backend's nor OpenCV's: waiting for them
            # would never end.
            raise UsageError(
                "a detector does not work in a forked process; load a detector in each process"
            )
        frame = Frame((image,))
        pixels = frame.network_input(self.model.metadata.input_size)[None]
        # The outputs are valid only until the next image is submitted.
        with self._lock:
            if self._backend is None:
                raise UsageError("the detector is closed; load a new detector")
            outputs = self._backend.submit(pixels).result()
            return self._filter.detections(outputs, 0, (frame.width, frame.height))

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
) -> Detector:
    """Return a detector for a model that is given by its name or its file.

    `backend` is "auto", "cpu", the name of a backend such as "openvino", or a name and a device as
    in "openvino:GPU". `precision` is "auto", "fp32", "fp16", "bf16" or "int8". "auto" takes the
    fastest one that was measured on this machine; before anything is measured, a rule chooses one
    that starts at once. `threshold` is the lowest score of a detection; None means the display
    threshold of the model. `classes` are the names of the classes to detect; an empty sequence
    means all classes. `notify` is called with lines of text during slow steps.

    Raises `UnknownModelError` if there is no such model, `ModelFileError` if the file is not a
    model file, `UsageError` if another argument is not valid, `MissingPackageError` if the backend
    is not installed, and `BackendError` if the backend cannot load the model.
    """
    file = find_model(model)
    wanted = detection_filter(file.metadata, threshold, classes)
    return Detector(
        file, choose(file, backend, precision, workload="latency", notify=notify), wanted
    )
