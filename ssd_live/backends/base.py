"""Define the contract that every backend follows.

A backend loads a model file and returns four output arrays for each batch of images. A batch is in
flight from when it is submitted until its outputs are taken. A backend has a fixed number of slots,
the places for batches in flight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.pixels import Pixels
from ssd_live.system.machine import available_cores

if TYPE_CHECKING:
    from ssd_live.imaging.gpu_frame import GpuPicture
    from ssd_live.modelfile.file import ModelFile

# int8 needs a quantised model file. The backend converts the float32 file to the other precisions.
Precision = Literal["fp32", "fp16", "bf16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# latency: finish one image as soon as possible. throughput: compute as many images a second as
# possible.
Workload = Literal["latency", "throughput"]


class Outputs(NamedTuple):
    """The detections of a batch of B images, with room for K detections in each image.

    The layout is that of TensorRT's plugin EfficientNMS_TRT. The detections of an image are its
    first `num_detections` rows, highest score first. The rows after them are unspecified. Boxes are
    xyxy in 0..1. Classes count from 0 without the background.
    """

    num_detections: NDArray[np.int32]  # (B, 1)
    boxes: NDArray[np.float32]  # (B, K, 4)
    scores: NDArray[np.float32]  # (B, K)
    classes: NDArray[np.int32]  # (B, K)


@dataclass(frozen=True)
class LoadOptions:
    """Options for loading a model on a backend.

    `device` is a name that the backend's `devices` returns, such as `CPU` or `GPU.1`. `precision`
    is the number format to compute in. `workload` is `latency` to finish one batch as soon as
    possible, or `throughput` to compute as many images a second as possible. `batch` is the number
    of images in every batch. `threads` is the number of CPU threads that the backend may use, or 0
    for one thread on each available core. `notify` is called with a line of text before and during
    slow steps, such as building an engine.
    """

    device: str = "CPU"
    precision: Precision = "fp32"
    workload: Workload = "latency"
    batch: int = 1
    threads: int = 0
    notify: Callable[[str], None] = lambda _: None

    @property
    def thread_count(self) -> int:
        """The number of CPU threads to use: `threads`, or all available cores if `threads` is 0."""
        return self.threads or available_cores()


def slots_for(at_once: int) -> int:
    """Return the number of slots that a backend needs for throughput.

    A slot is a place for one batch in flight. `at_once` is the number of batches that the backend
    computes in parallel. Three times as many slots plus ten keep the backend busy while the caller
    that fills the slots is delayed.
    """
    return 3 * at_once + 10


class Pending(Protocol):
    """A batch in flight: it was submitted to a backend, and its outputs were not taken yet."""

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the batch and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. The arrays are
        valid until the backend uses the slot of this batch for another batch. Raises `BackendError`
        if the backend failed, and `TimeoutError` if the outputs did not come within `timeout`.
        """
        ...


@runtime_checkable
class CancellablePending(Pending, Protocol):
    """A batch in flight that can be cancelled."""

    def cancel(self) -> None:
        """Ask the backend to stop computing the batch.

        The caller must still call `result` before the slot is used again. If the batch was stopped
        before it was finished, `result` raises `BackendError`.
        """
        ...


class Backend(Protocol):
    """A model loaded on a backend, to be used in a with-block.

    One thread submits batches. The same thread or one other thread waits for the results. `slots`
    is the number of batches that may be in flight at a time. `description` is a text that names the
    library, its version, the device and the precision.
    """

    slots: int
    description: str

    def submit(self, images: Pixels) -> Pending:
        """Start to compute a batch of images, and return the batch in flight.

        `images` is (B, H, W, 3) uint8 BGR at the network's size. B must be the `batch` of the
        options that the backend was loaded with. At most `slots` batches may be in flight. The
        array must not change until the result is available.
        """
        ...

    def share(self) -> "Backend | None":
        """Return a second handle to the same loaded model for use in another thread.

        Return None if the backend has only one handle. Close the second handle before this one.
        """
        ...

    def close(self) -> None:
        """Free what this handle to the model holds.

        Batches in flight are cancelled or completed.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


@runtime_checkable
class GpuPictureBackend(Backend, Protocol):
    """A backend that can make network inputs from pictures in GPU memory.

    `takes_gpu_pictures` is whether it can do so on this machine. If it is false, `submit_pictures`
    and `resized` must not be called.
    """

    takes_gpu_pictures: bool

    def submit_pictures(self, pictures: "Sequence[GpuPicture]") -> Pending:
        """Start to compute a batch of pictures, and return the batch in flight.

        There must be as many pictures as `batch` of the options that the backend was loaded with.
        The backend resizes them to the network's size. Everything else is as in `submit`.
        """
        ...

    def resized(self, picture: "GpuPicture") -> Pixels:
        """Return the network input (H, W, 3) uint8 BGR that the backend makes from a picture.

        Each value may differ by at most 1 from the value in the result of `Frame.network_input`.
        No batch may be in flight during the call. Raises `BackendError` if the GPU failed.
        """
        ...


class BackendModule(Protocol):
    """A module or object with the functions that every backend provides."""

    def devices(self) -> list[str]:
        """Return the devices of this machine that the backend can use, the default one first.

        Raises `MissingPackageError` if the backend is not installed.
        """
        ...

    def precisions(self, device: str) -> list[Precision]:
        """Return the precisions that are worth measuring on a device, `fp32` first.

        `device` is a name that `devices` returns. int8 is never among them, because it needs a
        model file of its own.
        """
        ...

    def version(self) -> str:
        """Return the version of the backend's library.

        Raises `MissingPackageError` if it is not installed.
        """

    def load(self, model: "ModelFile", options: LoadOptions) -> Backend:
        """Load a model file and return the loaded backend.

        Raises `BackendError` if the backend cannot load the model, and `MissingPackageError` if the
        backend is not installed.
        """
        ...
