"""A device on host memory and an engine library that note what is done with them and in which
thread.

They hold ordering and lifetime: what is put on a stream is done only when somebody waits for it,
and an object of the library notes when it is freed. They prove nothing about a GPU.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from ssd_live.backends.base import Outputs
from ssd_live.backends.tensorrt.device import Gpu, failure
from ssd_live.backends.tensorrt.variants import Variant
from ssd_live.closing import Closing
from ssd_live.errors import SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import OUTPUTS, graft_efficient_nms
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.table import BackendMeasurement, store
from tests.tiny_model import SIDE
from tests.waiting import LIMIT_SECONDS

ENGINE = b"an engine"
GPU = Gpu("Fake GPU", "8.9", "580.1")
OUT_OF_MEMORY, LOST = (2, "CUDA_ERROR_OUT_OF_MEMORY"), (719, "CUDA_ERROR_LAUNCH_FAILED")
# What takes memory or makes a handle.
TAKING = ("memory", "pinned", "stream", "event", "context", "capture")


@dataclass
class Log:
    """What was done, in order; a word and what it was done to: `upload s1`."""

    lines: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def note(self, line: str) -> None:
        self.lines.append(line)
        self.threads.add(threading.current_thread().name)

    def words(self) -> list[str]:
        return [line.split()[0] for line in self.lines]

    def about(self, *words: str) -> list[str]:
        return [line for line in self.lines if line.split()[0] in words]


class RecordingDevice(Closing):
    """A `Device` in memory. `fail` is (call, number, (code, name)): the call of that number fails
    with the code; `stuck` holds up `wait`.
    """

    library = "memory"

    def __init__(
        self,
        log: Log,
        fail: tuple[str, int, tuple[int, str]] | None = None,
        *,
        captures: bool = True,
    ) -> None:
        self.gpu, self.log = GPU, log
        self.stuck = threading.Event()
        self.stuck.set()
        self.is_closed = False
        self._fail, self._captures = fail, captures
        self._memory: dict[int, NDArray[np.uint8]] = {}
        self._pinned: list[NDArray[Any]] = []
        self._streams: dict[int, list[Callable[[], None]]] = {}
        self._events: dict[str, int] = {}
        self._recorded: list[Callable[[], None]] | None = None

    def memory(self, size: int) -> int:
        address = 0x7F00_0000_0000 + 0x1_0000_0000 * len(self._memory)
        self._did(f"memory {size}")
        self._memory[address] = np.zeros(size, np.uint8)
        return address

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        self._did(f"pinned {shape}")
        self._pinned.append(np.full(shape, 77, dtype))
        return self._pinned[-1]

    def stream(self) -> int:
        number = len(self._streams) + 1
        self._did(f"stream s{number}")
        self._streams[number] = []
        return number

    def event(self) -> Any:
        name = f"e{len(self._events) + 1}"
        self._did(f"event {name}")
        self._events[name] = 0
        return name

    def upload(self, target: int, source: NDArray[Any], stream: int) -> None:
        self._check_pinned(source)
        memory = self._memory[target]
        assert memory.nbytes == source.nbytes
        self._put(
            f"upload s{stream}",
            stream,
            lambda: np.copyto(memory, source.reshape(-1).view(np.uint8)),
        )

    def download(self, target: NDArray[Any], source: int, stream: int) -> None:
        self._check_pinned(target)
        memory = self._memory[source]
        assert memory.nbytes == target.nbytes
        self._put(
            f"download s{stream}",
            stream,
            lambda: np.copyto(target.reshape(-1).view(np.uint8), memory),
        )

    def execute(self, stream: int, work: Callable[[], None]) -> None:
        """What a library puts on a stream."""
        self._put(f"execute s{stream}", stream, work)

    def record(self, event: Any, stream: int) -> None:
        self._did(f"record s{stream}")
        self._events[event] = stream

    def wait(self, event: Any) -> None:
        assert self._events[event], "an event was waited for that was never recorded"
        self._did(f"wait s{self._events[event]}")
        assert self.stuck.wait(LIMIT_SECONDS)
        self._run(self._events[event])

    def drain(self, stream: int) -> None:
        self._did(f"drain s{stream}")
        self._run(stream)

    def capture(self, stream: int, work: Callable[[], None]) -> "RecordingGraph | None":
        self._did(f"capture s{stream}")
        assert not self._streams[stream], "a stream is captured while there is work on it"
        if not self._captures:
            return None
        self._recorded = []
        try:
            work()
        finally:
            recorded, self._recorded = self._recorded, None
        return RecordingGraph(self, recorded)

    def launch(self, stream: int, work: list[Callable[[], None]]) -> None:
        self._did(f"launch s{stream}")
        self._streams[stream] += work

    def close(self) -> None:
        self.log.note("close device")
        self.is_closed = True

    def content(self, address: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Memory of the device, as the library sees it."""
        return self._memory[address].view(dtype).reshape(shape)

    @property
    def is_idle(self) -> bool:
        return not any(self._streams.values())

    def _did(self, line: str) -> None:
        self.log.note(line)
        assert not self.is_closed, f"{line} on a closed device"
        if self._fail is not None:
            word, count, (code, name) = self._fail
            if line.split()[0] == word and self.log.words().count(word) == count:
                raise failure(code, name, word)

    def _put(self, line: str, stream: int, work: Callable[[], None]) -> None:
        self._did(line)
        (self._streams[stream] if self._recorded is None else self._recorded).append(work)

    def _run(self, stream: int) -> None:
        work, self._streams[stream] = self._streams[stream], []
        for one in work:
            one()

    def _check_pinned(self, array: NDArray[Any]) -> None:
        assert any(array is known for known in self._pinned), "memory is copied that is not pinned"


