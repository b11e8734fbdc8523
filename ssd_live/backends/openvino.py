"""OpenVINO: CPU, and Intel GPU and NPU where present."""

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
_MOST_COMPILED = 16
# Folders of processes that compile; older ones were left by processes that were killed.
_OWN, _FORGOTTEN_SECONDS = "own-", 3600
# What an INT8 file leaves in float stays in float32: bfloat16 there was measured slower.
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
            "OpenVINO is not installed; `pip install openvino`, or choose --backend onnxruntime"
        ) from error
    return openvino


@contextlib.contextmanager
def _without_telemetry() -> Iterator[None]:
    """OpenVINO reports its use to its makers from the import on, unless this package of its cannot
    be imported.
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
    return str(_openvino().__version__)


def devices() -> list[str]:
    names: list[str] = _openvino().Core().available_devices
    return sorted(names, key=lambda name: (name != "CPU", name))


def precisions(device: str) -> list[Precision]:
    capabilities = _openvino().Core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    lower: list[Precision] = [
        precision for precision in ("bf16", "fp16") if precision.upper() in capabilities
    ]
    return ["fp32", *lower]


class OpenVinoPending:
    """`table`: where a network that ends in `DetectionOutput` has its answer put."""

    def __init__(self, request: Any, table: Table | None) -> None:
        self._request = request
        self._table = table

    def result(self, timeout: float | None = None) -> Outputs:
        try:
            if timeout is None:
                self._request.wait()
            elif not self._request.wait_for(max(1, int(timeout * 1000))):
                raise TimeoutError(f"OpenVINO gave no answer within {timeout:g} s")
        except RuntimeError as error:
            raise BackendError(
                f"OpenVINO failed: {_first_line(error)}; try --backend onnxruntime"
            ) from error
        if self._table is not None:
            return self._table.outputs(self._request.get_output_tensor().data)
        return Outputs(*(self._request.get_tensor(name).data for name in OUTPUTS))


class OpenVinoBackend(Closing):
    """A ring of inference requests; OpenVINO fixes the batch at load, since a dynamic one costs a
    quarter of the speed.
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
            # Not pinned: decoding and encoding share the cores, and a pinned stream would wait for
            # theirs.
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
        except RuntimeError as error:
            message = (
                f"OpenVINO cannot load {model.path.name} on {options.device}: "
                f"{_first_line(error)}; try --backend onnxruntime"
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
        slot, self._next = self._next, (self._next + 1) % self.slots
        request = self._requests[slot]
        # The runtime reads the array while it works, but does not hold on to it.
        self._images[slot] = np.ascontiguousarray(images)
        request.set_input_tensor(self._tensor(self._images[slot], shared_memory=True))
        request.start_async()
        return OpenVinoPending(request, self._tables[slot])

    def share(self) -> "OpenVinoBackend":
        other = copy.copy(self)
        other._make_slots()
        return other

    def close(self) -> None:
        for request in self._requests:
            request.cancel()
        self._requests = []


@contextlib.contextmanager
def _own_cache() -> Iterator[Path | None]:
    """A folder with what OpenVINO compiled before, and whose new files are there for later ones;
    None where nothing can be written.

    It is this process's own, with links to what all share: OpenVINO writes its files in place, and
    crashes on one that another process has written only half.
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
                # Of a link to the same file nothing changes.
                blob.replace(shared / blob.name)


def _cache_folder() -> Path:
    """What OpenVINO compiled: loading that takes a quarter of the time. Raises `OSError`.

    Each network, precision, batch and threshold is a file of its own, which OpenVINO checks; the
    oldest go.
    """
    folder = cache_folder() / "openvino"
    _adopt_old_cache(folder)
    folder.mkdir(exist_ok=True)
    # Another process may be at it too, and some systems keep what is in use.
    with contextlib.suppress(OSError):
        for blob in sorted(folder.glob("*.blob"), key=lambda blob: blob.stat().st_mtime)[
            :-_MOST_COMPILED
        ]:
            blob.unlink(missing_ok=True)
        for left in folder.glob(f"{_OWN}*"):
            if left.stat().st_mtime < time.time() - _FORGOTTEN_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    return folder


def _adopt_old_cache(folder: Path) -> None:
    """Move what version 0.1.0 compiled, which it kept beside the user's models."""
    old = engines_folder() / "openvino"
    if old.is_dir() and not folder.exists():
        with contextlib.suppress(OSError):
            old.replace(folder)


def load(model: ModelFile, options: LoadOptions) -> OpenVinoBackend:
    return OpenVinoBackend(model, options)


def _first_line(error: Exception) -> str:
    """The last thing that OpenVINO says is its reason; before it stand its source lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
