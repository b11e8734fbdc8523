"""Augmentation by what must hold whatever is drawn: objects stay on their pixels, boxes inside the
image, and chance comes from the generator.
"""

from collections import Counter
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssd_live.datasets.types import LabelledImage
from ssd_live.imaging.pixels import Pixels
from ssd_live.training.augment import (
    Example,
    augment,
    cut,
    distort_colours,
    find_patch,
    flip,
    mosaic,
    overlaps,
    resized,
    sample_patch,
    zoom_out,
)
from ssd_live.training.feed import Examples, InputSpec

MEAN = (104.0, 117.0, 123.0)
SIZE = (300, 200)
Patch = tuple[int, int, int, int]

# Nine colours (BGR) far apart from each other, from the background and from the mean.
PALETTE = np.array(
    [
        (0, 0, 255),
        (0, 255, 0),
        (255, 0, 0),
        (0, 255, 255),
        (255, 0, 255),
        (255, 255, 0),
        (0, 0, 0),
        (255, 255, 255),
        (0, 128, 255),
    ]
)
BACKGROUND = (60, 60, 60)
SEEDS = settings(deadline=None, max_examples=60)
seeds = st.integers(0, 2**32 - 1)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def painted(seed: int) -> Example:
    """One to nine objects apart from each other, each painted in the colour of its class; sides are
    even, and 12 pixels or more.
    """
    random = generator(seed)
    cell_w, cell_h = (int(side) for side in random.integers(20, 50, 2))
    image = np.full((3 * cell_h, 3 * cell_w, 3), BACKGROUND, np.uint8)
    boxes, classes = [], random.permutation(9)[: random.integers(1, 10)]
    for number in classes:
        w, h = 2 * int(random.integers(6, cell_w // 2)), 2 * int(random.integers(6, cell_h // 2))
        x = number % 3 * cell_w + int(random.integers(0, cell_w - w + 1))
        y = number // 3 * cell_h + int(random.integers(0, cell_h - h + 1))
        image[y : y + h, x : x + w] = PALETTE[number]
        boxes.append((x, y, x + w, y + h))
    return Example(image, np.array(boxes, np.float32), classes.astype(np.int64))


def crowded(seed: int) -> Example:
    """Noise with boxes of every size and place, some of a pixel, over each other."""
    random = generator(seed)
    width, height = (int(side) for side in random.integers(8, 120, 2))
    count = int(random.integers(1, 12))
    x1, y1 = random.integers(0, width, count), random.integers(0, height, count)
    x2, y2 = random.integers(x1 + 1, width + 1), random.integers(y1 + 1, height + 1)
    image = random.integers(0, 256, (height, width, 3), np.uint8)
    return Example(
        image, np.stack([x1, y1, x2, y2], 1).astype(np.float32), random.integers(0, 20, count)
    )


def empty(seed: int) -> Example:
    return crowded(seed).kept(np.zeros(len(crowded(seed).boxes), bool))


def mapped(
    boxes: list[tuple[float, float, float, float]], width: int = 200, height: int = 150
) -> Example:
    """Each pixel tells where it was: blue is its x, green its y. Classes are the objects'
    numbers.
    """
    y, x = np.mgrid[:height, :width]
    image = np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)
    return Example(image, np.array(boxes, np.float32).reshape(-1, 4), np.arange(len(boxes)))


def place_of(part: Pixels) -> Patch:
    """Where a part of a mapped image was: x1, y1, x2, y2."""
    x, y = (int(value) for value in part[0, 0, :2])
    return x, y, x + part.shape[1], y + part.shape[0]


def iou(a: tuple[float, ...] | list[float], b: tuple[float, ...] | list[float]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return (
        width
        * height
        / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height)
    )


def holds_centre(patch: Patch, box: list[float]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return patch[0] <= x < patch[2] and patch[1] <= y < patch[3]


def assert_equal(one: Example, other: Example) -> None:
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.boxes, other.boxes)
    np.testing.assert_array_equal(one.classes, other.classes)


def assert_boxes_are_good(example: Example) -> None:
    height, width = example.image.shape[:2]
    assert example.boxes.shape == (len(example.classes), 4)
    assert example.boxes.dtype == np.float32
    # Scaling in single precision may pass the edge by its rounding.
    assert example.boxes.min(initial=0) >= 0
    assert (example.boxes <= np.array([width, height] * 2) + 1e-3).all()
    assert (example.boxes[:, 2:] > example.boxes[:, :2]).all()


def assert_boxes_are_on_their_colours(example: Example) -> None:
    """To the pixel: each box is the rectangle around all pixels of its object's colour."""
    for box, number in zip(example.boxes, example.classes, strict=True):
        y, x = np.nonzero((example.image == PALETTE[number]).all(-1))
        np.testing.assert_array_equal(box, [x.min(), y.min(), x.max() + 1, y.max() + 1])


def colour_at_centre(example: Example, index: int) -> NDArray[np.uint8]:
    x1, y1, x2, y2 = example.boxes[index]
    return np.asarray(example.image[int((y1 + y2) / 2), int((x1 + x2) / 2)])


@SEEDS
@given(seeds)
def test_the_image_has_the_size_that_is_asked_for(seed: int) -> None:
    image = augment(crowded(seed), SIZE, MEAN, generator(seed)).image
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8


@SEEDS
@given(seeds)
def test_boxes_stay_inside_the_image_and_keep_an_area(seed: int) -> None:
    assert_boxes_are_good(augment(crowded(seed), SIZE, MEAN, generator(seed)))


@SEEDS
@given(seeds)
def test_some_object_is_left_and_none_is_made(seed: int) -> None:
    example = crowded(seed)
    left = Counter(augment(example, SIZE, MEAN, generator(seed)).classes.tolist())
    assert left
    assert left <= Counter(example.classes.tolist())


@SEEDS
@given(seeds)
def test_the_same_seed_gives_the_same_example(seed: int) -> None:
    first, second = (augment(crowded(seed), SIZE, MEAN, generator(seed + 1)) for _ in range(2))
    assert_equal(first, second)


def test_other_seeds_give_other_examples() -> None:
    images = {
        augment(painted(3), SIZE, MEAN, generator(seed)).image.tobytes() for seed in range(20)
    }
    assert len(images) == 20


@SEEDS
@given(seeds)
def test_what_went_in_is_not_changed(seed: int) -> None:
    example = crowded(seed)
    augment(example, SIZE, MEAN, generator(seed))
    assert_equal(example, crowded(seed))


@SEEDS
@given(seeds)
def test_an_image_without_objects_survives_everything(seed: int) -> None:
    result = augment(empty(seed), SIZE, MEAN, generator(seed))
    assert result.image.shape == (SIZE[1], SIZE[0], 3)
    assert (result.boxes.shape, result.classes.shape) == ((0, 4), (0,))


def test_half_of_the_examples_are_mirrored() -> None:
    sides = mapped([(10, 20, 90, 130), (110, 20, 190, 130)])
    results = [augment(sides, SIZE, MEAN, generator(seed)) for seed in range(400)]
    both = [result.boxes for result in results if len(result.boxes) == 2]
    assert len(both) > 100
    assert 0.4 < np.mean([boxes[0, 0] > boxes[1, 0] for boxes in both]) < 0.6


def test_a_good_part_of_the_examples_is_zoomed_out() -> None:
    # Only on a larger canvas is there anything around an object that fills its image.
    filled = mapped([(0, 0, 200, 150)])
    boxes = [augment(filled, SIZE, MEAN, generator(seed)).boxes[0] for seed in range(400)]
    assert (
        0.25
        < np.mean(
            [(box[2] - box[0]) * (box[3] - box[1]) < 0.99 * SIZE[0] * SIZE[1] for box in boxes]
        )
        < 0.55
    )


@SEEDS
@given(seeds)
def test_objects_keep_their_colours_through_all_geometry(seed: int) -> None:
    random = generator(seed)
    result = resized(flip(sample_patch(zoom_out(painted(seed), MEAN, random), random)), (600, 600))
    for index, number in enumerate(result.classes):
        np.testing.assert_array_equal(colour_at_centre(result, index), PALETTE[number])


@SEEDS
@given(seeds)
def test_a_flip_carries_each_box_with_its_object(seed: int) -> None:
    flipped = flip(painted(seed))
    assert len(flipped.boxes) == len(painted(seed).boxes)
    assert_boxes_are_on_their_colours(flipped)


@SEEDS
@given(seeds)
def test_flipping_twice_changes_nothing(seed: int) -> None:
    assert_equal(flip(flip(crowded(seed))), crowded(seed))


def test_a_flip_mirrors_the_pixels() -> None:
    example = mapped([(1, 2, 3, 4)])
    np.testing.assert_array_equal(flip(example).image[:, 0], example.image[:, -1])


@SEEDS
@given(seeds)
def test_zooming_out_keeps_the_images_pixels_where_its_boxes_went(seed: int) -> None:
    example = crowded(seed)
    result = zoom_out(example, MEAN, generator(seed))
    shift = result.boxes[0] - example.boxes[0]
    left, top = (int(value) for value in shift[:2])
    height, width = example.image.shape[:2]
    np.testing.assert_array_equal(
        result.image[top : top + height, left : left + width], example.image
    )


@SEEDS
@given(seeds)
def test_zooming_out_shifts_all_boxes_alike_by_whole_pixels(seed: int) -> None:
    example = crowded(seed)
    shifts = zoom_out(example, MEAN, generator(seed)).boxes - example.boxes
    left, top = shifts[0, :2]
    np.testing.assert_array_equal(shifts, np.tile([left, top, left, top], (len(shifts), 1)))
    assert (left, top) == (int(left), int(top))


@SEEDS
@given(seeds)
def test_zooming_out_carries_each_box_with_its_object(seed: int) -> None:
    assert_boxes_are_on_their_colours(zoom_out(painted(seed), MEAN, generator(seed)))


@SEEDS
@given(seeds)
def test_all_around_the_image_is_the_mean(seed: int) -> None:
    filled = Example(
        np.full((30, 40, 3), 255, np.uint8),
        np.array([[0, 0, 40, 30]], np.float32),
        np.zeros(1, np.int64),
    )
    image = zoom_out(filled, (1.2, 2.6, 3.0), generator(seed)).image
    around = image[(image != 255).any(-1)]
    assert len(around) == image.shape[0] * image.shape[1] - 30 * 40
    assert (around == (1, 3, 3)).all()


@SEEDS
@given(seeds)
def test_the_canvas_has_at_most_16_times_the_area_and_the_images_shape(seed: int) -> None:
    example = crowded(seed)
    height, width = example.image.shape[:2]
    large_height, large_width = zoom_out(example, MEAN, generator(seed)).image.shape[:2]
    assert height * width <= large_height * large_width <= 16 * height * width
    # Both sides grow by one ratio, each cut to whole pixels.
    assert large_width / width < (large_height + 1) / height
    assert large_height / height < (large_width + 1) / width


def test_canvases_reach_from_hardly_larger_to_nearly_16_times() -> None:
    areas = [
        zoom_out(empty(0), MEAN, generator(seed)).image.size / empty(0).image.size
        for seed in range(200)
    ]
    assert min(areas) < 1.2
    assert max(areas) > 14


def test_images_are_put_everywhere_on_the_canvas() -> None:
    example = mapped([(0, 0, 200, 150)])
    results = [zoom_out(example, MEAN, generator(seed)) for seed in range(200)]
    places = np.array(
        [
            result.boxes[0, :2] / (result.image.shape[1] - 199, result.image.shape[0] - 149)
            for result in results
        ]
    )
    assert (places.min(0) < 0.1).all()
    assert (places.max(0) > 0.9).all()
    assert (abs(places.mean(0) - 0.5) < 0.1).all()


def test_a_cut_keeps_the_pixels_of_the_patch() -> None:
    assert place_of(cut(mapped([]), (30, 20, 80, 90)).image) == (30, 20, 80, 90)


def test_a_cut_cuts_boxes_at_its_edge_and_counts_from_its_corner() -> None:
    example = mapped([(10, 10, 100, 110), (40, 50, 60, 70)])
    np.testing.assert_array_equal(
        cut(example, (30, 20, 80, 90)).boxes, [[0, 0, 50, 70], [10, 30, 30, 50]]
    )


def test_a_cut_keeps_only_objects_whose_centre_is_inside() -> None:
    around, left_of, right_of, below = (
        (20, 20, 60, 60),
        (0, 30, 59, 50),
        (70, 30, 100, 50),
        (40, 70, 60, 130),
    )
    assert cut(mapped([left_of, around, right_of, below]), (30, 20, 80, 90)).classes.tolist() == [1]


def test_a_centre_on_an_edge_between_two_patches_belongs_to_one_of_them() -> None:
    example = mapped([(40, 40, 60, 60)])
    assert [len(cut(example, patch).boxes) for patch in ((0, 0, 50, 150), (50, 0, 200, 150))] == [
        0,
        1,
    ]


@SEEDS
@given(seeds)
def test_a_patch_carries_each_box_with_its_object(seed: int) -> None:
    assert_boxes_are_on_their_colours(sample_patch(painted(seed), generator(seed)))


@SEEDS
@given(seeds)
def test_a_patch_has_just_the_objects_whose_centre_is_inside(seed: int) -> None:
    example = mapped(crowded(seed).boxes.tolist())
    result = sample_patch(example, generator(seed))
    patch = place_of(result.image)
    assert result.classes.tolist() == [
        number for number, box in enumerate(example.boxes.tolist()) if holds_centre(patch, box)
    ]


@SEEDS
@given(seeds)
def test_a_patch_has_at_least_one_object(seed: int) -> None:
    assert len(sample_patch(crowded(seed), generator(seed)).boxes) >= 1


@SEEDS
@given(seeds)
def test_an_image_without_objects_is_not_cut(seed: int) -> None:
    assert_equal(sample_patch(empty(seed), generator(seed)), empty(seed))


def test_the_whole_image_is_kept_about_once_in_seven() -> None:
    example = mapped([(40, 30, 160, 120)])
    whole = [
        sample_patch(example, generator(seed)).image.shape == example.image.shape
        for seed in range(700)
    ]
    assert 0.1 < np.mean(whole) < 0.2


@pytest.mark.parametrize("min_overlap", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_patch_overlaps_some_object_by_at_least_what_is_asked(min_overlap: float) -> None:
    example = mapped([(20, 10, 180, 140), (90, 60, 110, 90)])
    found = [
        patch
        for seed in range(150)
        if (patch := find_patch(example, min_overlap, generator(seed))) is not None
    ]
    assert len(found) > 20
    assert (
        min(max(iou(patch, box) for box in example.boxes.tolist()) for patch in found)
        >= min_overlap - 1e-6
    )


def test_a_patch_of_any_overlap_may_have_hardly_any() -> None:
    example = mapped([(90, 60, 110, 90)])
    found = [find_patch(example, None, generator(seed)) for seed in range(100)]
    assert min(iou(patch, example.boxes.tolist()[0]) for patch in found if patch is not None) < 0.1


def test_no_patch_is_found_where_none_overlaps_enough() -> None:
    # The smallest patch has 45 x 60 pixels, 27 times the area of the object.
    assert find_patch(mapped([(90, 60, 100, 70)]), 0.1, generator(0)) is None


@SEEDS
@given(seeds, st.sampled_from([0.1, 0.3, 0.5, None]))
def test_a_patch_lies_in_the_image_with_sides_and_shape_as_in_the_paper(
    seed: int, min_overlap: float | None
) -> None:
    patch = find_patch(mapped([(10, 10, 90, 140), (60, 20, 190, 90)]), min_overlap, generator(seed))
    if patch is None:
        return
    x1, y1, x2, y2 = patch
    assert 0 <= x1 < x2 <= 200
    assert 0 <= y1 < y2 <= 150
    # Edges are cut to whole pixels: a side may be off by one.
    w, h = x2 - x1, y2 - y1
    assert w >= 0.3 * 200 - 1
    assert h >= 0.3 * 150 - 1
    assert (h + 1) / (w - 1) >= 0.5
    assert (h - 1) / (w + 1) <= 2


@SEEDS
@given(seeds)
def test_a_found_patch_holds_the_centre_of_an_object(seed: int) -> None:
    example = mapped([(150, 100, 190, 140)])
    patch = find_patch(example, None, generator(seed))
    assert patch is None or holds_centre(patch, example.boxes.tolist()[0])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 10, 10), 1.0),
        ((0, 0, 10, 5), 0.5),
        ((5, 0, 15, 10), 1 / 3),
        ((10, 0, 20, 10), 0.0),
        ((20, 20, 30, 30), 0.0),
        ((2, 2, 2, 2), 0.0),
    ],
)
def test_the_overlap_is_the_shared_part_of_both(box: Patch, expected: float) -> None:
    assert overlaps(np.array([box], np.float32), (0, 0, 10, 10))[0] == pytest.approx(expected)


