"""Build the SSD network: a backbone, extra feature layers, and predictors on every feature map.

This is figure 2 of the SSD paper. Every feature map has a box predictor and a class predictor.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from ssd_live.models.box_code import decode
from ssd_live.models.default_boxes import (
    BoxShape,
    FeatureMapBoxes,
    ShapeNumbers,
    default_boxes,
)
from ssd_live.models.layers import ConvBlock


class ExtraLayer(nn.Module):
    """A layer after the backbone that makes a feature map of half the height and width.

    A 1 x 1 convolution to `out_channels // 2` channels is followed by a 3 x 3 convolution at stride
    2 to `out_channels`. `conv` makes each convolution and takes the arguments of `SameConv2d`.
    """

    def __init__(self, in_channels: int, out_channels: int, conv: ConvBlock) -> None:
        super().__init__()
        self.reduce = conv(in_channels, out_channels // 2)
        self.conv = conv(out_channels // 2, out_channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map for the feature map x (B, C, H, W).

        Its shape is (B, out_channels, H / 2, W / 2), with sizes rounded up.
        """
        return cast(Tensor, self.conv(self.reduce(x)))


class DepthwiseExtraLayer(nn.Module):
    """A layer of SSDLite after the backbone that makes a feature map of half the height and width.

    It is like an `ExtraLayer`, but a depthwise 3 x 3 convolution at stride 2 and a 1 x 1
    convolution replace the 3 x 3 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, conv: ConvBlock) -> None:
        super().__init__()
        middle = out_channels // 2
        self.reduce = conv(in_channels, middle)
        self.depthwise = conv(middle, middle, 3, 2, groups=middle)
        self.conv = conv(middle, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map for the feature map x (B, C, H, W).

        Its shape is (B, out_channels, H / 2, W / 2), with sizes rounded up.
        """
        return cast(Tensor, self.conv(self.depthwise(self.reduce(x))))


class Predictor(nn.Module):
    """A 1 x 1 convolution that predicts `values` numbers for each default box of a feature map.

    `values` is 4 for box offsets, or the number of classes for class logits. `boxes` is the number
    of default boxes of each cell.
    """

    def __init__(self, in_channels: int, boxes: int, values: int) -> None:
        super().__init__()
        self.predict = nn.Conv2d(in_channels, boxes * values, 1)
        self.values = values

    def forward(self, x: Tensor) -> Tensor:
        """Return the predictions (B, H * W * boxes, values) for a feature map x (B, C, H, W)."""
        return (
            cast(Tensor, self.predict(x)).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.values)
        )


class DepthwisePredictor(Predictor):
    """A predictor of SSDLite: a depthwise 3 x 3 convolution, followed by a 1 x 1 convolution.

    `conv` makes the depthwise convolution and takes the arguments of `SameConv2d`. The other
    arguments are those of `Predictor`.
    """

    def __init__(self, in_channels: int, boxes: int, values: int, conv: ConvBlock) -> None:
        super().__init__(in_channels, boxes, values)
        self.depthwise = conv(in_channels, in_channels, 3, groups=in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the predictions (B, H * W * boxes, values) for a feature map x (B, C, H, W)."""
        return super().forward(self.depthwise(x))


class SSDNetwork(nn.Module, ABC):
    """The base class of networks that map images to box offsets and class logits.

    A network takes normalised RGB images (B, 3, H, W) float. It returns offsets (B, N, 4) from the
    N default boxes, which the method `decode` turns into boxes, and logits (B, N, C), where column
    0 is the background. `default_boxes` (N, 4) are cx, cy, w, h, ordered by feature map, then by
    cell (row by row), then by shape. `feature_maps` describes the default boxes of each feature
    map. `fitted_shapes` are the shapes that `use_shapes` gave to the default boxes, or empty if
    they are still those of the zoo.
    """

    default_boxes: Tensor

    def __init__(
        self, backbone: nn.Module, boxes: Tensor, feature_maps: Sequence[FeatureMapBoxes]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.feature_maps = tuple(feature_maps)
        self.fitted_shapes: ShapeNumbers = ()
        self.register_buffer("default_boxes", boxes, persistent=False)

    def decode(self, regression: Tensor) -> Tensor:
        """Return the boxes (B, N, 4) cx, cy, w, h for the output `regression` (B, N, 4).

        The offsets are those of equation (2) of the SSD paper; a subclass may have others.
        """
        return decode(regression, self.default_boxes)

    def use_shapes(self, shapes: ShapeNumbers) -> None:
        """Give the default boxes other shapes, and leave their centres and the weights as they are.

        Raises `TypeError` or `ValueError` if `shapes` are not positive numbers, or if they have
        another number of feature maps, or of shapes of one of them.
        """
        numbers = tuple(
            tuple((float(scale), float(ratio)) for scale, ratio in cell) for cell in shapes
        )
        before = [len(cell.shapes) for cell in self.feature_maps]
        if [len(cell) for cell in numbers] != before:
            raise ValueError(f"the feature maps have {before} shapes")
        if not all(0 < number < math.inf for cell in numbers for pair in cell for number in pair):
            raise ValueError("a shape is not a positive number")
        self.fitted_shapes = numbers
        self.feature_maps = tuple(
            replace(one, shapes=tuple(BoxShape(*pair) for pair in cell))
            for one, cell in zip(self.feature_maps, numbers, strict=True)
        )
        boxes = default_boxes(self.feature_maps).to(self.default_boxes.device)
        boxes[:, :2] = self.default_boxes[:, :2]
        self.default_boxes = boxes

    @abstractmethod
    def box_predictors(self) -> list[nn.Conv2d]:
        """Return the convolution of each feature map that predicts the box offsets.

        Its output channels are ordered by shape, then x, y, width, height.
        """


class SSD(SSDNetwork):
    """An `SSDNetwork` that is made of a backbone, extra layers and predictors.

    The backbone makes the first feature maps. Each of the `extras` makes one more from the map
    before it. `heads` holds, for each feature map, a module with two predictors: `box` for the
    offsets and `cls` for the logits. `boxes` describes the default boxes of each feature map.
    """

    def __init__(
        self,
        backbone: nn.Module,
        extras: Sequence[nn.Module],
        heads: Sequence[nn.ModuleDict],
        boxes: Sequence[FeatureMapBoxes],
    ) -> None:
        super().__init__(backbone, default_boxes(boxes), boxes)
        self.extras = nn.ModuleList(extras)
        self.heads = nn.ModuleList(heads)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return box offsets (B, N, 4) and class logits (B, N, C) of normalised images.

        `images` are (B, 3, H, W).
        """
        maps = self.backbone(images)
        for extra in self.extras:
            maps.append(extra(maps[-1]))
        heads = cast(list[nn.ModuleDict], list(self.heads))
        box_regression = torch.cat(
            [head["box"](x) for head, x in zip(heads, maps, strict=True)], dim=1
        )
        class_logits = torch.cat(
            [head["cls"](x) for head, x in zip(heads, maps, strict=True)], dim=1
        )
        return box_regression, class_logits

    def box_predictors(self) -> list[nn.Conv2d]:
        """Return the convolution of each feature map that predicts the box offsets."""
        heads = cast(list[nn.ModuleDict], list(self.heads))
        return [cast(Predictor, head["box"]).predict for head in heads]
