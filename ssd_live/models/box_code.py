"""The box code: how a ground-truth box is written relative to a default box.

Equation (2) of the SSD paper, with the prior variances that its released code divides by. Boxes are
cx, cy, w, h in the unit square.
"""

import torch
from torch import Tensor

# Centre and size are divided by these before the network learns them, so that all four targets have
# a spread of about one.
PRIOR_VARIANCES = (0.1, 0.2)


def encode(
    boxes: Tensor, default_boxes: Tensor, variances: tuple[float, float] = PRIOR_VARIANCES
) -> Tensor:
    """Offsets (..., 4) that lead from `default_boxes` (..., 4) to `boxes` (..., 4), both cx, cy, w,
    h.
    """
    centre = (boxes[..., :2] - default_boxes[..., :2]) / (default_boxes[..., 2:] * variances[0])
    size = torch.log(boxes[..., 2:] / default_boxes[..., 2:]) / variances[1]
    return torch.cat([centre, size], dim=-1)


def decode(
    offsets: Tensor, default_boxes: Tensor, variances: tuple[float, float] = PRIOR_VARIANCES
) -> Tensor:
    """Boxes (..., 4) cx, cy, w, h that `offsets` (..., 4) mean: the inverse of `encode`."""
    centre = offsets[..., :2] * variances[0] * default_boxes[..., 2:] + default_boxes[..., :2]
    size = torch.exp(offsets[..., 2:] * variances[1]) * default_boxes[..., 2:]
    return torch.cat([centre, size], dim=-1)


def to_corners(boxes: Tensor) -> Tensor:
    """cx, cy, w, h to x1, y1, x2, y2; (..., 4)."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 to cx, cy, w, h; (..., 4)."""
    return torch.cat(
        [(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1
    )
