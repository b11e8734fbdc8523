"""Define a backend choice, what a user allows of it, and the batch sizes that suit it."""

import sys
from dataclasses import dataclass
from pathlib import Path

from ssd_live.backends.base import PRECISIONS, Precision
from ssd_live.errors import UsageError
from ssd_live.system import machine

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


def offered_precisions() -> list[Precision]:
    """Return the precisions that some backend on this machine may run. Nothing is imported.

    Half-precision formats need instructions of the CPU, or a GPU or NPU. A model may lack an INT8
    version.
    """
    features = set(machine.cpu_features())
    # Only Linux tells without an import whether there is one.
    has_gpu = (
        sys.platform != "linux"
        or bool(machine.nvidia_gpus())
        or any(Path("/dev").glob("dri/renderD*"))
        or any(Path("/dev").glob("accel/accel*"))
    )
    needed = {"fp16": {"avx512_fp16", "amx_fp16"}, "bf16": {"avx512_bf16", "amx_bf16"}}
    return [
        precision
        for precision in PRECISIONS
        if precision not in needed or has_gpu or features & needed[precision]
    ]


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
