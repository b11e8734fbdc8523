"""Turn the raw output of a network into detections, in PyTorch.

This is section 3.7 of the SSD paper ("Inference time").
"""

from typing import Literal

import torch
from torch import Tensor

from ssd_live.models.box_code import to_corners
from ssd_live.models.ssd import SSDNetwork

# How many boxes NMS compares with each other at once. Larger blocks cost memory, and time where
# boxes drop many others.
_BLOCK = 128


def boxes_and_scores(
    network: SSDNetwork,
    regression: Tensor,
    logits: Tensor,
    activation: Literal["softmax", "sigmoid"],
) -> tuple[Tensor, Tensor]:
    """Return the boxes and the scores, both float32, that follow from the raw output of a network.

    The raw output is `regression`, the offsets (B, N, 4) from the default boxes of `network`, and
    `logits` (B, N, C), where column 0 is the background. `activation` turns logits into scores.
    The boxes (B, N, 4) are x1, y1, x2, y2, clipped to 0..1 of the image. The scores (B, N, C - 1)
    leave out the background.
    """
    logits = logits.float()
    scores = (logits.sigmoid() if activation == "sigmoid" else logits.softmax(-1))[..., 1:]
    return to_corners(network.decode(regression.float())).clamp(0, 1), scores


def jaccard_overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the IoU (N, M) of each of the `boxes` (N, 4) with each of the `others` (M, 4).

    Boxes are x1, y1, x2, y2. If a box has no area, its IoUs are 0.
    """
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    intersection = (high - low).clamp(min=0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)[:, None] + (others[:, 2:] - others[:, :2]).prod(
        -1
    )[None]
    return intersection / (areas - intersection).clamp(min=torch.finfo(boxes.dtype).tiny)


def non_maximum_suppression(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the indices (K,) of the boxes that NMS keeps, highest score first.

    `boxes` are (N, 4) x1, y1, x2, y2, and `scores` are (N,). A box is dropped if its IoU with a
    kept box of a higher score is more than `iou_threshold`. If scores are equal, the box with the
    lower index counts as the one with the higher score.
    """
    left = scores.argsort(descending=True, stable=True)
    kept = [left[:0]]
    # The best boxes drop many others, which are then compared with no box any more.
    while len(left):
        best, left = left[:_BLOCK], left[_BLOCK:]
        best = best[_kept_of_block(jaccard_overlap(boxes[best], boxes[best]) > iou_threshold)]
        kept.append(best)
        if len(left):
            dropped = jaccard_overlap(boxes[best], boxes[left]) > iou_threshold
            left = left[~dropped.any(0)]
    return torch.cat(kept)


def _kept_of_block(overlaps: Tensor) -> Tensor:
    """Return the indices (K,) of the boxes of one block that NMS keeps, highest score first.

    `overlaps` (N, N) bool is true for two boxes whose IoU is more than the IoU threshold. The N
    boxes of the block are sorted by score, highest first.
    """
    suppressed = torch.zeros(len(overlaps), dtype=torch.bool)
    kept = []
    for rank, others in enumerate(overlaps):
        if not suppressed[rank]:
            kept.append(rank)
            suppressed |= others
    return torch.tensor(kept, dtype=torch.long)


def detect(
    boxes: Tensor, scores: Tensor, score_threshold: float, iou_threshold: float, max_detections: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the detections of one image: boxes (K, 4), scores (K,) and classes (K,), best first.

    `boxes` (N, 4) are x1, y1, x2, y2. `scores` (N, C) leave out the background, so classes count
    from 0. NMS runs for each class on the boxes that score more than `score_threshold`. It drops a
    box whose IoU with a better kept box is more than `iou_threshold`. K is at most
    `max_detections`.
    """
    found_boxes, found_scores, found_classes = [], [], []
    for class_id in range(scores.shape[1]):
        candidates = (scores[:, class_id] > score_threshold).nonzero()[:, 0]
        if not len(candidates):
            continue
        kept = candidates[
            non_maximum_suppression(boxes[candidates], scores[candidates, class_id], iou_threshold)
        ]
        found_boxes.append(boxes[kept])
        found_scores.append(scores[kept, class_id])
        found_classes.append(torch.full((len(kept),), class_id, dtype=torch.int32))
    if not found_boxes:
        return boxes[:0], scores[:0, 0], torch.zeros(0, dtype=torch.int32)
    all_scores = torch.cat(found_scores)
    best = all_scores.argsort(descending=True, stable=True)[:max_detections]
    return torch.cat(found_boxes)[best], all_scores[best], torch.cat(found_classes)[best]


def detect_in_fixed_shapes(
    boxes: Tensor,
    scores: Tensor,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    *,
    candidates: int = 1024,
    rounds: int = 24,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the detections of a batch as tensors whose shapes do not depend on what is found.

    Because the shapes are fixed, a CUDA graph can hold this computation. `boxes` are (B, N, 4) x1,
    y1, x2, y2, and `scores` are (B, N, C) without the background. The result is counts (B, 1),
    boxes (B, K, 4), scores (B, K) and classes (B, K), best first. The count of an image says how
    many of its first rows are detections; the rows after them have no meaning.

    The detections are the same as those of `detect` under two conditions: at most `candidates`
    pairs of a box and a class score more than `score_threshold` in each image, and no chain of
    boxes in which each suppresses the next is longer than `rounds`.
    """
    classes = scores.shape[2]
    best, pair = _in_order(*scores.flatten(1).topk(min(candidates, scores[0].numel())))
    chosen = boxes.gather(1, (pair // classes)[..., None].expand(-1, -1, 4))
    class_ids = pair % classes
    overlaps = torch.stack([jaccard_overlap(one, one) for one in chosen])
    same_class = class_ids[:, :, None] == class_ids[:, None, :]
    suppresses = (
        ((overlaps > iou_threshold) & same_class)
        .triu(1)
        .to(torch.float16 if boxes.is_cuda else torch.float32)
    )
    alive = best > score_threshold
    kept = alive
    for _ in range(rounds):
        kept = alive & (torch.bmm(kept[:, None].to(suppresses.dtype), suppresses)[:, 0] == 0)
    limit = min(max_detections, best.shape[1])
    found, rank = torch.where(kept, best, best.new_zeros(())).topk(limit)
    counts = kept.sum(1, keepdim=True).clamp(max=limit)
    return (
        counts.to(torch.int32),
        chosen.gather(1, rank[..., None].expand(-1, -1, 4)),
        found,
        class_ids.gather(1, rank).to(torch.int32),
    )


def _in_order(scores: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Return `scores` and `places`, both (B, M), sorted by score with the highest first.

    `places` are the indices of the scores in the tensor that `topk` took them from. If scores are
    equal, the one with the lower index comes first, which `topk` does not promise.
    """
    by_place = places.argsort(1)
    order = by_place.gather(
        1, scores.gather(1, by_place).argsort(dim=1, descending=True, stable=True)
    )
    return scores.gather(1, order), places.gather(1, order)