@SEEDS
@given(seeds)
def test_overlaps_equal_those_of_box_after_box(seed: int) -> None:
    boxes = crowded(seed).boxes
    expected = [iou((10.0, 5.0, 60.0, 70.0), box) for box in boxes.tolist()]
    np.testing.assert_allclose(overlaps(boxes, (10, 5, 60, 70)), expected, rtol=1e-6)


@SEEDS
@given(seeds)
def test_resizing_carries_each_box_with_its_object(seed: int) -> None:
    example = painted(seed)
    result = resized(example, (500, 400))
    assert result.classes.tolist() == example.classes.tolist()
    for index, number in enumerate(result.classes):
        np.testing.assert_array_equal(colour_at_centre(result, index), PALETTE[number])


def test_resizing_scales_each_axis_by_its_own_factor() -> None:
    np.testing.assert_allclose(
        resized(mapped([(20, 30, 100, 150)]), (100, 300)).boxes, [[10, 60, 50, 300]], rtol=1e-6
    )


@SEEDS
@given(seeds)
def test_distortion_keeps_shape_and_type(seed: int) -> None:
    image = crowded(seed).image
    distorted = distort_colours(image, generator(seed))
    assert distorted.shape == image.shape
    assert distorted.dtype == np.uint8


@SEEDS
@given(seeds)
def test_distortion_does_not_change_the_image_that_went_in(seed: int) -> None:
    image = crowded(seed).image
    distort_colours(image, generator(seed))
    np.testing.assert_array_equal(image, crowded(seed).image)


