"""The parity gate: an engine is used only once it was held against the float32 model file."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd_live.backends import backend_module, load_backend
from ssd_live.backends.base import Backend, LoadOptions
from ssd_live.errors import MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.agreement import (
    BUDGETS,
    NormalisedDetections,
    answer_of,
    answers,
    before_nms,
    compare_boxes,
    compare_detections,
    enough_detections,
    sample_images,
)

if TYPE_CHECKING:
    from ssd_live.backends.tensorrt.backend import EngineBackend
    from ssd_live.backends.tensorrt.store import Parity

Answering = Callable[[list[Pixels]], list[NormalisedDetections]]
_REFERENCES = ("onnxruntime", "openvino")


def validate_against_fp32(
    model: ModelFile, name: str, backend: Backend, options: LoadOptions, *, force: bool = False
) -> "Parity":
    """Gate an engine that was not gated yet, and keep what was found. Raises `BackendError` for one
    that fails, unless forced.
    """
    engine = cast("EngineBackend", backend)
    if engine.manifest.parity.state != "not run":
        return engine.manifest.parity
    options.notify("holding the engine against float32 ...")

    def answer_before_nms(images: list[Pixels]) -> list[NormalisedDetections]:
        with load_backend(name, before_nms(model), options) as unsuppressed:
            return _of_batches(unsuppressed, images, options.batch)

    parity = measure(
        model,
        lambda images: _of_batches(backend, images, options.batch),
        answer_before_nms,
        engine.manifest.key.precision,
    )
    if force and parity.state == "failed":
        parity = parity.model_copy(update={"state": "forced"})
    engine.note_parity(parity)
    return parity


def measure(
    model: ModelFile, answer: Answering, answer_before_nms: Answering, precision: str
) -> "Parity":
    """What share of the float32 file's findings on its agreement sample comes again, the worse of
    both ways.
    """
    from ssd_live.backends.tensorrt.store import Parity

    images = sample_images(model) or [np.zeros((*model.metadata.input_size[::-1], 3), np.uint8)]
    threshold = model.metadata.display_threshold
    with _reference(model) as reference:
        expected = answers(reference, images)
    if enough_detections(expected, threshold):
        found = compare_detections(expected, answer(images), threshold)
    else:
        with _reference(before_nms(model)) as reference:
            found = compare_boxes(answers(reference, images), answer_before_nms(images))
    passed = found.share >= BUDGETS["fp16" if precision == "fp16" else "fp32"]
    return Parity(
        state="passed" if passed else "failed",
        share=round(found.share, 4),
        expected=found.expected,
        basis=found.basis,
    )


def _reference(model: ModelFile) -> Backend:
    """The float32 file on the processor."""
    for name in _REFERENCES:
        try:
            backend_module(name).version()
            return load_backend(name, model, LoadOptions())
        except MissingPackageError:
            continue
    raise MissingPackageError(
        "an engine is held against float32 on the processor, which takes onnxruntime; `pip "
        "install onnxruntime`"
    )


def _of_batches(backend: Backend, images: list[Pixels], batch: int) -> list[NormalisedDetections]:
    """What it finds in each, in batches as it was loaded with; the last picture fills what is left
    at the end.
    """
    found: list[NormalisedDetections] = []
    for first in range(0, len(images), batch):
        some = images[first : first + batch]
        outputs = backend.submit(np.stack(some + some[-1:] * (batch - len(some)))).result()
        found += [answer_of(outputs, place) for place in range(len(some))]
    return found
