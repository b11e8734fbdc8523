"""Build SSD300 and SSD512 on VGG16, as in the paper, and SSDLite320 on MobileNetV3.

Modules have the names that torchvision gives them, so that its published weights load.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

from ssd_live.models.default_boxes import BoxShape, FeatureMapBoxes, default_boxes, linear_scales
from ssd_live.models.mobilenetv3 import MobileNetV3Large, conv_norm_activation
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.vgg16 import VGG16

Preset = Literal["voc", "coco"]

_GRIDS = {300: (38, 19, 10, 5, 3, 1), 512: (64, 32, 16, 8, 4, 2, 1)}
_STEPS = {300: (8, 16, 32, 64, 100, 300), 512: (8, 16, 32, 64, 128, 256, 512)}
# The scales of the released networks: for each feature map, the side of its smallest default box
# relative to the side of the image; then one more scale for the larger square of the last map. VOC:
# section 3.1 (conv4_3 at 0.1, or 0.07 for 512; then from 0.2, or 0.15, to 0.9). COCO: section 3.4,
# smaller scales.
_SCALES: dict[tuple[int, Preset], tuple[float, ...]] = {
    (300, "voc"): (0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05),
    (300, "coco"): (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
    (512, "voc"): (0.07, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05),
    (512, "coco"): (0.04, 0.1, 0.26, 0.42, 0.58, 0.74, 0.9, 1.06),
}
# Section 3.1: the ratios 3 and 1/3 are left out on the first and the last two maps.
_TWO, _TWO_THREE = (2.0,), (2.0, 3.0)
_SSDLITE_GRIDS = (20, 10, 5, 3, 2, 1)


class HeadedSSD(SSDNetwork):
    """An `SSDNetwork` whose backbone makes all feature maps, and whose head predicts from all.

    `boxes` (N, 4) are the default boxes as cx, cy, w, h.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: "Head",
        boxes: Tensor,
        feature_maps: Sequence[FeatureMapBoxes],
    ) -> None:
        super().__init__(backbone, boxes, feature_maps)
        self.head = head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return box offsets (B, N, 4) and class logits (B, N, C) of normalised images.

        `images` are (B, 3, S, S).
        """
        return cast(tuple[Tensor, Tensor], self.head(self.backbone(images)))

    def box_predictors(self) -> list[nn.Conv2d]:
        """Return the convolution of each feature map that predicts the box offsets."""
        layers = self.head.regression_head.module_list
        # The predictors of SSDLite are a sequence whose last layer is the convolution meant here.
        return [cast(nn.Conv2d, list(layer.modules())[-1]) for layer in layers]


# (input channels, output channels) -> a predictor layer
MakePredictor = Callable[[int, int], nn.Module]


class Head(nn.Module):
    """A module with a box predictor and a class predictor for every feature map.

    For each feature map, `channels` holds its number of channels and `boxes` its default boxes.
    `classes` is the number of classes, including the background. `predictor` makes a layer from the
    numbers of its input and output channels.
    """

    def __init__(
        self,
        channels: Sequence[int],
        boxes: Sequence[FeatureMapBoxes],
        classes: int,
        predictor: MakePredictor,
    ) -> None:
        super().__init__()
        counts = [len(cell.shapes) for cell in boxes]
        self.classification_head = _Columns(channels, counts, classes, predictor)
        self.regression_head = _Columns(channels, counts, 4, predictor)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return box offsets (B, N, 4) and class logits (B, N, C) from all feature maps.

        `maps` are the feature maps (B, channels, H, W), the largest first.
        """
        return self.regression_head(maps), self.classification_head(maps)


class _Columns(nn.Module):
    """A module that predicts `columns` numbers for each default box of all feature maps.

    Its output is (B, N, columns), with the default boxes of all maps one after another. `channels`
    is the number of channels of each map, and `counts` is how many default boxes its cells have.
    `predictor` makes a layer from the numbers of its input and output channels.
    """

    def __init__(
        self, channels: Sequence[int], counts: Sequence[int], columns: int, predictor: MakePredictor
    ) -> None:
        super().__init__()
        self.module_list = nn.ModuleList(
            predictor(inputs, count * columns)
            for inputs, count in zip(channels, counts, strict=True)
        )
        self._columns = columns

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        answers = [
            layer(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, self._columns)
            for layer, x in zip(self.module_list, maps, strict=True)
        ]
        return torch.cat(answers, dim=1)


