"""What `explain` says of the bundled networks: held against the network's own answer, the matching,
and the deployed file.
"""

from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.backends.torch_network import answer_before_nms, network_of
from ssd_live.datasets.types import LabelledImage
from ssd_live.detection.filter import detection_filter
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.models.box_code import decode, to_corners
from ssd_live.models.default_boxes import Place
from ssd_live.models.matching import match
from ssd_live.models.ssd import SSDNetwork
from ssd_live.system.paths import assets_folder
from ssd_live.training.explain import Explanation, describe, draw, explain
from tests.oracles import iou

MODELS = ("ssd300-mobilenetv2-oid", "ssdlite300-mobilenetv2-person")
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
EVERYWHERE = pytest.mark.parametrize("photo", PHOTOS)
# Class, score and box of each.
Finds = list[tuple[int, float, NDArray[np.float32]]]
# Many detections, and fewer than a model gives at most.
LOW = 0.04


@cache
def model() -> ModelFile:
    return find_model(MODELS[0])


@cache
def network() -> SSDNetwork:
    return network_of(model())


@cache
def image(photo: str) -> Pixels:
    return read_image(assets_folder() / "media" / photo).planes[0]


@cache
def explained(photo: str, threshold: float = LOW) -> Explanation:
    return explain(model(), image(photo), threshold, None)


@cache
def raw(photo: str) -> tuple[Tensor, Tensor]:
    """The network's boxes (N, 4) xyxy in the unit square and scores (N, C)."""
    with torch.inference_mode():
        boxes, scores = answer_before_nms(
            network(), model().metadata, Frame((image(photo),)).network_input((300, 300))[None]
        )
    return boxes[0], scores[0]


def test_a_letterboxed_image_is_explained_in_its_own_pixels() -> None:
    """The network input shows a wide image between bars."""
    image = np.full((300, 600, 3), 120, np.uint8)
    image[:, 250:550] = read_image(assets_folder() / "media" / "astronaut.png").resized((300, 300))
    faces = find_model("blazeface-256")
    explanation = explain(faces, image, 0.5, None)
    with load_backend("onnxruntime", faces, LoadOptions()) as backend:
        fit = faces.metadata.input_fit
        outputs = backend.submit(fit.image(Frame((image,)))[None]).result()
        expected = detection_filter(faces.metadata, 0.5).detections(
            outputs, 0, (600, 300), fit.region((600, 300))
        )
    assert len(explanation.fired) == len(expected) == 1
    np.testing.assert_allclose(explanation.fired[0].box, expected.boxes[0], atol=0.1)
    x1, y1, x2, y2 = explanation.fired[0].default_box
    # As wide and high as the network input, around the centre of a cell in the face.
    assert (x2 - x1, y2 - y1) == pytest.approx((600, 600))
    left, top, right, bottom = expected.boxes[0]
    assert left < (x1 + x2) / 2 < right
    assert top < (y1 + y2) / 2 < bottom


def test_labels_are_refused_for_a_network_without_ssds_matching() -> None:
    labelled = LabelledImage(
        assets_folder() / "media" / "astronaut.png",
        np.array([[174, 71, 278, 177]], np.float32),
        np.array([0]),
        np.array([False]),
    )
    with pytest.raises(UsageError, match="not trained with SSD's matching"):
        explain(find_model("blazeface-256"), image("astronaut.png"), 0.5, labelled)


def number_of(place: Place) -> int:
    """The default box's, counted map by map, row by row."""
    before = sum(
        cell.grid[0] * cell.grid[1] * len(cell.shapes)
        for cell in network().feature_maps[: place.feature_map]
    )
    cell = network().feature_maps[place.feature_map]
    return (
        before
        + (place.row * cell.grid[1] + place.column) * len(cell.shapes)
        + cell.shapes.index(place.shape)
    )


def sides(photo: str) -> NDArray[np.float32]:
    height, width = image(photo).shape[:2]
    return np.array([width, height, width, height], np.float32)


def labelled(
    photo: str, *boxes: tuple[float, float, float, float], classes: tuple[int, ...] = ()
) -> LabelledImage:
    numbers = np.array(classes or (0,) * len(boxes), np.int64)
    return LabelledImage(
        Path(photo), np.array(boxes, np.float32).reshape(-1, 4), numbers, np.zeros(len(boxes), bool)
    )


