"""Which detections a tracker uses."""

import numpy as np
import pytest

from ssd_live.detections import Detections, no_detections
from ssd_live.tracking.candidates import CandidateFilter
from tests.world import CLASSES

Row = tuple[tuple[float, float, float, float], float, int]
FILTER = CandidateFilter((0.4, 0.4, 0.2))


def _found(*rows: Row) -> Detections:
    boxes = np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score, _ in rows], np.float32)
    return Detections(boxes, scores, np.array([row[2] for row in rows], np.int32), CLASSES)


BOX = (10.0, 10.0, 50.0, 90.0)
OTHER = (200.0, 10.0, 240.0, 90.0)


def test_weak_ones_are_left_out_by_the_threshold_of_their_class() -> None:
    found = FILTER.of(_found((BOX, 0.1, 0), (OTHER, 0.1, 2)))
    assert found.class_ids.tolist() == [2]
    assert found.strengths == pytest.approx([0.5])
    assert pytest.approx(0.07) == FILTER.lowest_score


def test_boxes_that_are_no_boxes_are_left_out() -> None:
    nan = float("nan")
    bad = ((nan, 0.0, 1.0, 1.0), (0.0, 0.0, float("inf"), 1.0), (5.0, 5.0, 5.0, 9.0))
    assert len(FILTER.of(_found(*((box, 0.9, 0) for box in bad))).boxes) == 0


def test_two_classes_in_one_place_are_one_object() -> None:
    near = (11.0, 10.0, 51.0, 91.0)
    found = FILTER.of(_found((BOX, 0.5, 1), (near, 0.24, 2), (OTHER, 0.3, 0)))
    assert found.class_ids.tolist() == [1, 0]
    assert found.votes[0] == pytest.approx([0, 1.25, 1.2])


def test_within_a_class_nms_has_decided() -> None:
    near = (11.0, 10.0, 51.0, 91.0)
    assert len(FILTER.of(_found((BOX, 0.5, 0), (near, 0.45, 0))).boxes) == 2


def test_a_thing_on_a_thing_stays_apart() -> None:
    small = (15.0, 50.0, 45.0, 90.0)
    assert len(FILTER.of(_found((BOX, 0.5, 0), (small, 0.45, 1))).boxes) == 2


def test_the_order_does_not_matter() -> None:
    rows: list[Row] = [(BOX, 0.5, 0), (OTHER, 0.5, 0), ((400.0, 1.0, 440.0, 80.0), 0.45, 1)]
    one, other = FILTER.of(_found(*rows)), FILTER.of(_found(*rows[::-1]))
    assert np.array_equal(one.boxes, other.boxes)
    assert np.array_equal(one.votes, other.votes)


def test_of_very_many_the_strongest_are_used() -> None:
    corners = np.arange(5000, dtype=np.float32)[:, None] * (100, 0)
    boxes = np.concatenate([corners, corners + 50], 1).astype(np.float32)
    scores = np.linspace(0.5, 1, 5000, dtype=np.float32)
    found = FILTER.of(Detections(boxes, scores, np.zeros(5000, np.int32), CLASSES))
    assert len(found.boxes) == 1000
    assert found.scores.min() == scores[4000]


def test_looks_go_with_their_detections() -> None:
    looks = np.eye(3, 250, dtype=np.float32)
    found = FILTER.of(
        _found((BOX, 0.5, 0), ((0.0, 0.0, 9.0, 9.0), 0.01, 0), (OTHER, 0.9, 0)), looks
    )
    assert found.looks is not None
    assert found.looks.argmax(1).tolist() == [2, 0]


def test_nothing_gives_nothing() -> None:
    assert len(FILTER.of(no_detections(CLASSES)).boxes) == 0