@SEEDS
@given(seeds)
def test_the_same_seed_distorts_in_the_same_way(seed: int) -> None:
    image = crowded(seed).image
    np.testing.assert_array_equal(
        distort_colours(image, generator(seed)), distort_colours(image, generator(seed))
    )


def test_each_of_four_distortions_happens_half_of_the_time() -> None:
    image = crowded(1).image
    untouched = [
        np.array_equal(image, distort_colours(image, generator(seed))) for seed in range(800)
    ]
    # 1 / 16 of all.
    assert 0.03 < np.mean(untouched) < 0.1


@SEEDS
@given(seeds, st.integers(0, 255))
def test_grey_stays_grey(seed: int, grey: int) -> None:
    pixel = distort_colours(np.full((4, 4, 3), grey, np.uint8), generator(seed))[0, 0]
    assert pixel.max() == pixel.min()


@SEEDS
@given(seeds)
def test_brightness_moves_by_at_most_32_and_contrast_by_at_most_a_half(seed: int) -> None:
    value = int(distort_colours(np.full((4, 4, 3), 100, np.uint8), generator(seed))[0, 0, 0])
    assert 0.5 * (100 - 32) - 2 <= value <= 1.5 * (100 + 32)


@SEEDS
@given(seeds)
def test_red_stays_reddish_whichever_way_its_hue_is_turned(seed: int) -> None:
    pixel = distort_colours(np.full((4, 4, 3), (0, 0, 150), np.uint8), generator(seed))[:1, :1]
    degrees = 2 * int(cv2.cvtColor(pixel, cv2.COLOR_BGR2HSV)[0, 0, 0])
    # 18 degrees, and a few more where contrast meets the largest value.
    assert min(degrees, 360 - degrees) <= 18 + 4