@dataclass
class RecordingGraph:
    device: RecordingDevice
    work: list[Callable[[], None]]

    def launch(self, stream: int) -> None:
        self.device.launch(stream, self.work)


def answer_to(images: Pixels, rows: int) -> Outputs:
    """What the library's engines find: one thing in each picture, whose numbers are those of its
    first pixels.
    """
    batch = len(images)
    outputs = Outputs(
        np.ones((batch, 1), np.int32),
        np.zeros((batch, rows, 4), np.float32),
        np.zeros((batch, rows), np.float32),
        np.zeros((batch, rows), np.int32),
    )
    pixels = images.reshape(batch, -1)
    outputs.boxes[:, 0] = pixels[:, :4] / 255
    outputs.scores[:, 0] = pixels[:, 4] / 255
    outputs.classes[:, 0] = pixels[:, 5]
    return outputs


def picture(seed: int, batch: int = 1) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (batch, SIDE, SIDE, 3), np.uint8)


def check_found(outputs: Outputs, images: Pixels) -> None:
    """That the outputs are what is to be found in the images."""
    for got, wanted in zip(outputs, answer_to(images, outputs.boxes.shape[1]), strict=True):
        np.testing.assert_array_equal(got, wanted)


@dataclass
class Library:
    """The part of TensorRT's API that runs engines. `tensors` are an engine's own: name -> dtype,
    shape; -1 is the batch.

    `refuses` names what answers None or False, with what the logger is told; `raises` what raises.
    """

    device: RecordingDevice
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    refuses: dict[str, list[str]] = field(default_factory=dict)
    raises: dict[str, BaseException] = field(default_factory=dict)
    contexts: int = 0
    # Whether the engine that was loaded last was allowed to bring code for the processor.
    allows_host_code: bool = False
    logger: Any = None

    __version__ = "10.9.0"
    uint8, int32, float32 = "uint8", "int32", "float32"

    class ILogger:
        ERROR, INTERNAL_ERROR, WARNING = "ERROR", "INTERNAL_ERROR", "WARNING"

    def init_libnvinfer_plugins(self, logger: Any, namespace: str) -> None:
        self.device.log.note("plugins")

    def Runtime(self, logger: Any) -> "Runtime":  # noqa: N802 (the library's name)
        self.logger = logger
        self.device.log.note("runtime")
        self.answer("runtime")
        return Runtime(self)

    def engine(self) -> "Engine":
        return Engine(self)

    def answer(self, what: str) -> bool:
        """Whether it goes well; the library tells its logger why not."""
        if what in self.raises:
            raise self.raises[what]
        for line in self.refuses.get(what, ()):
            self.logger.log(self.ILogger.ERROR, line)
        return what not in self.refuses


