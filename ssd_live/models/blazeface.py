"""Build the two BlazeFace networks, SSD networks that detect faces.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019
(arXiv:1907.05047), describes the block and the first network. Both networks here are later ones of
Google's MediaPipe. Their six key points of a face are left out.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from ssd_live.models.box_code import decode_pixels
from ssd_live.models.default_boxes import BoxShape, FeatureMapBoxes
from ssd_live.models.layers import SameConv2d
from ssd_live.models.ssd import SSD, Predictor

# The channels of the blocks for 256 x 256 pixels, one row for each size of feature map. The first
# block of each row but the first has a stride of 2.
_ROWS_256 = ((24,) * 7, (24,) * 8, (48,) * 8, (96,) * 8)
_STEM_256 = 24
# The same for the full range, as (channels between the two parts of a block, channels of the
# result).
_ROWS_FULL_RANGE = (
    ((8, 32), (8, 32)),
    ((12, 48), (12, 48), (16, 64)),
    ((24, 96), (32, 128), (32, 128)),
    ((36, 144), (48, 192), (64, 256)),
    ((96, 384),) * 4,
)
_STEM_FULL_RANGE = 32
# The maps that are enlarged and added to the map before them: channels, and blocks after that.
_MERGES_FULL_RANGE = ((96, 2), (64, 2), (48, 1))


class SeparableConv(nn.Module):
    """A depthwise 3 x 3 convolution, followed by a 1 x 1 convolution, without an activation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = SameConv2d(
            in_channels, in_channels, 3, stride, groups=in_channels, linear=True
        )
        self.project = SameConv2d(in_channels, out_channels, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (B, out_channels, H / stride, W / stride) of x (B, C, H, W)."""
        return cast(Tensor, self.project(self.depthwise(x)))


class BlazeBlock(nn.Module):
    """A block of BlazeFace: one or two separable convolutions, whose result is added to the input.

    `middle_channels` is the number of channels between two separable convolutions, or 0 for a block
    with only one ("single" and "double BlazeBlock", figure 1 of the paper). If the stride is 2, the
    input is halved by max pooling before it is added. If it has fewer channels than the result,
    channels of zeros fill it up.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, middle_channels: int = 0
    ) -> None:
        super().__init__()
        self.first = SeparableConv(in_channels, middle_channels or out_channels, stride)
        self.second = SeparableConv(middle_channels, out_channels) if middle_channels else None
        self.stride = stride
        self.new_channels = out_channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (B, out_channels, H / stride, W / stride) of x (B, C, H, W)."""
        found = self.first(x)
        if self.second is not None:
            found = self.second(F.relu(found))
        if self.stride == 2:
            x = F.max_pool2d(x, 2)
        if self.new_channels:
            x = F.pad(x, (0, 0, 0, 0, 0, self.new_channels))
        return F.relu(x + found)


class Merge(nn.Module):
    """The addition of a small feature map, enlarged to twice its size, to one of that size.

    A 1 x 1 convolution gives each map `channels` channels before. `blocks` double BlazeBlocks
    follow, with half of the channels in their middle.
    """

    def __init__(self, small_channels: int, large_channels: int, channels: int, blocks: int):
        super().__init__()
        self.small = SameConv2d(small_channels, channels, linear=True)
        self.large = SameConv2d(large_channels, channels, linear=True)
        self.blocks = nn.Sequential(
            *(BlazeBlock(channels, channels, 1, channels // 2) for _ in range(blocks))
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        """Return the features (B, channels, H, W) of two maps (B, C, H / 2, W / 2), (B, C', H, W).

        The enlargement is bilinear.
        """
        enlarged = F.interpolate(
            F.relu(self.small(small)), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        return cast(Tensor, self.blocks(F.relu(self.large(large)) + enlarged))


class Backbone256(nn.Module):
    """A backbone that makes two feature maps of normalised images (B, 3, 256, 256).

    Their shapes are (B, 96, 16, 16) and (B, 96, 8, 8).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, _STEM_256, 5, 2, linear=True)
        self.blocks = nn.Sequential(*_blocks(_STEM_256, [[(0, n) for n in r] for r in _ROWS_256]))
        self.last = SeparableConv(_ROWS_256[-1][-1], _ROWS_256[-1][-1], 2)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the two feature maps, the larger first."""
        large = self.blocks(F.relu(self.stem(images)))
        return [large, F.relu(self.last(large))]


class BackboneFullRange(nn.Module):
    """A backbone that makes one feature map (B, 48, 48, 48) of images (B, 3, 192, 192).

    It halves the map down to 6 x 6 cells, and then merges it with the larger maps before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, _STEM_FULL_RANGE, 3, 2, linear=True)
        blocks = _blocks(_STEM_FULL_RANGE, _ROWS_FULL_RANGE)
        ends = [sum(map(len, _ROWS_FULL_RANGE[: number + 1])) for number in range(5)]
        self.stages = nn.ModuleList(
            nn.Sequential(*blocks[first:last]) for first, last in pairwise([0, *ends])
        )
        tapped = [row[-1][1] for row in _ROWS_FULL_RANGE[::-1]]
        smaller = [tapped[0], *(channels for channels, _ in _MERGES_FULL_RANGE)]
        self.merges = nn.ModuleList(
            Merge(small, large, channels, count)
            for small, large, (channels, count) in zip(
                smaller, tapped[1:], _MERGES_FULL_RANGE, strict=False
            )
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return a list with the one feature map."""
        maps = [F.relu(self.stem(images))]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        x = maps.pop()
        for merge in self.merges:
            x = merge(x, maps.pop())
        return [x]


class BlazeFace(SSD):
    """An SSD network of the BlazeFace family, whose boxes are offsets in pixels.

    A default box is only a place: it has the side of the whole image. `side` is that of the network
    input in pixels, `boxes` is the number of default boxes of a cell of each feature map, and
    `classes` is the number of classes, including the background.
    """

    def __init__(
        self,
        backbone: nn.Module,
        side: int,
        grids: Sequence[int],
        channels: int,
        boxes: Sequence[int],
        classes: int,
    ) -> None:
        heads = [
            nn.ModuleDict(
                {"box": Predictor(channels, count, 4), "cls": Predictor(channels, count, classes)}
            )
            for count in boxes
        ]
        maps = [
            FeatureMapBoxes((grid, grid), (BoxShape(1.0),) * count)
            for grid, count in zip(grids, boxes, strict=True)
        ]
        super().__init__(backbone, (), heads, maps)
        self.side = side

    def decode(self, regression: Tensor) -> Tensor:
        """Return the boxes (B, N, 4) cx, cy, w, h for the output `regression` (B, N, 4)."""
        return decode_pixels(regression, self.default_boxes, self.side)


def blazeface_256(classes: int) -> BlazeFace:
    """Return a new BlazeFace network for 256 x 256 pixels with random weights, with 896 boxes.

    MediaPipe calls it the back model, because it is for the camera at the back of a phone.
    `classes` is the number of classes, including the background.
    """
    return BlazeFace(Backbone256(), 256, (16, 8), 96, (2, 6), classes)


def blazeface_full_range(classes: int) -> BlazeFace:
    """Return a new BlazeFace network for 192 x 192 pixels with random weights, with 2304 boxes.

    It is for faces up to about five metres away. `classes` is the number of classes, including the
    background.
    """
    return BlazeFace(BackboneFullRange(), 192, (48,), 48, (1,), classes)


def _blocks(channels: int, rows: Sequence[Sequence[tuple[int, int]]]) -> list[BlazeBlock]:
    """Return the blocks of all `rows`, for an input of `channels` channels.

    A block is given as its middle channels and the channels of its result. The first block of each
    row but the first has a stride of 2.
    """
    blocks = []
    for number, row in enumerate(rows):
        for place, (middle, after) in enumerate(row):
            stride = 2 if number and not place else 1
            blocks.append(BlazeBlock(channels, after, stride, middle))
            channels = after
    return blocks
