"""A model file on a backend, from a picture to its detections."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, Self

import numpy as np
import onnx

from ssd_live.backends import ENGINE_BACKENDS, load_backend
from ssd_live.backends.base import Backend, LoadOptions, Precision, Workload
from ssd_live.choosing import Choice, choose
from ssd_live.errors import UsageError
from ssd_live.filtering import DetectionFilter, detection_filter
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.int8 import form_for
from ssd_live.modelfile.nms import set_score_threshold
from ssd_live.parity import hold_to_float32
from ssd_live.pixels import Pixels
from ssd_live.types import Detections, Frame


class Detector:
    """`detector(image_bgr)` -> `Detections`; a with-block."""

    def __init__(self, model: ModelFile, choice: Choice, wanted: DetectionFilter) -> None:
        self.model = model
        self.choice = choice
        self._filter = wanted
        self._backend = load_chosen(model, choice)

    def __call__(self, image: Pixels) -> Detections:
        """Detect in an image (H, W, 3) uint8 BGR. Raises `UsageError` for another shape or type, `BackendError`."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UsageError(f"an image must be (H, W, 3) uint8 BGR, not {image.shape} {image.dtype}; convert it first")
        frame = Frame((image,))
        outputs = self._backend.submit(frame.network_input(self.model.metadata.input_size)[None]).result()
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
    """A detector for a model by name or file. `notify` is told what takes long (measuring the backends at first use).

    Raises `UnknownModelError`, `ModelFileError`, `UsageError`, `BackendError`, `MissingPackageError`.
    """
    file = find_model(model)
    wanted = detection_filter(file.metadata, threshold, classes)
    return Detector(file, choose(file, backend, precision, workload="latency", notify=notify), wanted)


def only_over(model: ModelFile, threshold: float) -> ModelFile:
    """The model in memory with NMS looking only at scores that reach `threshold`, where that is fixed for good.

    What comes out over the threshold is the same, since a box never suppresses one that scores higher, but NMS has next to nothing to do:
    on the default model that saves a seventh of the whole time (docs/benchmarks.md).
    """
    if threshold <= model.metadata.score_threshold:
        return model
    # NMS takes scores over its threshold, a display threshold those that reach it.
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    proto = onnx.load_model_from_string(model.data)
    set_score_threshold(proto.graph, below)
    return replace(model, data=proto.SerializeToString(), metadata=model.metadata.model_copy(update={"score_threshold": below}))


def load_chosen(
    model: ModelFile,
    choice: Choice,
    workload: Workload = "latency",
    *,
    batch: int = 1,
    threads: int = 0,
    threshold: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
) -> Backend:
    """Load a model file as chosen; with a `threshold` that is fixed for good, NMS looks at nothing below it. Raises as `load_backend`.

    An engine is built if there is none, and held against float32 before its first use: `notify` hears of both.
    """
    options = LoadOptions(choice.device, choice.precision, workload, batch, threads, notify)
    if choice.backend in ENGINE_BACKENDS:
        # Another threshold would be another engine; what is below it is filtered out afterwards.
        backend = load_backend(choice.backend, model, options)
        try:
            hold_to_float32(model, choice.backend, backend, options)
        except BaseException:
            backend.close()
            raise
        return backend
    form = only_over(form_for(model, choice.precision), threshold)
    return load_backend(choice.backend, form, options)
