"""Match default boxes to objects, as in section 2.2 of the SSD paper ("matching strategy")."""

import torch
from torch import Tensor

from ssd_live.models.box_code import to_corners
from ssd_live.models.postprocess import jaccard_overlap

MATCH_OVERLAP = 0.5


def match(boxes: Tensor, default_boxes: Tensor, threshold: float = MATCH_OVERLAP) -> Tensor:
    """Return, for each default box, the index of its object, or -1 if it has none; (N,) int64.

    The objects are `boxes` (M, 4) as x1, y1, x2, y2. The `default_boxes` (N, 4) are cx, cy, w, h.
    Both are relative to the sides of the image.

    First, every object is matched to one default box. Of all pairs of an object and a default box,
    the pair with the highest IoU is matched first, then the best pair of the remaining objects and
    default boxes, and so on (as in MultiBox). Then each remaining default box is matched to the
    object with which it has the highest IoU, if this IoU is more than `threshold`. If IoUs are
    equal, the object with the lower index is taken, and then the default box with the lower index.
    """
    matches = torch.full((len(default_boxes),), -1, dtype=torch.int64, device=default_boxes.device)
    if not len(boxes):
        return matches
    overlaps = jaccard_overlap(boxes, to_corners(default_boxes))
    best_overlap, best_object = overlaps.max(dim=0)
    above = best_overlap > threshold
    matches[above] = best_object[above]
    objects, taken = _best_pairs(overlaps)
    matches[taken] = objects
    return matches


def _best_pairs(overlaps: Tensor) -> tuple[Tensor, Tensor]:
    """Pair every object with one default box, and return the pairs as two int64 tensors (K,).

    The first tensor holds the indices of the objects, and the second the indices of their default
    boxes. `overlaps` (M, N) are the IoUs of the M objects with the N default boxes, and K is the
    smaller of M and N. The pair with the highest IoU is taken first, then the best pair of the
    remaining objects and default boxes, and so on.
    """
    best = overlaps.argmax(dim=1)
    if len(torch.unique(best)) == len(best):
        # No two objects compete for a box, so the search below would find the same pairs.
        return torch.arange(len(best), device=best.device), best
    left = overlaps.clone()
    objects, taken = [], []
    for _ in range(min(left.shape)):
        flat = int(left.argmax())
        row, column = flat // left.shape[1], flat % left.shape[1]
        objects.append(row)
        taken.append(column)
        left[row], left[:, column] = -1, -1
    return torch.tensor(objects, device=best.device), torch.tensor(taken, device=best.device)
