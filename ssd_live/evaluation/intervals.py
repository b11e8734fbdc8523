"""Say how far an average precision may be from the true one, because it comes from few images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssd_live.evaluation.average_precision import (
    Curve,
    GroundTruth,
    Predictions,
    average_precision,
    curve_of,
)

_ROUNDS = 500
_SHARE = 0.95


def precision_interval(
    truths: Sequence[GroundTruth],
    founds: Sequence[Predictions],
    classes: int,
    blocks: Sequence[Sequence[int]],
    seed: int = 1,
) -> tuple[float, float]:
    """Return the interval in which the mean average precision lies with 95 %, both 0 to 1.

    It is the bootstrap percentile interval (Efron and Tibshirani 1993, chapter 13) over blocks of
    images. Images of a block, given by their indices, are alike, such as neighbouring frames of a
    video, and are drawn together. `truths` and `founds` have one entry for each image. The average
    precision is that of VOC from 2010 on. With one block, the interval is 0 to 1.
    """
    if len(blocks) < 2:
        return 0.0, 1.0
    random = np.random.default_rng(seed)
    parts = [
        [_part(truth, found, class_id) for truth, found in zip(truths, founds, strict=True)]
        for class_id in range(classes)
    ]
    means = []
    for _ in range(_ROUNDS):
        drawn = random.integers(len(blocks), size=len(blocks))
        images = [image for block in drawn for image in blocks[block]]
        values = [_precision([own[image] for image in images]) for own in parts]
        known = [value for value in values if not np.isnan(value)]
        if known:
            means.append(float(np.mean(known)))
    if not means:
        return 0.0, 1.0
    low, high = np.quantile(means, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return float(low), float(high)


_Part = tuple[NDArray[np.float64], NDArray[np.bool_], int]


def _part(truth: GroundTruth, found: Predictions, class_id: int) -> _Part:
    """Return the scores of the detections in an image, whether they are right, and its objects."""
    curve = curve_of([truth], [found], class_id)
    rights = np.diff(np.round(curve.recall * max(curve.objects, 1)), prepend=0.0) > 0
    return curve.scores, rights, curve.objects


def _precision(parts: Sequence[_Part]) -> float:
    scores = np.concatenate([part[0] for part in parts])
    rights = np.concatenate([part[1] for part in parts])
    objects = sum(part[2] for part in parts)
    order = np.argsort(-scores, kind="stable")
    found = rights[order].cumsum()
    counts = np.arange(1, len(found) + 1)
    return average_precision(
        Curve(found / max(objects, 1), found / counts, scores[order], objects), "voc"
    )
