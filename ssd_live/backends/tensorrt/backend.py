"""The backends `tensorrt` and `tensorrt-rtx`: an engine, its device, and the thread that
owns both.
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

# While one computes, the next is uploaded.
_SLOTS = 2
_DEVICE = "GPU"


class EnginePending:
    def __init__(
        self, owner: DeviceThread, started: "Future[None]", finish: Callable[[], Outputs]
    ) -> None:
        self._owner, self._started, self._finish = owner, started, finish

    def result(self, timeout: float | None = None) -> Outputs:
        answer = self._owner.call(self._answer)
        try:
            return answer.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"the GPU gave no answer within {timeout:g} s") from None

    def _answer(self) -> Outputs:
        self._started.result()
        return self._finish()


class EngineBackend(Closing):
    """See `Backend`. `manifest` says which engine it runs; `chosen` is one of a store, else the one
    that fits is found or built.
    """

    slots = _SLOTS

    def __init__(
        self,
        model: ModelFile,
        flavour: Variant,
        options: LoadOptions,
        chosen: tuple[EngineStore, Manifest] | None = None,
    ) -> None:
        if options.precision not in ("fp16", "fp32"):
            raise UsageError(f"{flavour.title} computes in fp16 or fp32, not {options.precision}")
        number = _number(options.device)
        present = gpus()
        if number >= len(present):
            raise BackendError(
                f"there is no NVIDIA GPU {options.device} here; see `doctor`, or choose --backend "
                "cpu"
            )
        precision: EnginePrecision = options.precision
        self._store, wanted = chosen or (EngineStore(), None)
        found = self._store.find(wanted.key) if wanted else None
        self.manifest, engine = found or engine_for(
            model, flavour, present[number], precision, options.batch, options.notify, self._store
        )
        self._next = 0
        self._device: Device | None = None
        self._runner: EngineRunner | None = None
        self._owner = DeviceThread("tensorrt")
        try:
            self._owner.call(
                lambda: self._open(model, flavour, engine, number, options.batch)
            ).result()
        except BaseException:
            self.close()
            raise
        version = str(flavour.library().__version__)
        self.description = f"{flavour.title} {version} {present[number].name} {options.precision}"

    def submit(self, images: Pixels) -> EnginePending:
        number, self._next = self._next, (self._next + 1) % self.slots
        started = self._owner.call(lambda: self._opened().start(number, images))
        return EnginePending(self._owner, started, lambda: self._opened().finish(number))

    def note_parity(self, parity: Parity) -> None:
        """Keep what the parity gate found. Raises `BackendError` where that forbids to use the
        engine, `OutputError`.
        """
        self.manifest = self._store.note_parity(self.manifest, parity)
        if parity.state == "failed":
            raise BackendError(failed_line(self.manifest))

    def share(self) -> None:
        return None

    def close(self) -> None:
        """In the thread that opened everything; one whose GPU does not answer is left behind."""
        self._owner.call(self._release)
        self._owner.end()

    def _open(
        self, model: ModelFile, flavour: Variant, engine: bytes, number: int, batch: int
    ) -> None:
        self._device = open_device(number)
        self._runner = EngineRunner(
            self._device, flavour, engine, model.metadata, batch, self.slots
        )

    def _opened(self) -> EngineRunner:
        assert self._runner is not None, "the owner thread takes no work once it was closed"
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
    """See `BackendModule`."""

    def __init__(self, flavour: Variant) -> None:
        self._flavour = flavour

    def devices(self) -> list[str]:
        self._flavour.library()
        found = [f"{_DEVICE}.{number}" if number else _DEVICE for number in range(len(gpus()))]
        if not found:
            raise MissingPackageError(
                f"{self._flavour.title} needs an NVIDIA GPU, and there is none; choose --backend "
                "cpu"
            )
        return found

    def precisions(self, device: str) -> list[Precision]:
        return ["fp32", "fp16"]

    def version(self) -> str:
        return str(self._flavour.library().__version__)

    def load(self, model: ModelFile, options: LoadOptions) -> EngineBackend:
        return EngineBackend(model, self._flavour, options)


TENSORRT = EngineModule(VARIANTS["tensorrt"])
TENSORRT_RTX = EngineModule(VARIANTS["tensorrt-rtx"])


def _number(device: str) -> int:
    _, _, number = device.partition(".")
    return int(number) if number.isdigit() else 0
