"""Run models with PyTorch on an NVIDIA GPU.

Each slot (the place for one batch in flight) has one CUDA graph with all the work from pixels to
detections, so that the CPU only starts the graph. NMS runs in this program's own kernel if
`cuda-bindings` is installed, otherwise as PyTorch operations of fixed shapes.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ssd_live.backends.base import LoadOptions, Outputs
from ssd_live.closing import Closing
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.frame import cut
from ssd_live.imaging.pixels import Pixels, yuv_to_bgr_matrix
from ssd_live.models.postprocess import detect_in_fixed_shapes

try:
    from ssd_live.backends.tensorrt.kernels import Kernels, NmsOutputs, NmsShape, Nv12Planes
except ImportError:
    Kernels = None  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from torch import Tensor

    from ssd_live.backends.torch_network import NetworkPredictor
    from ssd_live.imaging.gpu_frame import GpuPicture

# While the GPU computes one batch, the next one is copied to it.
_SLOTS = 2
_WARM_UPS = 3
# `wait` polls without a pause at first. After this time it sleeps between polls to free the CPU.
_CLOSE_WATCH_SECONDS, _POLL_SECONDS = 0.002, 0.0002


class CudaBackend(Closing):
    """A model loaded with PyTorch on an NVIDIA GPU. See `Backend`.

    `answering` predicts boxes and scores with its network. The network must already be on the GPU
    and have the precision to compute in. `description` is the text of `Backend.description`. Raises
    `BackendError` if PyTorch cannot use the GPU.
    """

    slots = _SLOTS

    def __init__(
        self, answering: "NetworkPredictor", options: LoadOptions, description: str
    ) -> None:
        self.answering, self.description = answering, description
        self._next = 0
        self._slots: list[_Slot] = []
        self._kernels = None
        # TF32 would round the inputs of float32 convolutions to ten bits.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.inference_mode():
            try:
                # This creates the CUDA context that the kernels are loaded into.
                torch.zeros(1, device="cuda")
                self._kernels = Kernels() if Kernels is not None else None
                detect = _kernel_nms(self._kernels) if self._kernels is not None else _fixed_nms
                self._slots = [_Slot(answering, options.batch, detect) for _ in range(self.slots)]
            except RuntimeError as error:
                self.close()
                if isinstance(error, SsdLiveError):
                    raise
                raise _failure("PyTorch cannot use the GPU", error) from error

    def submit(self, images: Pixels) -> "_CudaPending":
        """Start to compute a batch of images, and return the batch in flight.

        `images` is (B, H, W, 3) uint8 BGR. They are copied to the pinned memory of the next slot.
        Raises `BackendError` if the GPU failed. See `Backend.submit`.
        """
        slot, self._next = self._slots[self._next], (self._next + 1) % self.slots
        try:
            slot.start(images)
        except RuntimeError as error:
            raise _failure("the GPU failed", error) from error
        return _CudaPending(slot)

    @property
    def takes_gpu_pictures(self) -> bool:
        """Whether `submit_pictures` can be used: it needs this program's own kernels."""
        return self._kernels is not None

    def submit_pictures(self, pictures: "Sequence[GpuPicture]") -> "_CudaPending":
        """Start to compute a batch of pictures in GPU memory, and return the batch in flight.

        A kernel resizes them, so that no pixel is copied to the CPU and back. Raises `BackendError`
        if the GPU failed. See `GpuPictureBackend.submit_pictures`.
        """
        assert self._kernels is not None
        slot, self._next = self._slots[self._next], (self._next + 1) % self.slots
        try:
            slot.start_pictures(pictures, self._kernels)
        except RuntimeError as error:
            if isinstance(error, SsdLiveError):
                raise
            raise _failure("the GPU failed", error) from error
        return _CudaPending(slot)

    def resized(self, picture: "GpuPicture") -> Pixels:
        """Return the network input that a slot makes. See `GpuPictureBackend.resized`."""
        slot = self._slots[self._next]
        self.submit_pictures([picture] * slot.batch).result()
        return slot.image()

    def share(self) -> None:
        """Return None, because this backend has only one handle."""

    def close(self) -> None:
        """Wait for the batches in flight, then free the graphs and the kernels."""
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.close()
        kernels, self._kernels = self._kernels, None
        if kernels is not None:
            kernels.close()


class _CudaPending:
    """A batch in flight on the GPU, in the slot `slot`. See `Pending`."""

    def __init__(self, slot: "_Slot") -> None:
        self._slot = slot

    def result(self, timeout: float | None = None) -> Outputs:
        """Wait for the outputs of the batch and return them.

        `timeout` is the longest time to wait in seconds, or None to wait forever. Raises
        `BackendError` if the GPU failed, and `TimeoutError` if the time is up. See
        `Pending.result`.
        """
        try:
            self._slot.wait(timeout)
        except RuntimeError as error:
            raise _failure("the GPU failed", error) from error
        return self._slot.outputs


