"""Implement `Device` with pycuda."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pycuda.driver as cuda
from numpy.typing import DTypeLike, NDArray

from ssd_live.backends.tensorrt.device import Gpu, Graph, driver_version, failure
from ssd_live.closing import Closing
from ssd_live.errors import BackendError

# pycuda reports an error of the driver as text without its code, as in "cuMemAlloc failed: out of
# memory". Each phrase stands for a code of `CUresult`.
_CODES = {
    "out of memory": 2,
    "no CUDA-capable device": 100,
    "driver version is insufficient": 35,
    "cuda driver combination": 803,
}
_LOST_WORDS = re.compile(
    "illegal|launch fail|launch time|unknown error|hardware|misaligned|address space|invalid "
    "program|assert|uncorrectable"
    "|context is destroyed|busy or unavailable",
    re.I,
)
_LOST_CODE, _OTHER_CODE = 719, 1
# CU_STREAM_NON_BLOCKING, for which pycuda has no name. Without it, work that other code puts on the
# default stream would invalidate a capture.
_NON_BLOCKING = 1


class PycudaDevice(Closing):
    """A GPU opened with pycuda. See `Device`.

    `number` is the index of the GPU in the driver's order. Raises `BackendError` if the GPU cannot
    be opened.

    pycuda frees an object when nothing refers to it any more, and that must happen in the thread
    that opened the GPU. The device therefore keeps every object, and `close` frees all objects
    before it frees the context.
    """

    library = "pycuda"

    def __init__(self, number: int = 0) -> None:
        _call("starting the CUDA driver", cuda.init)
        device = _call("opening the GPU", cuda.Device, number)
        self.gpu = _gpu(device)
        self._kept: list[Any] = []
        self._streams: dict[int, Any] = {}
        self._context = _call("creating its context", device.retain_primary_context)
        try:
            _call("creating its context", self._context.push)
        except BackendError:
            self.close()
            raise

    def memory(self, size: int) -> int:
        """Allocate `size` bytes of device memory and return the address. See `Device.memory`."""
        allocation = _call(f"allocating {size / 2**20:.1f} MiB", cuda.mem_alloc, max(size, 1))
        self._kept.append(allocation)
        return int(allocation)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Allocate page-locked host memory and return it as an array. See `Device.pinned`."""
        array: NDArray[Any] = _call("pinning memory", cuda.pagelocked_empty, shape, dtype)
        self._kept.append(array.base)
        return array

    def stream(self) -> int:
        """Create a CUDA stream and return its handle. See `Device.stream`."""
        stream = _call("creating a stream", cuda.Stream, _NON_BLOCKING)
        self._streams[stream.handle] = stream
        return int(stream.handle)

    def event(self) -> Any:
        """Create a CUDA event and return it. See `Device.event`."""
        event = _call(
            "creating an event",
            cuda.Event,
            cuda.event_flags.BLOCKING_SYNC | cuda.event_flags.DISABLE_TIMING,
        )
        self._kept.append(event)
        return event

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        """Start to copy the array `source` to the address `target`. See `Device.upload`."""
        _call("uploading", cuda.memcpy_htod_async, target, source, self._streams[stream])

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        """Start to copy from the address `source` to the array `target`. See `Device.download`."""
        _call("downloading", cuda.memcpy_dtoh_async, target, source, self._streams[stream])

    def record(self, event: Any, stream: int) -> None:
        """Put an event on a stream, after the work that is on it. See `Device.record`."""
        _call("computing", event.record, self._streams[stream])

    def wait(self, event: Any) -> None:
        """Wait until an event has happened. See `Device.wait`."""
        _call("computing", event.synchronize)

    def drain(self, stream: int) -> None:
        """Wait until all work on a stream is done. See `Device.drain`."""
        _call("computing", self._streams[stream].synchronize)

    def capture(self, stream: int, work: Callable[[], None]) -> Graph | None:
        """Capture what `work` puts on a stream as a CUDA graph. See `Device.capture`.

        pycuda has no graphs, so cuda-bindings captures on the same context and stream. Return None
        if cuda-bindings is not installed or if the work cannot be captured.
        """
        try:
            from cuda.bindings import driver

            from ssd_live.backends.tensorrt.bindings_device import captured
        except ImportError:
            return None
        graph = captured(stream, work)
        if graph is not None:
            self._kept.append(_CapturedGraph(lambda: driver.cuGraphExecDestroy(graph.handle)))
        return graph

    def close(self) -> None:
        """Free everything that was allocated, and then the context.

        On a lost GPU nothing can be freed. pycuda then writes a line to standard error for each
        object.
        """
        while self._kept:
            _free(self._kept.pop())
        self._streams.clear()
        context, self._context = self._context, None
        if context is not None:
            # Detaching also removes the context from pycuda's own stack. Popping it would fail on a
            # lost GPU, and pycuda aborts the process if a context is left on that stack when the
            # thread ends.
            context.detach()


def _free(kept: Any) -> None:
    """Free `kept` now and in this thread, if it is memory. Do nothing for other objects.

    Without this call, pycuda would free the memory only when no code refers to its array any more.
    """
    if hasattr(kept, "free"):
        with contextlib.suppress(cuda.Error):
            kept.free()


@dataclass(frozen=True)
class _CapturedGraph:
    free: Callable[[], Any]


def gpus() -> list[Gpu]:
    """Return the GPUs that the driver shows, in the driver's order. See `device.gpus`."""
    _call("starting the CUDA driver", cuda.init)
    return [
        _gpu(_call("opening the GPU", cuda.Device, number))
        for number in range(_call("counting the GPUs", cuda.Device.count))
    ]


def newest_cuda() -> int:
    """Return the newest CUDA version that the driver supports as a number: 13000 for CUDA 13.0."""
    return int(_call("reading the driver version", cuda.get_driver_version))


def _gpu(device: Any) -> Gpu:
    major, minor = _call("reading its compute capability", device.compute_capability)
    return Gpu(
        _call("reading its name", device.name),
        f"{major}.{minor}",
        driver_version(_call("reading the driver version", cuda.get_driver_version)),
    )


def _call(doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of pycuda and return its result.

    `doing` says in the error message what failed, as in "creating a stream". Raises `BackendError`
    if the function fails.
    """
    try:
        return function(*arguments)
    except cuda.Error as error:
        raise failure_from_text(str(error), doing) from error


def failure_from_text(words: str, doing: str) -> BackendError:
    """Return the `BackendError` for an error of pycuda, whose text is `words`.

    `doing` says in the message what failed, as in "creating a stream".
    """
    code = next(
        (code for phrase, code in _CODES.items() if phrase in words),
        _LOST_CODE if _LOST_WORDS.search(words) else _OTHER_CODE,
    )
    return failure(code, words.splitlines()[0] if words else "no reason given", doing)
