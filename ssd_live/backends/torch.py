"""Run models with PyTorch, for comparison with the other backends.

The network is built from the PyTorch code of the zoo (`models.zoo`). Its weights come from the
model file.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ssd_live.backends.base import Backend, LoadOptions, Outputs, Precision
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.metadata import Metadata

try:
    import torch

    from ssd_live.backends.torch_network import NetworkPredictor, network_of
    from ssd_live.models.postprocess import detect
    from ssd_live.models.ssd import SSDNetwork
except ImportError as error:
    raise MissingPackageError(
        "PyTorch is not installed; run `pip install '.[train]'`, or choose --backend openvino"
    ) from error
if TYPE_CHECKING:
    from torch import Tensor


def version() -> str:
    """Return the version of PyTorch."""
    return str(torch.__version__)


def devices() -> list[str]:
    """Return `CPU`, and `CUDA` if PyTorch can use a GPU."""
    return ["CPU", *(["CUDA"] if torch.cuda.is_available() else [])]


def precisions(device: str) -> list[Precision]:
    """Return the precisions worth trying on a device, `fp32` first."""
    return ["fp32", "bf16"] if device == "CPU" else ["fp32", "fp16"]


class TorchPending:
    """A batch that was submitted to PyTorch on the CPU. See `Pending`."""

    def __init__(self, future: "Future[Outputs]") -> None:
        self._future = future

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the batch and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. Raises
        `BackendError` if PyTorch failed, and `TimeoutError` if the time is up. See
        `Pending.result`.
        """
        try:
            return self._future.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"PyTorch gave no answer within {timeout:g} s; try again") from None
        except RuntimeError as error:
            raise BackendError(
                f"PyTorch failed: {str(error).splitlines()[0]}; try --backend openvino"
            ) from error


class TorchBackend(Closing):
    """A model loaded with PyTorch on the CPU. See `Backend`.

    It computes one batch at a time in a thread of its own. Box decoding and NMS are always in
    float32.
    """

    slots = 1

    def __init__(self, model: ModelFile, options: LoadOptions) -> None:
        self._metadata = model.metadata
        self._answer = _answering(network_of(model), model.metadata, options)
        # The number of threads is set in the thread that computes, so that PyTorch in other threads
        # of the program keeps its own setting.
        self._worker = ThreadPoolExecutor(
            1,
            thread_name_prefix="torch",
            initializer=torch.set_num_threads,
            initargs=(options.thread_count,),
        )
        self.description = _description(options)

    def submit(self, images: Pixels) -> TorchPending:
        """Start to compute a batch of images, and return the batch in flight.

        `images` is (B, H, W, 3) uint8 BGR. See `Backend.submit`.
        """
        return TorchPending(self._worker.submit(self._run, images))

    @torch.inference_mode()
    def _run(self, images: Pixels) -> Outputs:
        metadata = self._metadata
        boxes, scores = self._answer(torch.from_numpy(images))
        outputs = _empty_outputs(len(images), metadata.max_detections)
        for image in range(len(images)):
            found = detect(
                boxes[image],
                scores[image],
                metadata.score_threshold,
                metadata.iou_threshold,
                metadata.max_detections,
            )
            _fill(outputs, image, found)
        return outputs

    def share(self) -> None:
        # This backend has only one handle.
        return None

    def close(self) -> None:
        """Wait for the batch being computed, then end the thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)


def load(model: ModelFile, options: LoadOptions) -> Backend:
    """Load a model file on the CPU or on an NVIDIA GPU, and return the loaded backend.

    Raises `BackendError` if a GPU is requested and there is none or it cannot be used, and
    `ModelFileError` if the weights of the file do not fit the network.
    """
    return (
        _load_on_gpu(model, options)
        if options.device.startswith("CUDA")
        else TorchBackend(model, options)
    )


def _load_on_gpu(model: ModelFile, options: LoadOptions) -> Backend:
    from ssd_live.backends.torch_cuda import CudaBackend, fold_batch_norms, fuse_relus

    if not torch.cuda.is_available():
        raise BackendError("PyTorch finds no NVIDIA GPU here; choose --backend cpu")
    network = network_of(model)
    fold_batch_norms(network)
    fuse_relus(network)
    return CudaBackend(_answering(network, model.metadata, options), options, _description(options))


def _description(options: LoadOptions) -> str:
    return f"PyTorch {torch.__version__} {options.device} {options.precision}"


def _answering(network: SSDNetwork, metadata: Metadata, options: LoadOptions) -> "NetworkPredictor":
    """Prepare `network` for `options`, and return a predictor that runs it.

    The network is moved to the device and converted to the precision of `options`. The default
    boxes keep their own precision, because rounding them would move the detections.
    """
    kind = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[options.precision]
    boxes = network.default_boxes.to(options.device.lower())
    network = network.to(boxes.device, kind).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.default_boxes = boxes
    return NetworkPredictor(network, metadata)


def _empty_outputs(batch: int, limit: int) -> Outputs:
    return Outputs(
        np.zeros((batch, 1), np.int32),
        np.zeros((batch, limit, 4), np.float32),
        np.zeros((batch, limit), np.float32),
        np.zeros((batch, limit), np.int32),
    )


def _fill(outputs: Outputs, image: int, found: "tuple[Tensor, Tensor, Tensor]") -> None:
    count = len(found[1])
    outputs.num_detections[image] = count
    for target, values in zip(outputs[1:], found, strict=True):
        target[image, :count] = values.numpy()
