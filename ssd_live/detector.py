"""A model file on a backend, from a picture to its detections."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from ssd_live.backends import load_backend
from ssd_live.backends.base import Backend, LoadOptions, Outputs, Precision, Workload
from ssd_live.choosing import Choice, choose
from ssd_live.errors import UsageError
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import set_score_threshold
from ssd_live.pixels import Pixels
from ssd_live.types import Detections, Frame, Region


@dataclass(frozen=True)
class DetectionFilter:
    """From a backend's outputs to `Detections`: what is over the threshold, of the wanted classes, in pixels.

    `wanted` is a mask (C,) over the classes.
    """

    classes: tuple[str, ...]
    threshold: float
    wanted: NDArray[np.bool_]

    def detections(self, outputs: Outputs, index: int, size: tuple[int, int], region: Region | None = None) -> Detections:
        """Picture `index` of a batch, as boxes in pixels of the whole picture of `size` (width, height); copied out of the outputs."""
        count = int(outputs.num_detections[index, 0])
        scores, classes = outputs.scores[index, :count], outputs.classes[index, :count]
        kept = (scores >= self.threshold) & self.wanted[classes]
        area = region or Region(0, 0, *size)
        scale = np.array([area.width, area.height, area.width, area.height], np.float32)
        offset = np.array([area.x, area.y, area.x, area.y], np.float32)
        boxes = outputs.boxes[index, :count][kept] * scale + offset
        order = np.argsort(-scores[kept], kind="stable")
        return Detections(boxes[order], scores[kept][order], classes[kept][order].astype(np.int32), self.classes)


def detection_filter(metadata: Metadata, threshold: float | None = None, classes: Sequence[str] = ()) -> DetectionFilter:
    """Checked against the model: a threshold in 0..1 and not below the model's own; class names in any case, none for all.

    Raises `UsageError`.
    """
    threshold = metadata.display_threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise UsageError(f"the threshold {threshold:g} is no score; give one between {metadata.score_threshold:g} and 1")
    if threshold < metadata.score_threshold:
        raise UsageError(
            f"the threshold {threshold:g} is below the model's own {metadata.score_threshold:g}, under which nothing comes out; give a higher one"
        )
    known = {name.casefold(): index for index, name in enumerate(metadata.classes)}
    wanted = np.full(len(metadata.classes), not classes)
    for name in classes:
        if name.strip().casefold() not in known:
            near = difflib.get_close_matches(name.strip().casefold(), known, n=1)
            hint = f"did you mean {metadata.classes[known[near[0]]]!r}?" if near else f"it knows {', '.join(metadata.classes)}"
            raise UsageError(f"{metadata.name} has no class {name.strip()!r}; {hint}")
        wanted[known[name.strip().casefold()]] = True
    return DetectionFilter(metadata.classes, threshold, wanted)


class Detector:
    """`detector(image_bgr)` -> `Detections`; a with-block."""

    def __init__(self, model: ModelFile, choice: Choice, wanted: DetectionFilter) -> None:
        self.model = model
        self.choice = choice
        self._filter = wanted
        self._backend = load_chosen(model, choice, "latency")

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


def load_chosen(model: ModelFile, choice: Choice, workload: Workload) -> Backend:
    """Load a model file as chosen."""
    return load_backend(choice.backend, model, LoadOptions(device=choice.device, precision=choice.precision, workload=workload))
