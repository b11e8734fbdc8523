"""The GPU's memory, streams and events behind one small interface, over pycuda or over
cuda-bindings.

Everything here belongs to the thread that opened the device: the primary context is current in that
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
# CUDA driver API, "CUresult": codes that a user can do something about.
_TROUBLES = {
    2: "the GPU is out of memory; close what else uses it, or take a smaller --batch",
    35: "the NVIDIA driver is too old for this CUDA; update the driver",
    100: "there is no NVIDIA GPU that works; see `nvidia-smi`",
    803: "the NVIDIA driver and its libraries are of different versions; restart the machine",
}
_LOST = (46, 214, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999)


@dataclass(frozen=True)
class Gpu:
    """`capability` as in `8.9`; `driver` is the driver's own version where the system tells it, or
    the CUDA version it was made for.
    """

    name: str
    capability: str
    driver: str


class Graph(Protocol):
    """Work that was captured once, to be launched as one."""

    def launch(self, stream: int) -> None: ...


class Device(Protocol):
    """One GPU, opened by the thread that uses it: a with-block, which frees whatever was taken and
    leaves no context behind.

    Streams are CUDA's own handles, as TensorRT takes them; events are opaque. Calls raise
    `BackendError` with one line.
    """

    gpu: Gpu
    library: str

    def memory(self, size: int) -> int:
        """Device memory of `size` bytes: its address."""
        ...

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Page-locked host memory, which copies can read and write while the program goes on; valid
        until the device is closed.
        """
        ...

    def stream(self) -> int: ...

    def event(self) -> Any: ...

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        """Begin to copy pinned memory to the device."""
        ...

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        """Begin to copy from the device into pinned memory."""
        ...

    def record(self, event: Any, stream: int) -> None:
        """The event happens once everything on the stream so far is done."""
        ...

    def wait(self, event: Any) -> None:
        """Until the event has happened, without turning the processor."""
        ...

    def drain(self, stream: int) -> None:
        """Until the stream is empty."""
        ...

    def capture(self, stream: int, work: Callable[[], None]) -> Graph | None:
        """What `work` puts on the stream, as a graph; None where it cannot be captured, and then
        nothing was done.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def open_device(number: int = 0) -> Device:
    """By pycuda if it is built here, else by cuda-bindings. Raises `MissingPackageError`,
    `BackendError`.
    """
    layer = _layer()
    device: Device = (
        layer.PycudaDevice if layer.__name__.endswith("pycuda_device") else layer.BindingsDevice
    )(number)
    return device


def gpus() -> list[Gpu]:
    """The GPUs that the driver shows, which takes no context. Raises `MissingPackageError` where
    there is no package or no driver.
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
        "neither pycuda nor cuda-bindings is installed; `pip install '.[rtx]'` brings the latter"
    )


def cuda_version() -> tuple[int, int] | None:
    """The newest CUDA that the driver serves, major and minor; None where nothing tells."""
    try:
        version: int = _layer().newest_cuda()
    except SsdLiveError:
        return None
    return version // 1000, version % 1000 // 10


def failure(code: int, name: str, doing: str) -> BackendError:
    """One line for a code of the driver."""
    if code in _LOST:
        return BackendError(
            f"the GPU failed or was lost while {doing} ({name}); see the system's log, and "
            f"{_ADVICE} until it is back"
        )
    return BackendError(f"{_TROUBLES.get(code, f'the GPU refused {doing} ({name})')}; or {_ADVICE}")


def driver_version(cuda: int) -> str:
    """Of the kernel's module where Linux tells it, since engines depend on it; `cuda` as
    cuDriverGetVersion gives it.
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
    """Memory that somebody else owns, as an array."""
    import ctypes

    data = (ctypes.c_uint8 * array_size(shape, dtype)).from_address(address)
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=memoryview(data).cast("B"))
    return array


def array_size(shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """In bytes."""
    return int(np.prod(shape)) * np.dtype(dtype).itemsize
