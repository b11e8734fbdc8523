"""Measure the backends on this machine, and compare their results with those of float32."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import inf

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
from ssd_live.selection.table import BackendMeasurement, known, store
from ssd_live.selection.trial import Speed, Trial, TrialResults

# In how many rounds the speeds are measured.
ROUNDS = 3
# The backends that can run an INT8 version.
_INT8_BACKENDS = ("openvino", "onnxruntime")
# The backends worth trying on the CPU. PyTorch is ten times slower there.
_FOR_PROCESSORS = tuple(name for name in BACKENDS if name not in (*ENGINE_BACKENDS, "torch"))


def measured(
    model: ModelFile,
    notify: Callable[[str], None] = lambda _: None,
    *,
    without_gpu: bool = False,
    again: bool = False,
) -> list[BackendMeasurement]:
    """Return the measurements of all backend choices that are worth trying for a model.

    Those of an earlier run are returned if `known` finds any and `again` is false. Otherwise the
    measurements are made now and stored. `notify` then gets lines of text about the progress. With
    `without_gpu`, only choices on the CPU are measured, and no GPU is used, because a GPU that was
    lost may hang. Measurements that are made then stay valid when GPUs are added or removed.
    """
    rows = None if again else known(model, without_gpu=without_gpu)
    if rows is None:
        choices = candidates(model, notify, _FOR_PROCESSORS if without_gpu else BACKENDS)
        if without_gpu:
            choices = [choice for choice in choices if choice.device == "CPU"]
        rows = _measure(model, choices, notify)
        # If nothing worked, nothing is stored, so that a later run measures again.
        if any(not row.error_message for row in rows):
            store(model, rows, without_gpu=without_gpu)
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


def int8_precision(model: ModelFile, backend: str) -> list[Precision]:
    """Return `["int8"]` if the backend can run an INT8 version that `model` has, otherwise `[]`."""
    return ["int8"] if backend in _INT8_BACKENDS and int8_form(model) is not None else []


def _measure(
    model: ModelFile, choices: Sequence[BackendChoice], notify: Callable[[str], None]
) -> list[BackendMeasurement]:
    """Measure every choice, compare its results with the reference, and return the measurements.

    The reference is the first choice that works. The choices in float32 must be the first in
    `choices`, so that the reference is in float32. The speeds are measured in `ROUNDS` rounds, in
    each of which every choice has its turn, so that a machine that is busy for a while slows down
    all choices alike. The best speed of each counts. A choice that fails gets a measurement with an
    error message. `notify` gets a line of text for each choice.
    """
    rows: dict[BackendChoice, BackendMeasurement] = {}
    with ExitStack() as stack:
        running: dict[BackendChoice, Trial] = {}
        reference: TrialResults | None = None
        for choice in choices:
            notify(f"trying {choice} ...")
            try:
                trial = stack.enter_context(Trial(model.path, choice))
            except BackendError as error:
                notify(f"{choice} is left out: {error}")
                rows[choice] = BackendMeasurement(choice, error_message=str(error))
                continue
            running[choice] = trial
            reference = reference or trial.results
            agreement = _compare(reference, trial.results, model)
            rows[choice] = BackendMeasurement(
                choice,
                agreement=agreement.share,
                basis=agreement.basis,
                error_message=agreement.shortfall(choice.precision),
            )
        for number in range(ROUNDS):
            notify(f"measuring the speed ({number + 1} of {ROUNDS}) ...")
            for choice, trial in list(running.items()):
                try:
                    rows[choice] = _faster(rows[choice], trial.round())
                except BackendError as error:
                    notify(f"{choice} is left out: {error}")
                    rows[choice] = BackendMeasurement(choice, error_message=str(error))
                    del running[choice]
    return [rows[choice] for choice in choices]


def _faster(row: BackendMeasurement, speed: Speed) -> BackendMeasurement:
    return replace(
        row,
        latency_ms=min(row.latency_ms or inf, speed.latency_ms),
        throughput_fps=max(row.throughput_fps, speed.throughput_fps),
    )


def _compare(reference: TrialResults, other: TrialResults, model: ModelFile) -> Agreement:
    threshold = model.metadata.lowest_shown
    if enough_detections(reference.detections, threshold):
        return compare_detections(reference.detections, other.detections, threshold)
    return compare_boxes(reference.boxes, other.boxes)
