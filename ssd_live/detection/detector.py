"""A model file on a backend, from a picture to its detections."""

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
from ssd_live.selection.choose import BackendChoice, choose
from ssd_live.selection.load import load_chosen


class Detector:
    """A model on a backend: `detector(image_bgr)` returns `Detections`. It is a with-block.

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
        """Return what is found in an image (H, W, 3) uint8 BGR; boxes are xyxy in its pixels.

        Raises `UsageError` for anything else than such an array, and after `close` or a fork;
        `BackendError` if the backend fails.
        """
        if not isinstance(image, np.ndarray):
            raise UsageError(
                f"an image must be a NumPy array (H, W, 3) uint8 BGR, not {type(image).__name__}; "
                "read a file with cv2.imread first"
            )
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(
                f"an image must be (H, W, 3) uint8 BGR, not {image.shape} {image.dtype}; "
                "convert it first"
            )
        if os.getpid() != self._process:
            # Threads do not survive a fork, neither the backend's nor OpenCV's: waiting for them
            # would never end.
            raise UsageError("a detector does not survive a fork; load one in each process")
        frame = Frame((image,))
        pixels = frame.network_input(self.model.metadata.input_size)[None]
        # The outputs are valid only until the next image is submitted.
        with self._lock:
            if self._backend is None:
                raise UsageError("the detector is closed; load another one")
            outputs = self._backend.submit(pixels).result()
            return self._filter.detections(outputs, 0, (frame.width, frame.height))

    def close(self) -> None:
        """Free the backend; calling it again does nothing."""
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
    """A detector for a model by name or file. `notify` is told what takes long (measuring the
    backends at first use).

    Raises `UnknownModelError`, `ModelFileError`, `UsageError`, `BackendError`,
    `MissingPackageError`.
    """
    file = find_model(model)
    wanted = detection_filter(file.metadata, threshold, classes)
    return Detector(
        file, choose(file, backend, precision, workload="latency", notify=notify), wanted
    )
