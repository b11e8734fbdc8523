"""Define the backends `tensorrt` and `tensorrt-rtx`.

Each loaded model has an engine, a GPU, and a thread that owns both.
"""

from collections.abc import Callable
from concurrent.futures import Future

from ssd_live.backends.base import LoadOptions, Outputs, Precision
from ssd_live.backends.tensorrt.device import Device, gpus, open_device
from ssd_live.backends.tensorrt.device_thread import DeviceThread
from ssd_live.backends.tensorrt.engines import engine_for, failed_line
from ssd_live.backends.tensorrt.graph import EnginePrecision
from ssd_live.backends.tensorrt.runner import EngineRunner
from ssd_live.backends.tensorrt.store import EngineStore, Manifest, Parity
from ssd_live.backends.tensorrt.variants import VARIANTS, Variant
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError, UsageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile

# While one slot computes, the next batch is uploaded to the other.
_SLOTS = 2
_DEVICE = "GPU"


class EnginePending:
    """A batch that was submitted to the GPU. See `Pending`.

    `owner` is the thread that owns the GPU. `started` is a future that is done when that thread has
    started the batch. `finish` waits for the outputs and returns them, and only that thread may
    call it.
    """

    def __init__(
        self, owner: DeviceThread, started: "Future[None]", finish: Callable[[], Outputs]
    ) -> None:
        self._owner, self._started, self._finish = owner, started, finish

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the batch and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. Raises
        `BackendError` if the GPU failed, and `TimeoutError` if the time is up. See
        `Pending.result`.
        """
        answer = self._owner.call(self._answer)
        try:
            return answer.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"the GPU gave no answer within {timeout:g} s; try again") from None

    def _answer(self) -> Outputs:
        self._started.result()
        return self._finish()


class EngineBackend(Closing):
    """A model loaded as an engine on an NVIDIA GPU. See `Backend`.

    `chosen` is an engine to load: its store and its manifest. If `chosen` is None or its engine is
    no longer stored, a stored engine that fits is loaded, or one is built. The attribute `manifest`
    describes the loaded engine.

    Raises `UsageError` if the precision is neither fp16 nor fp32, `BackendError` if the GPU of
    `options.device` does not exist or the engine cannot be used or built, `ModelFileError` if the
    chosen engine was changed or the model cannot be built in fp16, `OutputError` if a new engine
    cannot be stored, and `MissingPackageError` if the library or the driver is missing.
    """

    slots = _SLOTS

    def __init__(
        self,
        model: ModelFile,
        variant: Variant,
        options: LoadOptions,
        chosen: tuple[EngineStore, Manifest] | None = None,
    ) -> None:
        if options.precision not in ("fp16", "fp32"):
            raise UsageError(
                f"{variant.title} cannot compute in {options.precision}; choose --precision fp16 "
                "or fp32"
            )
        number = _number(options.device)
        present = gpus()
        if number >= len(present):
            raise BackendError(
                f"this machine has no NVIDIA GPU named {options.device}; run `doctor` to see its "
                "GPUs, or choose --backend cpu"
            )
        precision: EnginePrecision = options.precision
        self._store, wanted = chosen or (EngineStore(), None)
        found = self._store.find(wanted.key) if wanted else None
        self.manifest, engine = found or engine_for(
            model, variant, present[number], precision, options.batch, options.notify, self._store
        )
        self._next = 0
        self._device: Device | None = None
        self._runner: EngineRunner | None = None
        self._owner = DeviceThread("tensorrt")
        try:
            self._owner.call(
                lambda: self._open(model, variant, engine, number, options.batch)
            ).result()
        except BaseException:
            self.close()
            raise
        version = str(variant.library().__version__)
        self.description = f"{variant.title} {version} {present[number].name} {options.precision}"

    def submit(self, images: Pixels) -> EnginePending:
        """Start to compute a batch of images, and return the batch in flight.

        `images` is (B, H, W, 3) uint8 BGR. See `Backend.submit`.
        """
        number, self._next = self._next, (self._next + 1) % self.slots
        started = self._owner.call(lambda: self._opened().start(number, images))
        return EnginePending(self._owner, started, lambda: self._opened().finish(number))

    def note_parity(self, parity: Parity) -> None:
        """Store `parity`, the result of the engine check, in the manifest of the loaded engine.

        The engine check compares the engine with the float32 model file. Raises `BackendError` if
        the engine failed the check and must not be used, and `OutputError` if the manifest cannot
        be written.
        """
        self.manifest = self._store.note_parity(self.manifest, parity)
        if parity.state == "failed":
            raise BackendError(failed_line(self.manifest))

    def share(self) -> None:
        # This backend has only one handle.
        return None

    def close(self) -> None:
        """Free the engine and the device in the thread that opened them, then end that thread.

        If the GPU does not respond, the thread is abandoned after five seconds.
        """
        self._owner.call(self._release)
        self._owner.end()

    def _open(
        self, model: ModelFile, variant: Variant, engine: bytes, number: int, batch: int
    ) -> None:
        self._device = open_device(number)
        self._runner = EngineRunner(
            self._device, variant, engine, model.metadata, batch, self.slots
        )

    def _opened(self) -> EngineRunner:
        assert self._runner is not None, "the device thread accepts no work after close"
        return self._runner

    def _release(self) -> None:
        runner, self._runner = self._runner, None
        device, self._device = self._device, None
        try:
            if runner is not None:
                runner.close()
        finally:
            if device is not None:
                device.close()


class EngineModule:
    """The backend of one variant, TensorRT or TensorRT-RTX. See `BackendModule`."""

    def __init__(self, variant: Variant) -> None:
        self._variant = variant

    def devices(self) -> list[str]:
        """Return the NVIDIA GPUs of this machine as `GPU`, `GPU.1`, and so on.

        Raises `MissingPackageError` if a package, the driver or a GPU is missing, and
        `BackendError` if the driver fails.
        """
        self._variant.library()
        found = [f"{_DEVICE}.{number}" if number else _DEVICE for number in range(len(gpus()))]
        if not found:
            raise MissingPackageError(
                f"{self._variant.title} needs an NVIDIA GPU, and there is none; choose --backend "
                "cpu"
            )
        return found

    def precisions(self, device: str) -> list[Precision]:
        """Return the precisions that engines are built in, `fp32` first."""
        return ["fp32", "fp16"]

    def version(self) -> str:
        """Return the version of the library.

        Raises `MissingPackageError` if the library is not installed or does not load.
        """
        return str(self._variant.library().__version__)

    def load(self, model: ModelFile, options: LoadOptions) -> EngineBackend:
        """Load a model file as an engine and return the loaded backend.

        Raises the errors of `EngineBackend`.
        """
        return EngineBackend(model, self._variant, options)


TENSORRT = EngineModule(VARIANTS["tensorrt"])
TENSORRT_RTX = EngineModule(VARIANTS["tensorrt-rtx"])


def _number(device: str) -> int:
    _, _, number = device.partition(".")
    return int(number) if number.isdigit() else 0
