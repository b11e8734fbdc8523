"""Run models with OpenVINO on the CPU, or on an Intel GPU or NPU if there is one."""

import contextlib
import copy
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live.backends.base import LoadOptions, Outputs, Precision, slots_for
from ssd_live.backends.openvino_nms import Table, with_detection_output
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import OUTPUTS
from ssd_live.system.paths import cache_folder, engines_folder

_TELEMETRY_PACKAGE = "openvino_telemetry"
# The number of compiled networks that the shared cache keeps.
MOST_COMPILED = 16
# A folder with this prefix belongs to a process that compiles. If it is older than this many
# seconds, the process was killed.
_OWN, _FORGOTTEN_SECONDS = "own-", 3600
# Operators that an INT8 file does not quantise stay in float32, because bfloat16 was measured to be
# slower there.
_PRECISION_HINTS: dict[Precision, str] = {
    "fp32": "f32",
    "fp16": "f16",
    "bf16": "bf16",
    "int8": "f32",
}


def _openvino() -> Any:
    try:
        with _without_telemetry():
            import openvino
    except ImportError as error:
        raise MissingPackageError(
            "OpenVINO is not installed; run `pip install openvino`, or choose --backend onnxruntime"
        ) from error
    return openvino


@contextlib.contextmanager
def _without_telemetry() -> Iterator[None]:
    """Make `openvino_telemetry` impossible to import inside the with-block.

    OpenVINO imports this package, if it can, to send usage data to its vendor. It does so as soon
    as OpenVINO itself is imported.
    """
    before = sys.modules.get(_TELEMETRY_PACKAGE)
    sys.modules[_TELEMETRY_PACKAGE] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if before is None:
            del sys.modules[_TELEMETRY_PACKAGE]
        else:
            sys.modules[_TELEMETRY_PACKAGE] = before


def version() -> str:
    """Return the version of OpenVINO."""
    return str(_openvino().__version__)


def devices() -> list[str]:
    """Return the devices that OpenVINO finds, `CPU` first."""
    names: list[str] = _openvino().Core().available_devices
    return sorted(names, key=lambda name: (name != "CPU", name))


def precisions(device: str) -> list[Precision]:
    """Return `fp32`, then `bf16` and `fp16` if the device supports them."""
    capabilities = _openvino().Core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    lower: list[Precision] = [
        precision for precision in ("bf16", "fp16") if precision.upper() in capabilities
    ]
    return ["fp32", *lower]


