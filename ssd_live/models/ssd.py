"""The SSD network: a backbone, extra feature layers, and predictors on every feature map.

Figure 2 of the paper. Every feature map has a box predictor and a class predictor.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ssd_live.models.default_boxes import FeatureMapBoxes, default_boxes
from ssd_live.models.layers import ConvBlock


class ExtraLayer(nn.Module):
    """A layer after the backbone that halves the size: reduce 1 x 1, then 3 x 3 at stride 2."""

    def __init__(self, in_channels: int, out_channels: int, conv: ConvBlock) -> None:
        super().__init__()
        self.reduce = conv(in_channels, out_channels // 2)
        self.conv = conv(out_channels // 2, out_channels, 3, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map, half the size of x (B, C, H, W)."""
        return cast(Tensor, self.conv(self.reduce(x)))


class DepthwiseExtraLayer(nn.Module):
    """An extra layer of SSDLite.

    The 3 x 3 convolution is split into a depthwise and a 1 x 1 one.
    """

    def __init__(self, in_channels: int, out_channels: int, conv: ConvBlock) -> None:
        super().__init__()
        middle = out_channels // 2
        self.reduce = conv(in_channels, middle)
        self.depthwise = conv(middle, middle, 3, 2, groups=middle)
        self.conv = conv(middle, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the next feature map, half the size of x (B, C, H, W)."""
        return cast(Tensor, self.conv(self.depthwise(self.reduce(x))))


class Predictor(nn.Module):
    """A 1 x 1 convolution that predicts `values` numbers for each default box of a cell."""

    def __init__(self, in_channels: int, boxes: int, values: int) -> None:
        super().__init__()
        self.predict = nn.Conv2d(in_channels, boxes * values, 1)
        self.values = values

    def forward(self, x: Tensor) -> Tensor:
        """Return the predictions (B, H * W * boxes, values) for a feature map (B, C, H, W)."""
        return (
            cast(Tensor, self.predict(x)).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self.values)
        )


class DepthwisePredictor(Predictor):
    """A predictor of SSDLite: a depthwise 3 x 3 convolution before the 1 x 1 one."""

    def __init__(self, in_channels: int, boxes: int, values: int, conv: ConvBlock) -> None:
        super().__init__(in_channels, boxes, values)
        self.depthwise = conv(in_channels, in_channels, 3, groups=in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the predictions (B, H * W * boxes, values) for a feature map (B, C, H, W)."""
        return super().forward(self.depthwise(x))


class SSDNetwork(nn.Module):
    """A network that maps images to box offsets and class logits.

    It takes normalised RGB images (B, 3, H, W) float, and returns offsets (B, N, 4) and logits (B,
    N, C). Offsets are in the box code of `box_code`, relative to `default_boxes` (N, 4) cx, cy, w,
    h. Column 0 of the logits is the background. `feature_maps` tells where each default box is:
    they are ordered by feature map, then by cell (row-major), then by shape.
    """

    default_boxes: Tensor

    def __init__(
        self, backbone: nn.Module, boxes: Tensor, feature_maps: Sequence[FeatureMapBoxes]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.feature_maps = tuple(feature_maps)
        self.register_buffer("default_boxes", boxes, persistent=False)


class SSD(SSDNetwork):
    """A network of a backbone, extra layers and predictors.

    `heads` holds for each feature map a module with the predictors `box` and `cls`.
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
