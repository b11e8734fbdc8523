"""Build MobileNetV3-Large as the backbone of SSDLite.

The network is table 1 of Howard et al. 2019 (arXiv:1905.02244), changed for detection as section
6.3 of that paper says. Modules are nested and named as in torchvision's SSDLite, so that its
published weights load without renaming.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

# The BatchNorm settings of torchvision's SSDLite.
_EPSILON, _MOMENTUM = 1e-3, 0.03
_SQUEEZE = 4
_STEM_CHANNELS = 16
_EXTRA_CHANNELS = (512, 256, 256, 128)


@dataclass(frozen=True)
class _Bottleneck:
    """The settings of one block of MobileNetV3: one row of table 1 of its paper.

    `expanded` is the number of channels inside the block, and `outputs` is that of its output.
    `kernel` and `stride` are those of the depthwise convolution. `squeezes` is true if the block
    has a `SqueezeExcitation`.
    """

    kernel: int
    expanded: int
    outputs: int
    squeezes: bool
    activation: type[nn.Module]
    stride: int


_RELU, _HARD_SWISH = nn.ReLU, nn.Hardswish
# For detection, the last stage has half of the channels: 80 and 480 instead of 160 and 960 (section
# 6.3: they are redundant for few classes).
_BOTTLENECKS = (
    _Bottleneck(3, 16, 16, False, _RELU, 1),
    _Bottleneck(3, 64, 24, False, _RELU, 2),
    _Bottleneck(3, 72, 24, False, _RELU, 1),
    _Bottleneck(5, 72, 40, True, _RELU, 2),
    _Bottleneck(5, 120, 40, True, _RELU, 1),
    _Bottleneck(5, 120, 40, True, _RELU, 1),
    _Bottleneck(3, 240, 80, False, _HARD_SWISH, 2),
    _Bottleneck(3, 200, 80, False, _HARD_SWISH, 1),
    _Bottleneck(3, 184, 80, False, _HARD_SWISH, 1),
    _Bottleneck(3, 184, 80, False, _HARD_SWISH, 1),
    _Bottleneck(3, 480, 112, True, _HARD_SWISH, 1),
    _Bottleneck(3, 672, 112, True, _HARD_SWISH, 1),
    _Bottleneck(5, 672, 80, True, _HARD_SWISH, 2),
    _Bottleneck(5, 480, 80, True, _HARD_SWISH, 1),
    _Bottleneck(5, 480, 80, True, _HARD_SWISH, 1),
)
# The first feature map is the expansion inside the first block of the stage with stride 32, before
# the block's own stride.
_TAP_BLOCK = 12


class MobileNetV3Large(nn.Module):
    """A backbone that makes six feature maps of normalised images (B, 3, S, S).

    The first has 672 channels and S / 16 cells a side, the second 480 channels and S / 32 cells.
    The next four have 512, 256, 256 and 128 channels; each has half as many cells a side as the one
    before, rounded up.
    """

    channels = (672, 480, *_EXTRA_CHANNELS)

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for bottleneck in _BOTTLENECKS:
            blocks.append(InvertedResidual(channels, bottleneck))
            channels = bottleneck.outputs
        tapped = cast(InvertedResidual, blocks[_TAP_BLOCK]).block
        stem = conv_norm_activation(3, _STEM_CHANNELS, 3, 2, activation=_HARD_SWISH)
        last = conv_norm_activation(channels, 6 * channels, activation=_HARD_SWISH)
        self.features = nn.Sequential(
            nn.Sequential(stem, *blocks[:_TAP_BLOCK], tapped[0]),
            nn.Sequential(tapped[1:], *blocks[_TAP_BLOCK + 1 :], last),
        )
        sizes = (6 * channels, *_EXTRA_CHANNELS)
        self.extra = nn.ModuleList(_extra(before, after) for before, after in pairwise(sizes))
        for layer in self.extra.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.03)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the six feature maps of normalised images (B, 3, S, S), the largest first."""
        x, maps = images, []
        for stage in (*self.features, *self.extra):
            x = stage(x)
            maps.append(x)
        return maps


class InvertedResidual(nn.Module):
    """A block of MobileNetV3 with the settings of `row`.

    It has a 1 x 1 convolution to more channels, a depthwise convolution, in some blocks a
    `SqueezeExcitation`, and a 1 x 1 convolution to fewer channels, which has no activation. If the
    input has the shape of the output, it is added to the output. `inputs` is the number of channels
    of the input.
    """

    def __init__(self, inputs: int, row: _Bottleneck) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if row.expanded != inputs:
            layers.append(conv_norm_activation(inputs, row.expanded, activation=row.activation))
        layers.append(
            conv_norm_activation(
                row.expanded, row.expanded, row.kernel, row.stride, row.expanded, row.activation
            )
        )
        if row.squeezes:
            layers.append(SqueezeExcitation(row.expanded))
        layers.append(conv_norm_activation(row.expanded, row.outputs, activation=None))
        self.block = nn.Sequential(*layers)
        self._adds_input = row.stride == 1 and inputs == row.outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block for x (B, C, H, W)."""
        out: Tensor = self.block(x)
        return x + out if self._adds_input else out


class SqueezeExcitation(nn.Module):
    """A layer that multiplies each channel by a factor between 0 and 1 (Hu et al. 2018).

    A small network with a hard sigmoid computes the factors from the means of all channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = divisible_by_8(channels // _SQUEEZE)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return x (B, C, H, W) with each channel multiplied by its factor."""
        mean = x.mean((2, 3), keepdim=True)
        return nn.functional.hardsigmoid(self.fc2(nn.functional.relu(self.fc1(mean)))) * x


def divisible_by_8(channels: int) -> int:
    """Return the multiple of 8 nearest to `channels`, but at least 8.

    If this multiple is less than nine tenths of `channels`, the next higher multiple is returned.
    This is MobileNet's rule for the number of channels of a layer.
    """
    rounded = max(8, (channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def conv_norm_activation(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU6,
) -> nn.Sequential:
    """Return a convolution without bias, followed by BatchNorm and then by `activation`.

    If `activation` is None, there is none. `inputs` and `outputs` are numbers of channels. The
    input is padded with zeros, so that a convolution with an odd `kernel` and a `stride` of 1 keeps
    the height and the width.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=_EPSILON, momentum=_MOMENTUM),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def _extra(inputs: int, outputs: int) -> nn.Sequential:
    middle = outputs // 2
    return nn.Sequential(
        conv_norm_activation(inputs, middle),
        conv_norm_activation(middle, middle, 3, 2, middle),
        conv_norm_activation(middle, outputs),
    )
