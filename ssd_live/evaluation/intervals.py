"""Say how far an average precision may be from the true one, because it comes from few images."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    block_of = np.full(len(truths), len(blocks))
    for number, block in enumerate(blocks):
        block_of[list(block)] = number
    by_class = [_matched(truths, founds, class_id) for class_id in range(classes)]
    means = []
    for _ in range(_ROUNDS):
        drawn = random.integers(len(blocks), size=len(blocks))
        times_drawn = np.bincount(drawn, minlength=len(blocks) + 1)[block_of]
        values = [_precision(matched, times_drawn) for matched in by_class]
        known = [value for value in values if not np.isnan(value)]
        if known:
            means.append(float(np.mean(known)))
    if not means:
        return 0.0, 1.0
    low, high = np.quantile(means, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class _Matched:
    """The N detections of a class in all images, the highest score first.

    `scores` (N,), `rights` (N,) and `images` (N,) say of each its score, whether it is right, and
    the index of its image. `objects` are the numbers of objects of the images.
    """

    scores: NDArray[np.float64]
    rights: NDArray[np.bool_]
    images: NDArray[np.int64]
    objects: NDArray[np.int64]


def _matched(
    truths: Sequence[GroundTruth], founds: Sequence[Predictions], class_id: int
) -> _Matched:
    curves = [
        curve_of([truth], [found], class_id) for truth, found in zip(truths, founds, strict=True)
    ]
    rights = [
        np.diff(np.round(curve.recall * max(curve.objects, 1)), prepend=0.0) > 0 for curve in curves
    ]
    scores = np.concatenate([curve.scores for curve in curves])
    images = np.repeat(np.arange(len(curves)), [len(curve.scores) for curve in curves])
    order = np.argsort(-scores, kind="stable")
    objects = np.array([curve.objects for curve in curves])
    return _Matched(scores[order], np.concatenate(rights)[order], images[order], objects)


def _precision(matched: _Matched, times_drawn: NDArray[np.int64]) -> float:
    """Return the average precision if each image counts so many times; nan without objects."""
    times = times_drawn[matched.images]
    found, counts = (times * matched.rights).cumsum(), times.cumsum()
    objects = int((times_drawn * matched.objects).sum())
    recall, precision = found / max(objects, 1), found / np.maximum(counts, 1)
    return average_precision(Curve(recall, precision, matched.scores, objects), "voc")
