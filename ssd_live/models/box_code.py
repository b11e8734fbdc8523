"""Write boxes as offsets from default boxes, and compute boxes from such offsets.

This is equation (2) of the SSD paper. The offsets are also divided by the prior variances, as in
the code that was released with the paper. BlazeFace writes boxes in another way, which
`decode_pixels` reads. Boxes are cx, cy, w, h (centre, width, height) relative to the sides of the
image, so an image spans 0 to 1.
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

    This is equation (2) of the SSD paper. The boxes and the default boxes are cx, cy, w, h. The
    offsets of the centre are divided by `variances[0]`, and those of the size by `variances[1]`.
    """
    centre = (boxes[..., :2] - default_boxes[..., :2]) / (default_boxes[..., 2:] * variances[0])
    size = torch.log(boxes[..., 2:] / default_boxes[..., 2:]) / variances[1]
    return torch.cat([centre, size], dim=-1)


def decode(
    offsets: Tensor, default_boxes: Tensor, variances: tuple[float, float] = PRIOR_VARIANCES
) -> Tensor:
    """Return the boxes (..., 4) that lie at `offsets` (..., 4) from `default_boxes` (..., 4).

    The boxes and the default boxes are cx, cy, w, h. This function is the inverse of `encode` with
    the same `variances`.
    """
    centre = offsets[..., :2] * variances[0] * default_boxes[..., 2:] + default_boxes[..., :2]
    size = torch.exp(offsets[..., 2:] * variances[1]) * default_boxes[..., 2:]
    return torch.cat([centre, size], dim=-1)


def decode_pixels(offsets: Tensor, default_boxes: Tensor, side: int) -> Tensor:
    """Return the boxes (..., 4) that BlazeFace means by `offsets` (..., 4) in pixels.

    The offsets are the centre of the box relative to the centre of the default box, and the width
    and the height of the box, in pixels of a network input with sides of `side` pixels. A negative
    size counts as 0. The sizes of the `default_boxes` (..., 4) are not used. The boxes are cx, cy,
    w, h.

    Source: MediaPipe's `TensorsToDetectionsCalculator` with the options of its face detectors.
    """
    shares = offsets / side
    centre = shares[..., :2] + default_boxes[..., :2]
    return torch.cat([centre, shares[..., 2:].clamp(min=0)], dim=-1)


def to_corners(boxes: Tensor) -> Tensor:
    """Convert boxes (..., 4) from cx, cy, w, h (centre and size) to x1, y1, x2, y2 (corners)."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """Convert boxes (..., 4) from x1, y1, x2, y2 (corners) to cx, cy, w, h (centre and size)."""
    return torch.cat(
        [(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1
    )
