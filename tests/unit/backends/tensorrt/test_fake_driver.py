"""The fake CUDA driver of the tests under NVIDIA's own bindings, each part in a process of its own,
which can load one driver only.
"""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fake_driver import build

cuda: Any = pytest.importorskip("cuda.bindings.driver")
ROOT = Path(__file__).parents[4]
BYTES = 64


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def on_fake(library: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """Run a function of this file in a process with the fake driver; gives the lines of its log."""
    log = tmp_path / "calls.log"

    def run(part: Callable[[], None], **settings: str) -> list[str]:
        environment = (
            os.environ
            | {"LD_LIBRARY_PATH": str(library.parent), "FAKE_CUDA_LOG": str(log)}
            | settings
        )
        child = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import {part.__name__}; {part.__name__}()"],
            env=environment,
            cwd=ROOT,
            check=False,
        )
        assert child.returncode == 0
        return log.read_text().splitlines()

    return run


def ok(answer: tuple[Any, ...]) -> Any:
    assert answer[0] == cuda.CUresult.CUDA_SUCCESS, answer[0]
    return answer[1] if len(answer) > 1 else None


def code(answer: tuple[Any, ...]) -> int:
    return int(answer[0])


def enter_context() -> None:
    ok(cuda.cuInit(0))
    ok(cuda.cuCtxPushCurrent(ok(cuda.cuDevicePrimaryCtxRetain(0))))


def leave_context() -> None:
    ok(cuda.cuCtxPopCurrent())
    ok(cuda.cuDevicePrimaryCtxRelease(0))


def pinned(content: bytes) -> ctypes.Array[ctypes.c_char]:
    memory = (ctypes.c_char * len(content)).from_address(
        int(ok(cuda.cuMemHostAlloc(len(content), 0)))
    )
    memory.raw = content
    return memory


def begin_capture(stream: Any) -> None:
    ok(
        cuda.cuStreamBeginCapture(
            stream, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        )
    )


def mistakes(log: list[str]) -> list[str]:
    return [line for line in log if line.split()[1] == "!"]


def copy_there_and_back() -> None:
    enter_context()
    stream, memory = ok(cuda.cuStreamCreate(1)), ok(cuda.cuMemAlloc(BYTES))
    there, back = pinned(bytes(range(BYTES))), pinned(bytes(BYTES))
    ok(cuda.cuMemcpyHtoDAsync(memory, ctypes.addressof(there), BYTES, stream))
    ok(cuda.cuMemcpyDtoHAsync(ctypes.addressof(back), memory, BYTES, stream))
    ok(cuda.cuStreamSynchronize(stream))
    assert back.raw == bytes(range(BYTES))
    ok(cuda.cuMemFree(memory))
    for held in (there, back):
        ok(cuda.cuMemFreeHost(ctypes.addressof(held)))
    ok(cuda.cuStreamDestroy(stream))
    leave_context()


def test_data_comes_back_as_it_went_and_nothing_is_left(on_fake: Callable[..., list[str]]) -> None:
    log = on_fake(copy_there_and_back)
    assert "t1 cuMemcpyHtoDAsync_v2 m1 h1 64 s1 -> 0" in log
    assert mistakes(log) == []
    assert log[-1] == "t1 exit -> nothing"


def replay_copies() -> None:
    enter_context()
    stream, memory = ok(cuda.cuStreamCreate(1)), ok(cuda.cuMemAlloc(BYTES))
    there, back = pinned(b"a" * BYTES), pinned(b"-" * BYTES)
    begin_capture(stream)
    ok(cuda.cuMemcpyHtoDAsync(memory, ctypes.addressof(there), BYTES, stream))
    ok(cuda.cuMemcpyDtoHAsync(ctypes.addressof(back), memory, BYTES, stream))
    executable = ok(cuda.cuGraphInstantiate(ok(cuda.cuStreamEndCapture(stream)), 0))
    assert back.raw == b"-" * BYTES, "a capture only records"
    for letter in (b"b", b"c"):
        there.raw = letter * BYTES
        ok(cuda.cuGraphLaunch(executable, stream))
        ok(cuda.cuStreamSynchronize(stream))
        assert back.raw == letter * BYTES


def test_a_captured_graph_copies_at_every_launch_what_is_there_then(
    on_fake: Callable[..., list[str]],
) -> None:
    log = on_fake(replay_copies)
    assert "t1 cuMemcpyHtoDAsync_v2 m1 h1 64 s1 -> 0 captured" in log
    assert log[-1] == "t1 exit -> c1 m1 h1 h2 s1 g1 x1"