def test_hues_are_turned_both_ways() -> None:
    pixels = [
        distort_colours(np.full((1, 1, 3), (0, 0, 150), np.uint8), generator(seed))
        for seed in range(100)
    ]
    degrees = {2 * int(cv2.cvtColor(pixel, cv2.COLOR_BGR2HSV)[0, 0, 0]) for pixel in pixels}
    assert any(0 < hue <= 22 for hue in degrees)
    assert any(hue >= 338 for hue in degrees)


def test_zooming_out_of_a_large_photo_takes_a_canvas_of_bounded_size() -> None:
    """12 megapixels would need 576 MB."""
    photo = Example(
        np.zeros((3000, 4000, 3), np.uint8),
        np.array([[400, 300, 2000, 1500]], np.float32),
        np.array([0]),
    )
    for seed in range(20):
        result = zoom_out(photo, MEAN, generator(seed))
        assert max(result.image.shape[:2]) <= 2049
        sides = result.boxes[0, 2:] - result.boxes[0, :2]
        assert sides[0] / sides[1] == pytest.approx(1600 / 1200, rel=0.01)


def assert_centres_have_the_colours_of_the_classes(example: Example) -> None:
    for (x1, y1, x2, y2), number in zip(example.boxes, example.classes, strict=True):
        centre = example.image[int((y1 + y2) / 2), int((x1 + x2) / 2)].astype(int)
        assert np.abs(centre - PALETTE[number]).max() < 30


