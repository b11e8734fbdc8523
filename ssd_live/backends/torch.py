"""PyTorch, for comparison: the network is rebuilt from the zoo and takes its weights out of the
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
        "PyTorch is not installed; `pip install '.[train]'` brings it, or choose --backend openvino"
    ) from error
if TYPE_CHECKING:
    from torch import Tensor


def version() -> str:
    return str(torch.__version__)


def devices() -> list[str]:
    return ["CPU", *(["CUDA"] if torch.cuda.is_available() else [])]


def precisions(device: str) -> list[Precision]:
    return ["fp32", "bf16"] if device == "CPU" else ["fp32", "fp16"]


class TorchPending:
    def __init__(self, future: "Future[Outputs]") -> None:
        self._future = future

    def result(self, timeout: float | None = None) -> Outputs:
        try:
            return self._future.result(timeout)
        except RuntimeError as error:
            raise BackendError(
                f"PyTorch failed: {str(error).splitlines()[0]}; try --backend openvino"
            ) from error


class TorchBackend(Closing):
    """On the processor: one batch at a time, on a thread of its own. Box decoding and NMS stay in
    float32.
    """

    slots = 1

    def __init__(self, model: ModelFile, options: LoadOptions) -> None:
        self._metadata = model.metadata
        self._answer = _answering(network_of(model), model.metadata, options)
        # In the thread that computes: the setting of the user's own threads stays as it is.
        self._worker = ThreadPoolExecutor(
            1,
            thread_name_prefix="torch",
            initializer=torch.set_num_threads,
            initargs=(options.thread_count,),
        )
        self.description = _description(options)

    def submit(self, images: Pixels) -> TorchPending:
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
        return None

    def close(self) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)


def load(model: ModelFile, options: LoadOptions) -> Backend:
    """Raises `BackendError`."""
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
    """The network on its device. Whatever it computes in, its default boxes stay exact."""
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
