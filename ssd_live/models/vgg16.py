"""Build VGG16 (Simonyan and Zisserman 2014) as the backbone of SSD, with the layers after it.

VGG16 is changed as section 3 of the SSD paper says. Modules are nested and named as in
torchvision's SSD, so that its published weights load without renaming.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The channels of the convolutions between two poolings.
_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# Section 3.1: the features of conv4_3 have another scale than the other maps, so they are
# L2-normalised and multiplied by a learned scale, which starts at this value.
_L2_NORM_SCALE = 20.0

# VGG16 takes pixels of 0 to 255 minus their mean, but He's initialisation is for values around 1.
# The first weights are divided by this.
_PIXEL_DEVIATION = 64.0

# (reduced channels, output channels, kernel, stride, padding) of the layers after fc7, from figure
# 2; for 512, from footnote 5 and the released network.
_EXTRAS_300 = ((256, 512, 3, 2, 1), (128, 256, 3, 2, 1), (128, 256, 3, 1, 0), (128, 256, 3, 1, 0))
_EXTRAS_512 = (
    (256, 512, 3, 2, 1),
    (128, 256, 3, 2, 1),
    (128, 256, 3, 2, 1),
    (128, 256, 3, 2, 1),
    (128, 256, 4, 1, 1),
)


class VGG16(nn.Module):
    """A backbone that makes the feature maps conv4_3, fc7, conv8_2 and those after conv8_2.

    conv4_3 has 512 channels, fc7 1024, conv8_2 512, and each later map 256. `size` is the side of
    the network input in pixels. If it is 300, the maps have 38, 19, 10, 5, 3 and 1 cells a side. If
    it is 512, they have 64, 32, 16, 8, 4, 2 and 1 cells a side.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        layers = _vgg16_layers()
        pool4 = [index for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)][3]
        extras = {300: _EXTRAS_300, 512: _EXTRAS_512}[size]
        self.scale_weight = nn.Parameter(torch.full((512,), _L2_NORM_SCALE))
        self.features = nn.Sequential(*layers[:pool4])
        self.extra = nn.ModuleList([nn.Sequential(*layers[pool4:-1], _fc6_fc7())])
        channels = 1024
        for reduced, outputs, kernel, stride, padding in extras:
            self.extra.append(_extra(channels, reduced, outputs, kernel, stride, padding))
            channels = outputs
        self.channels = (512, 1024, *(outputs for _, outputs, *_ in extras))
        _initialise(self.extra, nn.init.xavier_uniform_)
        # These weights are used if none are given for VGG16 itself. The network has no norms, so
        # only He's initialisation carries the signal through so many layers.
        _initialise(self.features, nn.init.kaiming_normal_)
        _initialise(self.extra[0], nn.init.kaiming_normal_)
        with torch.no_grad():
            next(self.features.parameters()).div_(_PIXEL_DEVIATION)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of normalised images (B, 3, S, S), the largest first."""
        x = self.features(images)
        # The norm is computed in float32, because float16 cannot hold the square of a small value,
        # nor the epsilon of the norm.
        maps = [self.scale_weight.view(1, -1, 1, 1) * F.normalize(x.float()).to(x.dtype)]
        for layer in self.extra:
            x = layer(x)
            maps.append(x)
        return maps


def _initialise(layers: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d):
            draw(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


def _vgg16_layers() -> list[nn.Module]:
    """Return the convolutions, ReLUs and poolings of VGG16 up to pool5.

    The third pooling rounds the size of its output up, so that an input of 300 pixels a side gives
    38 cells.
    """
    layers: list[nn.Module] = []
    channels = 3
    for number, block in enumerate(_BLOCKS):
        for outputs in block:
            layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU(inplace=True)]
            channels = outputs
        layers.append(nn.MaxPool2d(2, 2, ceil_mode=number == 2))
    return layers


def _fc6_fc7() -> nn.Sequential:
    """Return the layers pool5, fc6 and fc7 of VGG16, changed as section 3 of the SSD paper says.

    pool5 has a stride of 1, fc6 is a dilated ("a trous") convolution, and fc7 is a 1 x 1
    convolution.
    """
    return nn.Sequential(
        nn.MaxPool2d(3, 1, 1),
        nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
        nn.ReLU(inplace=True),
        nn.Conv2d(1024, 1024, 1),
        nn.ReLU(inplace=True),
    )


def _extra(
    inputs: int, reduced: int, outputs: int, kernel: int, stride: int, padding: int
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, reduced, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(reduced, outputs, kernel, stride, padding),
        nn.ReLU(inplace=True),
    )
