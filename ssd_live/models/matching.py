"""Which default boxes stand for which objects: section 2.2 of the SSD paper, "matching
strategy".
"""

import torch
from torch import Tensor

from ssd_live.models.box_code import to_corners
from ssd_live.models.postprocess import jaccard_overlap

MATCH_OVERLAP = 0.5


def match(boxes: Tensor, default_boxes: Tensor, threshold: float = MATCH_OVERLAP) -> Tensor:
    """For every default box (N, 4) cx, cy, w, h the index of the object (M, 4) xyxy that it stands
    for, or -1; (N,) int64.

    First every object gets the default box of best overlap: the best pair of all first, each
    default box once, so that no object goes without while there are boxes left (as in MultiBox).
    Then every other default box takes the object it overlaps most, if by more than `threshold`. Of
    equal overlaps the lower index wins.
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
    """Objects and their own default boxes, from overlaps (M, N): the best pair first, then the best
    of what is left ...
    """
    best = overlaps.argmax(dim=1)
    if len(torch.unique(best)) == len(best):
        # Nobody contends for a box: what the search would find.
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
