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
    """A batch in flight on the GPU. See `Pending`."""

    def __init__(
        self, owner: DeviceThread, started: "Future[None]", finish: Callable[[], Outputs]
    ) -> None:
        self._owner, self._started, self._finish = owner, started, finish

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs and return them. See `Pending.result`."""
        answer = self._owner.call(self._answer)
        try:
            return answer.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"the GPU gave no answer within {timeout:g} s") from None

    def _answer(self) -> Outputs:
        self._started.result()
        return self._finish()


class EngineBackend(Closing):
    """A model loaded as an engine on an NVIDIA GPU. See `Backend`.

    `manifest` describes the engine that runs. `chosen` is a store and the manifest of the engine in
    it to load. Without `chosen`, an engine that fits is taken from the user's store or built.
    Raises `UsageError` if the precision is neither fp16 nor fp32, `BackendError` if there is no
    such GPU or the engine cannot be used, and `MissingPackageError` if the library or the driver is
    missing.
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
                f"this machine has no NVIDIA GPU {options.device}; run `doctor` to see its GPUs, "
                "or choose --backend cpu"
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
        """Start to compute images (B, H, W, 3) uint8 BGR and return the batch in flight.

        See `Backend.submit`.
        """
        number, self._next = self._next, (self._next + 1) % self.slots
        started = self._owner.call(lambda: self._opened().start(number, images))
        return EnginePending(self._owner, started, lambda: self._opened().finish(number))

    def note_parity(self, parity: Parity) -> None:
        """Store the result of the engine check, the comparison with float32, in the manifest.

        Raises `BackendError` if the engine failed the check and must not be used, and `OutputError`
        if the manifest cannot be written.
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

        Raises `MissingPackageError` if a package or a GPU is missing.
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

        It raises the errors of `EngineBackend`.
        """
        return EngineBackend(model, self._variant, options)


TENSORRT = EngineModule(VARIANTS["tensorrt"])
TENSORRT_RTX = EngineModule(VARIANTS["tensorrt-rtx"])


def _number(device: str) -> int:
    _, _, number = device.partition(".")
    return int(number) if number.isdigit() else 0
