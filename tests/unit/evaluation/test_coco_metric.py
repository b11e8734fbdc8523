"""COCO's figures against pycocotools, which defines them, on made data; and what is said where
there is nothing to count.
"""

import contextlib
import io
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ssd_live.errors import MissingPackageError
from ssd_live.evaluation.average_precision import GroundTruth, Predictions
from ssd_live.evaluation.coco_metric import FIGURES, CocoFigures, coco_figures

SIDE = 400.0
Box = tuple[float, float, float, float]


class Thing(NamedTuple):
    """`area` None: that of the box."""

    box: Box
    class_id: int = 0
    crowd: bool = False
    area: float | None = None


class Detection(NamedTuple):
    box: Box
    score: float
    class_id: int = 0


class Image(NamedTuple):
    things: Sequence[Thing] = ()
    detections: Sequence[Detection] = ()


HERE, THERE, NOWHERE = (
    (10.0, 10.0, 60.0, 60.0),
    (110.0, 10.0, 160.0, 60.0),
    (210.0, 210.0, 260.0, 260.0),
)


def ours(images: Sequence[Image], classes: int) -> CocoFigures:
    truths, founds = [], []
    for things, detections in images:
        stated = np.array([np.nan if one.area is None else one.area for one in things])
        areas = None if np.isnan(stated).any() or not len(stated) else stated
        boxes = np.array([one.box for one in things], np.float32).reshape(-1, 4)
        truths.append(
            GroundTruth(
                boxes,
                np.array([one.class_id for one in things], np.int64),
                np.array([one.crowd for one in things], bool),
                areas,
            )
        )
        found = np.array([one.box for one in detections], np.float32).reshape(-1, 4)
        scores = np.array([one.score for one in detections], np.float32)
        founds.append(
            Predictions(found, scores, np.array([one.class_id for one in detections], np.int64))
        )
    return coco_figures(truths, founds, classes)


def reference(images: Sequence[Image], classes: int) -> tuple[list[float], list[float]]:
    """pycocotools: the twelve figures and AP by class, nan for its -1."""
    things = [
        {"image_id": image, "category_id": one.class_id, "iscrowd": int(one.crowd)}
        | _sized(one.box, one.area)
        for image, (those, _) in enumerate(images)
        for one in those
    ]
    detections = [
        {"image_id": image, "category_id": one.class_id, "iscrowd": 0, "score": one.score}
        | _sized(one.box, None)
        for image, (_, those) in enumerate(images)
        for one in those
    ]
    # It tells every step.
    with contextlib.redirect_stdout(io.StringIO()):
        measured = COCOeval(
            _indexed(things, len(images), classes),
            _indexed(detections, len(images), classes),
            "bbox",
        )
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    by_class = []
    for class_id in range(classes):
        values = measured.eval["precision"][:, :, class_id, 0, 2]
        by_class.append(float(values[values > -1].mean()) if (values > -1).any() else float("nan"))
    return [float("nan") if value == -1 else float(value) for value in measured.stats], by_class


def _sized(box: Box, area: float | None) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    return {
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1) if area is None else area,
    }


def _indexed(annotations: list[dict[str, Any]], images: int, classes: int) -> Any:
    listed = COCO()
    listed.dataset = {
        "images": [{"id": number} for number in range(images)],
        "annotations": [one | {"id": number} for number, one in enumerate(annotations, 1)],
        "categories": [{"id": number, "name": str(number)} for number in range(classes)],
    }
    listed.createIndex()
    return listed


def assert_equal(images: Sequence[Image], classes: int) -> CocoFigures:
    found = ours(images, classes)
    figures, by_class = reference(images, classes)
    np.testing.assert_allclose(
        [found.figures[name] for name in FIGURES], figures, rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(found.by_class, by_class, rtol=0, atol=1e-9)
    return found


def some_images(seed: int, images: int, classes: int, things: int, detections: int) -> list[Image]:
    """Objects of all sizes and detections near them, doubled, or anywhere.

    Scores are few, so that many are equal; the last two of many classes have no objects; a few
    images have none at all.
    """
    random = np.random.default_rng(seed)

    def box() -> Box:
        # What is a float32 as well, so that both count with the same numbers.
        width, height = (
            np.float32(np.exp(random.uniform(np.log(4), np.log(250)))) for _ in range(2)
        )
        x, y = (np.float32(random.uniform(0, SIDE - 4)) for _ in range(2))
        return (
            float(x),
            float(y),
            min(float(np.float32(x + width)), SIDE),
            min(float(np.float32(y + height)), SIDE),
        )

    def near(other: Box) -> Box:
        x1, y1, x2, y2 = (float(np.float32(value + random.normal(0, 4))) for value in other)
        return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)

    def score() -> float:
        return float(random.integers(0, 16)) / 16

    made = []
    for _ in range(images):
        there = [
            Thing(box(), int(random.integers(max(classes - 2, 1))), bool(random.random() < 0.15))
            for _ in range(random.integers(0, things))
        ]
        if random.random() < 0.5:
            # As a mask's: less than the box's.
            there = [
                one._replace(area=float(random.uniform(0.3, 1)) * _sized(one.box, None)["area"])
                for one in there
            ]
        found = [
            Detection(near(one.box), score(), one.class_id)
            for one in there
            for _ in range(random.integers(0, 3))
        ]
        found += [
            Detection(box(), score(), int(random.integers(classes)))
            for _ in range(random.integers(0, detections))
        ]
        made.append(Image(there, found))
    return made