# A function that does NMS. It takes boxes (B, N, 4), scores (B, N, C) and the predictor that gave
# them. It returns int32 (B * (1 + 6 K),): the four outputs one after the other, with float32 values
# as their bits.
_Detect = Callable[["Tensor", "Tensor", "NetworkPredictor"], "Tensor"]


class _Slot:
    """A place for one batch in flight on the GPU: pinned memory, a CUDA stream and a CUDA graph.

    `answering` predicts boxes and scores, `batch` is the number of images, and `detect` does NMS.
    Everything is allocated when the slot is created and nothing when it is used.
    """

    def __init__(self, answering: "NetworkPredictor", batch: int, detect: _Detect) -> None:
        metadata = answering.metadata
        width, height = metadata.input_size
        self.batch, self._size = batch, (width, height)
        self._host_images = torch.zeros(
            (batch, height, width, 3), dtype=torch.uint8, pin_memory=True
        )
        self._images = self._host_images.numpy()
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        # The weights may still be being copied on the stream of the code that loaded them.
        self._stream.wait_stream(torch.cuda.current_stream())
        self._device_images = self._host_images.cuda()
        self._answering, self._detect = answering, detect
        with torch.cuda.stream(self._stream):
            # Libraries choose their kernels at first use, and that cannot be captured.
            for _ in range(_WARM_UPS):
                found = self._work()
        self._stream.synchronize()
        self._host = torch.empty(found.shape, dtype=torch.int32, pin_memory=True)
        self._graph = self._captured(upload=True)
        # The same without the copy of the images to the GPU, and the planes that it works on.
        self._picture_graph: torch.cuda.CUDAGraph | None = None
        self._planes: list[Tensor] = []
        self.outputs = _outputs_in(self._host.numpy(), batch, _limit(answering))

    def _work(self) -> "Tensor":
        return self._detect(*self._answering(self._device_images), self._answering)

    def _captured(self, *, upload: bool) -> torch.cuda.CUDAGraph:
        """Return a CUDA graph of the slot's work, which ends by copying the detections to the host.

        If `upload` is true, the graph begins by copying the images to the GPU.
        """
        graph = torch.cuda.CUDAGraph()
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
            torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
        ):
            if upload:
                self._device_images.copy_(self._host_images, non_blocking=True)
            self._host.copy_(self._work(), non_blocking=True)
        return graph

    def start(self, images: Pixels) -> None:
        """Copy the images (B, H, W, 3) uint8 BGR into the slot and launch its graph."""
        np.copyto(self._images, images)
        with torch.cuda.stream(self._stream):
            self._graph.replay()
            self._done.record(self._stream)

    def start_pictures(self, pictures: "Sequence[GpuPicture]", kernels: "Kernels") -> None:
        """Resize pictures in GPU memory into the slot, and launch its graph without the upload.

        The slot keeps the pictures until the next batch, because the GPU reads them later.
        """
        if self._picture_graph is None:
            self._picture_graph = self._captured(upload=False)
        self._planes = []
        with torch.cuda.stream(self._stream):
            # FFmpeg writes the pictures on the default stream, and may not have finished.
            self._stream.wait_stream(torch.cuda.default_stream())
            for picture, target in zip(pictures, self._device_images, strict=True):
                luma, chroma = (
                    cut(torch.utils.dlpack.from_dlpack(plane.__dlpack__()), picture.region, step)
                    for step, plane in enumerate(picture.native.planes, 1)
                )
                self._planes += [luma, chroma]
                kernels.network_input(
                    self._stream.cuda_stream,
                    _addresses(luma, chroma),
                    yuv_to_bgr_matrix(picture.matrix),
                    target.data_ptr(),
                    self._size,
                )
            self._picture_graph.replay()
            self._done.record(self._stream)

    def image(self) -> Pixels:
        """Return the first network input (H, W, 3) uint8 BGR of the last batch."""
        pixels: Pixels = self._device_images[0].cpu().numpy()
        return pixels

    def wait(self, timeout: float | None) -> None:
        """Wait until the graph is done.

        `timeout` is the longest time to wait in seconds, or None to wait forever. Raises
        `TimeoutError` if the time is up.
        """
        if timeout is None:
            self._done.synchronize()
            return
        began = time.monotonic()
        while not self._done.query():  # type: ignore[no-untyped-call]
            waited = time.monotonic() - began
            if waited > timeout:
                raise TimeoutError(f"the GPU gave no answer within {timeout:g} s; try again")
            time.sleep(0 if waited < _CLOSE_WATCH_SECONDS else _POLL_SECONDS)

    def close(self) -> None:
        """Wait until the stream is empty, then free the graph."""
        try:
            self._stream.synchronize()
        except RuntimeError:
            # A lost GPU computes nothing any more, and its graph cannot be freed.
            return
        self._planes = []
        self._graph.reset()
        if self._picture_graph is not None:
            self._picture_graph.reset()


