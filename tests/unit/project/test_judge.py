"""A judgement says what is found, what is missed and what is wrong, in words too."""

from pathlib import Path

import numpy as np
import pytest

from ssd_live.datasets.types import DataSet, LabelledImage, boxes_array
from ssd_live.evaluation.average_precision import Predictions
from ssd_live.evaluation.evaluate import Evaluation, evaluate
from ssd_live.imaging.image_files import write_image
from ssd_live.project.judge import Judgement, judge
from ssd_live.project.labels import ProjectImage

CLASSES = ("mug", "bowl")
Things = list[tuple[int, tuple[float, float, float, float]]]
A, B, C = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0), (40.0, 20.0, 50.0, 30.0)


def _judged(
    folder: Path,
    truth: list[Things],
    found: list[list[tuple[int, float, tuple[float, float, float, float]]]],
    ignored: frozenset[int] = frozenset(),
) -> Judgement:
    labelled, images = [], []
    for number, things in enumerate(truth):
        path = folder / f"{number}.png"
        write_image(path, np.full((40, 60, 3), number, np.uint8))
        labelled.append(
            LabelledImage(
                path,
                boxes_array([box for _, box in things]),
                np.array([its for its, _ in things], np.int64),
                np.array([number in ignored] * len(things), bool),
            )
        )
        images.append(ProjectImage(number + 1, path.name, 60, 40, source="a", seconds=number))
    answers = iter(found)

    def detect(_: object) -> Predictions:
        its = next(answers)
        return Predictions(
            boxes_array([box for _, _, box in its]),
            np.array([score for _, score, _ in its], np.float32),
            np.array([class_id for class_id, _, _ in its], np.int64),
        )

    evaluation: Evaluation = evaluate(detect, DataSet("d", CLASSES, tuple(labelled)), "voc")
    return judge(evaluation, images, (0.5, 0.5))


def test_misses_and_false_alarms_are_told_apart(tmp_path: Path) -> None:
    truth: list[Things] = [[(0, A), (1, B)], [(0, A)], []]
    found = [
        # The mug, the mug again, a bowl that is called a mug, and something that is not sure.
        [(0, 0.9, A), (0, 0.8, A), (0, 0.7, B), (1, 0.2, C)],
        [],
        [(1, 0.6, C)],
    ]
    judgement = _judged(tmp_path, truth, found)
    assert (judgement.images, judgement.objects, judgement.found) == (3, 3, 1)
    missed = [(its.image, its.class_id) for its in judgement.mistakes if its.score is None]
    wrong = [(its.image, its.class_id, its.real_class) for its in judgement.mistakes if its.score]
    assert missed == [(0, 1), (1, 0)]
    assert wrong == [(0, 0, 0), (0, 0, 1), (2, 1, None)]
    assert judgement.mistakes[0].box == B
    assert judgement.facts["wrong"] == 3
    assert judgement.facts["found"] == 1
    # One block of five seconds says nothing about others.
    assert judgement.interval == (0.0, 1.0)
    assert judgement.facts["sentence"].startswith("finds 1 of 3 objects in 3 images; ")
    assert judgement.facts["sentence"].endswith("label 15 more images, because these are few")


def test_a_box_beside_an_object_is_a_second_one_only_if_the_object_was_found(
    tmp_path: Path,
) -> None:
    beside = (4.0, 0.0, 14.0, 10.0)  # an overlap of 0.43
    truth: list[Things] = [[(0, A)], [(0, A)], [(0, A)]]
    found = [[(0, 0.9, A), (0, 0.8, beside)], [(0, 0.9, beside)], [(1, 0.9, beside)]]
    judgement = _judged(tmp_path, truth, found)
    wrong = [(its.image, its.class_id, its.real_class) for its in judgement.mistakes if its.score]
    assert wrong == [(0, 0, 0), (1, 0, None), (2, 1, 0)]


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([(0, 0.9, A)], "finds 1 of 1 object in 1 image; finds nothing that is not there"),
        ([(0, 0.9, A), (1, 0.9, A)], "calls a mug a bowl once"),
        ([(0, 0.9, A), (1, 0.9, B)], "calls something else a bowl once"),
        ([(0, 0.9, A), (0, 0.8, A), (0, 0.7, A)], "shows the same mug twice 2 times"),
    ],
)
def test_the_sentence_says_what_is_confused(
    found: list[tuple[int, float, tuple[float, float, float, float]]],
    sentence: str,
    tmp_path: Path,
) -> None:
    assert sentence in _judged(tmp_path, [[(0, A)]], [found]).facts["sentence"]


def test_the_sentence_says_what_to_label(tmp_path: Path) -> None:
    truth: list[Things] = [[(0, A), (1, B)]] * 20
    misses = _judged(tmp_path, truth, [[(0, 0.9, A)]] * 20)
    assert misses.facts["sentence"].endswith("label 15 more images with a bowl")
    both = [(0, 0.9, A), (1, 0.9, B)]
    alarms = _judged(tmp_path, truth, [[*both, (1, 0.8, C)]] * 20)
    assert alarms.facts["sentence"].endswith("label 15 more images with no bowl")
    confused = _judged(tmp_path, truth, [[*both, (1, 0.8, A)]] * 20)
    assert "calls a mug a bowl 20 times" in confused.facts["sentence"]
    assert confused.facts["sentence"].endswith("label 15 more images with a mug")
    perfect = _judged(tmp_path, truth, [both] * 20)
    assert perfect.facts["sentence"].endswith("finds nothing that is not there")
    assert perfect.precision == 1.0
    # Twenty seconds are four blocks, all the same.
    assert list(perfect.interval) == pytest.approx([1.0, 1.0])


def test_images_without_objects_say_little(tmp_path: Path) -> None:
    assert "show no object" in _judged(tmp_path, [[], []], [[], []]).facts["sentence"]
    difficult = _judged(tmp_path, [[(0, A)], [(0, A)]], [[(0, 0.9, A)], []], frozenset({0, 1}))
    assert (difficult.objects, difficult.mistakes) == (0, ())
