"""Slow, obvious references that the fast code is held against; nothing here imports what
it checks.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# class, score, box x1, y1, x2, y2
Found = tuple[int, float, tuple[float, float, float, float]]


def iou(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Jaccard overlap of two boxes x1, y1, x2, y2; 0 where neither has an area."""
    width = min(float(one[2]), float(other[2])) - max(float(one[0]), float(other[0]))
    height = min(float(one[3]), float(other[3])) - max(float(one[1]), float(other[1]))
    intersection = max(width, 0.0) * max(height, 0.0)
    union = _area(one) + _area(other) - intersection
    return intersection / union if union > 0 else 0.0


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
) -> list[Found]:
    """Greedy non-maximum suppression as section 2.2 of the SSD paper describes inference, for one
    picture.

    `boxes` (N, 4) xyxy, `scores` (N, C). In each class the boxes that score over `score_threshold`
    are taken by falling score, of equal ones the first in `boxes`; one is dropped if it overlaps
    one that was kept by more than `iou_threshold`. Of what all classes keep, the best
    `max_detections` are the answer, best first.
    """
    found: list[Found] = []
    for class_id in range(scores.shape[1]):
        candidates = [
            row for row in range(len(boxes)) if scores[row, class_id] > np.float32(score_threshold)
        ]
        candidates.sort(key=lambda row: -scores[row, class_id])
        kept: list[int] = []
        for row in candidates:
            if all(iou(boxes[row], boxes[better]) <= iou_threshold for better in kept):
                kept.append(row)
        for row in kept:
            x1, y1, x2, y2 = (float(value) for value in boxes[row])
            found.append((class_id, float(scores[row, class_id]), (x1, y1, x2, y2)))
    found.sort(key=lambda one: -one[1])
    return found[:max_detections]


def mobilenetv2_default_boxes() -> Iterator[tuple[float, float, float, float]]:
    """The 1917 default boxes cx, cy, w, h of the bundled networks, from the words of the weights'
    README.

    "Layer by layer, row-major cells, then: layer 0 (scale 0.1, ratio 1), (0.2, 2), (0.2, 1/2);
    layers 1..5 ratio 1, 2, 1/2, 3, 1/3 at the layer's scale and ratio 1 at the geometric mean with
    the next; scales run 0.2 .. 0.95, then 1. h = scale / sqrt(ratio), w = scale * sqrt(ratio)."
    """
    scales = [0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0]
    for layer, cells in enumerate([19, 10, 5, 3, 2, 1]):
        if layer == 0:
            shapes = [(0.1, 1.0), (0.2, 2.0), (0.2, 0.5)]
        else:
            scale = scales[layer]
            mean = (scale * scales[layer + 1]) ** 0.5
            shapes = [
                (scale, 1.0),
                (scale, 2.0),
                (scale, 1 / 2),
                (scale, 3.0),
                (scale, 1 / 3),
                (mean, 1.0),
            ]
        for row in range(cells):
            for column in range(cells):
                for scale, ratio in shapes:
                    yield (
                        (column + 0.5) / cells,
                        (row + 0.5) / cells,
                        scale * ratio**0.5,
                        scale / ratio**0.5,
                    )


def _area(box: NDArray[np.floating]) -> float:
    return max(float(box[2]) - float(box[0]), 0.0) * max(float(box[3]) - float(box[1]), 0.0)