def _addresses(luma: "Tensor", chroma: "Tensor") -> "Nv12Planes":
    """Return the device addresses of a luma plane (H, W) and a chroma plane (H/2, W/2, 2)."""
    return Nv12Planes(
        luma.data_ptr(),
        luma.stride(0),
        (luma.shape[1], luma.shape[0]),
        chroma.data_ptr(),
        chroma.stride(0),
        (chroma.shape[1], chroma.shape[0]),
    )


def _limit(answering: "NetworkPredictor") -> int:
    return min(
        answering.metadata.max_detections,
        len(answering.network.default_boxes) * len(answering.metadata.classes),
    )


def _outputs_in(packed: "np.typing.NDArray[np.int32]", batch: int, limit: int) -> Outputs:
    """Return the four outputs as views into `packed`, the result of a `_Detect` function.

    `batch` is the number of images (B), and `limit` the largest number of detections in each image
    (K). `packed` is int32 (B * (1 + 6 K),) and has the outputs one after the other, with float32
    values as their bits.
    """
    ends = np.cumsum([batch, 4 * batch * limit, batch * limit])
    counts, boxes, scores, classes = np.split(packed, ends)
    return Outputs(
        counts.reshape(batch, 1),
        boxes.view(np.float32).reshape(batch, limit, 4),
        scores.view(np.float32).reshape(batch, limit),
        classes.reshape(batch, limit),
    )


def _kernel_nms(kernels: "Kernels") -> _Detect:
    def detect(boxes: "Tensor", scores: "Tensor", answering: "NetworkPredictor") -> "Tensor":
        metadata = answering.metadata
        images, count, classes = scores.shape
        shape = NmsShape(images, count, classes, _limit(answering))
        scratch = boxes.new_empty(shape.scratch_bytes, dtype=torch.uint8)
        packed = boxes.new_empty(images * (1 + 6 * shape.limit), dtype=torch.int32)
        sizes = [images, 4 * images * shape.limit, images * shape.limit, images * shape.limit]
        outputs = NmsOutputs(*(part.data_ptr() for part in torch.split(packed, sizes)))
        boxes, scores = boxes.contiguous(), scores.contiguous()
        kernels.nms(
            torch.cuda.current_stream().cuda_stream,
            shape,
            boxes.data_ptr(),
            scores.data_ptr(),
            scratch.data_ptr(),
            outputs,
            score_threshold=metadata.score_threshold,
            iou_threshold=metadata.iou_threshold,
        )
        return packed

    return detect


def _fixed_nms(boxes: "Tensor", scores: "Tensor", answering: "NetworkPredictor") -> "Tensor":
    metadata = answering.metadata
    found = detect_in_fixed_shapes(
        boxes, scores, metadata.score_threshold, metadata.iou_threshold, metadata.max_detections
    )
    return torch.cat([part.contiguous().view(torch.int32).flatten() for part in found])


class _ConvolutionReLU(nn.Module):
    """A convolution with its bias and ReLU, computed by one call of cuDNN."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self._convolution = convolution

    def forward(self, x: "Tensor") -> "Tensor":
        layer = self._convolution
        assert not isinstance(layer.padding, str), (
            "networks of the zoo give their padding in pixels"
        )
        return torch.cudnn_convolution_relu(
            x, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )


def fuse_relus(network: nn.Module) -> None:
    """Replace each convolution of a `Sequential` and the ReLU after it by one fused layer.

    This saves two passes over memory per layer. The network must be on a GPU.
    """
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for number in range(len(module) - 1):
                convolution = module[number]
                if isinstance(convolution, nn.Conv2d) and isinstance(module[number + 1], nn.ReLU):
                    module[number], module[number + 1] = (
                        _ConvolutionReLU(convolution),
                        nn.Identity(),
                    )


def fold_batch_norms(network: nn.Module) -> None:
    """Fold each BatchNorm of a network into the convolution before it, so that inference is faster.

    It does this in every module that has a convolution `conv` and a BatchNorm `bn`. The network
    must be in evaluation mode.
    """
    for module in network.modules():
        convolution, norm = getattr(module, "conv", None), getattr(module, "bn", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.conv = torch.nn.utils.fusion.fuse_conv_bn_eval(convolution, norm)
            module.bn = nn.Identity()


def _failure(doing: str, error: RuntimeError) -> BackendError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return BackendError(f"{doing}: {reason}; choose --backend cpu")