def join_streams() -> None:
    enter_context()
    first, second, event = (
        ok(cuda.cuStreamCreate(1)),
        ok(cuda.cuStreamCreate(1)),
        ok(cuda.cuEventCreate(2)),
    )
    memory, source = ok(cuda.cuMemAlloc(BYTES)), pinned(bytes(BYTES))

    def capture(last_word: Callable[[], None]) -> int:
        begin_capture(first)
        ok(cuda.cuEventRecord(event, first))
        ok(cuda.cuStreamWaitEvent(second, event, 0))
        ok(cuda.cuMemcpyHtoDAsync(memory, ctypes.addressof(source), BYTES, second))
        last_word()
        return code(cuda.cuStreamEndCapture(first))

    def join() -> None:
        ok(cuda.cuEventRecord(event, second))
        ok(cuda.cuStreamWaitEvent(first, event, 0))

    assert capture(join) == cuda.CUresult.CUDA_SUCCESS
    assert capture(lambda: None) == cuda.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED


def test_a_capture_ends_only_where_its_streams_have_joined(
    on_fake: Callable[..., list[str]],
) -> None:
    on_fake(join_streams)


def use_what_was_freed() -> None:
    enter_context()
    stream, memory, source = (
        ok(cuda.cuStreamCreate(1)),
        ok(cuda.cuMemAlloc(BYTES)),
        pinned(bytes(BYTES)),
    )
    ok(cuda.cuMemFree(memory))
    assert code(cuda.cuMemFree(memory)) == cuda.CUresult.CUDA_ERROR_INVALID_VALUE
    assert (
        code(cuda.cuMemcpyHtoDAsync(memory, ctypes.addressof(source), BYTES, stream))
        == cuda.CUresult.CUDA_ERROR_INVALID_VALUE
    )
    ok(cuda.cuStreamDestroy(stream))
    assert code(cuda.cuStreamSynchronize(stream)) == cuda.CUresult.CUDA_ERROR_INVALID_HANDLE


def test_what_was_freed_is_of_no_more_use(on_fake: Callable[..., list[str]]) -> None:
    assert mistakes(on_fake(use_what_was_freed)) == [
        "t1 ! cuMemFree_v2: m1 was freed already",
        "t1 ! cuMemcpyHtoDAsync_v2: m1 was freed",
        "t1 ! cuStreamSynchronize: s1 was destroyed",
    ]


def copy_too_much() -> None:
    enter_context()
    memory, source = ok(cuda.cuMemAlloc(BYTES)), pinned(bytes(2 * BYTES))
    assert (
        code(cuda.cuMemcpyHtoD(int(memory) + 1, ctypes.addressof(source), BYTES))
        == cuda.CUresult.CUDA_ERROR_INVALID_VALUE
    )


def test_no_copy_reaches_beyond_an_allocation(on_fake: Callable[..., list[str]]) -> None:
    assert mistakes(on_fake(copy_too_much)) == [
        "t1 ! cuMemcpyHtoD_v2: 64 bytes from 1 on are more than the 64 of m1"
    ]


def use_no_context() -> None:
    enter_context()
    codes = []
    thread = threading.Thread(target=lambda: codes.append(code(cuda.cuMemAlloc(BYTES))))
    thread.start()
    thread.join()
    assert codes == [cuda.CUresult.CUDA_ERROR_INVALID_CONTEXT]


def test_a_context_is_current_to_one_thread(on_fake: Callable[..., list[str]]) -> None:
    assert mistakes(on_fake(use_no_context)) == ["t2 ! cuMemAlloc_v2: no context is current"]


def allocate_in_a_capture() -> None:
    enter_context()
    stream = ok(cuda.cuStreamCreate(1))
    begin_capture(stream)
    assert code(cuda.cuMemAlloc(BYTES)) == cuda.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
    assert (
        code(cuda.cuStreamEndCapture(stream)) == cuda.CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
    )
    ok(cuda.cuMemAlloc(BYTES))


def test_an_allocation_ruins_the_capture_of_its_thread(on_fake: Callable[..., list[str]]) -> None:
    on_fake(allocate_in_a_capture)


def launch_on_freed_memory() -> None:
    enter_context()
    stream, memory = ok(cuda.cuStreamCreate(1)), ok(cuda.cuMemAlloc(BYTES))
    begin_capture(stream)
    ok(cuda.cuMemsetD8Async(memory, 0, BYTES, stream))
    executable = ok(cuda.cuGraphInstantiate(ok(cuda.cuStreamEndCapture(stream)), 0))
    ok(cuda.cuMemFree(memory))
    assert code(cuda.cuGraphLaunch(executable, stream)) == cuda.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
    assert code(cuda.cuStreamSynchronize(stream)) == cuda.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS


