"""Compute average precision by the rules of the PASCAL VOC development kit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["voc07", "voc", "coco"]
VocRule = Literal["voc07", "voc"]
MIN_OVERLAP = 0.5
# With fewer labelled objects, the best threshold of a class is a matter of luck.
_OBJECTS_FOR_A_THRESHOLD = 20


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The M labelled objects of one image.

    `boxes` (M, 4) are x1, y1, x2, y2 in pixels. `classes` (M,) count from 0. `ignored` (M,) is true
    for objects that do not count, such as difficult ones. `areas` (M,) are in square pixels; they
    decide which objects are small, medium and large for COCO. None means the areas of the boxes.
    """

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    areas: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Predictions:
    """The N detections in one image.

    `boxes` (N, 4) are x1, y1, x2, y2 in pixels. `scores` (N,) are between 0 and 1. `classes` (N,)
    count from 0.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Curve:
    """The precision-recall curve of one class.

    The arrays have one value (0 to 1) for each detection that counts, the highest score first.
    `scores` are the scores of the detections. `recall` and `precision` are those of a detection
    together with all detections before it. `objects` is the number of labelled objects that count.
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
    """Return the precision-recall curve of the class `class_id`, which counts from 0.

    `truths` and `founds` hold the labelled objects and the detections of the same images, one entry
    for each image. Detections are taken in the order of their scores, highest first. Each is
    compared with the object of its image and class with which it has the highest IoU:
    - the detection is left out if the IoU is at least `min_overlap` but the object is ignored;
    - it is right if the IoU is at least `min_overlap` and no earlier detection found the object;
    - it is wrong otherwise.

    Detections of equal score keep the order of the images and of the detections in an image.
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
    """Return the average precision (0 to 1) of a curve, or nan if the class has no objects.

    Both rules first raise each precision to the highest precision at the same or a higher recall.
    The rule `voc07` then is the mean of the precisions at the recalls 0, 0.1 ... 1; the precision
    is 0 at a recall that is not reached. The rule `voc`, of VOC from 2010 on, is the area under the
    curve.
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


def best_f1_threshold(curves: Iterable[Curve]) -> float | None:
    """Return the score threshold at which the detections of all classes have the highest F1 score.

    F1 is the harmonic mean of precision and recall, with the detections and the objects of all
    classes counted together. Of thresholds that are equally good, the highest is returned. None is
    returned if no detection is right.
    """
    scores, rights, objects = [], [], 0
    for curve in curves:
        found = np.round(curve.recall * max(curve.objects, 1))
        rights.append(np.diff(found, prepend=0.0))
        scores.append(curve.scores)
        objects += curve.objects
    if not scores or not sum(right.sum() for right in rights):
        return None
    score, right = np.concatenate(scores), np.concatenate(rights)
    order = np.argsort(-score, kind="stable")
    score, right = score[order], right[order].cumsum()
    # A threshold takes all detections of equal score, so only the last of them counts.
    is_last = np.append(score[1:] < score[:-1], True)
    f1 = np.where(is_last, 2 * right / (np.arange(1, len(right) + 1) + objects), 0.0)
    return float(score[f1.argmax()])


def best_f1_thresholds(curves: Mapping[str, Curve]) -> tuple[float, dict[str, float]] | None:
    """Return `best_f1_threshold` of all classes together, and that of each class by its name.

    `curves` maps a class name to its curve. A class with fewer than 20 objects, or of which no
    detection is right, gets the threshold of all classes. None is returned if no detection is
    right.
    """
    together = best_f1_threshold(curves.values())
    if together is None:
        return None
    own = {
        name: best_f1_threshold([curve])
        for name, curve in curves.items()
        if curve.objects >= _OBJECTS_FOR_A_THRESHOLD
    }
    return together, {name: own.get(name) or together for name in curves}


def overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the IoU (M,) of a box (4,) with each of the others (M, 4), all x1, y1, x2, y2."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).astype(np.float64).prod(1)
    areas = (box[2:] - box[:2]).astype(np.float64).prod() + (others[:, 2:] - others[:, :2]).astype(
        np.float64
    ).prod(1)
    # The overlap is 0 if a box has a value that is not a number.
    return np.asarray(np.nan_to_num(shared / np.maximum(areas - shared, 1e-12)))
