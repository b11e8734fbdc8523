"""Export an SSD module as an ONNX graph that takes pixels and returns boxes and scores.

This is the only module that makes graphs with PyTorch.
"""

import copy
import logging
import warnings
from itertools import pairwise

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ssd_live.modelfile.nms import BOXES, SCORES
from ssd_live.models.box_code import to_corners
from ssd_live.models.ssd import SSDNetwork

# TensorRT 10 and later, ONNX Runtime and OpenVINO all read this version, and NonMaxSuppression,
# ScatterND and TopK have their final definition in it.
OPSET = 18


class PixelsToDetections(nn.Module):
    """A module that maps pixels to decoded boxes and class scores, before NMS.

    The input is uint8 (B, H, W, 3) BGR. The outputs are boxes float32 (B, N, 4) x1, y1, x2, y2,
    relative to the image and clipped to 0..1, and scores float32 (B, N, C) without the background.
    The network gets `(pixel - mean) * scale`; `mean` and `scale` are in RGB order. `activation`,
    "sigmoid" or "softmax", turns the logits into scores.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self, model: SSDNetwork, mean: tuple[float, ...], scale: tuple[float, ...], activation: str
    ) -> None:
        super().__init__()
        # The exporter takes less time for weights without gradients.
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        fuse_batch_norm(self.model)
        flip_input_channels(self.model)
        # The first convolution now takes BGR, so the constants of the channels are reversed too.
        self.register_buffer("scale", torch.tensor(scale[::-1]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "shift",
            (-torch.tensor(mean[::-1]) * torch.tensor(scale[::-1])).view(1, 3, 1, 1),
            persistent=False,
        )
        self.activation = activation

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the boxes (B, N, 4) and scores (B, N, C) of images, uint8 (B, H, W, 3) BGR."""
        # Cast before the transpose: TensorRT-RTX refuses to transpose uint8.
        x = image.to(torch.float32).permute(0, 3, 1, 2)
        box_regression, class_logits = self.model(x * self.scale + self.shift)
        scores = (
            class_logits.sigmoid() if self.activation == "sigmoid" else class_logits.softmax(-1)
        )
        boxes = to_corners(self.model.decode(box_regression)).clamp(0, 1)
        return boxes, scores[..., 1:]


def flip_input_channels(model: SSDNetwork) -> None:
    """Change a network that takes RGB, in place, so that it takes BGR, or the reverse.

    The weights of its first convolution are reversed along the input channels.
    """
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        first.weight.copy_(first.weight.flip(1))


def fuse_batch_norm(model: nn.Module) -> None:
    """Fuse every BatchNorm that directly follows a convolution into it, in place.

    The model must be in evaluation mode. The exporter would also fuse them, but it takes twice
    as long for a graph with BatchNorm.
    """
    for parent in model.modules():
        for (name, layer), (next_name, norm) in pairwise(list(parent.named_children())):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(layer, norm))
                setattr(parent, next_name, nn.Identity())


def to_onnx(module: PixelsToDetections, input_size: tuple[int, int]) -> onnx.ModelProto:
    """Return the module as an ONNX model that accepts any batch size.

    `input_size` is (width, height) of the network input in pixels. The input of the graph is
    `image`, and its outputs are `decoded_boxes` and `class_scores`.
    """
    width, height = input_size
    # A batch of two, because the exporter would treat a batch of one as a constant.
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    # The exporter warns about torchvision's operators, which no network here uses.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=[BOXES, SCORES],
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1)}},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    return program.model_proto