class _Freed:
    """Notes its end, as the real objects free what they hold then."""

    kind = ""

    def __init__(self, library: Library) -> None:
        self.library = library

    def __del__(self) -> None:
        self.library.device.log.note(f"free {self.kind}")
        assert not self.library.device.is_closed


class Runtime(_Freed):
    kind = "runtime"
    engine_host_code_allowed = False

    def deserialize_cuda_engine(self, engine: bytes) -> "Engine | None":
        self.library.device.log.note("engine")
        if not self.library.answer("engine"):
            return None
        assert engine == ENGINE
        self.library.allows_host_code = self.engine_host_code_allowed
        return self.library.engine()


class Engine(_Freed):
    kind = "engine"

    @property
    def num_io_tensors(self) -> int:
        return len(self.library.tensors)

    def get_tensor_name(self, number: int) -> str:
        return list(self.library.tensors)[number]

    def get_tensor_dtype(self, name: str) -> str:
        return self.library.tensors[name][0]

    def create_execution_context(self, config: Any = None) -> "Context | None":
        self.library.contexts += 1
        self.library.device.log.note(f"context {self.library.contexts}")
        return (
            Context(self.library)
            if self.library.answer(f"context {self.library.contexts}")
            else None
        )


class Context(_Freed):
    """Computes what `answer_to` says, on the stream, when that is run."""

    kind = "context"

    def __init__(self, library: Library) -> None:
        super().__init__(library)
        self._batch = -1
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "image"
        self._batch = shape[0]
        return self.library.answer("shape")

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._batch if size == -1 else size for size in self.library.tensors[name][1])

    def execute_async_v3(self, stream: int) -> bool:
        if not self.library.answer("execute"):
            return False
        device, tensors, addresses = (
            self.library.device,
            self.library.tensors,
            dict(self._addresses),
        )
        shapes = {name: self.get_tensor_shape(name) for name in tensors}

        def compute() -> None:
            images = device.content(addresses["image"], shapes["image"], np.uint8)
            found = answer_to(images, shapes[OUTPUTS[1]][1])
            for name, values in zip(OUTPUTS, found, strict=True):
                device.content(addresses[name], shapes[name], values.dtype)[...] = values

        device.execute(stream, compute)
        return True


def tensors_of(
    rows: int, **changes: tuple[str, tuple[int, ...]]
) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Of a sound engine for pictures of the tiny model's size."""
    sound: dict[str, tuple[str, tuple[int, ...]]] = {
        "image": ("uint8", (-1, SIDE, SIDE, 3)),
        "num_detections": ("int32", (-1, 1)),
        "detection_boxes": ("float32", (-1, rows, 4)),
        "detection_scores": ("float32", (-1, rows)),
        "detection_classes": ("int32", (-1, rows)),
    }
    return sound | changes


@dataclass(frozen=True)
class FakeVariant(Variant):
    """TensorRT by name, on `fake`."""

    fake: Any = None

    def library(self) -> Any:
        return self.fake


def variant_of(library: Any) -> FakeVariant:
    return FakeVariant(
        "tensorrt",
        "TensorRT",
        "tensorrt",
        graft_efficient_nms,
        "install it",
        measures_kernels=True,
        fake=library,
    )


def one_line(error: SsdLiveError) -> str:
    said = str(error)
    assert "\n" not in said
    return said


def without_tensorrt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For processes that are started from now on."""
    (folder / "sitecustomize.py").write_text("import sys; sys.modules['tensorrt'] = None")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def know_the_fastest(model: ModelFile) -> None:
    """So that nothing has to be measured for the backend `cpu`."""
    row = BackendMeasurement(BackendChoice("onnxruntime", "CPU", "fp32"), 1.0, 1000.0, 1.0, "boxes")
    store(model, [row], without_gpu=True)
