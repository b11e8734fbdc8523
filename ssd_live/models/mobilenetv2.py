"""Build MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, table 2) as the backbone of SSD."""

from torch import Tensor, nn

from ssd_live.models.layers import ConvBlock

# Table 2: expansion, output channels, repeats, stride of the first block.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_STEM_CHANNELS = 32
_LAST_CHANNELS = 1280
# The first feature map of SSD is the expansion inside this block, before its stride of 2 (19 x 19
# cells for an input of 300 x 300).
_TAP_BLOCK = 13


class InvertedResidual(nn.Module):
    """A block of MobileNetV2 with three convolutions.

    The first is 1 x 1 and multiplies the number of channels by `expansion`; it is left out if
    `expansion` is 1. The second is 3 x 3 and depthwise, with the `stride`. The third is 1 x 1 to
    `out_channels` and has no activation. If the input has the shape of the output, it is added to
    the output. `conv` makes each convolution and takes the arguments of `SameConv2d`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, expansion: int, conv: ConvBlock
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand = conv(in_channels, hidden) if expansion != 1 else nn.Identity()
        self.depthwise = conv(hidden, hidden, 3, stride, groups=hidden)
        self.project = conv(hidden, out_channels, linear=True)
        self.adds_input = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output of the block for x (B, C, H, W), and that of its first convolution.

        In one of the blocks, SSD uses the output of the first convolution as a feature map.
        """
        expanded = self.expand(x)
        out = self.project(self.depthwise(expanded))
        return (x + out if self.adds_input else out), expanded


class MobileNetV2(nn.Module):
    """A backbone that makes two feature maps of normalised images (B, 3, H, W).

    Their shapes are (B, 576, H / 16, W / 16) and (B, 1280, H / 32, W / 32), with sizes rounded up.
    `conv` makes each convolution and takes the arguments of `SameConv2d`.
    """

    channels = (576, _LAST_CHANNELS)

    def __init__(self, conv: ConvBlock) -> None:
        super().__init__()
        self.stem = conv(3, _STEM_CHANNELS, 3, 2)
        blocks = []
        channels = _STEM_CHANNELS
        for expansion, out_channels, repeats, first_stride in _STAGES:
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(
                        channels, out_channels, first_stride if repeat == 0 else 1, expansion, conv
                    )
                )
                channels = out_channels
        self.blocks = nn.ModuleList(blocks)
        self.last = conv(channels, _LAST_CHANNELS)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the two feature maps of normalised images (B, 3, H, W), the larger first."""
        x = self.stem(images)
        taps = []
        for index, block in enumerate(self.blocks):
            x, expanded = block(x)
            if index == _TAP_BLOCK:
                taps.append(expanded)
        return [*taps, self.last(x)]
