"""Average precision by the rules of the PASCAL VOC development kit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["voc07", "voc", "coco"]
VocRule = Literal["voc07", "voc"]
MIN_OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The objects of one image: boxes (M, 4) xyxy in pixels, classes (M,), which of them do not
    count (difficult), and what they cover.

    `areas` (M,) are pixels, for COCO's small, medium and large; None for those of the boxes.
    """

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    areas: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Predictions:
    """The detections of one image: boxes (N, 4) xyxy in pixels, scores (N,), classes (N,)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curve:
    """Recall and precision after each detection, best first; `objects` is how many there were to
    find.
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    scores: NDArray[np.float64]
    objects: int


def curve_of(
    truths: Sequence[GroundTruth],
    founds: Sequence[Predictions],
    class_id: int,
    min_overlap: float = MIN_OVERLAP,
) -> Curve:
    """For one class. By falling score, a detection is right if the object of its image that it
    overlaps most is overlapped by at least `min_overlap` and was not found before; it is left out
    if that object does not count; else it is wrong.

    Equal scores keep the order of images and of their detections.
    """
    images = np.concatenate(
        [np.full((found.classes == class_id).sum(), number) for number, found in enumerate(founds)]
        or [np.zeros(0)]
    ).astype(int)
    scores = np.concatenate(
        [found.scores[found.classes == class_id] for found in founds] or [np.zeros(0)]
    ).astype(np.float64)
    boxes = np.concatenate(
        [found.boxes[found.classes == class_id] for found in founds] or [np.zeros((0, 4))]
    )
    wanted = [truth.boxes[truth.classes == class_id] for truth in truths]
    ignored = [truth.ignored[truth.classes == class_id] for truth in truths]
    seen = [np.zeros(len(those), bool) for those in wanted]
    right, counted = np.zeros(len(scores), bool), np.ones(len(scores), bool)
    order = np.argsort(-scores, kind="stable")
    for place, index in enumerate(order):
        image = images[index]
        if not len(wanted[image]):
            continue
        overlap = overlaps(boxes[index], wanted[image])
        best = int(overlap.argmax())
        if overlap[best] < min_overlap:
            continue
        if ignored[image][best]:
            counted[place] = False
        elif not seen[image][best]:
            seen[image][best] = right[place] = True
    objects = int(sum((~those).sum() for those in ignored))
    found_right, found_all = np.cumsum(right[counted]), np.arange(1, counted.sum() + 1)
    return Curve(
        found_right / max(objects, 1),
        found_right / np.maximum(found_all, 1),
        scores[order][counted],
        objects,
    )


def average_precision(curve: Curve, rule: VocRule) -> float:
    """voc07: the mean of the best precision at recalls 0, 0.1 ... 1. voc: the area under the
    falling envelope (from 2010 on).

    Not a number where there was nothing to find.
    """
    if not curve.objects:
        return float("nan")
    if rule == "voc07":
        best = [
            curve.precision[curve.recall >= level - 1e-12].max(initial=0.0)
            for level in np.linspace(0, 1, 11)
        ]
        return float(np.mean(best))
    recall = np.concatenate([[0.0], curve.recall, [1.0]])
    precision = np.concatenate([[0.0], curve.precision, [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(((recall[1:] - recall[:-1]) * envelope[1:]).sum())


def overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Jaccard overlap of a box (4,) with others (M, 4): (M,)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).astype(np.float64).prod(1)
    areas = (box[2:] - box[:2]).astype(np.float64).prod() + (others[:, 2:] - others[:, :2]).astype(
        np.float64
    ).prod(1)
    # What is no number overlaps nothing.
    return np.asarray(np.nan_to_num(shared / np.maximum(areas - shared, 1e-12)))
