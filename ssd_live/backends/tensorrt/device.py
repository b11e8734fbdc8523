"""Give access to a GPU's memory, streams and events through one small interface, with pycuda or
with cuda-bindings.

Only the thread that opened a device may use it, because the primary context is current in that
thread alone.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ssd_live.errors import BackendError, MissingPackageError, SsdLiveError

_ADVICE = "choose --backend cpu"
# Error codes that a user can do something about (CUDA driver API, "CUresult").
_TROUBLES = {
    2: "the GPU is out of memory; close other programs that use it, or choose a smaller --batch",
    35: "the NVIDIA driver is too old for this CUDA; update the driver",
    100: "there is no working NVIDIA GPU; run `nvidia-smi` to see why",
    803: "the NVIDIA driver and its libraries are of different versions; restart the machine",
}
_LOST = (46, 214, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999)


@dataclass(frozen=True)
class Gpu:
    """A GPU and its driver.

    `name` is the driver's name for the GPU. `capability` is the compute capability, as in `8.9`.
    `driver` is the version of the driver if the system reports it, otherwise the newest CUDA
    version that the driver supports. See `driver_version`.
    """

    name: str
    capability: str
    driver: str


class Graph(Protocol):
    """A CUDA graph: work that was captured once and can be launched again as a whole."""

    def launch(self, stream: int) -> None:
        """Start the work of the graph on the CUDA stream with the handle `stream`."""


class Device(Protocol):
    """One open GPU. Only the thread that opened it may use it, in a with-block.

    The end of the block frees everything that was allocated, and the context. `library` is the name
    of the package that is used, `pycuda` or `cuda-bindings`. Streams are CUDA's own handles, as
    TensorRT takes them. Events are opaque objects of that package. Every method raises
    `BackendError` with a message of one line if the GPU or its driver fails.
    """

    gpu: Gpu
    library: str

    def memory(self, size: int) -> int:
        """Allocate `size` bytes of device memory and return the device address."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Allocate page-locked host memory and return it as an array.

        Copies from and to it can run while the program continues. The array is valid until the
        device is closed.
        """
        ...

    def stream(self) -> int:
        """Create a CUDA stream and return its handle."""

    def event(self) -> Any:
        """Create a CUDA event and return it. `record` puts it on a stream."""

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        """Start to copy the array `source` to the device address `target`, on a stream.

        `source` must be in pinned memory.
        """
        ...

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        """Start to copy from the device address `source` to the array `target`, on a stream.

        `target` must be in pinned memory.
        """
        ...

    def record(self, event: Any, stream: int) -> None:
        """Put an event on a stream. The event happens once all work put there before is done."""
        ...

    def wait(self, event: Any) -> None:
        """Wait until the event has happened, without using CPU time."""
        ...

    def drain(self, stream: int) -> None:
        """Wait until all work on the stream is done."""
        ...

    def capture(self, stream: int, work: Callable[[], None]) -> Graph | None:
        """Call `work`, capture what it puts on the stream, and return that as a CUDA graph.

        The work is captured without running it. Return None if it cannot be captured. It was not
        run in that case either.
        """
        ...

    def close(self) -> None:
        """Free everything that was allocated, and the context."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def open_device(number: int = 0) -> Device:
    """Open the GPU with the index `number` and return it as a `Device`.

    pycuda is used if it is installed, otherwise cuda-bindings. Raises `MissingPackageError` if
    neither is installed or if there is no driver, and `BackendError` if the GPU cannot be opened.
    """
    layer = _layer()
    device: Device = (
        layer.PycudaDevice if layer.__name__.endswith("pycuda_device") else layer.BindingsDevice
    )(number)
    return device


def gpus() -> list[Gpu]:
    """Return the GPUs that the driver shows, in the driver's order, without creating a context.

    Raises `MissingPackageError` if neither pycuda nor cuda-bindings is installed or if there is no
    driver, and `BackendError` if the driver fails.
    """
    found: list[Gpu] = _layer().gpus()
    return found


def _layer() -> Any:
    for name in ("pycuda_device", "bindings_device"):
        try:
            return importlib.import_module(f"ssd_live.backends.tensorrt.{name}")
        except ImportError:
            continue
    raise MissingPackageError(
        "neither pycuda nor cuda-bindings is installed; run `pip install '.[rtx]'` to "
        "install cuda-bindings"
    )


def cuda_version() -> tuple[int, int] | None:
    """Return the newest CUDA version that the driver supports as (major, minor).

    Return None if neither pycuda nor cuda-bindings is installed, or if no driver works.
    """
    try:
        version: int = _layer().newest_cuda()
    except SsdLiveError:
        return None
    return version // 1000, version % 1000 // 10


def failure(code: int, name: str, doing: str) -> BackendError:
    """Return the error for an error code of the driver, with a message of one line.

    `name` is the driver's name for the code. `doing` says in the message what failed, as in
    "creating a stream".
    """
    if code in _LOST:
        return BackendError(
            f"the GPU failed or was lost while {doing} ({name}); see the system's log, and "
            f"{_ADVICE} until the GPU works again"
        )
    return BackendError(
        f"{_TROUBLES.get(code, f'the GPU reported an error while {doing} ({name}); try again')}; "
        f"or {_ADVICE}"
    )


def driver_version(cuda: int) -> str:
    """Return the version of the NVIDIA driver as text.

    It is the version of the kernel module, such as `550.54.14`, if Linux reports it. Otherwise it
    is the newest CUDA version that the driver supports, such as `CUDA 13.0`. `cuda` is that version
    as a number, 13000 for CUDA 13.0.
    """
    try:
        words = (
            Path("/proc/driver/nvidia/version")
            .read_text(encoding="ascii", errors="replace")
            .split()
        )
    except OSError:
        words = []
    version = next(
        (
            word
            for word in words
            if word[:1].isdigit() and word.count(".") >= 1 and word.replace(".", "").isdigit()
        ),
        "",
    )
    return version or f"CUDA {cuda // 1000}.{cuda % 1000 // 10}"


def array_at(address: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array over the host memory at `address`, without copying.

    The caller must keep the memory allocated while the array is in use.
    """
    import ctypes

    data = (ctypes.c_uint8 * array_size(shape, dtype)).from_address(address)
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=memoryview(data).cast("B"))
    return array


def array_size(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """Return the size in bytes of an array with this shape and dtype."""
    return int(np.prod(shape)) * np.dtype(dtype).itemsize
