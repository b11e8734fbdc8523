"""Intervals of average precision hold the true value about as often as they say."""

import numpy as np
import pytest

from ssd_live.evaluation.average_precision import (
    GroundTruth,
    Predictions,
    average_precision,
    curve_of,
)
from ssd_live.evaluation.intervals import precision_interval

BOX = np.array([[0, 0, 10, 10]], np.float32)
FAR = np.array([[50, 50, 60, 60]], np.float32)


def _image(random: np.random.Generator, chance: float) -> tuple[GroundTruth, Predictions]:
    """An image with an object that is found with this chance; otherwise something else is, with a
    lower score.
    """
    truth = GroundTruth(BOX, np.zeros(1, np.int64), np.zeros(1, bool))
    is_found = random.random() < chance
    score = random.uniform(0.4, 1.0) if is_found else random.uniform(0.1, 0.8)
    box = BOX if is_found else FAR
    return truth, Predictions(box, np.array([score], np.float32), np.zeros(1, np.int64))


def _precision(pairs: list[tuple[GroundTruth, Predictions]]) -> float:
    truths, founds = zip(*pairs, strict=True)
    return average_precision(curve_of(truths, founds, 0), "voc")


def test_the_interval_holds_the_true_value_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(3)
    true = _precision([_image(random, 0.7) for _ in range(20_000)])
    held, widths = 0, []
    for number in range(40):
        truths, founds = zip(*(_image(random, 0.7) for _ in range(60)), strict=True)
        blocks = [[place] for place in range(60)]
        low, high = precision_interval(truths, founds, 1, blocks, seed=number)
        held += low <= true <= high
        widths.append(high - low)
    assert 35 <= held <= 40
    assert 0.15 < np.mean(widths) < 0.35


def test_alike_images_make_it_wider() -> None:
    random = np.random.default_rng(4)
    pairs = [pair for pair in (_image(random, 0.6) for _ in range(12)) for _ in range(5)]
    truths, founds = zip(*pairs, strict=True)
    alone = precision_interval(truths, founds, 1, [[place] for place in range(60)])
    together = precision_interval(
        truths, founds, 1, [list(range(place, place + 5)) for place in range(0, 60, 5)]
    )
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_few_images_say_nothing() -> None:
    nothing = GroundTruth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    none = Predictions(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    assert precision_interval([nothing], [none], 1, [[0]]) == (0.0, 1.0)
    assert precision_interval([nothing] * 4, [none] * 4, 1, [[0], [1], [2, 3]]) == (0.0, 1.0)


def test_classes_count_alike_and_the_rest_not_at_all() -> None:
    """The second class is always found, and the third has no object."""
    truth = GroundTruth(np.concatenate([BOX, FAR]), np.array([0, 1]), np.zeros(2, bool))
    found = Predictions(FAR, np.array([0.9], np.float32), np.array([1]))
    low, high = precision_interval([truth] * 3, [found] * 3, 3, [[0], [1], [2]])
    assert [low, high] == pytest.approx([0.5, 0.5])
