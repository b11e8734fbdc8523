"""The training objective: equations (1) to (3) of the SSD paper, with hard negative mining."""

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
    """The objects of one image.

    `boxes` (M, 4) are float xyxy in the unit square. `classes` (M,) are int64 from 1 on, because 0
    is the background.
    """

    boxes: Tensor
    classes: Tensor


class Loss(NamedTuple):
    """The two parts of the loss, each divided by the number of matched default boxes of the batch.

    They are divided by 1 if no default box is matched.
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
    """Return the loss of a batch, computed in float32.

    Takes offsets (B, N, 4), logits (B, N, C) and default boxes (N, 4) cx, cy, w, h. The
    localisation loss is the smooth L1 between the offsets and the encoded boxes of the matched
    default boxes. The confidence loss is the softmax cross-entropy over the matched default boxes
    and the hardest of the others: at most three for each matched one of the same image.

    `divisor_for` maps the number of matched default boxes, an int64 scalar, to the number that the
    loss is divided by. Processes that share a batch use it to divide by the number of all of them.
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
    """Return what the network should predict for each default box: offsets (N, 4) and classes (N,).

    The offsets of a default box that is background have no meaning.
    """
    matches = match(target.boxes, default_boxes)
    if not len(target.boxes):
        return torch.zeros_like(default_boxes), torch.full_like(matches, BACKGROUND)
    found = matches.clamp(min=0)
    classes = torch.where(matches >= 0, target.classes[found], BACKGROUND)
    return encode(to_centres(target.boxes)[found], default_boxes), classes


def hard_negatives(losses: Tensor, positive: Tensor, ratio: int = NEGATIVES_PER_POSITIVE) -> Tensor:
    """Return the mask (B, N) of the unmatched default boxes with the highest losses.

    Takes losses (B, N) and the mask of the positives (B, N). Each image gets at most `ratio`
    negatives for each of its positives: section 2.2, "hard negative mining". Of equal losses, the
    lower index is taken.
    """
    candidates = losses.masked_fill(positive, float("-inf"))
    order = candidates.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    allowed = torch.minimum(ratio * positive.sum(1, keepdim=True), (~positive).sum(1, keepdim=True))
    return (rank < allowed) & ~positive
