"""The device layer on cuda-bindings, NVIDIA's own wheels; and capturing graphs, which pycuda cannot
do.
"""

from collections.abc import Callable
from typing import Any

from cuda.bindings import driver
from numpy.typing import DTypeLike, NDArray

from ssd_live.backends.tensorrt.device import Gpu, array_at, array_size, driver_version, failure
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError


class BindingsGraph:
    """An instantiated graph; freed with its device."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def launch(self, stream: int) -> None:
        _call("computing", driver.cuGraphLaunch, self.handle, stream)


class BindingsDevice(Closing):
    """See `Device`."""

    library = "cuda-bindings"

    def __init__(self, number: int = 0) -> None:
        _start()
        self._device = _call("looking for it", driver.cuDeviceGet, number)
        self.gpu = _gpu(self._device)
        context = _call("making its context", driver.cuDevicePrimaryCtxRetain, self._device)
        # What is freed at the end, newest first; the context stands below everything.
        self._frees: list[Callable[[], Any]] = [
            lambda: driver.cuDevicePrimaryCtxRelease(self._device)
        ]
        try:
            _call("making its context", driver.cuCtxPushCurrent, context)
        except BackendError:
            self.close()
            raise
        self._frees.append(driver.cuCtxPopCurrent)

    def memory(self, size: int) -> int:
        pointer = _call(f"taking {size / 2**20:.1f} MiB", driver.cuMemAlloc, max(size, 1))
        self._frees.append(lambda: driver.cuMemFree(pointer))
        return int(pointer)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        size = array_size(shape, dtype)
        address = int(_call(f"pinning {size / 2**20:.1f} MiB", driver.cuMemHostAlloc, size, 0))
        self._frees.append(lambda: driver.cuMemFreeHost(address))
        return array_at(address, shape, dtype)

    def stream(self) -> int:
        handle = _call(
            "making a stream",
            driver.cuStreamCreate,
            int(driver.CUstream_flags.CU_STREAM_NON_BLOCKING),
        )
        self._frees.append(lambda: driver.cuStreamDestroy(handle))
        return int(handle)

    def event(self) -> Any:
        flags = int(driver.CUevent_flags.CU_EVENT_BLOCKING_SYNC) | int(
            driver.CUevent_flags.CU_EVENT_DISABLE_TIMING
        )
        handle = _call("making an event", driver.cuEventCreate, flags)
        self._frees.append(lambda: driver.cuEventDestroy(handle))
        return handle

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        _call(
            "uploading", driver.cuMemcpyHtoDAsync, target, source.ctypes.data, source.nbytes, stream
        )

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        _call(
            "downloading",
            driver.cuMemcpyDtoHAsync,
            target.ctypes.data,
            source,
            target.nbytes,
            stream,
        )

    def record(self, event: Any, stream: int) -> None:
        _call("computing", driver.cuEventRecord, event, stream)

    def wait(self, event: Any) -> None:
        _call("computing", driver.cuEventSynchronize, event)

    def drain(self, stream: int) -> None:
        _call("computing", driver.cuStreamSynchronize, stream)

    def capture(self, stream: int, work: Callable[[], None]) -> BindingsGraph | None:
        graph = captured(stream, work)
        if graph is not None:
            self._frees.append(lambda: driver.cuGraphExecDestroy(graph.handle))
        return graph

    def close(self) -> None:
        """A GPU that is lost frees nothing any more, and says so each time; that is no news."""
        frees, self._frees = self._frees, []
        for free in reversed(frees):
            free()


def captured(stream: int, work: Callable[[], None]) -> BindingsGraph | None:
    """What `work` puts on a stream of the current context, captured in thread-local mode: other
    threads may go on using the GPU.

    None where something in it cannot be captured.
    """
    _call(
        "capturing",
        driver.cuStreamBeginCapture,
        stream,
        driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL,
    )
    graph = None
    try:
        try:
            work()
        finally:
            # The capture ends whatever came of it; one that was spoilt gives no graph.
            code, graph = driver.cuStreamEndCapture(stream)
        return (
            BindingsGraph(_call("capturing", driver.cuGraphInstantiate, graph, 0))
            if code == driver.CUresult.CUDA_SUCCESS
            else None
        )
    except BackendError:
        return None
    finally:
        if graph is not None:
            driver.cuGraphDestroy(graph)


def gpus() -> list[Gpu]:
    """See `device.gpus`."""
    _start()
    return [
        _gpu(_call("looking for it", driver.cuDeviceGet, number))
        for number in range(_call("counting", driver.cuDeviceGetCount))
    ]


def newest_cuda() -> int:
    """As 13000 for 13.0."""
    _start()
    return int(_call("asking its version", driver.cuDriverGetVersion))


def _start() -> None:
    """Raises `MissingPackageError` where there is no driver, `BackendError` where it does not
    start.
    """
    try:
        _call("starting", driver.cuInit, 0)
    except RuntimeError as error:
        if isinstance(error, BackendError):
            raise
        raise MissingPackageError(
            "there is no NVIDIA driver here; install it, or choose --backend cpu"
        ) from error


def _gpu(device: Any) -> Gpu:
    name = (
        _call("asking its name", driver.cuDeviceGetName, 256, device)
        .split(b"\0")[0]
        .decode("ascii", "replace")
    )
    attribute = driver.CUdevice_attribute
    major, minor = (
        _call("asking what it can do", driver.cuDeviceGetAttribute, which, device)
        for which in (
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        )
    )
    return Gpu(
        name,
        f"{major}.{minor}",
        driver_version(int(_call("asking its version", driver.cuDriverGetVersion))),
    )


def _call(doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Of what the driver answers, without its code. Raises `BackendError`."""
    code, *values = function(*arguments)
    if code != driver.CUresult.CUDA_SUCCESS:
        raise failure(int(code), getattr(code, "name", "unknown"), doing)
    return values[0] if values else None