def boxes_vgg16(size: int, preset: Preset) -> tuple[FeatureMapBoxes, ...]:
    """Return the default boxes of each feature map of an SSD network on VGG16.

    `size` is the side of the network input in pixels: 300 (8732 boxes in all) or 512 (24564 boxes).
    `preset` chooses the scales: "voc" for those of section 3.1 of the SSD paper, "coco" for the
    smaller ones of section 3.4. Each cell has a small square, a larger square, and boxes with the
    ratios (width / height) 2 and 1/2. On some maps it also has boxes with the ratios 3 and 1/3.
    """
    grids, scales, last = _GRIDS[size], _SCALES[size, preset], len(_GRIDS[size]) - 1
    maps = []
    for number, (grid, (scale, following)) in enumerate(zip(grids, pairwise(scales), strict=True)):
        ratios = _TWO if number == 0 or number >= last - 1 else _TWO_THREE
        maps.append(
            FeatureMapBoxes(
                (grid, grid), _shapes(scale, following, ratios), _STEPS[size][number] / size
            )
        )
    return tuple(maps)


def boxes_ssdlite320() -> tuple[FeatureMapBoxes, ...]:
    """Return the default boxes of each feature map of SSDLite320, 3234 boxes in all.

    Each cell has six boxes. The scales are 0.2 to 0.95, as in the SSDLite of the MobileNetV2 paper
    (section 6.2).
    """
    scales = (*linear_scales(0.2, 0.95, len(_SSDLITE_GRIDS)), 1.0)
    return tuple(
        FeatureMapBoxes((grid, grid), _shapes(*pair, _TWO_THREE))
        for grid, pair in zip(_SSDLITE_GRIDS, pairwise(scales), strict=True)
    )


def ssd_vgg16(size: int, classes: int, preset: Preset) -> HeadedSSD:
    """Return a new SSD300 or SSD512 on VGG16, as in the SSD paper, with random weights.

    `size` is the side of the network input in pixels, 300 or 512. `classes` is the number of
    classes, including the background. `preset` chooses the default boxes, as in `boxes_vgg16`.
    """
    backbone = VGG16(size)
    boxes = boxes_vgg16(size, preset)
    head = Head(
        backbone.channels,
        boxes,
        classes,
        lambda inputs, outputs: nn.Conv2d(inputs, outputs, 3, padding=1),
    )
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    # The widely used VOC weights were trained with the centres clamped to the image too, not only
    # the widths and heights.
    priors = default_boxes(boxes)
    return HeadedSSD(
        backbone, head, priors.clamp(0, 1) if preset == "voc" else limited(priors), boxes
    )


def ssdlite320_mobilenetv3(classes: int) -> HeadedSSD:
    """Return a new SSDLite320 on MobileNetV3-Large with random weights.

    SSDLite is described in section 6.2 of the MobileNetV2 paper. `classes` is the number of
    classes, including the background.
    """
    backbone = MobileNetV3Large()
    boxes = boxes_ssdlite320()
    head = Head(backbone.channels, boxes, classes, _separable)
    for layer in head.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.03)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return HeadedSSD(backbone, head, limited(default_boxes(boxes)), boxes)


def limited(boxes: Tensor) -> Tensor:
    """Return a copy of `boxes` (N, 4) cx, cy, w, h with widths and heights limited to 0..1.

    The centres do not change. torchvision's published weights were trained with such default boxes.
    """
    return torch.cat([boxes[:, :2], boxes[:, 2:].clamp(0, 1)], dim=1)


def _shapes(scale: float, following: float, ratios: Sequence[float]) -> tuple[BoxShape, ...]:
    """Return the shapes of the default boxes of a cell, as in section 2.2 of the SSD paper.

    The first is a square with the scale `scale`. The second is a square whose scale is the
    geometric mean of `scale` and `following`, the scale of the next feature map. Then come two
    boxes with the scale `scale` for each of the `ratios`: one has this width / height ratio, and
    the other has its inverse.
    """
    flat = [
        shape for ratio in ratios for shape in (BoxShape(scale, ratio), BoxShape(scale, 1 / ratio))
    ]
    return (BoxShape(scale), BoxShape((scale * following) ** 0.5), *flat)


def _separable(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        conv_norm_activation(inputs, inputs, 3, groups=inputs), nn.Conv2d(inputs, outputs, 1)
    )
