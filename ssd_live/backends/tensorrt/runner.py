"""An engine on a device: slots, each with its own stream, memory, execution context and captured
graph.
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
    """One batch's way through the GPU: `images` and `outputs` are pinned, `source` and `results`
    are where they lie on the device.
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
    """Made, used and closed in one thread, the one that opened the device. Nothing is allocated per
    picture.
    """

    def __init__(
        self,
        device: Device,
        flavour: Variant,
        engine: bytes,
        metadata: Metadata,
        batch: int,
        slots: int,
        *,
        graphs: bool = True,
    ) -> None:
        self._device = device
        self._trt = flavour.library()
        self._messages: list[str] = []
        # What the library refers to has to live as long as it does.
        self._logger = keep_errors(self._trt, self._messages)
        flavour.prepare(self._logger)
        self._contexts: list[Any] = []
        self.slots: list[Slot] = []
        self._shape = (batch, metadata.input_size[1], metadata.input_size[0], 3)
        self._rows = metadata.max_detections
        self._title, self._name = flavour.title, metadata.name
        self._runtime: Any = None
        self._engine: Any = None
        try:
            self._prepare(engine, slots, graphs=graphs)
        except BaseException as error:
            # While the device is still open.
            clear_traceback_frames(error)
            self.close()
            raise

    @property
    def captured(self) -> bool:
        """Whether every slot is launched as one graph."""
        return all(slot.graph is not None for slot in self.slots)

    def start(self, number: int, images: NDArray[np.uint8]) -> None:
        """Copy the images (B, H, W, 3) uint8 into the slot, and set it going."""
        slot = self.slots[number]
        np.copyto(slot.images, images)
        if slot.graph is not None:
            slot.graph.launch(slot.stream)
        else:
            self._enqueue(slot)
        self._device.record(slot.done, slot.stream)

    def finish(self, number: int) -> Outputs:
        """Wait for the slot's answer, which is valid until the slot starts again."""
        slot = self.slots[number]
        self._device.wait(slot.done)
        return slot.outputs

    def close(self) -> None:
        """Contexts before their engine, the engine before its runtime; memory goes with
        the device.
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
        # Engines that run on other versions too carry code of their own; only signed ones come
        # here.
        self._runtime.engine_host_code_allowed = True
        self._engine = self._made(
            lambda: self._runtime.deserialize_cuda_engine(engine),
            f"{self._title} does not take the engine",
        )
        self._check()
        for _ in range(slots):
            self.slots.append(self._slot())
        for slot in self.slots:
            self._warm(slot, graphs=graphs)

    def _drain(self) -> None:
        """A context must not be freed while it computes. A lost GPU computes nothing any more, and
        says so.
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
                f"the engine does not take {batch} pictures at once; build it with --batch {batch}"
            )
        for name, address in ((INPUT, source), *zip(OUTPUTS, results, strict=True)):
            context.set_tensor_address(name, address)
        for name, output in zip(OUTPUTS, outputs, strict=True):
            self._check_shape(tuple(context.get_tensor_shape(name)), output.shape)
        return Slot(context, stream, device.event(), images, outputs, source, results)

    def _enqueue(self, slot: Slot) -> None:
        self._device.upload(slot.source, slot.images, slot.stream)
        if not slot.context.execute_async_v3(slot.stream):
            raise self._trouble("the GPU refused to compute")
        for output, address in zip(slot.outputs, slot.results, strict=True):
            self._device.download(output, address, slot.stream)

    def _warm(self, slot: Slot, *, graphs: bool) -> None:
        """The first run compiles and allocates what is left; only then can it be captured."""
        slot.images.fill(0)
        self._enqueue(slot)
        self._device.drain(slot.stream)
        if graphs:
            # A closure over the slot would outlive a failure with it.
            slot.graph = self._device.capture(slot.stream, partial(self._enqueue, slot))

    def _context(self) -> Any:
        if not hasattr(self._engine, "create_runtime_config"):
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        # TensorRT-RTX would else compile kernels for the shape in the background, after the graph
        # was captured.
        if hasattr(self._trt, "DynamicShapesKernelSpecializationStrategy"):
            config.dynamic_shapes_kernel_specialization_strategy = (
                self._trt.DynamicShapesKernelSpecializationStrategy.EAGER
            )
        return self._engine.create_execution_context(config)

    def _check(self) -> None:
        """Raises `BackendError` for an engine whose tensors are not those of the model file."""
        trt, engine = self._trt, self._engine
        names = {engine.get_tensor_name(number) for number in range(engine.num_io_tensors)}
        if names != {INPUT, *OUTPUTS}:
            raise BackendError(
                f"{self._title}: the engine of {self._name} has other inputs and outputs; `build "
                "--force` makes it again"
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
        """An engine that writes more than there is room for is refused; -1 is a size that the
        library does not tell.
        """
        if len(found) != len(wanted) or any(
            size not in (-1, room) for size, room in zip(found, wanted, strict=True)
        ):
            raise self._other_form()

    def _other_form(self) -> BackendError:
        return BackendError(
            f"{self._title}: the engine of {self._name} answers in another form; `build --force` "
            "makes it again"
        )

    def _made(self, make: Callable[[], Any], doing: str) -> Any:
        """The library answers None, or raises, and tells its logger why."""
        self._messages.clear()
        try:
            made = make()
        except (RuntimeError, TypeError) as error:
            raise self._trouble(doing, str(error)) from error
        if made is None:
            raise self._trouble(doing)
        return made

    def _trouble(self, doing: str, said: str = "") -> BackendError:
        reason = " ".join(next(iter(self._messages), said or "it gives no reason").split())[:300]
        self._messages.clear()
        if "outofmemory" in reason.lower().replace(" ", ""):
            reason += "; close what else uses the GPU"
        return BackendError(f"{doing}: {reason}; or choose --backend cpu")
