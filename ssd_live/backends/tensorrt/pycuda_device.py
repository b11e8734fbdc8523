"""The device layer on pycuda."""

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

# pycuda tells what the driver said in words: "cuMemAlloc failed: out of memory".
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
# CU_STREAM_NON_BLOCKING, for which pycuda has no name: what others put on the default stream must
# not spoil a capture.
_NON_BLOCKING = 1


class PycudaDevice(Closing):
    """See `Device`. pycuda frees what is no longer referred to, in the thread that holds the
    context; so it is kept, and dropped in order.
    """

    library = "pycuda"

    def __init__(self, number: int = 0) -> None:
        _call("starting", cuda.init)
        device = _call("looking for it", cuda.Device, number)
        self.gpu = _gpu(device)
        self._kept: list[Any] = []
        self._streams: dict[int, Any] = {}
        self._context = _call("making its context", device.retain_primary_context)
        try:
            _call("making its context", self._context.push)
        except BackendError:
            self.close()
            raise

    def memory(self, size: int) -> int:
        allocation = _call(f"taking {size / 2**20:.1f} MiB", cuda.mem_alloc, max(size, 1))
        self._kept.append(allocation)
        return int(allocation)

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        array: NDArray[Any] = _call("pinning memory", cuda.pagelocked_empty, shape, dtype)
        self._kept.append(array.base)
        return array

    def stream(self) -> int:
        stream = _call("making a stream", cuda.Stream, _NON_BLOCKING)
        self._streams[stream.handle] = stream
        return int(stream.handle)

    def event(self) -> Any:
        event = _call(
            "making an event",
            cuda.Event,
            cuda.event_flags.BLOCKING_SYNC | cuda.event_flags.DISABLE_TIMING,
        )
        self._kept.append(event)
        return event

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        _call("uploading", cuda.memcpy_htod_async, target, source, self._streams[stream])

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        _call("downloading", cuda.memcpy_dtoh_async, target, source, self._streams[stream])

    def record(self, event: Any, stream: int) -> None:
        _call("computing", event.record, self._streams[stream])

    def wait(self, event: Any) -> None:
        _call("computing", event.synchronize)

    def drain(self, stream: int) -> None:
        _call("computing", self._streams[stream].synchronize)

    def capture(self, stream: int, work: Callable[[], None]) -> Graph | None:
        """pycuda has no graphs: cuda-bindings captures on the same context and stream, where it is
        installed.
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
        """A GPU that is lost frees nothing any more; pycuda writes a line to standard error for
        each.
        """
        while self._kept:
            _free(self._kept.pop())
        self._streams.clear()
        context, self._context = self._context, None
        if context is not None:
            # It takes the context off pycuda's own stack too. Popping it fails on a lost GPU, and
            # with a context on that stack pycuda aborts the process when the thread ends.
            context.detach()


def _free(kept: Any) -> None:
    """Arrays may still be referred to elsewhere: their memory goes now, in this thread."""
    if hasattr(kept, "free"):
        with contextlib.suppress(cuda.Error):
            kept.free()


@dataclass(frozen=True)
class _CapturedGraph:
    free: Callable[[], Any]


def gpus() -> list[Gpu]:
    """See `device.gpus`."""
    _call("starting", cuda.init)
    return [
        _gpu(_call("looking for it", cuda.Device, number))
        for number in range(_call("counting", cuda.Device.count))
    ]


def newest_cuda() -> int:
    """As 13000 for 13.0."""
    return int(_call("asking its version", cuda.get_driver_version))


def _gpu(device: Any) -> Gpu:
    major, minor = _call("asking what it can do", device.compute_capability)
    return Gpu(
        _call("asking its name", device.name),
        f"{major}.{minor}",
        driver_version(_call("asking its version", cuda.get_driver_version)),
    )


def _call(doing: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Raises `BackendError`."""
    try:
        return function(*arguments)
    except cuda.Error as error:
        raise _trouble(str(error), doing) from error


def _trouble(words: str, doing: str) -> BackendError:
    code = next(
        (code for phrase, code in _CODES.items() if phrase in words),
        _LOST_CODE if _LOST_WORDS.search(words) else _OTHER_CODE,
    )
    return failure(code, words.splitlines()[0] if words else "no reason given", doing)
