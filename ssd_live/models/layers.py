"""Convolution blocks of the MobileNets, with TensorFlow's `SAME` padding."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

# BatchNorm epsilon of the TensorFlow object-detection models.
BATCH_NORM_EPSILON = 1e-3

# (in_channels, out_channels, kernel, stride, groups, linear=...) -> block
ConvBlock = Callable[..., nn.Module]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding (before, after) that TensorFlow's `SAME` adds along one axis, in cells.

    `size` is the number of cells of the input along this axis. `kernel` and `stride` are those of
    the convolution. With the padding, its output has ceil(size / stride) cells. If the total
    padding is odd, the extra cell comes after the input.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Return x (B, C, H, W) with the zeros around it that TensorFlow's `SAME` padding adds.

    `kernel` and `stride` are those of the square convolution that follows.
    """
    top, bottom = same_padding(x.shape[-2], kernel, stride)
    left, right = same_padding(x.shape[-1], kernel, stride)
    return F.pad(x, (left, right, top, bottom)) if top or bottom or left or right else x


class SameConv2d(nn.Conv2d):
    """A convolution with a bias and TensorFlow's `SAME` padding, followed by ReLU6.

    If `linear` is true, there is no ReLU6.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        linear: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, groups=groups)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (B, C', ceil(H / stride), ceil(W / stride)) of x (B, C, H, W).

        C' is the number of output channels.
        """
        x = super().forward(pad_same(x, self.kernel_size[0], self.stride[0]))
        return x if self.linear else F.relu6(x)


class SameConvBatchNorm(nn.Module):
    """A convolution with TensorFlow's `SAME` padding, followed by BatchNorm and ReLU6.

    If `linear` is true, there is no ReLU6.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        *,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=BATCH_NORM_EPSILON)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (B, C', ceil(H / stride), ceil(W / stride)) of x (B, C, H, W).

        C' is the number of output channels.
        """
        x = self.bn(self.conv(pad_same(x, self.conv.kernel_size[0], self.conv.stride[0])))
        return x if self.linear else F.relu6(x)
