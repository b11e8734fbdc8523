"""Compare boxes."""

import numpy as np
from numpy.typing import NDArray


def iou_matrix(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU (N, M) of each of the `boxes` (N, 4) with each of the `others` (M, 4).

    Boxes are x1, y1, x2, y2. The IoU of two boxes without area is 0.
    """
    x1, y1, x2, y2 = boxes.T[:, :, None]
    their_x1, their_y1, their_x2, their_y2 = others.T
    widths = np.minimum(x2, their_x2) - np.maximum(x1, their_x1)
    heights = np.minimum(y2, their_y2) - np.maximum(y1, their_y1)
    shared = widths.clip(0) * heights.clip(0)
    union = (x2 - x1) * (y2 - y1) + (their_x2 - their_x1) * (their_y2 - their_y1) - shared
    return np.asarray(
        np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32
    )
