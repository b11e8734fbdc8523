"""What is taken for what: cases made by hand, and sums on made data."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssd_live.evaluation.average_precision import GroundTruth, Predictions
from ssd_live.evaluation.confusion import confusion, frequent
from tests.oracles import iou

CAT, DOG, NOTHING = 0, 1, 2
Box = tuple[float, float, float, float]
HERE, THERE, NOWHERE = (0.0, 0.0, 10.0, 10.0), (100.0, 0.0, 110.0, 10.0), (200.0, 0.0, 210.0, 10.0)
# Of 10 x 10: 8 of 10 rows, 6 of 10, just a half, and less.
MOST, MORE, HALF, LESS = (
    (0.0, 0.0, 10.0, 8.0),
    (0.0, 0.0, 10.0, 6.0),
    (0.0, 0.0, 10.0, 5.0),
    (0.0, 0.0, 10.0, 4.0),
)


class Thing(NamedTuple):
    box: Box
    class_id: int = CAT
    ignored: bool = False


class Detection(NamedTuple):
    box: Box
    class_id: int = CAT
    score: float = 0.75


def truth_of(things: Sequence[Thing]) -> GroundTruth:
    boxes = np.array([one.box for one in things], np.float32).reshape(-1, 4)
    return GroundTruth(
        boxes,
        np.array([one.class_id for one in things], np.int64),
        np.array([one.ignored for one in things], bool),
    )


def found_of(detections: Sequence[Detection]) -> Predictions:
    boxes = np.array([one.box for one in detections], np.float32).reshape(-1, 4)
    return Predictions(
        boxes,
        np.array([one.score for one in detections], np.float32),
        np.array([one.class_id for one in detections], np.int64),
    )


def cells(things: Sequence[Thing], detections: Sequence[Detection]) -> dict[tuple[int, int], int]:
    """(what is there, what was found): how often, for what occurs."""
    counts = confusion([truth_of(things)], [found_of(detections)], 2)
    assert counts.shape == (3, 3)
    return {
        (int(row), int(column)): int(counts[row, column]) for row, column in np.argwhere(counts)
    }


def test_an_object_found_as_what_it_is_stands_on_the_diagonal() -> None:
    assert cells(
        [Thing(HERE, CAT), Thing(THERE, DOG)], [Detection(HERE, CAT), Detection(THERE, DOG)]
    ) == {(CAT, CAT): 1, (DOG, DOG): 1}


def test_an_object_found_as_something_else_is_taken_for_it() -> None:
    assert cells([Thing(HERE, CAT)], [Detection(HERE, DOG)]) == {(CAT, DOG): 1}


def test_an_object_that_is_not_found_is_found_as_nothing() -> None:
    assert cells([Thing(HERE, DOG)], []) == {(DOG, NOTHING): 1}


def test_a_detection_where_nothing_is_stands_in_the_last_row() -> None:
    assert cells([], [Detection(NOWHERE, DOG)]) == {(NOTHING, DOG): 1}


def test_nothing_found_where_nothing_is_is_not_counted() -> None:
    assert cells([], []) == {}


@pytest.mark.parametrize(
    ("box", "expected"), [(HALF, {(CAT, CAT): 1}), (LESS, {(CAT, NOTHING): 1, (NOTHING, CAT): 1})]
)
def test_an_overlap_of_just_a_half_is_enough_and_less_is_not(
    box: Box, expected: dict[tuple[int, int], int]
) -> None:
    assert cells([Thing(HERE)], [Detection(box)]) == expected


@pytest.mark.parametrize(
    ("score", "expected"), [(0.5, {(CAT, CAT): 1}), (0.499, {(CAT, NOTHING): 1})]
)
def test_a_detection_below_the_score_is_none(
    score: float, expected: dict[tuple[int, int], int]
) -> None:
    assert cells([Thing(HERE)], [Detection(HERE, score=score)]) == expected


def test_another_least_score_may_be_asked_for() -> None:
    truth, found = truth_of([Thing(HERE)]), found_of([Detection(HERE, score=0.25)])
    assert [confusion([truth], [found], 2, score)[CAT, CAT] for score in (0.2, 0.3)] == [1, 0]


def test_the_second_detection_of_an_object_finds_nothing() -> None:
    assert cells([Thing(HERE)], [Detection(HERE), Detection(MOST)]) == {
        (CAT, CAT): 1,
        (NOTHING, CAT): 1,
    }


def test_an_object_goes_to_its_own_class_even_if_another_scores_higher() -> None:
    expected = {(CAT, CAT): 1, (NOTHING, DOG): 1}
    assert (
        cells([Thing(HERE, CAT)], [Detection(HERE, DOG, 0.9), Detection(MOST, CAT, 0.6)])
        == expected
    )


def test_of_two_detections_of_a_class_the_higher_score_chooses_first() -> None:
    # Both are over both objects; the better one takes what it overlaps most, the other what is
    # left.
    things = [Thing(HERE, CAT), Thing(MOST, CAT)]
    assert cells(things, [Detection(MORE, score=0.6), Detection(HERE, score=0.9)]) == {
        (CAT, CAT): 2
    }
    assert cells(things, [Detection(HERE, score=0.9), Detection(HALF, DOG, 0.8)]) == {
        (CAT, CAT): 1,
        (CAT, DOG): 1,
    }


def test_what_its_own_class_left_is_taken_by_the_class_that_is_confused_with_it() -> None:
    things = [Thing(HERE, CAT), Thing(THERE, CAT)]
    assert cells(things, [Detection(HERE, CAT), Detection(THERE, DOG)]) == {
        (CAT, CAT): 1,
        (CAT, DOG): 1,
    }


def test_an_ignored_object_is_not_missed() -> None:
    assert cells([Thing(HERE, CAT, ignored=True)], []) == {}


@pytest.mark.parametrize("class_id", [CAT, DOG])
def test_detections_on_an_ignored_object_are_left_out_however_many_and_of_whatever_class(
    class_id: int,
) -> None:
    assert (
        cells(
            [Thing(HERE, CAT, ignored=True)], [Detection(HERE, class_id), Detection(MOST, class_id)]
        )
        == {}
    )


def test_an_object_that_counts_is_taken_before_an_ignored_one_that_is_overlapped_more() -> None:
    assert cells([Thing(HERE, ignored=True), Thing(MOST)], [Detection(HERE)]) == {(CAT, CAT): 1}


def test_images_do_not_mix() -> None:
    truths, founds = (
        [truth_of([Thing(HERE)]), truth_of([])],
        [found_of([]), found_of([Detection(HERE)])],
    )
    assert confusion(truths, founds, 2).tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_without_images_every_count_is_nought() -> None:
    assert confusion([], [], 2).tolist() == [[0] * 3] * 3


def some_images(seed: int) -> tuple[list[GroundTruth], list[Predictions]]:
    """Few places and scores, so that many boxes are over each other."""
    random = np.random.default_rng(seed)

    def box() -> Box:
        x, y = (float(value) for value in random.integers(0, 5, 2))
        w, h = (float(value) for value in random.integers(2, 6, 2))
        return x, y, x + w, y + h

    truths, founds = [], []
    for _ in range(int(random.integers(1, 5))):
        truths.append(
            truth_of(
                [
                    Thing(box(), int(random.integers(3)), bool(random.random() < 0.25))
                    for _ in range(random.integers(0, 6))
                ]
            )
        )
        founds.append(
            found_of(
                [
                    Detection(box(), int(random.integers(3)), float(random.integers(0, 8)) / 8)
                    for _ in range(random.integers(0, 8))
                ]
            )
        )
    return truths, founds


def on_ignored(box: NDArray[np.float32], truth: GroundTruth) -> bool:
    return any(iou(box, other) >= 0.5 for other in truth.boxes[truth.ignored])


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_every_object_that_counts_is_in_exactly_one_cell_of_its_row(seed: int) -> None:
    truths, founds = some_images(seed)
    rows = confusion(truths, founds, 3)[:3].sum(1)
    objects = np.concatenate([truth.classes[~truth.ignored] for truth in truths])
    assert rows.tolist() == [int((objects == class_id).sum()) for class_id in range(3)]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_every_detection_is_in_one_cell_of_its_column_unless_on_an_ignored_object(
    seed: int,
) -> None:
    truths, founds = some_images(seed)
    columns = confusion(truths, founds, 3)[:, :3].sum(0)
    surely, possibly = np.zeros(3, int), np.zeros(3, int)
    for truth, found in zip(truths, founds, strict=True):
        for box, class_id in zip(
            found.boxes[found.scores >= 0.5], found.classes[found.scores >= 0.5], strict=True
        ):
            possibly[class_id] += 1
            surely[class_id] += not on_ignored(box, truth)
    assert (surely <= columns).all()
    assert (columns <= possibly).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_the_counts_of_images_add_up(seed: int) -> None:
    truths, founds = some_images(seed)
    apart = sum(confusion([truth], [found], 3) for truth, found in zip(truths, founds, strict=True))
    np.testing.assert_array_equal(confusion(truths, founds, 3), apart)


def test_the_most_frequent_mistakes_come_first_and_what_is_right_is_none() -> None:
    counts = np.array([[9, 2, 5], [0, 9, 0], [3, 0, 0]])
    assert frequent(counts, ["cat", "dog"], 10) == [
        ("cat", "", 5),
        ("", "cat", 3),
        ("cat", "dog", 2),
    ]


def test_no_more_mistakes_are_told_than_were_asked_for() -> None:
    assert frequent(np.array([[9, 2, 5], [0, 9, 0], [3, 0, 0]]), ["cat", "dog"], 1) == [
        ("cat", "", 5)
    ]


def test_the_counts_are_not_touched_by_telling_the_mistakes() -> None:
    counts = np.array([[9, 2], [1, 0]])
    frequent(counts, ["cat"], 5)
    assert counts.tolist() == [[9, 2], [1, 0]]
