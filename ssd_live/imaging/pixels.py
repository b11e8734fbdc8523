"""Convert between YUV planes and BGR, and resize frames to a network's input size.

The matrices use the luma weights of ITU-R BT.601, BT.709 and BT.2020 and their 8-bit limited range
(luma 16..235, chroma 16..240).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
PixelFormat = Literal["bgr24", "yuv420p"]

# The luma weights of red and blue. The weight of green is the rest to 1.
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


@dataclass(frozen=True)
class YuvMatrix:
    """The rule by which YUV values stand for colours.

    `standard` is a key of `LUMA_WEIGHTS`. If `full_range` is true, luma spans 0..255 instead of
    16..235.
    """

    standard: str = "bt601"
    full_range: bool = False


@lru_cache(maxsize=16)
def yuv_to_bgr_matrix(matrix: YuvMatrix) -> NDArray[np.float32]:
    """Return the (3, 4) matrix that turns (y, u, v, 1) into (b, g, r), all in 0..255."""
    red, blue = LUMA_WEIGHTS[matrix.standard]
    green = 1 - red - blue
    unit = np.array(
        [
            [1, 2 * (1 - blue), 0],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 0, 2 * (1 - red)],
        ]
    )
    luma_scale, luma_offset, chroma_scale = (
        (1.0, 0.0, 1.0) if matrix.full_range else (255 / 219, 16.0, 255 / 224)
    )
    linear = unit * np.array([luma_scale, chroma_scale, chroma_scale])
    offset = -linear @ np.array([luma_offset, 128.0, 128.0])
    return np.column_stack([linear, offset]).astype(np.float32)


@lru_cache(maxsize=16)
def bgr_to_yuv_matrix(matrix: YuvMatrix) -> NDArray[np.float32]:
    """Return the (3, 4) matrix that turns (b, g, r, 1) into (y, u, v), all in 0..255."""
    forward = yuv_to_bgr_matrix(matrix).astype(np.float64)
    inverse = np.linalg.inv(forward[:, :3])
    return np.column_stack([inverse, -inverse @ forward[:, 3]]).astype(np.float32)


def resize_bgr(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return an image (H, W, 3) uint8 resized to `size` (width, height).

    The aspect ratio is not kept.

    The interpolation is linear without antialiasing, because the networks were trained on images
    that were resized in this way.
    """
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def resize_yuv420_to_bgr(
    planes: tuple[Pixels, Pixels, Pixels], size: tuple[int, int], matrix: YuvMatrix
) -> Pixels:
    """Return YUV planes resized to `size` (width, height) and converted to BGR.

    `planes` are Y (H, W) and U, V (about half the size), all uint8. The result is (height, width,
    3) uint8 BGR. The aspect ratio is not kept.

    Converting first and resizing afterwards gives nearly the same pixels because both steps are
    linear. The only difference is that colour is interpolated once instead of twice. Resizing first
    is much faster because only the pixels of the network input are converted. The tests compare
    this function with that slower reference.
    """
    small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes])
    return np.asarray(cv2.transform(small, yuv_to_bgr_matrix(matrix)), np.uint8)


def bgr_to_yuv420(image: Pixels, matrix: YuvMatrix) -> tuple[Pixels, Pixels, Pixels]:
    """Return the planes Y (H, W) and U, V (H/2, W/2) of a BGR image (H, W, 3), all uint8.

    H and W must be even. Each chroma value is the average of 2 x 2 pixels.
    """
    yuv = cv2.transform(image, bgr_to_yuv_matrix(matrix))
    height, width = image.shape[:2]
    chroma = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return (
        np.ascontiguousarray(yuv[..., 0]),
        np.ascontiguousarray(chroma[..., 0]),
        np.ascontiguousarray(chroma[..., 1]),
    )


def yuv420_to_bgr(planes: tuple[Pixels, Pixels, Pixels], matrix: YuvMatrix) -> Pixels:
    """Return a BGR image (H, W, 3) made from Y (H, W) and U, V (about half the size), all uint8."""
    height, width = planes[0].shape
    return resize_yuv420_to_bgr(planes, (width, height), matrix)
