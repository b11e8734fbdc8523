"""Compute the loss that training minimises: equations (1) to (3) of the SSD paper.

Of the default boxes without an object, only those with the highest loss count (hard negative
mining).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ssd_live.models.box_code import encode, to_centres
from ssd_live.models.matching import match

NEGATIVES_PER_POSITIVE = 3
BACKGROUND = 0


class Target(NamedTuple):
    """The labelled objects of one image.

    `boxes` (M, 4) are float x1, y1, x2, y2 relative to the sides of the image. `classes` (M,) are
    int64 and count from 1, because 0 is the background.
    """

    boxes: Tensor
    classes: Tensor


class Loss(NamedTuple):
    """The two parts of the SSD loss of a batch, each a scalar.

    `localisation` is the loss of the boxes, and `confidence` is that of the classes. Each is
    divided by the number that `divisor_for` of `multibox_loss` gives. By default, this is the
    number of matched default boxes in the batch, or 1 if there are none.
    """

    localisation: Tensor
    confidence: Tensor


def multibox_loss(
    box_regression: Tensor,
    class_logits: Tensor,
    default_boxes: Tensor,
    targets: Sequence[Target],
    divisor_for: Callable[[Tensor], Tensor] = lambda count: count.clamp(min=1),
) -> Loss:
    """Return the loss of a batch of B images, computed in float32.

    The network predicts `box_regression`, the offsets (B, N, 4), and `class_logits`, the logits (B,
    N, C). `default_boxes` (N, 4) are cx, cy, w, h, and `targets` holds the objects of each image.
    The localisation loss is the smooth L1 loss between the predicted and the correct offsets of the
    matched default boxes. The confidence loss is the softmax cross-entropy of the matched default
    boxes and of the unmatched ones with the highest loss. At most three unmatched ones are used for
    each matched one of the same image.

    `divisor_for` maps the number of matched default boxes, an int64 scalar, to the number by which
    the loss is divided. Processes that share a batch use it to divide by the number of matched
    default boxes in all processes.
    """
    assigned = [assign(target, default_boxes) for target in targets]
    offsets = torch.stack([boxes for boxes, _ in assigned])
    classes = torch.stack([labels for _, labels in assigned])
    positive = classes != BACKGROUND
    count = divisor_for(positive.sum())
    localisation = F.smooth_l1_loss(
        box_regression.float()[positive], offsets[positive], reduction="sum"
    )
    losses = F.cross_entropy(
        class_logits.float().flatten(0, 1), classes.flatten(), reduction="none"
    ).view_as(classes)
    counted = positive | hard_negatives(losses.detach(), positive)
    return Loss(localisation / count, losses[counted].sum() / count)


def assign(target: Target, default_boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the network should predict for each default box of one image.

    The result is the offsets (N, 4) and the classes (N,) int64, where 0 is the background. The
    offsets of a default box whose class is the background have no meaning. `target` holds the
    objects of the image. `default_boxes` (N, 4) are cx, cy, w, h.
    """
    matches = match(target.boxes, default_boxes)
    if not len(target.boxes):
        return torch.zeros_like(default_boxes), torch.full_like(matches, BACKGROUND)
    found = matches.clamp(min=0)
    classes = torch.where(matches >= 0, target.classes[found], BACKGROUND)
    return encode(to_centres(target.boxes)[found], default_boxes), classes


def hard_negatives(losses: Tensor, positive: Tensor, ratio: int = NEGATIVES_PER_POSITIVE) -> Tensor:
    """Return a bool mask (B, N) that is true for the unmatched default boxes with the highest loss.

    `losses` (B, N) are the confidence losses of the default boxes, and `positive` (B, N) is true
    for the matched ones. The mask has at most `ratio` default boxes for each matched one of the
    same image, as in section 2.2 of the SSD paper ("hard negative mining"). If losses are equal,
    the default box with the lower index is taken.
    """
    candidates = losses.masked_fill(positive, float("-inf"))
    order = candidates.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    allowed = torch.minimum(ratio * positive.sum(1, keepdim=True), (~positive).sum(1, keepdim=True))
    return (rank < allowed) & ~positive
