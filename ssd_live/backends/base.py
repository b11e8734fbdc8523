"""The contract of a backend, in one page: load a model file, keep `slots` batches in flight, hand
the four outputs back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.pixels import Pixels
from ssd_live.system.machine import available_cores

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

# int8 is a form of the model file, quantised; the others are what a runtime makes of the float32
# one.
Precision = Literal["fp32", "fp16", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# latency: one picture as soon as can be. throughput: as many pictures a second as can be.
Workload = Literal["latency", "throughput"]


class Outputs(NamedTuple):
    """A batch of answers in the layout of EfficientNMS_TRT; boxes xyxy in 0..1; rows past a
    picture's count are unspecified.
    """

    num_detections: NDArray[np.int32]  # (B, 1)
    boxes: NDArray[np.float32]  # (B, K, 4)
    scores: NDArray[np.float32]  # (B, K)
    classes: NDArray[np.int32]  # (B, K)


@dataclass(frozen=True)
class LoadOptions:
    """How a backend is to be loaded. `threads` is how many processor threads it may use; `notify`
    hears of what takes long.
    """

    device: str = "CPU"
    precision: Precision = "fp32"
    workload: Workload = "latency"
    batch: int = 1
    threads: int = 0
    notify: Callable[[str], None] = lambda _: None

    @property
    def thread_count(self) -> int:
        return self.threads or available_cores()


def slots_for(at_once: int) -> int:
    """For throughput, of a backend that works on so many at a time: with a third of its slots taken
    it has enough to do, so that whoever fills them may be busy elsewhere for a while.
    """
    return 3 * at_once + 10


class Pending(Protocol):
    """A batch in flight."""

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the answer, at most `timeout` seconds. Its arrays are valid until the slot is
        used again.

        Raises `BackendError` when the runtime failed and `TimeoutError` when time is up.
        """
        ...


class Backend(Protocol):
    """A loaded model on a runtime: a with-block. One thread submits; the same or one other waits
    for the results.
    """

    slots: int
    description: str

    def submit(self, images: Pixels) -> Pending:
        """Start on images (B, H, W, 3) uint8 BGR at the network's size, B the batch it was loaded
        with.

        At most `slots` may be in flight; the array must not change until the result is there.
        """
        ...

    def share(self) -> "Backend | None":
        """Another user's place at the same loaded model, for another thread, to be closed before
        this one; None where there is just one.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class BackendModule(Protocol):
    """What each module of this package offers."""

    def devices(self) -> list[str]:
        """Devices of this machine that the runtime can use, most ordinary first; raises
        `MissingPackageError` if it is not installed.
        """
        ...

    def precisions(self, device: str) -> list[Precision]:
        """Precisions worth trying on a device; `fp32` first."""
        ...

    def version(self) -> str: ...

    def load(self, model: "ModelFile", options: LoadOptions) -> Backend:
        """Raises `BackendError`, `MissingPackageError`."""
        ...
