"""Check an engine against the float32 model file before its first use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd_live.backends import backend_module, load_backend
from ssd_live.backends.base import Backend, LoadOptions
from ssd_live.errors import MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.agreement import (
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
    """Check an engine against float32, store the result in the engine's manifest, and return it.

    If the engine was checked before, it is not checked again, and the earlier result is returned.
    `backend` runs the engine and must be an `EngineBackend`. `name` is the name of the backend, and
    `options` are those that it was loaded with. If `force` is true, the engine may be used even if
    it fails the check. Raises `BackendError` if the engine fails the check and `force` is false,
    `MissingPackageError` if neither ONNX Runtime nor OpenVINO is installed for the float32 results,
    and `OutputError` if the manifest cannot be written.
    """
    engine = cast("EngineBackend", backend)
    if engine.manifest.parity.state != "not run":
        return engine.manifest.parity
    options.notify("comparing the engine with float32 ...")

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
    """Return how far the results of an engine match those of the float32 file of its model.

    The engine and the float32 file run on the agreement sample of the model file, or on a black
    image if the file has no sample. The share that matches is the lower one of two directions: of
    the detections of float32, and of those of the engine. `answer` runs the engine on images and
    returns the detections, and `answer_before_nms` does the same without NMS. `precision` is that
    of the engine; it decides how high the agreement must be. Raises `MissingPackageError` if
    neither ONNX Runtime nor OpenVINO is installed for the float32 results.
    """
    from ssd_live.backends.tensorrt.store import Parity

    images = sample_images(model) or [np.zeros((*model.metadata.input_size[::-1], 3), np.uint8)]
    threshold = model.metadata.lowest_shown
    with _reference(model) as reference:
        expected = answers(reference, images)
    if enough_detections(expected, threshold):
        found = compare_detections(expected, answer(images), threshold)
    else:
        with _reference(before_nms(model)) as reference:
            found = compare_boxes(answers(reference, images), answer_before_nms(images))
    passed = found.within("fp16" if precision == "fp16" else "fp32")
    return Parity(
        state="passed" if passed else "failed",
        share=round(found.share, 4),
        expected=found.expected,
        basis=found.basis,
    )


def _reference(model: ModelFile) -> Backend:
    """Load the float32 file `model` on the CPU and return the loaded backend.

    The backend is ONNX Runtime, or OpenVINO if ONNX Runtime is not installed. Raises
    `MissingPackageError` if neither is installed.
    """
    for name in _REFERENCES:
        try:
            backend_module(name).version()
            return load_backend(name, model, LoadOptions())
        except MissingPackageError:
            continue
    raise MissingPackageError(
        "comparing an engine with float32 on the CPU needs onnxruntime; run `pip install "
        "onnxruntime`"
    )


def _of_batches(backend: Backend, images: list[Pixels], batch: int) -> list[NormalisedDetections]:
    """Run a backend on images in batches of `batch` images, and return the detections in each.

    `batch` is the size that the backend was loaded with. If the last batch has too few images, it
    is filled up with copies of its last image.
    """
    found: list[NormalisedDetections] = []
    for first in range(0, len(images), batch):
        some = images[first : first + batch]
        outputs = backend.submit(np.stack(some + some[-1:] * (batch - len(some)))).result()
        found += [answer_of(outputs, place) for place in range(len(some))]
    return found
