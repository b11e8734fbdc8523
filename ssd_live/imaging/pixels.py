"""Pixel formats: YUV planes to and from BGR, and the one resize from a frame to a network's input.

Matrices follow ITU-R BT.601, BT.709 and BT.2020 (luma weights) and their 8-bit limited range
(16..235, 16..240).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
PixelFormat = Literal["bgr24", "yuv420p"]

# Luma weights of red and blue.
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


@dataclass(frozen=True)
class YuvMatrix:
    """How YUV numbers mean colours: a key of `LUMA_WEIGHTS`, and whether they span 0..255 rather
    than 16..235.
    """

    standard: str = "bt601"
    full_range: bool = False


@lru_cache(maxsize=16)
def yuv_to_bgr_matrix(matrix: YuvMatrix) -> NDArray[np.float32]:
    """(3, 4): multiplied with (y, u, v, 1), all 0..255, gives (b, g, r)."""
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
    """(3, 4): multiplied with (b, g, r, 1), all 0..255, gives (y, u, v)."""
    forward = yuv_to_bgr_matrix(matrix).astype(np.float64)
    inverse = np.linalg.inv(forward[:, :3])
    return np.column_stack([inverse, -inverse @ forward[:, 3]]).astype(np.float32)


def resize_bgr(image: Pixels, size: tuple[int, int]) -> Pixels:
    """(H, W, 3) stretched to `size` (width, height), linear, without antialiasing: what the
    networks were trained on.
    """
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def resize_yuv420_to_bgr(
    planes: tuple[Pixels, Pixels, Pixels], size: tuple[int, int], matrix: YuvMatrix
) -> Pixels:
    """Y (H, W) and U, V (about half that) stretched to `size` (width, height) and only then turned
    into BGR (height, width, 3).

    Nearly what converting first and resizing then gives, since both are linear (colour is
    interpolated once instead of twice), and far cheaper: the conversion touches only the network's
    pixels. Held against that reference in the tests.
    """
    small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes])
    return np.asarray(cv2.transform(small, yuv_to_bgr_matrix(matrix)), np.uint8)


def bgr_to_yuv420(image: Pixels, matrix: YuvMatrix) -> tuple[Pixels, Pixels, Pixels]:
    """(H, W, 3) BGR with even sides to Y (H, W) and U, V (H/2, W/2), chroma averaged over 2 x 2."""
    yuv = cv2.transform(image, bgr_to_yuv_matrix(matrix))
    height, width = image.shape[:2]
    chroma = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return (
        np.ascontiguousarray(yuv[..., 0]),
        np.ascontiguousarray(chroma[..., 0]),
        np.ascontiguousarray(chroma[..., 1]),
    )


def yuv420_to_bgr(planes: tuple[Pixels, Pixels, Pixels], matrix: YuvMatrix) -> Pixels:
    """The whole picture as BGR (H, W, 3)."""
    height, width = planes[0].shape
    return resize_yuv420_to_bgr(planes, (width, height), matrix)
