"""Tiles show the image and its boxes in their place, contact sheets put tiles in rows, and the
histogram has a bar a class.
"""

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.datasets import sheets
from ssd_live.imaging.overlay import numbered_colour
from ssd_live.imaging.pixels import Pixels

SIZE = (320, 240)
GREY = 90
NO_BOX = np.zeros((0, 4), np.float32)
NO_CLASS = np.zeros(0, np.int64)
# Letters are lighter than this, the paper is darker.
INK_FROM = 150


def image(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), GREY, np.uint8)


def shown(picture: Pixels) -> tuple[int, int, int, int]:
    """Where the image lies in its tile: left, top, right, bottom."""
    rows, columns = np.nonzero((picture == GREY).all(2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def plain_tile(width: int, height: int) -> Pixels:
    return sheets.tile(image(width, height), NO_BOX, NO_CLASS, (), SIZE)


def boxes(*rows: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def bar_lengths(picture: Pixels, classes: int) -> list[int]:
    """How many pixels wide each class's bar is, by its colour."""
    return [
        int((picture == numbered_colour(number)).all(2).any(0).sum()) for number in range(classes)
    ]


@pytest.mark.parametrize(
    ("size", "place"),
    [
        ((640, 480), (0, 0, 320, 240)),
        ((32, 24), (0, 0, 320, 240)),
        ((640, 240), (0, 60, 320, 180)),
        ((240, 480), (100, 0, 220, 240)),
        ((1, 1), (40, 0, 280, 240)),
    ],
)
def test_an_image_fills_its_tile_in_the_middle_with_its_sides_ratio_kept(
    size: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    picture = plain_tile(*size)
    assert picture.shape == (240, 320, 3)
    assert shown(picture) == place


@pytest.mark.parametrize(
    ("size", "place"), [((5000, 1), (0, 120, 320, 121)), ((1, 5000), (160, 0, 161, 240))]
)
def test_of_an_image_thinner_than_a_pixel_a_line_is_left(
    size: tuple[int, int], place: tuple[int, int, int, int]
) -> None:
    assert shown(plain_tile(*size)) == place


def test_a_tile_leaves_the_image_as_it_was() -> None:
    picture = image(320, 240)
    sheets.tile(picture, boxes((10, 10, 100, 100)), np.zeros(1, np.int64), ("cat",), SIZE)
    assert (picture == GREY).all()


def test_boxes_move_with_the_image() -> None:
    # Half as large, and 60 pixels further down.
    places = sheets.placed(boxes((0, 0, 640, 240), (10, 20, 30, 40)), image(640, 240), SIZE)
    np.testing.assert_array_equal(places, [[0, 60, 320, 180], [5, 70, 15, 80]])


def test_no_boxes_have_no_places() -> None:
    assert sheets.placed(NO_BOX, image(64, 48), SIZE).shape == (0, 4)


def test_a_box_is_drawn_in_the_colour_of_its_class() -> None:
    picture = sheets.tile(image(320, 240), boxes((40, 60, 200, 220)), np.array([3]), ("cat",), SIZE)
    for x, y in ((40, 140), (199, 140), (120, 219)):
        assert tuple(picture[y, x].tolist()) == numbered_colour(3)
    assert (picture[100:200, 60:180] == GREY).all()


def test_boxes_of_numbers_without_sense_are_drawn_within_the_tile_and_without_a_warning() -> None:
    nan, inf = float("nan"), float("inf")
    wild = boxes(
        (nan, nan, nan, nan),
        (-inf, -inf, inf, inf),
        (1e38, 1e38, 3e38, 3e38),
        (-3e38, 5, 3e38, 9),
        (30, 40, 10, 20),
        (5, 5, 5, 5),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = sheets.tile(image(6, 4), wild, np.arange(len(wild)), ["cat"] * len(wild), SIZE)
        sheets.outline(picture, sheets.placed(wild, image(6, 4), SIZE))
    assert picture.shape == (240, 320, 3)


@pytest.mark.parametrize(
    "text",
    ["", "고양이 犬 😀", "n" * 500, "[red]x[/red]", "two\nlines", "\0", "\udcff\udcfe", "\ud83d"],
)
def test_any_text_can_be_a_label_a_caption_and_a_name(text: str) -> None:
    picture = sheets.tile(
        image(64, 48), boxes((1, 1, 20, 20)), np.zeros(1, np.int64), (text,), SIZE
    )
    assert sheets.captioned(picture, text).shape[1:] == (320, 3)
    assert sheets.histogram((text,), (1,), 1600).shape[1:] == (1600, 3)


def test_a_caption_stands_below_the_picture() -> None:
    picture = plain_tile(320, 240)
    captioned = sheets.captioned(picture, "photo.jpg")
    np.testing.assert_array_equal(captioned[:240], picture)
    assert captioned[240:].max() > INK_FROM


def test_letters_of_other_scripts_are_drawn_as_different_ones() -> None:
    picture = plain_tile(320, 240)
    assert (sheets.captioned(picture, "고양이") != sheets.captioned(picture, "강아지")).any()


def test_outlines_are_frames_in_place() -> None:
    picture = image(320, 240)
    sheets.outline(picture, boxes((10.4, 20.4, 99.6, 80)), (1, 2, 3))
    assert tuple(picture[20, 50].tolist()) == tuple(picture[50, 100].tolist()) == (1, 2, 3)
    assert (picture[30:70, 20:90] == GREY).all()


@pytest.mark.parametrize(
    ("tiles", "shape"), [(1, (4, 30)), (4, (4, 30)), (5, (4, 30)), (6, (8, 30)), (11, (12, 30))]
)
def test_a_contact_sheet_is_as_wide_as_its_columns_and_has_as_many_rows_as_needed(
    tiles: int, shape: tuple[int, int]
) -> None:
    assert sheets.contact_sheet([image(6, 4)] * tiles, 5).shape == (*shape, 3)


def test_tiles_stand_row_by_row() -> None:
    tiles = [np.full((4, 6, 3), number, np.uint8) for number in (10, 20, 30)]
    sheet = sheets.contact_sheet(tiles, 2)
    assert sheet[::4, ::6, 0].tolist()[0] == [10, 20]
    assert sheet[4, 0, 0] == 30
    # The place without a tile is left empty, in one colour.
    assert len(np.unique(sheet[4:, 6:].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("classes", [1, 3, 12, 13, 90])
def test_a_histogram_has_a_bar_for_each_class_and_the_width_asked_for(classes: int) -> None:
    picture = sheets.histogram(
        [f"class {number}" for number in range(classes)], [5] * classes, 1600
    )
    assert picture.shape[1] == 1600
    assert len(set(bar_lengths(picture, classes))) == 1
    assert bar_lengths(picture, classes)[0] > 50


def test_many_classes_stand_in_several_columns() -> None:
    few, many = (
        sheets.histogram([str(number) for number in range(classes)], [1] * classes, 1600)
        for classes in (10, 90)
    )
    assert many.shape[0] < 3 * few.shape[0]


def test_in_a_narrow_histogram_every_class_has_a_row() -> None:
    heights = [
        sheets.histogram(["cat"] * classes, [1] * classes, 300).shape[0] for classes in (20, 21, 22)
    ]
    assert heights[2] - heights[1] == heights[1] - heights[0] > 0


def test_bars_are_as_long_as_their_counts_say() -> None:
    whole, half, none = bar_lengths(
        sheets.histogram(("cat", "dog", "bird"), (1000, 500, 0), 1600), 3
    )
    assert whole == pytest.approx(2 * half, abs=1)
    assert none == 0


@pytest.mark.parametrize(
    ("names", "counts"), [((), ()), (("cat",), (0,)), (("cat", "dog"), (0, 0))]
)
def test_a_histogram_of_nothing_is_a_picture_still(
    names: tuple[str, ...], counts: tuple[int, ...]
) -> None:
    picture = sheets.histogram(names, counts, 1600)
    assert picture.shape[0] > 0
    assert bar_lengths(picture, len(names)) == [0] * len(names)


def test_a_long_name_ends_where_its_bar_begins() -> None:
    short, long = (sheets.histogram((name, "dog"), (9, 9), 1600) for name in ("n", "n" * 300))
    np.testing.assert_array_equal(short[:, 200:], long[:, 200:])


@pytest.mark.parametrize("count", [7, 7_000_000])
def test_a_count_stands_behind_its_bar_and_within_the_picture(count: int) -> None:
    picture = sheets.histogram(("",), (count,), 1600)
    letters = np.nonzero((picture > INK_FROM).all(2) & (picture != numbered_colour(0)).all(2))[1]
    bar = np.nonzero((picture == numbered_colour(0)).all(2))[1]
    assert bar.max() < letters.min()
    assert letters.max() < 1600 - 2
