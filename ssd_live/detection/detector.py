"""A model file on a backend, from a picture to its detections."""

from collections.abc import Callable, Sequence
from typing import Literal, Self

import numpy as np

from ssd_live.backends.base import Precision
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
    """`detector(image_bgr)` -> `Detections`; a with-block."""

    def __init__(self, model: ModelFile, choice: BackendChoice, wanted: DetectionFilter) -> None:
        self.model = model
        self.choice = choice
        self._filter = wanted
        self._backend = load_chosen(model, choice)

    def __call__(self, image: Pixels) -> Detections:
        """Detect in an image (H, W, 3) uint8 BGR. Raises `UsageError` for another shape or type,
        `BackendError`.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(
                f"an image must be (H, W, 3) uint8 BGR, not {image.shape} {image.dtype}; convert "
                "it first"
            )
        frame = Frame((image,))
        outputs = self._backend.submit(
            frame.network_input(self.model.metadata.input_size)[None]
        ).result()
        return self._filter.detections(outputs, 0, (frame.width, frame.height))

    def close(self) -> None:
        self._backend.close()

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
