"""The box code: how a box is written as offsets from a default box.

Equation (2) of the SSD paper, with the prior variances by which its released code divides. Boxes
are cx, cy, w, h in the unit square.
"""

import torch
from torch import Tensor

# The offsets of centre and size are divided by these before the network learns them, so that all
# four targets have a spread of about one.
PRIOR_VARIANCES = (0.1, 0.2)


def encode(
    boxes: Tensor, default_boxes: Tensor, variances: tuple[float, float] = PRIOR_VARIANCES
) -> Tensor:
    """Return the offsets (..., 4) that lead from `default_boxes` (..., 4) to `boxes` (..., 4).

    Both are cx, cy, w, h.
    """
    centre = (boxes[..., :2] - default_boxes[..., :2]) / (default_boxes[..., 2:] * variances[0])
    size = torch.log(boxes[..., 2:] / default_boxes[..., 2:]) / variances[1]
    return torch.cat([centre, size], dim=-1)


def decode(
    offsets: Tensor, default_boxes: Tensor, variances: tuple[float, float] = PRIOR_VARIANCES
) -> Tensor:
    """Return the boxes (..., 4) cx, cy, w, h that `offsets` (..., 4) stand for.

    This is the inverse of `encode`.
    """
    centre = offsets[..., :2] * variances[0] * default_boxes[..., 2:] + default_boxes[..., :2]
    size = torch.exp(offsets[..., 2:] * variances[1]) * default_boxes[..., 2:]
    return torch.cat([centre, size], dim=-1)


def to_corners(boxes: Tensor) -> Tensor:
    """Convert boxes (..., 4) from cx, cy, w, h to x1, y1, x2, y2."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """Convert boxes (..., 4) from x1, y1, x2, y2 to cx, cy, w, h."""
    return torch.cat(
        [(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1
    )