@pytest.mark.parametrize("seed", range(12))
def test_every_figure_equals_pycocotools(seed: int) -> None:
    assert_equal(some_images(seed, 15, 6, 10, 20), 6)


@pytest.mark.parametrize("seed", range(3))
def test_more_than_a_hundred_detections_of_a_class_in_an_image_are_cut_as_pycocotools_does(
    seed: int,
) -> None:
    images = some_images(seed, 6, 2, 60, 800)
    assert max(sum(one.class_id == 0 for one in image.detections) for image in images) > 200
    assert_equal(images, 2)


@pytest.mark.parametrize("seed", range(6))
def test_data_of_a_few_boxes_equal_pycocotools_too(seed: int) -> None:
    assert_equal(some_images(seed, 3, 3, 2, 3), 3)


def test_one_class_of_one_image_equals_pycocotools() -> None:
    found = assert_equal(
        [Image([Thing(HERE), Thing(THERE)], [Detection(HERE, 0.5), Detection(NOWHERE, 0.75)])], 1
    )
    assert 0 < found.figures["AP"] < 1


def test_equal_scores_keep_the_order_in_which_they_were_found() -> None:
    first, second = Detection(HERE, 0.5), Detection(NOWHERE, 0.5)
    figures = [
        assert_equal([Image([Thing(HERE)], order)], 1).figures["AP"]
        for order in ([first, second], [second, first])
    ]
    assert figures[0] == pytest.approx(1)
    assert figures[1] == pytest.approx(1 / 2)


def test_all_objects_found_exactly_is_one() -> None:
    found = assert_equal(
        [
            Image(
                [Thing(HERE, 0), Thing(THERE, 1)],
                [Detection(HERE, 0.5, 0), Detection(THERE, 0.25, 1)],
            )
        ],
        2,
    )
    assert found.figures["AP"] == pytest.approx(1)
    assert found.by_class == pytest.approx((1, 1))


def test_the_hundred_and_first_detection_of_an_image_does_not_count() -> None:
    wrong = [Detection(NOWHERE, 0.75)] * 100
    assert assert_equal([Image([Thing(HERE)], [*wrong[1:], Detection(HERE, 0.5)])], 1).figures[
        "AR100"
    ] == pytest.approx(1)
    assert (
        assert_equal([Image([Thing(HERE)], [*wrong, Detection(HERE, 0.5)])], 1).figures["AR100"]
        == 0
    )


def test_what_lies_on_a_crowd_neither_counts_nor_harms() -> None:
    many = [
        Detection((110.0 + shift, 10.0, 130.0 + shift, 40.0), 0.75) for shift in range(0, 30, 3)
    ]
    found = assert_equal(
        [Image([Thing(HERE), Thing(THERE, crowd=True)], [*many, Detection(HERE, 0.5)])], 1
    )
    assert found.figures["AP"] == pytest.approx(1)


def test_the_stated_area_and_not_the_boxs_says_how_large_an_object_is() -> None:
    image = Image([Thing(HERE, area=31.0**2)], [Detection(HERE, 0.5)])
    found = assert_equal([image], 1)
    assert found.figures["APs"] == pytest.approx(1)
    assert np.isnan(found.figures["APm"])
    assert assert_equal([image._replace(things=[Thing(HERE)])], 1).figures["APm"] == pytest.approx(
        1
    )


def test_a_class_without_objects_has_no_figure_and_lowers_no_mean() -> None:
    found = assert_equal(
        [Image([Thing(HERE, 0)], [Detection(HERE, 0.5, 0), Detection(THERE, 0.75, 1)])], 2
    )
    assert found.by_class[0] == pytest.approx(1)
    assert np.isnan(found.by_class[1])
    assert found.figures["AP"] == pytest.approx(1)


def test_a_class_of_which_nothing_was_found_is_nought() -> None:
    found = assert_equal([Image([Thing(HERE, 0), Thing(THERE, 1)], [Detection(HERE, 0.5, 0)])], 2)
    assert found.by_class == pytest.approx((1, 0))


def test_without_detections_the_sizes_that_are_there_are_zero_and_others_have_no_figure() -> None:
    found = assert_equal([Image([Thing((0.0, 0.0, 200.0, 200.0))]), Image()], 2)
    assert (found.figures["AP"], found.figures["APl"], found.figures["ARl"]) == (0, 0, 0)
    assert all(np.isnan(found.figures[name]) for name in ("APs", "APm", "ARs", "ARm"))


def test_with_nothing_to_find_there_is_no_figure() -> None:
    for images in (
        [Image()],
        [Image([], [Detection(HERE, 0.5)])],
        [Image([Thing(HERE, crowd=True)], [Detection(HERE, 0.5)])],
    ):
        found = assert_equal(images, 2)
        assert np.isnan([*found.figures.values(), *found.by_class]).all()


def test_without_images_there_is_no_figure() -> None:
    found = coco_figures([], [], 2)
    assert list(found.figures) == list(FIGURES)
    assert np.isnan([*found.figures.values(), *found.by_class]).all()


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    ours(some_images(1, 3, 2, 5, 5), 2)
    assert capfd.readouterr() == ("", "")


def test_without_the_package_that_counts_it_says_which_one_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(MissingPackageError, match="faster-coco-eval") as caught:
        coco_figures([], [], 1)
    assert "\n" not in str(caught.value)
