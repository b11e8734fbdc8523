"""Measure the backends on this machine, and compare their results with those of float32."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ssd_live.backends import BACKENDS, ENGINE_BACKENDS, backend_module
from ssd_live.backends.base import Precision
from ssd_live.errors import BackendError, MissingPackageError
from ssd_live.modelfile.catalogue import int8_form
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.agreement import (
    Agreement,
    compare_boxes,
    compare_detections,
    enough_detections,
)
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.table import (
    BackendMeasurement,
    store_table,
    stored,
    table_identity,
    table_path,
)
from ssd_live.selection.trial import Trial, run_trial

# The backends that can run a quantised model file.
_INT8_BACKENDS = ("openvino", "onnxruntime")
# The backends worth trying on the CPU. PyTorch is ten times slower there.
_FOR_PROCESSORS = tuple(name for name in BACKENDS if name not in (*ENGINE_BACKENDS, "torch"))


def measured(
    model: ModelFile, notify: Callable[[str], None] = lambda _: None
) -> list[BackendMeasurement]:
    """Return the measurements of all backend choices that are worth trying for a model.

    Measurements of an earlier run are read from a file and returned. If there are none, or if the
    model, the machine or the version of a package has changed, the measurements are made now and
    stored. `notify` then gets a line of text for each choice that is measured.
    """
    return _table(
        table_path(model),
        table_identity(model),
        lambda: _measure(model, candidates(model, notify), notify),
    )


def measured_without_gpu(
    model: ModelFile, notify: Callable[[str], None] = lambda _: None
) -> list[BackendMeasurement]:
    """Return the measurements of the backend choices on the CPU for a model, without using a GPU.

    A GPU is not used, because a GPU that was lost may hang. If `measured` has stored measurements
    that are still valid, those are returned; they may include choices on GPUs. Otherwise the
    measurements on the CPU are read from a file of their own, or made now and stored there. They
    stay valid when GPUs are added or removed. `notify` gets a line of text for each choice that is
    measured.
    """
    if (rows := stored(table_path(model), table_identity(model))) is None:
        path, identity = table_path(model, "cpu"), table_identity(model) | {"gpus": []}
        rows = _table(
            path, identity, lambda: _measure(model, _for_processors(model, notify), notify)
        )
    return rows


def _table(
    path: Path, identity: dict[str, Any], measure: Callable[[], list[BackendMeasurement]]
) -> list[BackendMeasurement]:
    if (rows := stored(path, identity)) is None:
        rows = measure()
        # If nothing worked, nothing is stored, so that the next start tries again.
        if any(not row.error_message for row in rows):
            store_table(path, identity, rows)
    return rows


def candidates(
    model: ModelFile,
    notify: Callable[[str], None] = lambda _: None,
    names: Sequence[str] = BACKENDS,
) -> list[BackendChoice]:
    """Return all choices of the backends `names` that are worth measuring here, float32 first.

    INT8 is among them if `model` has an INT8 version. Backends that are not installed are left out.
    So are backends whose devices cannot be listed; `notify` gets a line of text for each of these.
    """
    found = []
    for name in names:
        try:
            module = backend_module(name)
            devices = [
                device for device in module.devices() if device != "CPU" or name in _FOR_PROCESSORS
            ]
            found += [
                BackendChoice(name, device, precision)
                for device in devices
                for precision in (*module.precisions(device), *int8_precision(model, name))
            ]
        except MissingPackageError:
            continue
        except BackendError as error:
            # If the driver of a GPU does not start, the other backends can still be tried.
            notify(f"{name} is left out: {error}")
    return sorted(found, key=lambda choice: choice.precision != "fp32")


def _for_processors(model: ModelFile, notify: Callable[[str], None]) -> list[BackendChoice]:
    return [
        choice for choice in candidates(model, notify, _FOR_PROCESSORS) if choice.device == "CPU"
    ]


def int8_precision(model: ModelFile, backend: str) -> list[Precision]:
    return ["int8"] if backend in _INT8_BACKENDS and int8_form(model) is not None else []


def _measure(
    model: ModelFile, choices: Sequence[BackendChoice], notify: Callable[[str], None]
) -> list[BackendMeasurement]:
    """Measure every choice, compare its results with the reference, and return the measurements.

    The reference is the first choice that works. The choices in float32 must be the first in
    `choices`, so that the reference is in float32. A choice that fails gets a measurement with an
    error message. `notify` gets a line of text for each choice.
    """
    rows: list[BackendMeasurement] = []
    reference: Trial | None = None
    for choice in choices:
        notify(f"trying {choice} ...")
        try:
            trial = run_trial(model.path, choice.backend, choice.device, choice.precision)
        except BackendError as error:
            notify(f"{choice} is left out: {error}")
            rows.append(BackendMeasurement(choice, error_message=str(error)))
            continue
        reference = reference or trial
        agreement = _compare(reference, trial, model)
        message = agreement.shortfall(choice.precision)
        rows.append(
            BackendMeasurement(
                choice,
                trial.latency_ms,
                trial.throughput_fps,
                agreement.share,
                agreement.basis,
                message,
            )
        )
    return rows


def _compare(reference: Trial, other: Trial, model: ModelFile) -> Agreement:
    threshold = model.metadata.lowest_shown
    if enough_detections(reference.detections, threshold):
        return compare_detections(reference.detections, other.detections, threshold)
    return compare_boxes(reference.boxes, other.boxes)
