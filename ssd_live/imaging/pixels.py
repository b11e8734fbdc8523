"""Define pixels, and how YUV values stand for colours.

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

    `standard` is a key of `LUMA_WEIGHTS`: bt601, bt709 or bt2020. If `full_range` is true, luma and
    chroma span 0..255; otherwise luma spans 16..235 and chroma 16..240.
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


def bgr_to_yuv420(image: Pixels, matrix: YuvMatrix) -> tuple[Pixels, Pixels, Pixels]:
    """Return the planes Y (H, W) and U, V (H/2, W/2) of a BGR image (H, W, 3), all uint8.

    H and W must be even. `matrix` says how YUV values stand for colours. Each chroma value is the
    average of 2 x 2 pixels.
    """
    yuv = cv2.transform(image, bgr_to_yuv_matrix(matrix))
    height, width = image.shape[:2]
    chroma = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return (
        np.ascontiguousarray(yuv[..., 0]),
        np.ascontiguousarray(chroma[..., 0]),
        np.ascontiguousarray(chroma[..., 1]),
    )
