"""Compute the loss that training minimises: equations (1) to (3) of the SSD paper.

Of the default boxes without an object, only those with the highest loss count (hard negative
mining).
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ssd_live.models.box_code import decode, encode, to_centres, to_corners
from ssd_live.models.matching import match

NEGATIVES_PER_POSITIVE = 3
# The loss of boxes that have nothing in common is then about that of the paper's loss.
_GIOU_WEIGHT = 2.0
BoxLoss = Literal["smooth_l1", "giou"]
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
    box_loss: BoxLoss = "smooth_l1",
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

    With `box_loss` "giou", the localisation loss is `giou_loss` instead, times two. The paper does
    not have it.
    """
    assigned = [assign(target, default_boxes) for target in targets]
    offsets = torch.stack([boxes for boxes, _ in assigned])
    classes = torch.stack([labels for _, labels in assigned])
    positive = classes != BACKGROUND
    count = divisor_for(positive.sum())
    predicted, wanted = box_regression.float()[positive], offsets[positive]
    if box_loss == "giou":
        near = default_boxes.expand(len(targets), -1, -1)[positive]
        boxes = (to_corners(decode(each, near)) for each in (predicted, wanted))
        localisation = _GIOU_WEIGHT * giou_loss(*boxes).sum()
    else:
        localisation = F.smooth_l1_loss(predicted, wanted, reduction="sum")
    losses = F.cross_entropy(
        class_logits.float().flatten(0, 1), classes.flatten(), reduction="none"
    ).view_as(classes)
    counted = positive | hard_negatives(losses.detach(), positive)
    return Loss(localisation / count, losses[counted].sum() / count)


def giou_loss(boxes: Tensor, others: Tensor) -> Tensor:
    """Return 1 minus the generalised IoU of each box with the other one: (M,), 0 to 2.

    Both are (M, 4) x1, y1, x2, y2. The generalised IoU is the IoU, minus the share of the smallest
    box around both that neither covers. It says how far boxes are apart that do not overlap
    (Rezatofighi et al. 2019, Generalized Intersection over Union, algorithm 1).
    """
    shared = torch.min(boxes[:, 2:], others[:, 2:]) - torch.max(boxes[:, :2], others[:, :2])
    around = torch.max(boxes[:, 2:], others[:, 2:]) - torch.min(boxes[:, :2], others[:, :2])
    intersection, hull = shared.clamp(min=0).prod(1), around.prod(1)
    areas = ((each[:, 2:] - each[:, :2]).prod(1) for each in (boxes, others))
    union = sum(areas, -intersection)
    tiny = torch.finfo(boxes.dtype).tiny
    iou = intersection / union.clamp(min=tiny)
    return 1 - iou + (hull - union) / hull.clamp(min=tiny)


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
