"""Count how often the objects of each class were detected as each class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssd_live.evaluation.average_precision import MIN_OVERLAP, GroundTruth, Predictions, overlaps

# The results of `_best` for a detection that matches no object, or only an ignored one.
_NONE, _IGNORED = -1, -2


def confusion(
    truths: Sequence[GroundTruth], founds: Sequence[Predictions], classes: int, score: float = 0.5
) -> NDArray[np.int64]:
    """Return how often each true class was detected as each class: (classes + 1, classes + 1).

    `truths` and `founds` have one entry for each image; `classes` is the number of classes. Rows of
    the result are the classes of the objects, columns those of the detections. The last column
    counts objects without a detection, the last row detections without an object. Only detections
    that score at least `score` are used. They are matched to objects of their own class first, and
    then to the remaining objects of any class; a match needs an IoU of at least 0.5. Ignored
    objects, and detections of them, are left out.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for truth, found in zip(truths, founds, strict=True):
        _count(counts, truth, found, score)
    return counts


def _count(counts: NDArray[np.int64], truth: GroundTruth, found: Predictions, score: float) -> None:
    nothing = len(counts) - 1
    order = [
        int(index)
        for index in np.argsort(-found.scores, kind="stable")
        if found.scores[index] >= score
    ]
    free = np.full(len(truth.boxes), True)
    left = []
    for index in order:
        match = _best(found.boxes[index], truth, free & (truth.classes == found.classes[index]))
        if match == _NONE:
            left.append(index)
        elif match != _IGNORED:
            free[match] = False
            counts[truth.classes[match], found.classes[index]] += 1
    for index in left:
        match = _best(found.boxes[index], truth, free)
        if match == _IGNORED:
            continue
        if match != _NONE:
            free[match] = False
        counts[truth.classes[match] if match != _NONE else nothing, found.classes[index]] += 1
    for class_id in truth.classes[free & ~truth.ignored]:
        counts[class_id, nothing] += 1


def _best(box: NDArray[np.float32], truth: GroundTruth, candidates: NDArray[np.bool_]) -> int:
    """Return the index of the object of `truth` that has the highest IoU with `box`.

    `candidates` (M,) is true for the objects to choose from; the IoU must be at least 0.5. Objects
    that count are preferred to ignored ones. The result is `_IGNORED` if only an ignored object has
    such an IoU, and `_NONE` if no candidate has.
    """
    if not candidates.any():
        return _NONE
    overlap = np.where(candidates, overlaps(box, truth.boxes), -1.0)
    for counted in (~truth.ignored, truth.ignored):
        best = int(np.where(counted, overlap, -1.0).argmax())
        if counted[best] and overlap[best] >= MIN_OVERLAP:
            return best if not truth.ignored[best] else _IGNORED
    return _NONE


def frequent(
    counts: NDArray[np.int64], classes: Sequence[str], most: int
) -> list[tuple[str, str, int]]:
    """Return up to `most` mistakes as (true class, predicted class, count), most frequent first.

    `counts` is the result of the function `confusion`, and `classes` are the class names. The true
    class is empty for a detection without an object, and the predicted class is empty for an object
    without a detection.
    """
    names = [*classes, ""]
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    places = [divmod(int(place), len(names)) for place in order]
    return [
        (names[row], names[column], int(wrong[row, column]))
        for row, column in places
        if wrong[row, column]
    ]