@EVERYWHERE
def test_each_detections_default_box_decodes_to_it(photo: str) -> None:
    pixels = (
        torch.from_numpy(Frame((image(photo),)).network_input((300, 300)).copy())[None]
        .permute(0, 3, 1, 2)
        .float()
    )
    with torch.inference_mode():
        # Both bundled networks take pixels of -1 to 1.
        regression, logits = network()(pixels / 127.5 - 1)
    assert explained(photo).fired
    for one in explained(photo).fired:
        number = number_of(one.place)
        box = to_corners(decode(regression[0, number], network().default_boxes[number])).clamp(
            0, 1
        ).numpy() * sides(photo)
        np.testing.assert_allclose(one.box, box, rtol=0, atol=1e-2)
        assert one.score == pytest.approx(
            float(logits[0, number, one.class_id + 1].sigmoid()), abs=1e-5
        )


@EVERYWHERE
def test_the_default_box_told_is_the_one_of_the_place(photo: str) -> None:
    corners = to_corners(network().default_boxes).numpy() * sides(photo)
    for one in explained(photo).fired:
        np.testing.assert_array_equal(one.default_box, corners[number_of(one.place)])


@EVERYWHERE
def test_no_default_box_makes_two_detections_of_a_class(photo: str) -> None:
    origins = Counter((one.class_id, number_of(one.place)) for one in explained(photo).fired)
    assert max(origins.values()) == 1


def assert_found_in(ones: Finds, others: Finds, least: float) -> None:
    for class_id, score, box in ones:
        near = [
            other
            for other in others
            if other[0] == class_id
            and abs(other[1] - score) < 1e-3
            and np.abs(other[2] - box).max() < 0.5
        ]
        # The last digits of a score are each runtime's own.
        assert near or score < least + 1e-3, (class_id, score, box)


@pytest.mark.parametrize("name", MODELS)
def test_it_finds_what_the_deployed_file_finds(name: str) -> None:
    deployed = find_model(name)
    with load_backend("onnxruntime", deployed, LoadOptions()) as backend:
        for photo, threshold in product(PHOTOS, (LOW, deployed.metadata.display_threshold)):
            frame = Frame((image(photo),))
            outputs = backend.submit(
                frame.network_input(deployed.metadata.input_size)[None]
            ).result()
            found = detection_filter(deployed.metadata, threshold).detections(
                outputs, 0, (frame.width, frame.height)
            )
            file = list(
                zip(found.class_ids.tolist(), found.scores.tolist(), found.boxes, strict=True)
            )
            own = [
                (one.class_id, one.score, one.box)
                for one in explain(deployed, image(photo), threshold, None).fired
            ]
            assert_found_in(own, file, threshold)
            assert_found_in(file, own, threshold)


def test_the_cat_is_found_by_the_map_of_one_cell() -> None:
    (one,) = explained("chelsea.png", 0.4).fired
    assert model().metadata.classes[one.class_id] == "Cat"
    assert (one.place.feature_map, one.place.row, one.place.column) == (5, 0, 0)


@EVERYWHERE
def test_every_box_over_the_threshold_is_kept_or_gives_way_once(photo: str) -> None:
    told = Counter[int]()
    for one in explained(photo).fired:
        told[one.class_id] += 1 + one.suppressed.total()
    assert len(explained(photo).fired) < model().metadata.max_detections
    over = (raw(photo)[1] > LOW).sum(0)
    assert dict(told) == {class_id: int(count) for class_id, count in enumerate(over) if count}


@EVERYWHERE
def test_a_box_gives_way_to_the_best_detection_that_it_overlaps(photo: str) -> None:
    boxes, scores = raw(photo)
    places = [
        cell
        for cell, one in enumerate(network().feature_maps)
        for _ in range(one.grid[0] * one.grid[1] * len(one.shapes))
    ]
    fired = explained(photo).fired
    expected = [Counter[int]() for _ in fired]
    for class_id in {one.class_id for one in fired}:
        own = [rank for rank, one in enumerate(fired) if one.class_id == class_id]
        origins = [number_of(fired[rank].place) for rank in own]
        for number in (scores[:, class_id] > LOW).nonzero()[:, 0].tolist():
            if number not in origins:
                # From best to worst.
                overlaps = (iou(boxes[number].numpy(), boxes[origin].numpy()) for origin in origins)
                rank = next(
                    rank
                    for rank, overlap in zip(own, overlaps, strict=True)
                    if overlap > model().metadata.iou_threshold
                )
                expected[rank][places[number]] += 1
    assert [one.suppressed for one in fired] == expected


def test_a_threshold_below_the_models_own_is_the_models_own() -> None:
    least = explain(model(), image("rocket.jpg"), 0.0, None)
    own = explain(model(), image("rocket.jpg"), model().metadata.score_threshold, None)
    assert [(one.place, one.suppressed) for one in least.fired] == [
        (one.place, one.suppressed) for one in own.fired
    ]


