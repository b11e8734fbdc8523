"""Run an engine on a GPU.

Each slot has its own stream, memory, execution context and captured CUDA graph.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.backends.tensorrt.builder import keep_errors
from ssd_live.backends.tensorrt.device import Device, Graph
from ssd_live.backends.tensorrt.device_thread import clear_traceback_frames
from ssd_live.backends.tensorrt.variants import Variant
from ssd_live.errors import BackendError
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import OUTPUTS

INPUT = "image"


@dataclass
class Slot:
    """The buffers and handles for computing one batch on the GPU.

    `images` (B, H, W, 3) uint8 BGR and `outputs` are in pinned host memory. `images` is copied to
    the device address `source`, and `outputs` is copied from the device addresses `results`.
    `context` is the library's execution context, and `stream` the handle of the CUDA stream. `done`
    is the event that follows the last copy. `graph` is the captured work, or None if it is not
    captured.
    """

    context: Any
    stream: int
    done: Any
    images: NDArray[np.uint8]
    outputs: Outputs
    source: int
    results: list[int]
    graph: Graph | None = None


class EngineRunner:
    """An engine loaded on a GPU, with slots that each compute one batch at a time.

    It must be created, used and closed in the thread that opened `device`. `engine` is the
    serialised engine, and `metadata` the metadata of its model. `batch` is the number of images in
    every batch, and `slots` the number of slots. `graphs` is whether the work of each slot is
    captured as a CUDA graph. Nothing is allocated per batch. Raises `BackendError` if the engine
    cannot be loaded or does not fit the model, and `MissingPackageError` if the library is not
    installed.
    """

    def __init__(
        self,
        device: Device,
        variant: Variant,
        engine: bytes,
        metadata: Metadata,
        batch: int,
        slots: int,
        *,
        graphs: bool = True,
    ) -> None:
        self._device = device
        self._trt = variant.library()
        self._messages: list[str] = []
        # The library keeps a reference to the logger, so it must live as long as the runner.
        self._logger = keep_errors(self._trt, self._messages)
        variant.prepare(self._logger)
        self._contexts: list[Any] = []
        self.slots: list[Slot] = []
        self._shape = (batch, metadata.input_size[1], metadata.input_size[0], 3)
        self._rows = metadata.max_detections
        self._title, self._name = variant.title, metadata.name
        self._runtime: Any = None
        self._engine: Any = None
        try:
            self._prepare(engine, slots, graphs=graphs)
        except BaseException as error:
            # The frames hold objects of the library, which must be freed while the device is open.
            clear_traceback_frames(error)
            self.close()
            raise

    @property
    def captured(self) -> bool:
        """Whether every slot has a captured CUDA graph, so that one launch starts all its work."""
        return all(slot.graph is not None for slot in self.slots)

    def start(self, number: int, images: NDArray[np.uint8]) -> None:
        """Copy the images (B, H, W, 3) uint8 BGR into slot `number` and start to compute them.

        Raises `BackendError` if the GPU fails.
        """
        slot = self.slots[number]
        np.copyto(slot.images, images)
        if slot.graph is not None:
            slot.graph.launch(slot.stream)
        else:
            self._enqueue(slot)
        self._device.record(slot.done, slot.stream)

    def finish(self, number: int) -> Outputs:
        """Wait for the outputs of slot `number` and return them.

        The arrays are valid until the next `start` of this slot. Raises `BackendError` if the GPU
        fails.
        """
        slot = self.slots[number]
        self._device.wait(slot.done)
        return slot.outputs

    def close(self) -> None:
        """Free the execution contexts, then the engine, then its runtime.

        The library needs this order. The memory is freed when the device is closed.
        """
        self._drain()
        self.slots = []
        self._contexts.clear()
        self._engine = None
        self._runtime = None

    def _prepare(self, engine: bytes, slots: int, *, graphs: bool) -> None:
        self._runtime = self._made(
            lambda: self._trt.Runtime(self._logger), f"{self._title} does not start"
        )
        # A version-compatible engine contains host code. It may run, because only signed engines
        # are loaded.
        self._runtime.engine_host_code_allowed = True
        self._engine = self._made(
            lambda: self._runtime.deserialize_cuda_engine(engine),
            f"{self._title} cannot load the engine",
        )
        self._check()
        for _ in range(slots):
            self.slots.append(self._slot())
        for slot in self.slots:
            self._warm(slot, graphs=graphs)

    def _drain(self) -> None:
        """Wait until all streams are empty, because a context must not be freed while it computes.

        Errors are ignored, because a lost GPU computes nothing any more.
        """
        for slot in self.slots:
            with contextlib.suppress(BackendError):
                self._device.drain(slot.stream)

    def _slot(self) -> Slot:
        device, batch = self._device, self._shape[0]
        context = self._made(self._context, f"{self._title} cannot prepare the engine")
        self._contexts.append(context)
        stream = device.stream()
        images = device.pinned(self._shape, np.uint8)
        outputs = Outputs(
            device.pinned((batch, 1), np.int32),
            device.pinned((batch, self._rows, 4), np.float32),
            device.pinned((batch, self._rows), np.float32),
            device.pinned((batch, self._rows), np.int32),
        )
        source = device.memory(images.nbytes)
        results = [device.memory(output.nbytes) for output in outputs]
        if not context.set_input_shape(INPUT, self._shape):
            raise BackendError(
                f"the engine does not accept a batch of {batch}; run `build` with --batch {batch}"
            )
        for name, address in ((INPUT, source), *zip(OUTPUTS, results, strict=True)):
            context.set_tensor_address(name, address)
        for name, output in zip(OUTPUTS, outputs, strict=True):
            self._check_shape(tuple(context.get_tensor_shape(name)), output.shape)
        return Slot(context, stream, device.event(), images, outputs, source, results)

    def _enqueue(self, slot: Slot) -> None:
        self._device.upload(slot.source, slot.images, slot.stream)
        if not slot.context.execute_async_v3(slot.stream):
            raise self._error("the GPU refused to compute")
        for output, address in zip(slot.outputs, slot.results, strict=True):
            self._device.download(output, address, slot.stream)

    def _warm(self, slot: Slot, *, graphs: bool) -> None:
        """Run the slot once, then capture its CUDA graph if `graphs` is true.

        The first run compiles kernels and allocates memory, and neither can be captured.
        """
        slot.images.fill(0)
        self._enqueue(slot)
        self._device.drain(slot.stream)
        if graphs:
            # A local function here would keep the slot alive after an error. `partial` does not.
            slot.graph = self._device.capture(slot.stream, partial(self._enqueue, slot))

    def _context(self) -> Any:
        if not hasattr(self._engine, "create_runtime_config"):
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        # By default TensorRT-RTX compiles kernels for the shape in the background, after the graph
        # was captured.
        if hasattr(self._trt, "DynamicShapesKernelSpecializationStrategy"):
            config.dynamic_shapes_kernel_specialization_strategy = (
                self._trt.DynamicShapesKernelSpecializationStrategy.EAGER
            )
        return self._engine.create_execution_context(config)

    def _check(self) -> None:
        """Raise `BackendError` if the engine has other inputs or outputs than a model file."""
        trt, engine = self._trt, self._engine
        names = {engine.get_tensor_name(number) for number in range(engine.num_io_tensors)}
        if names != {INPUT, *OUTPUTS}:
            raise BackendError(
                f"{self._title}: the engine of {self._name} has unexpected inputs or outputs; "
                "run `build --force` to build it again"
            )
        types = {
            INPUT: trt.uint8,
            OUTPUTS[0]: trt.int32,
            OUTPUTS[1]: trt.float32,
            OUTPUTS[2]: trt.float32,
            OUTPUTS[3]: trt.int32,
        }
        if any(engine.get_tensor_dtype(name) != kind for name, kind in types.items()):
            raise self._other_form()

    def _check_shape(self, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        """Raise `BackendError` if the shape `found` of an output differs from the shape `wanted`.

        `wanted` is the shape of the output's buffer. A size of -1 in `found` means that the library
        does not know it. Such a size is not checked.
        """
        if len(found) != len(wanted) or any(
            size not in (-1, room) for size, room in zip(found, wanted, strict=True)
        ):
            raise self._other_form()

    def _other_form(self) -> BackendError:
        return BackendError(
            f"{self._title}: the engine of {self._name} has tensors of another type or shape; "
            "run `build --force` to build it again"
        )

    def _made(self, make: Callable[[], Any], doing: str) -> Any:
        """Call `make` and return the object of the library that it creates.

        Raises `BackendError` if `make` returns None or raises an error. The message begins with
        `doing`, which says what failed, and then has the reason that the library gave.
        """
        self._messages.clear()
        try:
            made = make()
        except (RuntimeError, TypeError) as error:
            raise self._error(doing, str(error)) from error
        if made is None:
            raise self._error(doing)
        return made

    def _error(self, doing: str, said: str = "") -> BackendError:
        reason = " ".join(next(iter(self._messages), said or "no reason given").split())[:300]
        self._messages.clear()
        if "outofmemory" in reason.lower().replace(" ", ""):
            reason += "; close other programs that use the GPU"
        return BackendError(f"{doing}: {reason}; choose --backend cpu if this happens again")
