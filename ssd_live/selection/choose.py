"""Choose the backend, device and precision, as measured on this machine or by a rule."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ssd_live.backends import ENGINE_BACKENDS, backend_module, installed
from ssd_live.backends.base import Precision, Workload
from ssd_live.errors import (
    BackendError,
    MissingPackageError,
    ModelFileError,
    SsdLiveError,
    UsageError,
)
from ssd_live.modelfile.catalogue import file_for_precision
from ssd_live.modelfile.file import ModelFile
from ssd_live.selection.choice import BackendChoice, BackendConstraint, parse_constraint
from ssd_live.selection.guard import guard, is_bundled
from ssd_live.selection.measure import candidates, int8_precision, measured
from ssd_live.selection.table import BackendMeasurement, known
from ssd_live.system import machine

# The backends that need no engine, in the order in which the rule takes them.
_WITHOUT_ENGINE = ("openvino", "onnxruntime", "torch")
# The precisions in the order in which the rule takes them.
_ON_CPU: tuple[Precision, ...] = ("int8", "bf16", "fp32")
_ON_GPU: tuple[Precision, ...] = ("fp16", "fp32")
# With one of these instructions of the CPU, a precision is faster than float32.
_INSTRUCTIONS: dict[Precision, tuple[str, ...]] = {
    "int8": ("avx2", "avx512_vnni", "avx_vnni", "amx_int8"),
    "bf16": ("avx512_bf16", "amx_bf16"),
}


@dataclass(frozen=True)
class Decision:
    """A backend choice, and why it was made.

    `measurement` is the measurement of the choice on this machine. It is None if a rule made the
    choice, or if it is the only one that the user allows; then `is_only` is true.
    """

    choice: BackendChoice
    measurement: BackendMeasurement | None = None
    is_only: bool = False

    @property
    def may_improve(self) -> bool:
        """Whether measuring may find a faster choice."""
        return self.measurement is None and not self.is_only


def choose(
    model: ModelFile,
    backend: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    *,
    workload: Workload = "latency",
    measure: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> BackendChoice:
    """Return the choice of `decide`, which describes the arguments and the errors."""
    return decide(
        model, backend, precision, workload=workload, measure=measure, notify=notify
    ).choice


def decide(
    model: ModelFile,
    backend: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    *,
    workload: Workload = "latency",
    measure: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> Decision:
    """Choose a backend, device and precision for a model on this machine.

    If `backend` and `precision` allow only one choice of a named backend, it is returned at once.
    If measurements of this machine are stored, the fastest choice whose results agree with float32
    is taken. Otherwise the backend rule chooses at once. It takes the named backend, or else one
    that needs no engine, on the CPU, and a precision for which the CPU has instructions. The
    backends are measured first if `measure` is true or if the rule allows none of the choices.

    `backend` is auto, cpu, the name of a backend, or a name and a device as in `openvino:GPU`.
    `backend` and `precision` limit the choices. `workload` says whether the lowest latency or the
    highest throughput counts. `notify` gets lines of text during slow steps.

    Raises `UsageError` if the backend, device or precision does not exist here,
    `MissingPackageError` if the backend is not installed, and `BackendError` if none of the choices
    works. Raises `ModelFileError` if the file's origin is not known and no backend can run it.
    """
    constraint = parse_constraint(backend, precision)
    offered: list[BackendChoice] = []
    if constraint.backend is not None:
        constraint, offered = _checked(model, constraint, constraint.backend)
        if len(offered) == 1:
            return Decision(offered[0], is_only=True)
    rows = known(model, without_gpu=constraint.is_cpu_only)
    if rows is None and not measure:
        choices = (choice for choice in _by_rule(model, offered) if constraint.allows(choice))
        if (by_rule := _first_that_runs(model, choices, notify)) is not None:
            return Decision(by_rule)
    if rows is None and any(constraint.allows(choice) for choice in candidates(model)):
        rows = measured(model, notify, without_gpu=constraint.is_cpu_only)
    return fastest(model, rows or [], constraint, workload)


def fastest(
    model: ModelFile,
    rows: Sequence[BackendMeasurement],
    constraint: BackendConstraint,
    workload: Workload,
) -> Decision:
    """Return the fastest choice that a user allows and whose results agree with float32.

    `rows` are the measurements of `model`. Raises `BackendError` if there is no such choice.
    """
    allowed = [row for row in rows if constraint.allows(row.choice)]
    if not allowed and constraint.backend is not None and constraint.device is not None:
        # Backends that are slow on this device are not measured.
        return Decision(BackendChoice(constraint.backend, constraint.device, "fp32"), is_only=True)
    usable = [row for row in allowed if not row.error_message]
    if not usable:
        reasons = (
            "; ".join(f"{row.choice}: {row.error_message}" for row in allowed)
            or f"no installed backend offers {constraint.precision}"
        )
        raise BackendError(
            f"no backend can run {model.name} here ({reasons}); run `doctor` to see the "
            "backends of this machine"
        )
    best = max(usable, key=lambda row: row.speed(workload))
    return Decision(best.choice, best)


def _by_rule(model: ModelFile, offered: Sequence[BackendChoice]) -> Iterator[BackendChoice]:
    """Yield the choices that the rule allows, the best first.

    `offered` holds the choices of the backend that the user names. If it is empty, the backends
    that need no engine are taken, on the CPU. Nothing is imported, and the INT8 version of the
    model is read only when a choice depends on it.
    """
    if not offered:
        for name in _WITHOUT_ENGINE:
            if name in installed():
                for precision in _ON_CPU:
                    if _is_suitable(model, name, precision):
                        yield BackendChoice(name, "CPU", precision)
        return
    by_precision = {choice.precision: choice for choice in offered}
    on_cpu = offered[0].device == "CPU"
    for precision in _ON_CPU if on_cpu else _ON_GPU:
        choice = by_precision.get(precision)
        if choice is not None and (not on_cpu or _is_suitable(model, choice.backend, precision)):
            yield choice


def _is_suitable(model: ModelFile, backend: str, precision: Precision) -> bool:
    """Return whether a precision is known to be right and fast on the CPU without measuring it.

    An INT8 version was compared with float32 when it was made. In bfloat16, only the models that
    ship with the program were compared.
    """
    if precision == "fp32":
        return True
    is_right = (
        bool(int8_precision(model, backend))
        if precision == "int8"
        else backend == "openvino" and is_bundled(model.path)
    )
    return is_right and not set(_INSTRUCTIONS[precision]).isdisjoint(machine.cpu_features())


def _first_that_runs(
    model: ModelFile, choices: Iterable[BackendChoice], notify: Callable[[str], None]
) -> BackendChoice | None:
    """Return the first choice whose backend is installed and can run the model.

    Only a file of unknown origin is tried. Return None if there are no choices. Raises the error of
    the first choice if none of them can run the model.
    """
    first_error: SsdLiveError | None = None
    for choice in choices:
        try:
            backend_module(choice.backend).version()
            if choice.backend not in ENGINE_BACKENDS:
                guard(file_for_precision(model, choice.precision), choice, notify)
        except (MissingPackageError, ModelFileError) as error:
            first_error = first_error or error
        else:
            return choice
    if first_error is not None:
        raise first_error
    return None


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
    for name in devices:
        if name.lower() == device.lower():
            return name
    raise UsageError(
        f"{backend} finds no device {device!r} here; choose "
        f"{', '.join(f'{backend}:{known}' for known in devices)}"
    )
