"""Choose the backend, device and precision by measuring them on this machine."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from ssd_live.backends import backend_module
from ssd_live.backends.base import Precision, Workload
from ssd_live.errors import BackendError, UsageError
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice, BackendConstraint, parse_constraint
from ssd_live.selection.measure import int8_precision, measured, measured_without_gpu


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
    precisions = [*module.precisions(device), *int8_precision(model, name)]
    choices = [BackendChoice(name, device, precision) for precision in precisions]
    offered = [choice for choice in choices if constraint.allows(choice)]
    if not offered:
        raise UsageError(
            f"{name} on this machine's {device} cannot run this model in {constraint.precision}; "
            f"choose auto or {', '.join(precisions)}"
        )
    return constraint, offered


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
