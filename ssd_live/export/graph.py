"""From an SSD module to an ONNX graph that takes camera pixels and gives boxes and scores. The only
maker of graphs that needs torch.
"""

import copy
import logging
import warnings

import onnx
import torch
from torch import Tensor, nn

from ssd_live.modelfile.nms import BOXES, SCORES
from ssd_live.models.box_code import decode, to_corners
from ssd_live.models.ssd import SSDNetwork

# TensorRT 10 and later, ONNX Runtime and OpenVINO all read it, and NMS, ScatterND and TopK are
# final there.
OPSET = 18


class PixelsToDetections(nn.Module):
    """uint8 (B, H, W, 3) BGR -> decoded boxes (B, N, 4) xyxy in 0..1, clipped, and class scores (B,
    N, C) without the background.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self, model: SSDNetwork, mean: tuple[float, ...], scale: tuple[float, ...], activation: str
    ) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        flip_input_channels(self.model)
        # The stem now takes BGR, so the channels' constants are turned round as well.
        self.register_buffer("scale", torch.tensor(scale[::-1]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer(
            "shift",
            (-torch.tensor(mean[::-1]) * torch.tensor(scale[::-1])).view(1, 3, 1, 1),
            persistent=False,
        )
        self.activation = activation

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        # Cast before the transpose: TensorRT-RTX refuses to transpose uint8.
        x = image.to(torch.float32).permute(0, 3, 1, 2)
        box_regression, class_logits = self.model(x * self.scale + self.shift)
        scores = (
            class_logits.sigmoid() if self.activation == "sigmoid" else class_logits.softmax(-1)
        )
        boxes = to_corners(decode(box_regression, self.model.default_boxes)).clamp(0, 1)
        return boxes, scores[..., 1:]


def flip_input_channels(model: SSDNetwork) -> None:
    """Turn a network for RGB into the same network for BGR, and back: the first convolution's
    weights are reversed along its input.
    """
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        first.weight.copy_(first.weight.flip(1))


def to_onnx(module: PixelsToDetections, input_size: tuple[int, int]) -> onnx.ModelProto:
    """The module's graph with input `image`, dynamic batch, and outputs `decoded_boxes` and
    `class_scores`.
    """
    width, height = input_size
    # A batch of two: the exporter takes a one for a constant.
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    # The exporter mentions torchvision's operators, which no network here has.
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
