"""Choose the backend, device and precision by measuring them on this machine."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Literal

from ssd_live.backends import BACKENDS, ENGINE_BACKENDS, backend_module
from ssd_live.backends.base import PRECISIONS, Precision, Workload
from ssd_live.errors import BackendError, MissingPackageError, OutputError, UsageError
from ssd_live.modelfile.catalogue import int8_form, int8_identity
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.agreement import (
    Agreement,
    compare_boxes,
    compare_detections,
    enough_detections,
)
from ssd_live.selection.trial import Trial, run_trial
from ssd_live.system import machine
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import cache_folder, engines_folder

# The backends that can run a quantised model file.
_INT8_BACKENDS = ("openvino", "onnxruntime")
_PACKAGES = (
    "ssd_live",
    "openvino",
    "onnxruntime",
    "torch",
    "numpy",
    "tensorrt",
    "tensorrt-rtx",
    "pycuda",
    "cuda-bindings",
)
# The backends worth trying on the CPU. PyTorch is ten times slower there.
_FOR_PROCESSORS = tuple(name for name in BACKENDS if name not in (*ENGINE_BACKENDS, "torch"))
_TABLE_VERSION = 1
# The key of `error_message` in the files, which is that of version 0.1.0.
_MESSAGE_KEY = "trouble"
_GPU_BATCH = 8
# The backends and precisions that are faster on the CPU with batches of two frames. In float32 such
# batches are slower (docs/benchmarks-log.md).
IN_PAIRS = (("openvino", "int8"),)


@dataclass(frozen=True)
class BackendChoice:
    """A backend, one of its devices, and a precision, such as `openvino`, `CPU` and `bf16`."""

    backend: str
    device: str
    precision: Precision

    def __str__(self) -> str:
        return f"{self.backend}{'' if self.device == 'CPU' else f':{self.device}'} {self.precision}"


@dataclass(frozen=True)
class BackendMeasurement:
    """The speed and the agreement of a backend choice for one model on this machine.

    Decoding and drawing are not part of the speed. `latency_ms` is the time from an image to its
    detections. `throughput_fps` is the number of images per second with as many in flight as the
    backend takes. `agreement` is the share of results that match those of float32, 0..1. `basis` is
    what was compared, `detections` or `boxes`. `error_message` says why the choice cannot be used,
    and is empty if it can.
    """

    choice: BackendChoice
    latency_ms: float = 0.0
    throughput_fps: float = 0.0
    agreement: float = 0.0
    basis: str = ""
    error_message: str = ""

    def speed(self, workload: Workload) -> float:
        """Return the speed for a workload in frames per second.

        For latency, this is one frame divided by the latency.
        """
        return self.throughput_fps if workload == "throughput" else 1000 / self.latency_ms


@dataclass(frozen=True)
class BackendConstraint:
    """The backend, device and precision that a user allows. None in a field allows any value."""

    backend: str | None = None
    device: str | None = None
    precision: str | None = None

    @property
    def is_cpu_only(self) -> bool:
        """Whether any backend may be chosen, but only on the CPU."""
        return self.backend is None and self.device == "CPU"

    def allows(self, choice: BackendChoice) -> bool:
        """Return whether `choice` has the backend, device and precision that the user allows."""
        return (
            self.backend in (None, choice.backend)
            and self.device in (None, choice.device)
            and self.precision in (None, choice.precision)
        )


def batch_for(choice: BackendChoice, pictures: int = _GPU_BATCH) -> int:
    """Return how many frames to compute in one batch if their results are needed soon.

    `pictures` is the largest number of frames that wait at a time. On the CPU, the result is 1. On
    a GPU, it is `pictures`, rounded up to a power of two, but at most 8. Powers of two are used so
    that few engines are built.
    """
    return 1 if choice.device == "CPU" else min(1 << (pictures - 1).bit_length(), _GPU_BATCH)


def batch_for_video(choice: BackendChoice) -> int:
    """Return how many frames of a video file to compute in one batch.

    No frame of a file is urgent. On a GPU, the result is 8. On the CPU, it is 2 for the backends
    and precisions in `IN_PAIRS`, and 1 for all others.
    """
    return (
        2
        if choice.device == "CPU" and (choice.backend, choice.precision) in IN_PAIRS
        else batch_for(choice)
    )


def choose(
    model: ModelFile,
    backend: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    *,
    workload: Workload = "latency",
    notify: Callable[[str], None] = lambda _: None,
) -> BackendChoice:
    """Return the fastest backend, device and precision for a model on this machine.

    Only choices whose results agree with float32 are considered. `backend` is auto, cpu, the name
    of a backend, or a name and a device as in `openvino:GPU`. `backend` and `precision` limit the
    choices. `workload` says whether the lowest latency or the highest throughput counts. Nothing is
    measured if only one choice is left, or if earlier measurements are still valid. `notify` gets a
    line of text for each choice that is measured.

    Raises `UsageError` if the backend, device or precision does not exist here,
    `MissingPackageError` if the backend is not installed, and `BackendError` if none of the choices
    works.
    """
    constraint = parse_constraint(backend, precision)
    if constraint.backend is not None:
        constraint, offered = _checked(model, constraint, constraint.backend)
        if len(offered) == 1:
            return offered[0]
    table = measured_without_gpu if constraint.is_cpu_only else measured
    rows = [row for row in table(model, notify) if constraint.allows(row.choice)]
    if not rows and constraint.backend is not None and constraint.device is not None:
        # Backends that are slow on this device are not measured.
        return BackendChoice(constraint.backend, constraint.device, "fp32")
    usable = [row for row in rows if not row.error_message]
    if not usable:
        reasons = (
            "; ".join(f"{row.choice}: {row.error_message}" for row in rows)
            or f"no installed backend offers {precision}"
        )
        raise BackendError(
            f"no backend can run {model.name} here ({reasons}); run `doctor` to see the "
            "backends of this machine"
        )
    return max(usable, key=lambda row: row.speed(workload)).choice


def parse_constraint(backend: str, precision: str) -> BackendConstraint:
    """Return the constraint that the options `--backend` and `--precision` mean.

    `backend` and `precision` are the values of the options; `choose` describes them. Raises
    `UsageError` if there is no such precision. The name of the backend is not checked.
    """
    if precision != "auto" and precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {precision!r}; choose auto, {', '.join(PRECISIONS)}"
        )
    name, _, device = backend.partition(":")
    return BackendConstraint(
        None if name in ("auto", "cpu") else name,
        "CPU" if name == "cpu" else device or None,
        None if precision == "auto" else precision,
    )


def _checked(
    model: ModelFile, constraint: BackendConstraint, name: str
) -> tuple[BackendConstraint, list[BackendChoice]]:
    """Return the constraint with a device that exists, and all choices that it allows.

    `name` is the backend of the constraint. Its device is spelled as the backend spells it. If the
    constraint has no device, it gets the default device of the backend. Raises `UsageError` if the
    backend, device or precision does not exist here, and `MissingPackageError` if the backend is
    not installed.
    """
    module = backend_module(name)
    device = _check_device(name, constraint.device, module.devices())
    constraint = replace(constraint, device=device)
    precisions = [*module.precisions(device), *_int8(model, name)]
    choices = [BackendChoice(name, device, precision) for precision in precisions]
    offered = [choice for choice in choices if constraint.allows(choice)]
    if not offered:
        raise UsageError(
            f"{name} on this machine's {device} cannot run this model in {constraint.precision}; "
            f"choose auto or {', '.join(precisions)}"
        )
    return constraint, offered


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
    if (rows := _stored(table_path(model), table_identity(model))) is None:
        path, identity = table_path(model, "cpu"), table_identity(model) | {"gpus": []}
        rows = _table(
            path, identity, lambda: _measure(model, _for_processors(model, notify), notify)
        )
    return rows


def _table(
    path: Path, identity: dict[str, Any], measure: Callable[[], list[BackendMeasurement]]
) -> list[BackendMeasurement]:
    if (rows := _stored(path, identity)) is None:
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
                for precision in (*module.precisions(device), *_int8(model, name))
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


def _int8(model: ModelFile, backend: str) -> list[Precision]:
    return ["int8"] if backend in _INT8_BACKENDS and int8_form(model) is not None else []


def table_path(model: ModelFile, scope: str = "backends") -> Path:
    """Return the path of the file that stores the backend measurements of a model.

    `scope` is the first part of the file's name: `backends` for the measurements on all devices, or
    `cpu` for those made without a GPU.
    """
    name = f"{scope}-{model.name}-{model.sha256[:8]}.json"
    path = cache_folder() / name
    # Version 0.1.0 kept them beside the user's models.
    old = engines_folder() / name
    return old if old.is_file() and not path.exists() else path


def _check_device(backend: str, device: str | None, devices: list[str]) -> str:
    if device is None:
        return devices[0]
    for known in devices:
        if known.lower() == device.lower():
            return known
    raise UsageError(
        f"{backend} finds no device {device!r} here; choose "
        f"{', '.join(f'{backend}:{known}' for known in devices)}"
    )


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


def table_identity(model: ModelFile) -> dict[str, Any]:
    """Return all values that the backend measurements of a model depend on, by name.

    They describe the model, its INT8 version, the machine and the versions of packages. Stored
    measurements are used again only if all these values are the same.
    """
    return {
        "table": _TABLE_VERSION,
        "model": model.sha256,
        "int8": int8_identity(model),
        "cpu": machine.cpu_name(),
        "cores": machine.available_cores(),
        "gpus": machine.nvidia_gpus(),
        "versions": {package: machine.package_version(package) for package in _PACKAGES},
    }


def _stored(path: Path, identity: dict[str, Any]) -> list[BackendMeasurement] | None:
    """Return the backend measurements that the file `path` holds, or None if they are not valid.

    They are not valid if `identity`, the result of `table_identity`, differs from that in the file,
    or if the file is missing or damaged.
    """
    try:
        table = json.loads(path.read_text())
        if table["identity"] != identity:
            return None
        rows = [_from_json(row) for row in table["rows"]]
        return rows if rows and all(_is_sound(row) for row in rows) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def store_table(path: Path, identity: dict[str, Any], rows: list[BackendMeasurement]) -> None:
    """Write the backend measurements `rows` to the file `path`, together with `identity`.

    `identity` is the result of `table_identity` for these measurements. If the file cannot be
    written, this function does nothing.
    """
    table = {"identity": identity, "rows": [_to_json(row) for row in rows]}
    try:
        with atomic_write(path) as file:
            file.write(json.dumps(table, indent=1).encode())
    except OutputError:
        # If the folder is read-only, the next start measures again. That is no reason to fail.
        pass


def _is_sound(row: BackendMeasurement) -> bool:
    """Return whether the values of a row from a file have the right types and ranges."""
    choice, speeds = row.choice, (row.latency_ms, row.throughput_fps)
    numbers = (*speeds, row.agreement)
    texts = (choice.backend, choice.device, choice.precision, row.basis, row.error_message)
    return (
        all(isinstance(text, str) for text in texts)
        and choice.backend in BACKENDS
        and choice.precision in PRECISIONS
        and all(isinstance(number, int | float) and 0 <= number < inf for number in numbers)
        and (bool(row.error_message) or min(speeds) > 0)
    )


def _to_json(row: BackendMeasurement) -> dict[str, Any]:
    fields = asdict(row)
    fields[_MESSAGE_KEY] = fields.pop("error_message")
    return fields


def _from_json(fields: dict[str, Any]) -> BackendMeasurement:
    others = {name: value for name, value in fields.items() if name not in ("choice", _MESSAGE_KEY)}
    return BackendMeasurement(
        BackendChoice(**fields["choice"]), error_message=fields[_MESSAGE_KEY], **others
    )