@SEEDS
@given(seeds)
def test_a_mosaic_has_all_objects_of_its_four_parts(seed: int) -> None:
    parts = [painted(seed), *(painted(its) for its in generator(seed).integers(1000, size=3))]
    whole = mosaic(parts, generator(seed))
    assert whole.image.shape == parts[0].image.shape
    assert Counter(whole.classes.tolist()) == Counter(
        number for part in parts for number in part.classes.tolist()
    )
    assert_boxes_are_good(whole)
    assert_centres_have_the_colours_of_the_classes(whole)


def test_training_examples_are_mixed_with_others(tmp_path: Path) -> None:
    """How often, and the same ones each time."""
    images = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), painted(number).image)
        images.append(
            LabelledImage(
                path,
                painted(number).boxes,
                painted(number).classes,
                np.zeros(len(painted(number).boxes), bool),
            )
        )
    plain = Examples(images, InputSpec(SIZE, MEAN), 1)
    mixed, again = (Examples(images, InputSpec(SIZE, MEAN, mosaic=1.0), 1) for _ in range(2))
    different = 0
    for place in ((index, turn) for index in range(4) for turn in range(3)):
        one, other = mixed[place], again[place]
        assert not isinstance(one, str)
        assert not isinstance(other, str)
        np.testing.assert_array_equal(one[0], other[0])
        different += not np.array_equal(one[0], plain[place][0])
    assert different >= 10
    path.unlink()
    assert any(isinstance(mixed[0, turn], str) for turn in range(20))
