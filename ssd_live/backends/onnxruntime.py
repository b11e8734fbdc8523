"""Run models with ONNX Runtime on the CPU, or with CUDA, DirectML or CoreML if installed."""

import os
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
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
    """Import ONNX Runtime with its telemetry switched off, and return the module.

    A user who has set the environment variable `ORT_DISABLE_TELEMETRY` keeps that value. Raises
    `MissingPackageError` if ONNX Runtime is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "ONNX Runtime is not installed; run `pip install onnxruntime`, or choose --backend "
            "openvino"
        ) from error
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def version() -> str:
    """Return the version of ONNX Runtime."""
    return str(runtime().__version__)


def devices() -> list[str]:
    """Return the devices whose execution provider is installed, `CPU` first.

    An execution provider is the part of ONNX Runtime that computes on one kind of device. The names
    are `CPU`, `CUDA`, `DirectML` and `CoreML`.
    """
    installed = runtime().get_available_providers()
    return [device for device, provider in _PROVIDERS.items() if provider in installed]


def precisions(device: str) -> list[Precision]:
    """Return `fp32` as the only precision.

    ONNX Runtime always computes in the precision of the model file.
    """
    return ["fp32"]


class OrtPending:
    """A batch that was submitted to ONNX Runtime. See `Pending`.

    `future` is the future of the output arrays. `run_options` is the object of ONNX Runtime that
    can stop the computation.
    """

    def __init__(self, future: "Future[list[Any]]", run_options: Any) -> None:
        self._future = future
        self._run_options = run_options

    def cancel(self) -> None:
        """Ask ONNX Runtime to stop computing the batch. See `CancellablePending.cancel`."""
        if not self._future.cancel():
            self._run_options.terminate = True

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the batch and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. Raises
        `BackendError` if ONNX Runtime failed or the batch was cancelled, and `TimeoutError` if the
        time is up. See `Pending.result`.
        """
        try:
            return Outputs(*self._future.result(timeout))
        except TimeoutError:
            raise TimeoutError(
                f"ONNX Runtime gave no answer within {timeout:g} s; try again"
            ) from None
        except CancelledError:
            raise BackendError(
                "the batch was cancelled before it was computed; try again"
            ) from None
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise BackendError(
                f"ONNX Runtime failed: {str(error).splitlines()[0]}; try --backend openvino"
            ) from error


class OrtBackend(Closing):
    """A model loaded with ONNX Runtime. See `Backend`.

    For latency it computes one batch at a time on all threads. For throughput on the CPU it
    computes as many batches in parallel as there are threads, each on one thread. Raises
    `BackendError` if ONNX Runtime cannot load the model, and `MissingPackageError` if ONNX Runtime
    is not installed.
    """

    def __init__(self, model: ModelFile, options: LoadOptions) -> None:
        onnxruntime = runtime()
        self._run_options = onnxruntime.RunOptions
        on_cpu = options.device == "CPU"
        side_by_side = options.thread_count if on_cpu and options.workload == "throughput" else 1
        self.slots = 1 if options.workload == "latency" else slots_for(side_by_side)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.thread_count // side_by_side
        # Spinning between operators would take CPU time that decoding and encoding need.
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
        # All threads start now, because they inherit the priority of the thread that loads the
        # model.
        together = threading.Barrier(side_by_side)
        list(self._workers.map(lambda _: together.wait(), range(side_by_side)))
        self.description = (
            f"ONNX Runtime {onnxruntime.__version__} {options.device} {options.precision}"
        )

    def submit(self, images: Pixels) -> OrtPending:
        """Start to compute a batch of images, and return the batch in flight.

        `images` is (B, H, W, 3) uint8 BGR. See `Backend.submit`.
        """
        run_options = self._run_options()
        return OrtPending(
            self._workers.submit(self._session.run, OUTPUTS, {"image": images}, run_options),
            run_options,
        )

    def share(self) -> "OrtShare":
        """Return a second handle to the same loaded model for use in another thread.

        Close the second handle before this one.
        """
        return OrtShare(self)

    def close(self) -> None:
        """Cancel the batches that have not started, wait for the others, and end the threads."""
        self._workers.shutdown(wait=True, cancel_futures=True)


class OrtShare(Closing):
    """A second handle to the model of the `OrtBackend` `owner`. See `Backend.share`.

    Any thread may use it. The worker threads of `owner` compute the batches of both handles, so
    they limit how many batches run in parallel.
    """

    def __init__(self, owner: OrtBackend) -> None:
        self.slots, self.description = owner.slots, owner.description
        self.submit, self.share = owner.submit, owner.share

    def close(self) -> None:
        """Do nothing, because the owner frees the model. Batches in flight are completed."""


def load(model: ModelFile, options: LoadOptions) -> OrtBackend:
    """Load a model file and return the loaded backend.

    Raises `BackendError` if ONNX Runtime cannot load the model, and `MissingPackageError` if ONNX
    Runtime is not installed.
    """
    return OrtBackend(model, options)
