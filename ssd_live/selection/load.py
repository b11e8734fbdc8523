"""Load a model on the chosen backend."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx

from ssd_live.backends import ENGINE_BACKENDS, load_backend
from ssd_live.backends.base import Backend, LoadOptions, Workload
from ssd_live.modelfile.catalogue import file_for_precision
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import set_score_threshold
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.engine_check import validate_against_fp32
from ssd_live.selection.guard import guard


def with_score_threshold(model: ModelFile, threshold: float) -> ModelFile:
    """Return a copy of a model, in memory only, whose NMS ignores scores below `threshold`.

    If `threshold` is not higher than the model's own score threshold, the model itself is returned.
    Use the copy only if the display threshold will never be below `threshold`. The detections over
    the threshold stay the same, because a box never suppresses one with a higher score. NMS has
    much less to do: with the default model, this saves a seventh of the time that the network and
    NMS need together (docs/benchmarks-log.md).
    """
    if threshold <= model.metadata.score_threshold:
        return model
    # NMS keeps scores over its threshold, but a score equal to the display threshold is shown.
    below = float(np.nextafter(np.float32(threshold), np.float32(0)))
    proto = onnx.load_model_from_string(model.data)
    set_score_threshold(proto.graph, below)
    return replace(
        model,
        data=proto.SerializeToString(),
        metadata=model.metadata.model_copy(update={"score_threshold": below}),
    )


def load_chosen(
    model: ModelFile,
    choice: BackendChoice,
    workload: Workload = "latency",
    *,
    batch: int = 1,
    threads: int = 0,
    threshold: float = 0.0,
    notify: Callable[[str], None] = lambda _: None,
) -> Backend:
    """Load a model file on the chosen backend, device and precision, and return the loaded backend.

    `batch` is the number of images in every batch. `threads` is the number of CPU threads that the
    backend may use, or 0 for one on each available core. NMS may ignore scores below `threshold`,
    so the display threshold must never be lower. For a TensorRT backend, an engine is built if none
    fits, and the engine is checked against float32 before its first use. `notify` gets lines of
    text about the build and the check. For another backend, a file of unknown origin is tried in a
    child process first. Raises `UsageError` if int8 is chosen for a model without an INT8 version,
    and the errors of `load_backend`, `validate_against_fp32` and `guard`.
    """
    options = LoadOptions(choice.device, choice.precision, workload, batch, threads, notify)
    if choice.backend in ENGINE_BACKENDS:
        # Another threshold would need another engine. Lower scores are filtered out later instead.
        backend = load_backend(choice.backend, model, options)
        try:
            validate_against_fp32(model, choice.backend, backend, options)
        except BaseException:
            backend.close()
            raise
        return backend
    form = file_for_precision(model, choice.precision)
    guard(form, choice, notify)
    return load_backend(choice.backend, with_score_threshold(form, threshold), options)