def test_over_the_highest_threshold_nothing_is_found() -> None:
    assert explained("chelsea.png", 1.0).fired == ()


def test_matches_are_those_of_training() -> None:
    # The second and third contend for the same boxes; the last is smaller than any default box.
    truth = labelled(
        "coffee.png",
        (0, 0, 600, 400),
        (200, 100, 400, 300),
        (210, 100, 410, 300),
        (50, 50, 60, 60),
        classes=(14, 12, 11, 2),
    )
    found = explain(model(), image("coffee.png"), 0.4, truth).matched
    matches = match(torch.from_numpy(truth.boxes / sides("coffee.png")), network().default_boxes)
    corners = to_corners(network().default_boxes).numpy() * sides("coffee.png")
    assert [one.class_id for one in found] == [14, 12, 11, 2]
    for number, one in enumerate(found):
        own = (matches == number).nonzero()[:, 0].tolist()
        assert own
        assert [number_of(place) for place in one.places] == own
        np.testing.assert_array_equal(one.default_boxes, corners[own])
        np.testing.assert_array_equal(one.box, truth.boxes[number])
        assert one.best_overlap == pytest.approx(
            max(iou(one.box, corners[index]) for index in own), abs=1e-4
        )


def test_of_an_object_that_reaches_out_of_the_image_what_is_inside_is_matched() -> None:
    inside = explain(
        model(), image("coffee.png"), 0.4, labelled("coffee.png", (300, 200, 600, 400))
    ).matched
    outside = explain(
        model(), image("coffee.png"), 0.4, labelled("coffee.png", (300, 200, 9000, np.inf))
    ).matched
    assert [one.places for one in outside] == [one.places for one in inside]
    np.testing.assert_array_equal(outside[0].box, inside[0].box)


@pytest.mark.parametrize(
    "box",
    [
        (10, 10, 10, 50),
        (50, 50, 10, 10),
        (700, 10, 800, 50),
        (np.nan, 10, 50, 50),
        (-np.inf, 0, -5, 50),
    ],
)
def test_an_object_without_an_area_in_the_image_matches_nothing_and_takes_nothing_from_others(
    box: tuple[float, float, float, float],
) -> None:
    alone = explain(
        model(),
        image("coffee.png"),
        0.4,
        labelled("coffee.png", (300, 200, 600, 400), classes=(7,)),
    ).matched
    both = explain(
        model(),
        image("coffee.png"),
        0.4,
        labelled("coffee.png", box, (300, 200, 600, 400), classes=(3, 7)),
    ).matched
    assert [(one.class_id, one.places) for one in both] == [(7, alone[0].places)]


@pytest.mark.parametrize("truth", [None, labelled("chelsea.png")])
def test_without_objects_nothing_is_matched(truth: LabelledImage | None) -> None:
    assert explain(model(), image("chelsea.png"), 0.4, truth).matched == ()


def test_a_place_is_told_in_words_that_count_from_one() -> None:
    place = explained("chelsea.png", 0.4).fired[0].place
    assert (
        describe(place, network().feature_maps)
        == "map 6 (1 x 1), row 1, column 1, scale 0.95, ratio 1"
    )


@pytest.mark.parametrize(("objects", "rows"), [(0, 3), (1, 3)])
def test_the_picture_has_a_panel_for_the_detections_for_each_map_and_for_the_objects(
    objects: int, rows: int
) -> None:
    truth = labelled("chelsea.png", *[(4.0, 2.0, 423.0, 300.0)] * objects)
    picture = draw(
        image("chelsea.png"),
        explain(model(), image("chelsea.png"), 0.4, truth),
        model().metadata.classes,
    )
    height, width = picture.shape[0] // rows, picture.shape[1] // 3
    panels = [
        picture[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(rows)
        for column in range(3)
    ]
    # The last places stay empty.
    assert [bool(panel.std() > 10) for panel in panels] == [True] * (7 + objects) + [False] * (
        2 - objects
    )


def test_the_picture_leaves_the_image_as_it_was() -> None:
    before = image("chelsea.png").copy()
    draw(image("chelsea.png"), explained("chelsea.png"), model().metadata.classes)
    np.testing.assert_array_equal(image("chelsea.png"), before)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 2000, 3), (2000, 1, 3)])
def test_an_image_of_any_shape_is_explained(shape: tuple[int, int, int]) -> None:
    thin = np.full(shape, 90, np.uint8)
    truth = labelled("thin.png", (0, 0, shape[1], shape[0]))
    found = explain(model(), thin, LOW, truth)
    assert len(found.matched) == 1
    assert draw(thin, found, model().metadata.classes).shape[1] == 3 * 480
