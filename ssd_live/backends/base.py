"""Define the contract of a backend: load a model file, keep up to `slots` batches in flight, and
return the four outputs of each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.pixels import Pixels
from ssd_live.system.machine import available_cores

if TYPE_CHECKING:
    from ssd_live.modelfile.file import ModelFile

# int8 needs a quantised model file. The backend converts the float32 file to the other precisions.
Precision = Literal["fp32", "fp16", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# latency: finish one image as soon as possible. throughput: compute as many images a second as
# possible.
Workload = Literal["latency", "throughput"]


class Outputs(NamedTuple):
    """The detections of a batch of B images, with room for K each, in the layout of
    EfficientNMS_TRT.

    Boxes are xyxy in 0..1. Rows after the first `num_detections` of an image are unspecified.
    """

    num_detections: NDArray[np.int32]  # (B, 1)
    boxes: NDArray[np.float32]  # (B, K, 4)
    scores: NDArray[np.float32]  # (B, K)
    classes: NDArray[np.int32]  # (B, K)


@dataclass(frozen=True)
class LoadOptions:
    """Options for loading a backend.

    `batch` is the number of images in every batch. `threads` is how many CPU threads the backend
    may use, or 0 for one on each available core. `notify` is called with a line of text before and
    during slow steps, such as building an engine.
    """

    device: str = "CPU"
    precision: Precision = "fp32"
    workload: Workload = "latency"
    batch: int = 1
    threads: int = 0
    notify: Callable[[str], None] = lambda _: None

    @property
    def thread_count(self) -> int:
        """The number of CPU threads to use: `threads`, or the available cores if that is 0."""
        return self.threads or available_cores()


def slots_for(at_once: int) -> int:
    """Return how many slots a throughput backend needs that computes `at_once` batches in parallel.

    Three times as many plus ten keep it busy while the caller that fills the slots is delayed.
    """
    return 3 * at_once + 10


class Pending(Protocol):
    """A batch in flight, whose outputs can be waited for."""

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait at most `timeout` seconds for the outputs and return them; None waits forever.

        The arrays are valid until the slot is used again. Raises `BackendError` if the backend
        failed and `TimeoutError` if the time is up.
        """
        ...


@runtime_checkable
class CancellablePending(Pending, Protocol):
    """A batch in flight that the backend can give up."""

    def cancel(self) -> None:
        """Ask the backend to stop computing the batch.

        `result` must still be called before the slot is used again. It raises `BackendError` if
        the batch was stopped in time.
        """
        ...


class Backend(Protocol):
    """A model loaded on a backend, to be used in a with-block.

    One thread submits batches. The same thread or one other thread waits for the results.
    `slots` is how many batches may be in flight. `description` names the library, its version, the
    device and the precision.
    """

    slots: int
    description: str

    def submit(self, images: Pixels) -> Pending:
        """Start to compute images (B, H, W, 3) uint8 BGR at the network's size.

        B must be the batch that the backend was loaded with. At most `slots` batches may be in
        flight. The array must not change until the result is available.
        """
        ...

    def share(self) -> "Backend | None":
        """Return a second handle to the same loaded model for use in another thread, or None if
        the backend has only one. Close it before this one.
        """
        ...

    def close(self) -> None:
        """Stop what is in flight and free the model."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class BackendModule(Protocol):
    """The functions that every backend module of this package has."""

    def devices(self) -> list[str]:
        """Return the devices of this machine that the backend can use, the default one first.

        Raises `MissingPackageError` if the backend is not installed.
        """
        ...

    def precisions(self, device: str) -> list[Precision]:
        """Return the precisions worth trying on a device, `fp32` first."""
        ...

    def version(self) -> str:
        """Return the version of the backend's library.

        Raises `MissingPackageError` if it is not installed.
        """

    def load(self, model: "ModelFile", options: LoadOptions) -> Backend:
        """Load a model file. Raises `BackendError`, `MissingPackageError`."""
        ...
