"""ONNX Runtime: CPU, and CUDA, DirectML and CoreML where their providers are installed."""

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ssd_live.backends.base import LoadOptions, Outputs, Precision, slots_for
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import OUTPUTS

_PROVIDERS = {
    "CPU": "CPUExecutionProvider",
    "CUDA": "CUDAExecutionProvider",
    "DirectML": "DmlExecutionProvider",
    "CoreML": "CoreMLExecutionProvider",
}


def runtime() -> Any:
    """The package, with its reports to its makers off unless the user's environment says otherwise.
    Raises `MissingPackageError`.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "ONNX Runtime is not installed; `pip install onnxruntime`, or choose --backend openvino"
        ) from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def version() -> str:
    return str(runtime().__version__)


def devices() -> list[str]:
    installed = runtime().get_available_providers()
    return [device for device, provider in _PROVIDERS.items() if provider in installed]


def precisions(device: str) -> list[Precision]:
    # The runtime computes in the precision of the graph.
    return ["fp32"]


class OrtPending:
    def __init__(self, future: "Future[list[Any]]") -> None:
        self._future = future

    def result(self, timeout: float | None = None) -> Outputs:
        try:
            return Outputs(*self._future.result(timeout))
        except TimeoutError:
            raise TimeoutError(f"ONNX Runtime gave no answer within {timeout:g} s") from None
        except Exception as error:  # the runtime's exceptions have no common base
            raise BackendError(
                f"ONNX Runtime failed: {str(error).splitlines()[0]}; try --backend openvino"
            ) from error


class OrtBackend(Closing):
    """Latency: one run on all threads. Throughput: as many runs side by side as there are threads,
    one thread each.
    """

    def __init__(self, model: ModelFile, options: LoadOptions) -> None:
        onnxruntime = runtime()
        on_cpu = options.device == "CPU"
        side_by_side = options.thread_count if on_cpu and options.workload == "throughput" else 1
        self.slots = 1 if options.workload == "latency" else slots_for(side_by_side)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.thread_count // side_by_side
        # Spinning between operators would take the time that decoding and encoding need.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [_PROVIDERS[options.device], *([] if on_cpu else [_PROVIDERS["CPU"]])]
        try:
            self._session = onnxruntime.InferenceSession(model.data, settings, providers=providers)
        except Exception as error:
            raise BackendError(
                f"ONNX Runtime cannot load {model.path.name}: {str(error).splitlines()[0]}; try "
                "--backend openvino"
            ) from error
        self._workers = ThreadPoolExecutor(side_by_side, thread_name_prefix="onnxruntime")
        # All begin now, so that they have the priority of whoever loads.
        together = threading.Barrier(side_by_side)
        list(self._workers.map(lambda _: together.wait(), range(side_by_side)))
        self.description = (
            f"ONNX Runtime {onnxruntime.__version__} {options.device} {options.precision}"
        )

    def submit(self, images: Pixels) -> OrtPending:
        return OrtPending(self._workers.submit(self._session.run, OUTPUTS, {"image": images}))

    def share(self) -> "OrtShare":
        return OrtShare(self)

    def close(self) -> None:
        self._workers.shutdown(wait=True, cancel_futures=True)


class OrtShare(Closing):
    """A session takes runs from any thread; its workers see to it that there are not more at once
    than threads.
    """

    def __init__(self, owner: OrtBackend) -> None:
        self.slots, self.description = owner.slots, owner.description
        self.submit, self.share = owner.submit, owner.share

    def close(self) -> None:
        """What is in flight ends by itself."""


def load(model: ModelFile, options: LoadOptions) -> OrtBackend:
    return OrtBackend(model, options)