class OpenVinoPending:
    """A batch that was submitted to OpenVINO. See `Pending`.

    `request` is OpenVINO's inference request for the batch. `table` converts the output of a
    network that ends in OpenVINO's operator `DetectionOutput`. It is None for a network that ends
    in the NMS of the model file.
    """

    def __init__(self, request: Any, table: Table | None) -> None:
        self._request = request
        self._table = table

    def cancel(self) -> None:
        """Ask OpenVINO to stop computing the batch. See `CancellablePending.cancel`."""
        self._request.cancel()

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the batch and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. Raises
        `BackendError` if OpenVINO failed, and `TimeoutError` if the time is up. See
        `Pending.result`.
        """
        try:
            if timeout is None:
                self._request.wait()
            elif not self._request.wait_for(max(1, int(timeout * 1000))):
                raise TimeoutError(f"OpenVINO gave no answer within {timeout:g} s; try again")
        except (RuntimeError, UnicodeDecodeError) as error:
            raise BackendError(
                f"OpenVINO failed: {_reason(error)}; try --backend onnxruntime"
            ) from error
        if self._table is not None:
            return self._table.outputs(self._request.get_output_tensor().data)
        return Outputs(*(self._request.get_tensor(name).data for name in OUTPUTS))


class OpenVinoBackend(Closing):
    """A model loaded with OpenVINO. See `Backend`.

    Each slot has one inference request of OpenVINO, and the slots are used in turn. The number of
    images in a batch is fixed when the model is loaded, because a variable number costs a quarter
    of the speed. Raises `BackendError` if OpenVINO cannot load the model, and `MissingPackageError`
    if OpenVINO is not installed.
    """

    def __init__(self, model: ModelFile, options: LoadOptions) -> None:
        openvino = _openvino()
        self._tensor = openvino.Tensor
        width, height = model.metadata.input_size
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": options.workload.upper(),
            "INFERENCE_PRECISION_HINT": _PRECISION_HINTS[options.precision],
        }
        if options.device == "CPU":
            # Threads are not pinned to cores, because decoding and encoding use the same cores and
            # a pinned thread would have to wait for them.
            config |= {"INFERENCE_NUM_THREADS": options.thread_count, "ENABLE_CPU_PINNING": False}
        try:
            core = openvino.Core()
            network = core.read_model(model.data)
            network.reshape([options.batch, height, width, 3])
            own = (
                with_detection_output(openvino, network, model.metadata)
                if options.device == "CPU"
                else None
            )
            with _own_cache() as cache:
                compiled = core.compile_model(
                    own or network,
                    options.device,
                    config | ({"CACHE_DIR": str(cache)} if cache else {}),
                )
            at_once = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
            self.slots = 1 if options.workload == "latency" else slots_for(at_once)
            self._compiled = compiled
            self._table_size = (options.batch, model.metadata.max_detections) if own else None
            self._make_slots()
        except (RuntimeError, UnicodeDecodeError) as error:
            # A name in the file may be no text, and OpenVINO repeats it in its message.
            message = (
                f"OpenVINO cannot load {model.path.name} on {options.device}: "
                f"{_reason(error)}; try --backend onnxruntime"
            )
            raise BackendError(message) from error
        self.description = (
            f"OpenVINO {openvino.__version__.split('-')[0]} {options.device} {options.precision}"
        )

    def _make_slots(self) -> None:
        self._requests = [self._compiled.create_infer_request() for _ in range(self.slots)]
        self._images: list[Pixels | None] = [None] * self.slots
        self._tables = [
            Table(*self._table_size) if self._table_size else None for _ in range(self.slots)
        ]
        self._next = 0

    def submit(self, images: Pixels) -> OpenVinoPending:
        """Start to compute a batch of images, and return the batch in flight.

        `images` is (B, H, W, 3) uint8 BGR. See `Backend.submit`.
        """
        slot, self._next = self._next, (self._next + 1) % self.slots
        request = self._requests[slot]
        # OpenVINO reads the array while it computes but keeps no reference to it.
        self._images[slot] = np.ascontiguousarray(images)
        request.set_input_tensor(self._tensor(self._images[slot], shared_memory=True))
        request.start_async()
        return OpenVinoPending(request, self._tables[slot])

    def share(self) -> "OpenVinoBackend":
        """Return a second handle to the same loaded model, with its own inference requests.

        Another thread may use it. Close it before this handle.
        """
        other = copy.copy(self)
        other._make_slots()
        return other

    def close(self) -> None:
        """Cancel the batches of this handle that are in flight, and free its inference requests."""
        for request in self._requests:
            request.cancel()
        self._requests = []


@contextlib.contextmanager
def _own_cache() -> Iterator[Path | None]:
    """Yield a folder with the networks that OpenVINO compiled before.

    Yield None if no folder can be written. The folder belongs to this process alone and contains
    hard links to the files of the shared cache. OpenVINO must not write into the shared cache,
    because it writes its files in place, and it crashes on a file that another process has only
    half written. At the end of the with-block, the new files of the folder move to the shared
    cache.
    """
    with contextlib.ExitStack() as stack:
        own: Path | None = None
        with contextlib.suppress(OSError):
            shared = _cache_folder()
            folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix=_OWN, dir=shared, ignore_cleanup_errors=True)
                )
            )
            for blob in shared.glob("*.blob"):
                with contextlib.suppress(FileNotFoundError):
                    os.link(blob, folder / blob.name)
            own = folder
        yield own
        with contextlib.suppress(OSError):
            for blob in own.glob("*.blob") if own else ():
                # Renaming one link to a file over another link to it changes nothing.
                blob.replace(shared / blob.name)


def _cache_folder() -> Path:
    """Return the shared cache folder for networks that OpenVINO compiled, after removing old files.

    A network that was compiled before loads in a quarter of the time. There is one file for each
    combination of network, precision, batch and score threshold. OpenVINO checks a file before it
    uses it. Only the newest `MOST_COMPILED` files are kept. Raises `OSError` if the folder cannot
    be created.
    """
    folder = cache_folder() / "openvino"
    _adopt_old_cache(folder)
    folder.mkdir(exist_ok=True)
    # Another process may remove files at the same time, and some systems do not remove a file that
    # is in use.
    with contextlib.suppress(OSError):
        for blob in sorted(folder.glob("*.blob"), key=lambda blob: blob.stat().st_mtime)[
            :-MOST_COMPILED
        ]:
            blob.unlink(missing_ok=True)
        for left in folder.glob(f"{_OWN}*"):
            if left.stat().st_mtime < time.time() - _FORGOTTEN_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    return folder


def _adopt_old_cache(folder: Path) -> None:
    """Move to `folder` the networks that version 0.1.0 of this program compiled.

    That version kept the networks beside the user's models. Nothing happens if there are none, if
    `folder` exists, or if they cannot be moved.
    """
    old = engines_folder() / "openvino"
    if old.is_dir() and not folder.exists():
        with contextlib.suppress(OSError):
            old.replace(folder)


def load(model: ModelFile, options: LoadOptions) -> OpenVinoBackend:
    """Load a model file and return the loaded backend.

    Raises `BackendError` if OpenVINO cannot load the model, and `MissingPackageError` if OpenVINO
    is not installed.
    """
    return OpenVinoBackend(model, options)


def _reason(error: Exception) -> str:
    """Return the last line of an error's text, because OpenVINO gives the reason there.

    The lines before name places in OpenVINO's source code.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