def test_a_graph_that_reaches_for_freed_memory_takes_the_context_down(
    on_fake: Callable[..., list[str]],
) -> None:
    assert mistakes(on_fake(launch_on_freed_memory)) == ["t1 ! cuGraphLaunch: m1 was freed"]


def compute_in_a_stream() -> None:
    """A network of a test: it doubles every byte, on the host."""
    enter_context()
    stream, memory, data = (
        ok(cuda.cuStreamCreate(1)),
        ok(cuda.cuMemAlloc(BYTES)),
        pinned(bytes(range(BYTES))),
    )
    find = ctypes.CDLL("libcuda.so.1").fake_cuda_memory
    find.restype, find.argtypes = ctypes.c_void_p, (ctypes.c_ulonglong, ctypes.c_size_t)
    content = (ctypes.c_ubyte * BYTES).from_address(find(int(memory), BYTES))

    def double(_: int) -> None:
        content[:] = [2 * value for value in content]

    network = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(double)
    begin_capture(stream)
    ok(cuda.cuMemcpyHtoDAsync(memory, ctypes.addressof(data), BYTES, stream))
    ok(cuda.cuLaunchHostFunc(stream, cuda.CUhostFn(ctypes.cast(network, ctypes.c_void_p).value), 0))
    ok(cuda.cuMemcpyDtoHAsync(ctypes.addressof(data), memory, BYTES, stream))
    executable = ok(cuda.cuGraphInstantiate(ok(cuda.cuStreamEndCapture(stream)), 0))
    ok(cuda.cuGraphLaunch(executable, stream))
    assert data.raw == bytes(range(0, 2 * BYTES, 2))


def test_a_host_function_computes_on_memory_of_the_device(
    on_fake: Callable[..., list[str]],
) -> None:
    on_fake(compute_in_a_stream)


def fail_the_second_allocation() -> None:
    enter_context()
    codes = [code(cuda.cuMemAlloc(BYTES)) for _ in range(3)]
    assert codes == [0, cuda.CUresult.CUDA_ERROR_OUT_OF_MEMORY, 0]


def test_a_call_fails_as_told(on_fake: Callable[..., list[str]]) -> None:
    on_fake(fail_the_second_allocation, FAKE_CUDA_FAIL="cuMemAlloc_v2:2=2,cuEventCreate:1=1")


def lose_the_gpu() -> None:
    enter_context()
    stream, memory = ok(cuda.cuStreamCreate(1)), ok(cuda.cuMemAlloc(BYTES))
    ok(cuda.cuStreamSynchronize(stream))
    ok(cuda.cuStreamSynchronize(stream))
    assert code(cuda.cuStreamSynchronize(stream)) == cuda.CUresult.CUDA_ERROR_UNKNOWN
    assert code(cuda.cuMemFree(memory)) == cuda.CUresult.CUDA_ERROR_UNKNOWN


def test_a_lost_gpu_answers_no_more(on_fake: Callable[..., list[str]]) -> None:
    log = on_fake(lose_the_gpu, FAKE_CUDA_LOST_AFTER="2")
    assert log[-2:] == ["t1 cuMemFree_v2 m1 -> 999", "t1 exit -> c1 m1 s1"]


def describe_the_device() -> None:
    assert ok(cuda.cuDriverGetVersion()) == 12040
    ok(cuda.cuInit(0))
    assert ok(cuda.cuDeviceGetCount()) == 2
    assert ok(cuda.cuDeviceGetName(BYTES, 1)).rstrip(b" \0") == b"Old Card"
    kind = cuda.CUdevice_attribute
    assert ok(cuda.cuDeviceGetAttribute(kind.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 1)) == 7
    assert ok(cuda.cuDeviceGetAttribute(kind.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 1)) == 5


def test_the_devices_are_as_the_environment_says(on_fake: Callable[..., list[str]]) -> None:
    on_fake(
        describe_the_device,
        FAKE_CUDA_VERSION="12040",
        FAKE_CUDA_DEVICES="2",
        FAKE_CUDA_NAME="Old Card",
        FAKE_CUDA_CAPABILITY="7.5",
    )


def find_no_device() -> None:
    assert code(cuda.cuInit(0)) == cuda.CUresult.CUDA_ERROR_NO_DEVICE


def test_there_may_be_no_device(on_fake: Callable[..., list[str]]) -> None:
    on_fake(find_no_device, FAKE_CUDA_DEVICES="0")
