"""Build SSD300 and SSDLite300 on MobileNetV2, as the TensorFlow object-detection API does."""

from itertools import pairwise

from torch import nn

from ssd_live.models.default_boxes import BoxShape, FeatureMapBoxes, linear_scales
from ssd_live.models.layers import SameConv2d, SameConvBatchNorm
from ssd_live.models.mobilenetv2 import MobileNetV2
from ssd_live.models.ssd import SSD, DepthwiseExtraLayer, DepthwisePredictor, ExtraLayer, Predictor

_EXTRA_CHANNELS = (512, 256, 256, 128)
_GRIDS_300 = (19, 10, 5, 3, 2, 1)
_RATIOS = (1.0, 2.0, 1 / 2, 3.0, 1 / 3)


def boxes_300() -> tuple[FeatureMapBoxes, ...]:
    """Return the default boxes of each feature map of the MobileNetV2 networks, 1917 boxes in all.

    The network input is 300 x 300 pixels. A cell of the first feature map has three small boxes,
    and a cell of each other map has six boxes.
    """
    scales = (*linear_scales(0.2, 0.95, len(_GRIDS_300)), 1.0)
    shapes: list[tuple[BoxShape, ...]] = [
        (BoxShape(0.1), BoxShape(scales[0], 2.0), BoxShape(scales[0], 1 / 2))
    ]
    for scale, following in pairwise(scales[1:]):
        shapes.append(
            (*(BoxShape(scale, ratio) for ratio in _RATIOS), BoxShape((scale * following) ** 0.5))
        )
    return tuple(
        FeatureMapBoxes((grid, grid), cell) for grid, cell in zip(_GRIDS_300, shapes, strict=True)
    )


def ssd300_mobilenetv2(classes: int) -> SSD:
    """Return a new SSD300 on MobileNetV2 with random weights.

    Its extra layers have full (not depthwise) convolutions, its predictors are 1 x 1, and BatchNorm
    is folded into the convolutions. `classes` is the number of classes, including the background.
    """
    backbone = MobileNetV2(SameConv2d)
    boxes = boxes_300()
    channels = (*backbone.channels, *_EXTRA_CHANNELS)
    extras = [ExtraLayer(before, after, SameConv2d) for before, after in pairwise(channels[1:])]
    heads = [
        nn.ModuleDict(
            {
                "box": Predictor(inputs, len(cell.shapes), 4),
                "cls": Predictor(inputs, len(cell.shapes), classes),
            }
        )
        for inputs, cell in zip(channels, boxes, strict=True)
    ]
    return SSD(backbone, extras, heads, boxes)


def ssdlite300_mobilenetv2(classes: int) -> SSD:
    """Return a new SSDLite300 on MobileNetV2 with random weights.

    Its extra layers and predictors are depthwise, and it has BatchNorm. `classes` is the number of
    classes, including the background.
    """
    conv = SameConvBatchNorm
    backbone = MobileNetV2(conv)
    boxes = boxes_300()
    channels = (*backbone.channels, *_EXTRA_CHANNELS)
    extras = [DepthwiseExtraLayer(before, after, conv) for before, after in pairwise(channels[1:])]
    heads = [
        nn.ModuleDict(
            {
                "box": DepthwisePredictor(inputs, len(cell.shapes), 4, conv),
                "cls": DepthwisePredictor(inputs, len(cell.shapes), classes, conv),
            }
        )
        for inputs, cell in zip(channels, boxes, strict=True)
    ]
    return SSD(backbone, extras, heads, boxes)
