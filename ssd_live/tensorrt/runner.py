"""An engine on a device: slots, each with its own stream, memory, execution context and captured graph."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.errors import BackendError
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import OUTPUTS
from ssd_live.tensorrt.builder import keep_errors
from ssd_live.tensorrt.device import Device, Graph
from ssd_live.tensorrt.flavours import Flavour

INPUT = "image"


@dataclass
class Slot:
    """One batch's way through the GPU; `images` and `outputs` are pinned."""

    images: NDArray[np.uint8]
    outputs: Outputs
    stream: int
    done: Any
    enqueue: Callable[[], None]
    graph: Graph | None = None


class EngineRunner:
    """Made, used and closed in one thread, the one that opened the device. Nothing is allocated per picture."""

    def __init__(self, device: Device, flavour: Flavour, engine: bytes, metadata: Metadata, batch: int, slots: int, *, graphs: bool = True) -> None:
        self._device = device
        self._trt = trt = flavour.library()
        self._messages: list[str] = []
        # What the library refers to has to live as long as it does.
        self._logger = keep_errors(trt, self._messages)
        flavour.prepare(self._logger)
        self._contexts: list[Any] = []
        self.slots: list[Slot] = []
        self._shape = (batch, metadata.input_size[1], metadata.input_size[0], 3)
        self._rows = metadata.max_detections
        self._title = flavour.title
        self._runtime: Any = trt.Runtime(self._logger)
        # Engines that run on other versions too carry code of their own; only signed ones come here.
        self._runtime.engine_host_code_allowed = True
        self._engine: Any = None
        try:
            self._engine = self._made(lambda: self._runtime.deserialize_cuda_engine(engine), f"{flavour.title} does not take the engine")
            self._check(metadata)
            for _ in range(slots):
                self.slots.append(self._slot())
            for slot in self.slots:
                self._warm(slot, graphs=graphs)
        except BaseException:
            # While the device is still open.
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
            slot.enqueue()
        self._device.record(slot.done, slot.stream)

    def finish(self, number: int) -> Outputs:
        """Wait for the slot's answer, which is valid until the slot starts again."""
        slot = self.slots[number]
        self._device.wait(slot.done)
        return slot.outputs

    def close(self) -> None:
        """Contexts before their engine, the engine before its runtime; memory goes with the device."""
        self.slots = []
        self._contexts.clear()
        self._engine = None
        self._runtime = None

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
            raise BackendError(f"the engine does not take {batch} pictures at once; build it with --batch {batch}")
        for name, address in ((INPUT, source), *zip(OUTPUTS, results, strict=True)):
            context.set_tensor_address(name, address)

        def enqueue() -> None:
            device.upload(source, images, stream)
            if not context.execute_async_v3(stream):
                raise self._trouble("the GPU refused to compute")
            for output, address in zip(outputs, results, strict=True):
                device.download(output, address, stream)

        return Slot(images, outputs, stream, device.event(), enqueue)

    def _warm(self, slot: Slot, *, graphs: bool) -> None:
        """The first run compiles and allocates what is left; only then can it be captured."""
        slot.images.fill(0)
        slot.enqueue()
        self._device.drain(slot.stream)
        if graphs:
            slot.graph = self._device.capture(slot.stream, slot.enqueue)

    def _context(self) -> Any:
        if not hasattr(self._engine, "create_runtime_config"):
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        # TensorRT-RTX would else compile kernels for the shape in the background, after the graph was captured.
        if hasattr(self._trt, "DynamicShapesKernelSpecializationStrategy"):
            config.dynamic_shapes_kernel_specialization_strategy = self._trt.DynamicShapesKernelSpecializationStrategy.EAGER
        return self._engine.create_execution_context(config)

    def _check(self, metadata: Metadata) -> None:
        """Raises `BackendError` for an engine whose tensors are not those of the model file."""
        trt, engine = self._trt, self._engine
        names = {engine.get_tensor_name(number) for number in range(engine.num_io_tensors)}
        if names != {INPUT, *OUTPUTS}:
            raise BackendError(f"{self._title}: the engine of {metadata.name} has other inputs and outputs; `build --force` makes it again")
        types = {INPUT: trt.uint8, OUTPUTS[0]: trt.int32, OUTPUTS[1]: trt.float32, OUTPUTS[2]: trt.float32, OUTPUTS[3]: trt.int32}
        wrong = [name for name, kind in types.items() if engine.get_tensor_dtype(name) != kind]
        rows = int(engine.get_tensor_shape(OUTPUTS[1])[1])
        if wrong or rows not in (-1, metadata.max_detections):
            raise BackendError(f"{self._title}: the engine of {metadata.name} answers in another form; `build --force` makes it again")

    def _made(self, make: Callable[[], Any], doing: str) -> Any:
        """The library answers None, or raises, and tells its logger why."""
        try:
            made = make()
        except RuntimeError as error:
            raise self._trouble(doing) from error
        if made is None:
            raise self._trouble(doing)
        return made

    def _trouble(self, doing: str) -> BackendError:
        reason = " ".join(self._messages[0].split())[:300] if self._messages else "it gives no reason"
        self._messages.clear()
        if "memory" in reason.lower():
            reason += "; close what else uses the GPU"
        return BackendError(f"{doing}: {reason}; or choose --backend cpu")
