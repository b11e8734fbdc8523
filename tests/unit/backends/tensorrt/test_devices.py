"""The real device layers on the tests' fake driver, each part in a process of its own: this proves
nothing about a GPU.

PyCUDA comes as source only: where it is not built, its half is skipped.
`tools/pycuda_on_fake_driver.sh` builds it.
"""

import contextlib
import ctypes
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from ssd_live.backends.base import LoadOptions
from ssd_live.backends.tensorrt import backend as backend_module
from ssd_live.backends.tensorrt import engines
from ssd_live.backends.tensorrt.backend import EngineBackend
from ssd_live.backends.tensorrt.device import (
    Device,
    Gpu,
    array_at,
    array_size,
    failure,
    gpus,
    open_device,
)
from ssd_live.backends.tensorrt.runner import EngineRunner
from ssd_live.errors import BackendError, MissingPackageError, SsdLiveError
from tests.fake_driver import build
from tests.fake_engine import (
    ENGINE,
    GPU,
    Library,
    Log,
    check_found,
    one_line,
    picture,
    tensors_of,
    variant_of,
)
from tests.tiny_model import MAX_DETECTIONS, tiny_metadata, tiny_model

pytest.importorskip("cuda.bindings.driver")
ROOT = Path(__file__).parents[4]
LAYERS = {"cuda-bindings": "cuda.bindings", "pycuda": "pycuda"}
OTHER_LAYER = {"cuda-bindings": "pycuda_device", "pycuda": "bindings_device"}
Run = Callable[..., list[str]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if importlib.util.find_spec(LAYERS[name]) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def on_fake(library: Path, tmp_path: Path, layer: str) -> Run:
    """Run a function of this file on one layer, in a process with the fake driver; gives the lines
    of its log.
    """
    log = tmp_path / "calls.log"

    def run(part: Callable[[], None], folder: Path = library.parent, **settings: str) -> list[str]:
        environment = os.environ | {
            "LD_LIBRARY_PATH": str(folder),
            "FAKE_CUDA_LOG": str(log),
            "SSD_LIVE_ENGINES": str(tmp_path),
        }
        code = f"import {__name__} as parts; parts.use({layer!r}); parts.{part.__name__}()"
        child = subprocess.run(
            [sys.executable, "-c", code],
            env=environment | settings,
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        assert child.returncode == 0, child.stderr
        # PyCUDA itself tells of each thing that a lost GPU does not free.
        assert not child.stderr or (layer == "pycuda" and "FAKE_CUDA_LOST_AFTER" in settings)
        return log.read_text().splitlines() if log.exists() else []

    return run


def use(layer: str) -> None:
    """In the child: the other layer cannot be imported. PyCUDA captures with cuda-bindings, which
    stay.
    """
    if layer == "cuda-bindings":
        sys.modules["ssd_live.backends.tensorrt.pycuda_device"] = None  # type: ignore[assignment]


def calls(log: list[str]) -> list[str]:
    """Names of functions, in order."""
    return [line.split()[1] for line in log if line.split()[1] not in "!#"]


def after_captures(log: list[str]) -> list[str]:
    """What is called once the last graph is there."""
    names = calls(log)
    return names[len(names) - names[::-1].index("cuGraphInstantiateWithFlags") :]


def check_left_nothing(log: list[str]) -> None:
    """No mistake was made, and at the end there is no context, memory, stream, event or graph."""
    assert [line for line in log if line.split()[1] == "!"] == []
    assert log[-1].endswith(" exit -> nothing")


def said(work: Callable[[], object], kind: type[SsdLiveError] = BackendError) -> str:
    """The one line of its failure."""
    with pytest.raises(kind) as caught:
        work()
    return one_line(caught.value)


# Copies and events.


def copy_there_and_back() -> None:
    with open_device() as device:
        stream, memory = device.stream(), device.memory(12)
        there, back = device.pinned((3,), np.float32), device.pinned((3, 1), np.int32)
        there[:] = 1, 2, 3
        back[:] = 0
        device.upload(memory, there, stream)
        device.download(back, memory, stream)
        device.drain(stream)
        assert back.view(np.float32).ravel().tolist() == [1, 2, 3]


def test_data_comes_back_as_it_went_and_nothing_is_left(on_fake: Run) -> None:
    log = on_fake(copy_there_and_back)
    check_left_nothing(log)
    assert calls(log).count("cuMemcpyHtoDAsync_v2") == calls(log).count("cuMemcpyDtoHAsync_v2") == 1
    assert calls(log).index("cuDevicePrimaryCtxRelease_v2") > calls(log).index("cuMemFreeHost")


def take_everything() -> None:
    with open_device() as device:
        take_all(device)


def take_all(device: Device) -> None:
    stream, event = device.stream(), device.event()
    device.memory(0)
    device.memory(100)
    device.pinned((2, 3), np.uint8)
    device.record(event, stream)
    device.wait(event)
    graph = device.capture(stream, lambda: None)
    assert graph is not None


def test_whatever_was_taken_is_freed_before_the_context(on_fake: Run) -> None:
    log = on_fake(take_everything)
    check_left_nothing(log)
    frees = [
        name for name in calls(log) if "Free" in name or "Destroy" in name or "Release" in name
    ]
    assert frees[-1] == "cuDevicePrimaryCtxRelease_v2"
    # CU_EVENT_BLOCKING_SYNC and CU_EVENT_DISABLE_TIMING; CU_STREAM_NON_BLOCKING.
    assert {("cuEventCreate", "3"), ("cuStreamCreate", "1")} <= {
        (line.split()[1], line.split()[2]) for line in log
    }
    assert {
        "cuMemFree_v2",
        "cuMemFreeHost",
        "cuStreamDestroy_v2",
        "cuEventDestroy_v2",
        "cuGraphExecDestroy",
        "cuGraphDestroy",
    } <= set(frees)


def close_twice() -> None:
    device = open_device()
    device.close()
    device.close()


def test_closing_twice_is_closing_once(on_fake: Run) -> None:
    log = on_fake(close_twice)
    check_left_nothing(log)
    assert calls(log).count("cuDevicePrimaryCtxRelease_v2") == 1


# Graphs.


def replay() -> None:
    with open_device() as device:
        stream, memory = device.stream(), device.memory(4)
        there, back = device.pinned((4,), np.uint8), device.pinned((4,), np.uint8)
        there[:], back[:] = 1, 0

        def work() -> None:
            device.upload(memory, there, stream)
            device.download(back, memory, stream)

        graph = device.capture(stream, work)
        assert graph is not None
        assert back.tolist() == [0] * 4, "a capture only records"
        for value in (7, 8):
            there[:] = value
            graph.launch(stream)
            device.drain(stream)
            assert back.tolist() == [value] * 4


def test_a_graph_copies_what_is_there_when_it_is_launched(on_fake: Run) -> None:
    log = on_fake(replay)
    check_left_nothing(log)
    assert calls(log).count("cuGraphLaunch") == 2


def spoil_a_capture() -> None:
    with open_device() as device:
        stream, memory, source = device.stream(), device.memory(4), device.pinned((4,), np.uint8)

        def refuse() -> None:
            device.upload(memory, source, stream)
            raise BackendError("the library cannot do this in a capture")

        def allocate() -> None:
            with contextlib.suppress(BackendError):
                device.memory(4)

        assert device.capture(stream, refuse) is None
        assert device.capture(stream, allocate) is None
        device.upload(memory, source, stream)
        device.drain(stream)


def test_what_cannot_be_captured_leaves_the_stream_as_it_was(on_fake: Run) -> None:
    log = on_fake(spoil_a_capture)
    # The allocation in a capture is this test's own mistake.
    assert [line.split(" ! ")[1] for line in log if " ! " in line] == [
        "cuMemAlloc_v2: called during a capture, which is lost",
        "cuStreamEndCapture: the capture of s1 was lost to an error",
    ]
    assert log[-1].endswith("exit -> nothing")


def interrupt_a_capture() -> None:
    with open_device() as device:
        stream = device.stream()

        def interrupted() -> None:
            raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            device.capture(stream, interrupted)
        assert device.capture(stream, lambda: None) is not None


def test_an_interrupt_in_a_capture_ends_it(on_fake: Run) -> None:
    check_left_nothing(on_fake(interrupt_a_capture))


# Failures.


def take_too_much() -> None:
    with open_device() as device:
        line = said(lambda: device.memory(64))
        assert (
            line
            == "the GPU is out of memory; close other programs that use it, or choose a smaller "
            "--batch; or choose --backend cpu"
        ), line


def test_too_little_memory_gets_a_line_and_the_rest_is_freed(on_fake: Run) -> None:
    # PyCUDA tries twice, and lets Python collect its garbage in between; the driver counts the
    # second from what it let fail before.
    check_left_nothing(
        on_fake(
            take_too_much, FAKE_CUDA_FAIL="cuMemAlloc_v2:1=2,cuMemAlloc_v2:1=2,cuMemAlloc_v2:2=2"
        )
    )


def pin_too_much() -> None:
    with open_device() as device:
        assert "out of memory" in said(lambda: device.pinned((64,), np.uint8))


def test_too_little_pinned_memory_gets_a_line(on_fake: Run) -> None:
    check_left_nothing(on_fake(pin_too_much, FAKE_CUDA_FAIL="cuMemHostAlloc:1=2"))


def lose_the_gpu() -> None:
    device = open_device()
    stream, memory, source = device.stream(), device.memory(4), device.pinned((4,), np.uint8)
    device.drain(stream)
    for work in (
        lambda: device.drain(stream),
        lambda: device.upload(memory, source, stream),
        lambda: device.memory(4),
    ):
        assert said(work).startswith("the GPU failed or was lost while "), said(work)
    device.close()


def test_a_lost_gpu_gets_a_line_and_closing_it_none(on_fake: Run) -> None:
    log = on_fake(lose_the_gpu, FAKE_CUDA_LOST_AFTER="1")
    assert "cuDevicePrimaryCtxRelease_v2" in calls(log)


# Codes of the driver after which a context is of no more use.
LOST = (46, 214, 700, 702, 709, 719, 999)


@pytest.mark.parametrize("code", [*LOST, 714, 716, 718])
def test_whatever_ends_a_context_counts_as_a_lost_gpu(code: int) -> None:
    assert str(failure(code, "its name", "computing")).startswith(
        "the GPU failed or was lost while computing (its name)"
    )


def tell_lost_gpus_by_words() -> None:
    from ssd_live.backends.tensorrt.pycuda_device import failure_from_text

    library = ctypes.CDLL("libcuda.so.1")
    for code in LOST:
        words = ctypes.c_char_p()
        assert library.cuGetErrorString(code, ctypes.byref(words)) == 0
        assert words.value is not None
        line = str(
            failure_from_text(f"cuStreamSynchronize failed: {words.value.decode()}", "computing")
        )
        assert line.startswith("the GPU failed or was lost while computing ("), line


def test_a_lost_gpu_is_known_by_what_pycuda_says_of_it(on_fake: Run, layer: str) -> None:
    if layer == "pycuda":
        on_fake(tell_lost_gpus_by_words)


def refuse_otherwise() -> None:
    with open_device() as device:
        line = said(device.stream)
        assert line.startswith("the GPU reported an error while creating a stream ("), line
        assert line.endswith("; or choose --backend cpu")


def test_any_other_refusal_names_what_was_refused(on_fake: Run) -> None:
    check_left_nothing(on_fake(refuse_otherwise, FAKE_CUDA_FAIL="cuStreamCreate:1=801"))


def find_no_context() -> None:
    assert "creating its context" in said(open_device)


@pytest.mark.parametrize("function", ["cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2"])
def test_a_context_that_cannot_be_had_leaves_none_behind(on_fake: Run, function: str) -> None:
    check_left_nothing(on_fake(find_no_context, FAKE_CUDA_FAIL=f"{function}:1=801"))


# What is there.


def describe() -> None:
    found = gpus()
    assert [(gpu.name, gpu.capability) for gpu in found] == [
        ("Old Card", "7.5"),
        ("Old Card", "7.5"),
    ], found
    assert isinstance(found[0], Gpu)
    assert found[0].driver == "CUDA 12.4" or Path("/proc/driver/nvidia/version").exists()


def test_gpus_are_listed_without_a_context(on_fake: Run) -> None:
    settings = {
        "FAKE_CUDA_VERSION": "12040",
        "FAKE_CUDA_DEVICES": "2",
        "FAKE_CUDA_NAME": "Old Card",
        "FAKE_CUDA_CAPABILITY": "7.5",
    }
    log = on_fake(describe, **settings)
    assert "cuDevicePrimaryCtxRetain" not in calls(log)
    check_left_nothing(log)


def open_the_second() -> None:
    with open_device(1) as device:
        assert device.gpu == gpus()[1]
        device.memory(4)


def test_another_gpu_is_opened_by_its_number(on_fake: Run) -> None:
    log = on_fake(open_the_second, FAKE_CUDA_DEVICES="2")
    check_left_nothing(log)
    assert any(line.split()[1:3] == ["cuDevicePrimaryCtxRetain", "1"] for line in log)


def find_no_gpu() -> None:
    for work in (gpus, open_device):
        assert said(work).startswith("there is no working NVIDIA GPU; run `nvidia-smi`")


def test_a_driver_without_a_gpu_gets_a_line(on_fake: Run) -> None:
    on_fake(find_no_gpu, FAKE_CUDA_DEVICES="0")


def find_another_driver() -> None:
    assert said(gpus).startswith(
        "the NVIDIA driver and its libraries are of different versions; restart the machine"
    )


def test_a_driver_of_another_version_than_its_library_gets_a_line(on_fake: Run) -> None:
    on_fake(find_another_driver, FAKE_CUDA_FAIL="cuInit:1=803")


def find_no_driver() -> None:
    assert (
        said(gpus, MissingPackageError)
        == "there is no NVIDIA driver here; install it, or choose --backend cpu"
    )


def test_without_a_driver_there_is_a_line_of_what_to_do(on_fake: Run, tmp_path: Path) -> None:
    with contextlib.suppress(OSError):
        ctypes.CDLL("libcuda.so.1")
        pytest.skip("this machine has a driver")
    on_fake(find_no_driver, tmp_path)


# The runner on the real layer: a library whose network is a host function of the stream.


class Computer:
    """What the fake engine library needs of a device, on the driver's own streams and memory."""

    is_closed = False

    def __init__(self) -> None:
        self.log = Log()
        self._kept: list[object] = []
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._find = self._driver.fake_cuda_memory
        self._find.restype, self._find.argtypes = (
            ctypes.c_void_p,
            (ctypes.c_ulonglong, ctypes.c_size_t),
        )

    def execute(self, stream: int, work: Callable[[], None]) -> None:
        """Without cuda-bindings: theirs frees a function when it was called once, and a graph calls
        it again.
        """
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: work())
        self._kept.append(function)
        assert self._driver.cuLaunchHostFunc(ctypes.c_void_p(stream), function, None) == 0

    def content(self, address: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        place = self._find(address, array_size(shape, dtype))
        assert place, "memory of the device is used that nobody took"
        return array_at(place, shape, dtype)


def fake_library() -> Library:
    return Library(Computer(), tensors_of(MAX_DETECTIONS))  # type: ignore[arg-type]


def run_an_engine(device: Device) -> None:
    runner = EngineRunner(device, variant_of(fake_library()), ENGINE, tiny_metadata(), 2, 2)
    assert runner.captured
    for seed in range(4):
        runner.start(seed % 2, picture(seed, 2))
        check_found(runner.finish(seed % 2), picture(seed, 2))
    runner.start(0, picture(9, 2))
    runner.close()


def run_an_engine_and_leave() -> None:
    with open_device() as device:
        run_an_engine(device)


def test_an_engine_answers_from_graphs_and_leaves_nothing(on_fake: Run) -> None:
    log = on_fake(run_an_engine_and_leave)
    check_left_nothing(log)
    # A graph does it all.
    assert not {
        "cuMemAlloc_v2",
        "cuMemHostAlloc",
        "cuEventCreate",
        "cuStreamCreate",
        "cuMemcpyHtoDAsync_v2",
    } & set(after_captures(log))
    assert after_captures(log).count("cuEventRecord") == 5


def backend_on_fake() -> EngineBackend:
    """Its engine is there already, and the GPUs were looked for elsewhere."""
    for module, name, value in (
        (backend_module, "gpus", lambda: [GPU]),
        (engines, "build", lambda *_: ENGINE),
    ):
        setattr(module, name, value)
    return EngineBackend(tiny_model(), variant_of(fake_library()), LoadOptions("GPU", "fp32"))


def run_a_backend() -> None:
    with backend_on_fake() as backend:
        first, second = backend.submit(picture(0)), backend.submit(picture(1))
        check_found(first.result(), picture(0))
        check_found(second.result(), picture(1))
    assert threading.active_count() == 1


def test_a_backend_keeps_the_driver_to_one_thread(on_fake: Run) -> None:
    log = on_fake(run_a_backend)
    check_left_nothing(log)
    assert {line.split()[0] for line in log if line.split()[1] != "exit"} == {"t1"}
    assert after_captures(log).count("cuEventRecord") == 2


def lose_a_backend() -> None:
    with backend_on_fake() as backend:
        backend.submit(picture(0)).result()
        assert said(lambda: backend.submit(picture(0)).result()).startswith(
            "the GPU failed or was lost while computing ("
        )


def test_a_gpu_that_is_lost_in_the_middle_gets_a_line_and_is_let_go(on_fake: Run) -> None:
    # Two slots that warm up, and one picture: launched, and waited for.
    log = on_fake(lose_a_backend, FAKE_CUDA_LOST_AFTER="4")
    assert "cuDevicePrimaryCtxRelease_v2" in calls(log)
