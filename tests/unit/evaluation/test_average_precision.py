"""Average precision against answers worked out by hand, and against a slow and literal
transcription of the VOC devkit's VOCevaldet.m.

The devkit counts pixels from 1 and names the last one inside; so do the objects and detections
here, until they are handed to ours.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssd_live.evaluation.average_precision import (
    Curve,
    GroundTruth,
    Predictions,
    VocRule,
    average_precision,
    best_f1_threshold,
    best_f1_thresholds,
    curve_of,
)

Box = tuple[int, int, int, int]
RULES = pytest.mark.parametrize("rule", ["voc07", "voc"])
SEEDS = settings(deadline=None, max_examples=150)


class Thing(NamedTuple):
    box: Box
    class_id: int = 0
    difficult: bool = False


class Detection(NamedTuple):
    box: Box
    score: float
    class_id: int = 0


class Image(NamedTuple):
    things: Sequence[Thing] = ()
    detections: Sequence[Detection] = ()


HERE, THERE, NOWHERE = (1, 1, 10, 10), (101, 1, 110, 10), (201, 201, 210, 210)


def edges(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """As `data` has it: 1 off left and top."""
    return np.array([(x1 - 1, y1 - 1, x2, y2) for x1, y1, x2, y2 in boxes], np.float32).reshape(
        -1, 4
    )


def curve(images: Sequence[Image], class_id: int = 0) -> Curve:
    truths, founds = [], []
    for things, detections in images:
        numbers = np.array([one.class_id for one in things], np.int64)
        truths.append(
            GroundTruth(
                edges([one.box for one in things]),
                numbers,
                np.array([one.difficult for one in things], bool),
            )
        )
        scores = np.array([one.score for one in detections], np.float32)
        founds.append(
            Predictions(
                edges([one.box for one in detections]),
                scores,
                np.array([one.class_id for one in detections], np.int64),
            )
        )
    return curve_of(truths, founds, class_id)


def ap(images: Sequence[Image], rule: VocRule, class_id: int = 0) -> float:
    return average_precision(curve(images, class_id), rule)


def devkit_curve(
    images: Sequence[Image], class_id: int
) -> tuple[list[Fraction], list[Fraction], int]:
    """VOCevaldet.m: recall and precision after each detection that counts, and the number of
    objects that do.
    """
    objects = [[thing for thing in image.things if thing.class_id == class_id] for image in images]
    npos = sum(not thing.difficult for things in objects for thing in things)
    det = [[False] * len(things) for things in objects]
    detections = [
        (one, number)
        for number, image in enumerate(images)
        for one in image.detections
        if one.class_id == class_id
    ]
    detections.sort(key=lambda pair: -pair[0].score)
    tp = fp = 0
    recall, precision = [], []
    for detection, number in detections:
        bb, ovmax, jmax = detection.box, Fraction(-1), -1
        for j, thing in enumerate(objects[number]):
            bbgt = thing.box
            bi = max(bb[0], bbgt[0]), max(bb[1], bbgt[1]), min(bb[2], bbgt[2]), min(bb[3], bbgt[3])
            iw, ih = bi[2] - bi[0] + 1, bi[3] - bi[1] + 1
            if iw > 0 and ih > 0:
                ua = (
                    (bb[2] - bb[0] + 1) * (bb[3] - bb[1] + 1)
                    + (bbgt[2] - bbgt[0] + 1) * (bbgt[3] - bbgt[1] + 1)
                    - iw * ih
                )
                ov = Fraction(iw * ih, ua)
                if ov > ovmax:
                    ovmax, jmax = ov, j
        if ovmax >= Fraction(1, 2):
            if objects[number][jmax].difficult:
                continue
            if not det[number][jmax]:
                tp += 1
                det[number][jmax] = True
            else:
                fp += 1
        else:
            fp += 1
        recall.append(Fraction(tp, npos) if npos else Fraction(0))
        precision.append(Fraction(tp, tp + fp))
    return recall, precision, npos


def devkit_ap(images: Sequence[Image], rule: VocRule, class_id: int) -> float:
    rec, prec, npos = devkit_curve(images, class_id)
    if not npos:
        return math.nan
    if rule == "voc07":
        levels = [Fraction(step, 10) for step in range(11)]
        return float(
            sum(
                max((p for r, p in zip(rec, prec, strict=True) if r >= t), default=Fraction(0))
                for t in levels
            )
            / 11
        )
    mrec, mpre = [Fraction(0), *rec, Fraction(1)], [Fraction(0), *prec, Fraction(0)]
    for i in range(len(mpre) - 2, -1, -1):
        mpre[i] = max(mpre[i], mpre[i + 1])
    return float(
        sum(
            (mrec[i] - mrec[i - 1]) * mpre[i] for i in range(1, len(mrec)) if mrec[i] != mrec[i - 1]
        )
    )


def some_images(seed: int) -> list[Image]:
    """Boxes on a coarse grid and scores out of a few: ties, double detections and overlaps of just
    a half are many.
    """
    random = np.random.default_rng(seed)

    def box() -> Box:
        x, y = (2 * int(value) + 1 for value in random.integers(0, 4, 2))
        w, h = (2 * int(value) for value in random.integers(1, 4, 2))
        return x, y, x + w - 1, y + h - 1

    images = []
    for _ in range(int(random.integers(1, 6))):
        things = [
            Thing(box(), int(random.integers(0, 2)), bool(random.random() < 0.3))
            for _ in range(random.integers(0, 6))
        ]
        near = [
            Detection(thing.box, int(random.integers(0, 6)) / 8, thing.class_id)
            for thing in things
            if random.random() < 0.5
        ]
        other = [
            Detection(box(), int(random.integers(0, 6)) / 8, int(random.integers(0, 2)))
            for _ in range(random.integers(0, 6))
        ]
        images.append(Image(things, near + other))
    return images


@RULES
def test_every_object_found_and_nothing_else_is_one(rule: VocRule) -> None:
    images = [
        Image([Thing(HERE), Thing(THERE)], [Detection(HERE, 0.9), Detection(THERE, 0.8)]),
        Image([Thing(HERE)], [Detection(HERE, 0.7)]),
    ]
    assert ap(images, rule) == 1


@pytest.mark.parametrize(("rule", "expected"), [("voc07", 6 / 11), ("voc", 1 / 2)])
def test_one_of_two_objects_missed_costs_the_recall_beyond_a_half(
    rule: VocRule, expected: float
) -> None:
    # Recalls 0, 0.1 ... 0.5 are six of eleven.
    assert ap([Image([Thing(HERE), Thing(THERE)], [Detection(HERE, 0.9)])], rule) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(("objects", "levels"), [(10, 4), (5, 7)])
def test_a_recall_of_just_a_tenth_reaches_its_level(objects: int, levels: int) -> None:
    # Three of ten, and three of five, are 0.3 and 0.6 although neither is a binary number.
    things = [Thing((20 * place + 1, 1, 20 * place + 10, 10)) for place in range(objects)]
    assert ap(
        [Image(things, [Detection(thing.box, 0.5) for thing in things[:3]])], "voc07"
    ) == pytest.approx(levels / 11)


@RULES
def test_a_wrong_detection_before_the_right_one_halves_it(rule: VocRule) -> None:
    assert ap(
        [Image([Thing(HERE)], [Detection(NOWHERE, 0.9), Detection(HERE, 0.8)])], rule
    ) == pytest.approx(1 / 2)


@RULES
def test_a_wrong_detection_after_the_last_object_costs_nothing(rule: VocRule) -> None:
    assert ap([Image([Thing(HERE)], [Detection(HERE, 0.9), Detection(NOWHERE, 0.8)])], rule) == 1


@pytest.mark.parametrize(
    ("rule", "expected"), [("voc07", (6 + 5 * 2 / 3) / 11), ("voc", (1 + 2 / 3) / 2)]
)
def test_precision_at_a_recall_is_the_best_from_there_on(rule: VocRule, expected: float) -> None:
    # Right, wrong, right: precisions 1, 1/2, 2/3 at recalls 1/2, 1/2, 1.
    images = [
        Image(
            [Thing(HERE), Thing(THERE)],
            [Detection(HERE, 0.9), Detection(NOWHERE, 0.8), Detection(THERE, 0.7)],
        )
    ]
    assert ap(images, rule) == pytest.approx(expected)


def test_the_second_detection_of_an_object_is_wrong() -> None:
    found = curve(
        [
            Image(
                [Thing(HERE), Thing(THERE)],
                [Detection(HERE, 0.9), Detection(HERE, 0.8), Detection(THERE, 0.7)],
            )
        ]
    )
    np.testing.assert_allclose(found.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(found.recall, [1 / 2, 1 / 2, 1])


def test_a_double_detection_does_not_fall_to_the_next_best_object() -> None:
    # The second detection overlaps the free object by more than a half too, but the found one by
    # more.
    free = (1, 1, 10, 12)
    found = curve(
        [Image([Thing(HERE), Thing(free)], [Detection(HERE, 0.9), Detection((1, 1, 10, 10), 0.8)])]
    )
    np.testing.assert_allclose(found.precision, [1, 1 / 2])


def test_the_higher_score_takes_the_object_whichever_overlaps_more() -> None:
    found = curve([Image([Thing(HERE)], [Detection(HERE, 0.6), Detection((1, 1, 10, 6), 0.7)])])
    np.testing.assert_allclose(found.precision, [1, 1 / 2])
    np.testing.assert_allclose(found.scores, [0.7, 0.6], rtol=1e-6)


@RULES
def test_a_difficult_object_that_is_not_found_does_no_harm(rule: VocRule) -> None:
    assert (
        ap([Image([Thing(HERE), Thing(THERE, difficult=True)], [Detection(HERE, 0.9)])], rule) == 1
    )


def test_difficult_objects_are_not_among_those_to_find() -> None:
    assert curve([Image([Thing(HERE), Thing(THERE, difficult=True)])]).objects == 1


def test_detections_of_difficult_objects_neither_count_nor_harm() -> None:
    detections = [Detection(THERE, 0.9), Detection(THERE, 0.8), Detection(HERE, 0.7)]
    found = curve([Image([Thing(HERE), Thing(THERE, difficult=True)], detections)])
    np.testing.assert_array_equal(found.precision, [1])
    np.testing.assert_allclose(found.scores, [0.7], rtol=1e-6)


@pytest.mark.parametrize(("height", "right"), [(5, True), (4, False)])
def test_an_overlap_of_just_a_half_counts_and_less_does_not(height: int, right: bool) -> None:
    found = curve([Image([Thing((1, 1, 10, 10))], [Detection((1, 1, 10, height), 0.9)])])
    np.testing.assert_array_equal(found.precision, [float(right)])


def test_boxes_that_only_touch_do_not_overlap() -> None:
    assert curve(
        [Image([Thing((1, 1, 10, 10))], [Detection((11, 1, 20, 10), 0.9)])]
    ).recall.tolist() == [0]


def test_another_least_overlap_may_be_asked_for() -> None:
    truth = GroundTruth(edges([HERE]), np.zeros(1, np.int64), np.zeros(1, bool))
    found = Predictions(edges([(1, 1, 10, 8)]), np.ones(1, np.float32), np.zeros(1, np.int64))
    assert [curve_of([truth], [found], 0, least).recall.tolist() for least in (0.75, 0.85)] == [
        [1],
        [0],
    ]


@RULES
def test_a_detection_in_another_image_is_wrong(rule: VocRule) -> None:
    assert ap([Image([Thing(HERE)]), Image([], [Detection(HERE, 0.9)])], rule) == 0


@RULES
def test_a_detection_of_another_class_neither_counts_nor_harms(rule: VocRule) -> None:
    images = [
        Image(
            [Thing(HERE, 0), Thing(THERE, 1)], [Detection(THERE, 0.9, 0), Detection(THERE, 0.8, 1)]
        )
    ]
    assert (ap(images, rule, 0), ap(images, rule, 1)) == (0, 1)


@RULES
def test_without_objects_there_is_no_number(rule: VocRule) -> None:
    assert math.isnan(ap([Image([], [Detection(HERE, 0.9)])], rule))


@RULES
def test_with_difficult_objects_alone_there_is_no_number(rule: VocRule) -> None:
    assert math.isnan(
        ap(
            [Image([Thing(HERE, difficult=True)], [Detection(HERE, 0.9), Detection(NOWHERE, 0.8)])],
            rule,
        )
    )


@RULES
def test_without_images_there_is_no_number(rule: VocRule) -> None:
    assert math.isnan(average_precision(curve_of([], [], 0), rule))


@RULES
def test_without_detections_it_is_nought(rule: VocRule) -> None:
    assert ap([Image([Thing(HERE)]), Image([Thing(HERE)])], rule) == 0


@RULES
def test_with_detections_of_difficult_objects_alone_it_is_nought(rule: VocRule) -> None:
    assert (
        ap([Image([Thing(HERE), Thing(THERE, difficult=True)], [Detection(THERE, 0.9)])], rule) == 0
    )


@pytest.mark.parametrize(
    ("order", "precision"), [((HERE, NOWHERE), [1, 1 / 2]), ((NOWHERE, HERE), [0, 1 / 2])]
)
def test_equal_scores_keep_the_order_of_an_images_detections(
    order: tuple[Box, Box], precision: list[float]
) -> None:
    found = curve([Image([Thing(HERE)], [Detection(box, 0.5) for box in order])])
    np.testing.assert_allclose(found.precision, precision)


def test_equal_scores_keep_the_order_of_images() -> None:
    wrong, right = Image([], [Detection(HERE, 0.5)]), Image([Thing(HERE)], [Detection(HERE, 0.5)])
    assert [curve(images).precision.tolist() for images in ([wrong, right], [right, wrong])] == [
        [0, 1 / 2],
        [1, 1 / 2],
    ]


def test_the_order_of_detections_is_that_of_their_scores() -> None:
    found = curve(
        [
            Image([Thing(HERE)], [Detection(NOWHERE, 0.25)]),
            Image([Thing(HERE)], [Detection(HERE, 0.75), Detection(NOWHERE, 0.5)]),
        ]
    )
    assert found.scores.tolist() == [0.75, 0.5, 0.25]
    np.testing.assert_allclose(found.precision, [1, 1 / 2, 1 / 3])


@SEEDS
@given(st.integers(0, 2**32 - 1), st.integers(0, 1))
def test_the_curve_equals_the_devkits(seed: int, class_id: int) -> None:
    images = some_images(seed)
    found = curve(images, class_id)
    recall, precision, objects = devkit_curve(images, class_id)
    assert found.objects == objects
    np.testing.assert_allclose(
        found.precision, [float(value) for value in precision], rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(found.recall, [float(value) for value in recall], rtol=0, atol=1e-12)


@RULES
@SEEDS
@given(st.integers(0, 2**32 - 1), st.integers(0, 1))
def test_average_precision_equals_the_devkits(rule: VocRule, seed: int, class_id: int) -> None:
    images = some_images(seed)
    np.testing.assert_allclose(
        ap(images, rule, class_id), devkit_ap(images, rule, class_id), rtol=0, atol=1e-12
    )


@RULES
def test_the_transcription_itself_gives_an_answer_worked_out_by_hand(rule: VocRule) -> None:
    images = [
        Image(
            [Thing(HERE), Thing(THERE)],
            [Detection(HERE, 0.9), Detection(NOWHERE, 0.8), Detection(THERE, 0.7)],
        )
    ]
    expected = {"voc07": (6 + 5 * 2 / 3) / 11, "voc": (1 + 2 / 3) / 2}
    assert devkit_ap(images, rule, 0) == pytest.approx(expected[rule])


def plain_curve(scores: list[float], right: list[bool], objects: int) -> Curve:
    found = np.cumsum(right)
    return Curve(
        found / max(objects, 1),
        found / np.arange(1, len(right) + 1),
        np.array(scores),
        objects,
    )


def slow_best_f1(curves: list[tuple[list[float], list[bool], int]]) -> float:
    objects = sum(count for _, _, count in curves)
    pairs = [pair for scores, right, _ in curves for pair in zip(scores, right, strict=True)]
    best = {}
    for threshold in sorted({score for score, _ in pairs}, reverse=True):
        kept = [right for score, right in pairs if score >= threshold]
        best[threshold] = 2 * sum(kept) / (len(kept) + objects)
    return max(best, key=lambda threshold: (best[threshold], threshold))


def test_the_threshold_of_the_best_f1_parts_the_right_from_the_wrong() -> None:
    assert (
        best_f1_threshold([plain_curve([0.9, 0.8, 0.7, 0.2], [True, True, False, False], 2)]) == 0.8
    )


def test_a_missed_object_is_worth_a_wrong_detection_or_two() -> None:
    only = plain_curve([0.9, 0.5, 0.4], [True, False, True], 2)
    assert best_f1_threshold([only]) == 0.4


def test_all_classes_have_one_threshold() -> None:
    cats = plain_curve([0.9, 0.3], [True, True], 2)
    dogs = plain_curve([0.8, 0.7, 0.6, 0.5], [True, False, False, False], 1)
    assert best_f1_threshold([cats, dogs]) == 0.8


@pytest.mark.parametrize("curves", [[], [plain_curve([], [], 3)], [plain_curve([0.9], [False], 1)]])
def test_without_a_right_detection_there_is_no_threshold(curves: list[Curve]) -> None:
    assert best_f1_threshold(curves) is None


def test_a_class_with_enough_objects_has_a_threshold_of_its_own() -> None:
    cats = plain_curve([0.9] * 20 + [0.8] * 10, [True] * 20 + [False] * 10, 20)
    dogs = plain_curve([0.6] * 19 + [0.3] * 30, [True] * 19 + [False] * 30, 20)
    few = plain_curve([0.2], [True], 19)
    found = best_f1_thresholds(
        {"cat": cats, "dog": dogs, "cow": few, "bird": plain_curve([], [], 30)}
    )
    assert found == (0.6, {"cat": 0.9, "dog": 0.6, "cow": 0.6, "bird": 0.6})


def test_without_a_right_detection_no_class_has_a_threshold() -> None:
    assert best_f1_thresholds({"cat": plain_curve([0.9], [False], 30)}) is None


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9]), st.booleans()), max_size=8),
        min_size=1,
        max_size=3,
    )
)
def test_the_best_f1_is_that_of_a_slow_search(rows: list[list[tuple[float, bool]]]) -> None:
    classes = []
    for row in rows:
        ordered = sorted(row, key=lambda pair: -pair[0])
        right = [is_right for _, is_right in ordered]
        classes.append(([score for score, _ in ordered], right, sum(right) + 1))
    found = best_f1_threshold([plain_curve(*one) for one in classes])
    if not any(any(right) for _, right, _ in classes):
        assert found is None
    else:
        assert found == slow_best_f1(classes)
