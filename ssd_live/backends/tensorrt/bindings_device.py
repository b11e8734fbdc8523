"""Implement `Device` with cuda-bindings, NVIDIA's own Python package for CUDA.

This module also captures CUDA graphs for `PycudaDevice`, because pycuda cannot capture.
"""

from collections.abc import Callable
from typing import Any

from cuda.bindings import driver
from numpy.typing import DTypeLike, NDArray

from ssd_live.backends.tensorrt.device import Gpu, array_at, array_size, driver_version, failure
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError


class BindingsGraph:
    """A CUDA graph that is ready to be launched. `handle` is its handle in the driver.

    It is freed when its device is closed.
    """

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def launch(self, stream: int) -> None:
        """Start the work of the graph on the CUDA stream with the handle `stream`.

        Raises `BackendError` if the GPU fails.
        """
        _call("computing", driver.cuGraphLaunch, self.handle, stream)


class BindingsDevice(Closing):
    """A GPU opened with cuda-bindings. See `Device`.

    `number` is the index of the GPU in the driver's order. Raises `MissingPackageError` if there is
    no driver, and `BackendError` if the GPU cannot be opened.
    """

    library = "cuda-bindings"

    def __init__(self, number: int = 0) -> None:
        _start()
        self._device = _call("opening the GPU", driver.cuDeviceGet, number)
        self.gpu = _gpu(self._device)
        context = _call("creating its context", driver.cuDevicePrimaryCtxRetain, self._device)
        # The calls that free everything, run newest first by `close`. The context comes last.
        self._frees: list[Callable[[], Any]] = [
            lambda: driver.cuDevicePrimaryCtxRelease(self._device)
        ]
        try:
            _call("creating its context", driver.cuCtxPushCurrent, context)
        except BackendError:
            self.close()
            raise
        self._frees.append(driver.cuCtxPopCurrent)

    def memory(self, size: int) -> int:
        """Allocate `size` bytes of device memory and return the address. See `Device.memory`."""
        pointer = _call(f"allocating {size / 2**20:.1f} MiB", driver.cuMemAlloc, max(size, 1))
        self._frees.append(lambda: driver.cuMemFree(pointer))
        return int(pointer)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Allocate page-locked host memory and return it as an array. See `Device.pinned`."""
        size = array_size(shape, dtype)
        address = int(_call(f"pinning {size / 2**20:.1f} MiB", driver.cuMemHostAlloc, size, 0))
        self._frees.append(lambda: driver.cuMemFreeHost(address))
        return array_at(address, shape, dtype)

    def stream(self) -> int:
        """Create a CUDA stream and return its handle. See `Device.stream`."""
        handle = _call(
            "creating a stream",
            driver.cuStreamCreate,
            int(driver.CUstream_flags.CU_STREAM_NON_BLOCKING),
        )
        self._frees.append(lambda: driver.cuStreamDestroy(handle))
        return int(handle)

    def event(self) -> Any:
        """Create a CUDA event and return it. See `Device.event`."""
        flags = int(driver.CUevent_flags.CU_EVENT_BLOCKING_SYNC) | int(
            driver.CUevent_flags.CU_EVENT_DISABLE_TIMING
        )
        handle = _call("creating an event", driver.cuEventCreate, flags)
        self._frees.append(lambda: driver.cuEventDestroy(handle))
        return handle

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        """Start to copy the array `source` to the address `target`. See `Device.upload`."""
        _call(
            "uploading", driver.cuMemcpyHtoDAsync, target, source.ctypes.data, source.nbytes, stream
        )

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        """Start to copy from the address `source` to the array `target`. See `Device.download`."""
        _call(
            "downloading",
            driver.cuMemcpyDtoHAsync,
            target.ctypes.data,
            source,
            target.nbytes,
            stream,
        )

    def record(self, event: Any, stream: int) -> None:
        """Put an event on a stream, after the work that is on it. See `Device.record`."""
        _call("computing", driver.cuEventRecord, event, stream)

    def wait(self, event: Any) -> None:
        """Wait until an event has happened. See `Device.wait`."""
        _call("computing", driver.cuEventSynchronize, event)

    def drain(self, stream: int) -> None:
        """Wait until all work on a stream is done. See `Device.drain`."""
        _call("computing", driver.cuStreamSynchronize, stream)

    def capture(self, stream: int, work: Callable[[], None]) -> BindingsGraph | None:
        """Capture what `work` puts on a stream as a CUDA graph. See `Device.capture`."""
        graph = captured(stream, work)
        if graph is not None:
            self._frees.append(lambda: driver.cuGraphExecDestroy(graph.handle))
        return graph

    def close(self) -> None:
        """Free everything that was allocated, newest first, and then the context.

        Errors are ignored, because nothing can be freed on a lost GPU.
        """
        frees, self._frees = self._frees, []
        for free in reversed(frees):
            free()


def captured(stream: int, work: Callable[[], None]) -> BindingsGraph | None:
    """Call `work`, capture what it puts on a CUDA stream, and return that as a CUDA graph.

    `stream` is the handle of a stream of the current context. The work is captured without running
    it. Return None if a part of it cannot be captured. The capture is in thread-local mode, so that
    other threads may continue to use the GPU.
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
            # The capture must end even if `work` failed. A capture that failed gives no graph.
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
    """Return the GPUs that the driver shows, in the driver's order. See `device.gpus`."""
    _start()
    return [
        _gpu(_call("opening the GPU", driver.cuDeviceGet, number))
        for number in range(_call("counting the GPUs", driver.cuDeviceGetCount))
    ]


def newest_cuda() -> int:
    """Return the newest CUDA version that the driver supports as a number: 13000 for CUDA 13.0."""
    _start()
    return int(_call("reading the driver version", driver.cuDriverGetVersion))


def _start() -> None:
    """Start the CUDA driver.

    Raises `MissingPackageError` if there is no driver and `BackendError` if it does not start.
    """
    try:
        _call("starting the CUDA driver", driver.cuInit, 0)
    except RuntimeError as error:
        if isinstance(error, BackendError):
            raise
        raise MissingPackageError(
            "there is no NVIDIA driver here; install it, or choose --backend cpu"
        ) from error


def _gpu(device: Any) -> Gpu:
    name = (
        _call("reading its name", driver.cuDeviceGetName, 256, device)
        .split(b"\0")[0]
        .decode("ascii", "replace")
    )
    attribute = driver.CUdevice_attribute
    major, minor = (
        _call("reading its compute capability", driver.cuDeviceGetAttribute, which, device)
        for which in (
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        )
    )
    return Gpu(
        name,
        f"{major}.{minor}",
        driver_version(int(_call("reading the driver version", driver.cuDriverGetVersion))),
    )


def _call(doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of the driver and return its first result, or None if it has none.

    `doing` says in the error message what failed, as in "creating a stream". Raises `BackendError`
    if the function returns an error code.
    """
    code, *values = function(*arguments)
    if code != driver.CUresult.CUDA_SUCCESS:
        raise failure(int(code), getattr(code, "name", "unknown"), doing)
    return values[0] if values else None
