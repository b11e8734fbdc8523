"""What the overlay draws, where, and whether it can be told apart and read."""

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.frame import yuv420_to_bgr
from ssd_live.imaging.overlay import (
    BoxStyle,
    Overlay,
    class_colour,
    numbered_colour,
    yuv_colour,
)
from ssd_live.imaging.pixels import PixelFormat, Pixels, YuvMatrix, bgr_to_yuv420
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.system.paths import assets_folder

GREY = 128
CLASSES = tuple(f"class {number}" for number in range(100))
# Black and white of the limited range.
LUMA_OF_INK = (16, 235)
FORMATS: tuple[PixelFormat, ...] = ("bgr24", "yuv420p")
Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]


def _found(*rows: tuple[Box, int], classes: tuple[str, ...] = CLASSES) -> Detections:
    boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Detections(
        boxes,
        np.full(len(rows), 0.9, np.float32),
        np.array([number for _, number in rows], np.int32),
        classes,
    )


def _grey(width: int, height: int, pixel_format: PixelFormat = "bgr24") -> tuple[Pixels, ...]:
    if pixel_format == "bgr24":
        return (np.full((height, width, 3), GREY, np.uint8),)
    return tuple(
        np.full(size, GREY, np.uint8)
        for size in ((height, width), *[(-(-height // 2), -(-width // 2))] * 2)
    )


def _drawn(
    width: int,
    height: int,
    found: Detections,
    pixel_format: PixelFormat = "bgr24",
    *,
    stale: bool = False,
) -> tuple[Pixels, ...]:
    planes = _grey(width, height, pixel_format)
    Overlay((width, height), pixel_format).draw(planes, found, stale=stale)
    return planes


def _ink(planes: tuple[Pixels, ...]) -> int:
    """How many pixels are the pure black or white of a label's letters; on grey, nothing else is so
    dark or bright.
    """
    if len(planes) == 1:
        return int(np.isin(cv2.cvtColor(planes[0], cv2.COLOR_BGR2GRAY), (0, 255)).sum())
    return int(np.isin(planes[0], LUMA_OF_INK).sum())


def _is(picture: Pixels, colour: Colour) -> NDArray[np.bool_]:
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=-1))


def test_the_four_edges_are_drawn_inside_the_box_and_nothing_else_is() -> None:
    (picture,) = _drawn(640, 480, _found(((100, 200, 300, 400), 0)))
    colour = class_colour(CLASSES[0])
    assert _is(picture[200:202, 100:300], colour).all()
    assert _is(picture[398:400, 100:300], colour).all()
    assert _is(picture[200:400, 100:102], colour).all()
    assert _is(picture[200:400, 298:300], colour).all()
    assert (picture[202:398, 102:298] == GREY).all()
    outside = picture.copy()
    outside[170:400, 100:300] = GREY  # the box, and its label above it
    assert (outside == GREY).all()


def test_the_edges_are_drawn_at_the_same_place_on_yuv_planes() -> None:
    y, u, v = _drawn(640, 480, _found(((100, 200, 300, 400), 0)), "yuv420p")
    wanted = yuv_colour(class_colour(CLASSES[0]), YuvMatrix())
    for plane, value, halving in zip((y, u, v), wanted, (1, 2, 2), strict=True):
        box = plane[200 // halving : 400 // halving, 100 // halving : 300 // halving]
        line = 2 // halving
        assert (
            np.concatenate(
                [
                    box[:line].ravel(),
                    box[-line:].ravel(),
                    box[:, :line].ravel(),
                    box[:, -line:].ravel(),
                ]
            )
            == value
        ).all()
        assert (box[line:-line, line:-line] == GREY).all()


def test_a_box_of_no_size_is_still_seen() -> None:
    (picture,) = _drawn(640, 480, _found(((320, 240, 320, 240), 0)))
    assert _is(picture[240:242, 320:322], class_colour(CLASSES[0])).all()


@pytest.mark.parametrize(
    "matrix",
    [
        YuvMatrix("bt601"),
        YuvMatrix("bt709"),
        YuvMatrix("bt2020"),
        YuvMatrix("bt709", full_range=True),
    ],
)
def test_drawing_on_yuv_looks_like_drawing_on_bgr(matrix: YuvMatrix) -> None:
    photo = np.asarray(cv2.imread(str(assets_folder() / "media" / "astronaut.png")), np.uint8)
    found = _found(((40, 60, 300, 380), 0), ((200, 100, 480, 500), 5), ((0, 0, 512, 512), 9))
    planes = bgr_to_yuv420(photo, matrix)
    before = yuv420_to_bgr(planes, matrix)
    on_bgr = before.copy()
    Overlay((512, 512)).draw((on_bgr,), found)
    Overlay((512, 512), "yuv420p", matrix).draw(planes, found)
    on_yuv = yuv420_to_bgr(planes, matrix)
    touched = (on_bgr != before).any(axis=-1)
    # A pixel of the halved chroma planes lies between four of the picture, so colours at the rim of
    # what was drawn mix.
    inner = cv2.erode(touched.astype(np.uint8), np.ones((2, 2), np.uint8)).astype(bool)
    rim = cv2.dilate(touched.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    assert touched.sum() > 3000
    assert np.abs(on_yuv[inner].astype(int) - on_bgr[inner]).mean() < 20
    assert (on_yuv[~rim] == before[~rim]).all()


@pytest.mark.parametrize("class_id", range(23))
def test_a_colour_on_yuv_planes_is_the_class_colour(class_id: int) -> None:
    y, u, v = (
        np.full((2, 2), value, np.uint8)
        for value in yuv_colour(numbered_colour(class_id), YuvMatrix("bt709"))
    )
    difference = np.abs(
        yuv420_to_bgr((y, u[:1, :1], v[:1, :1]), YuvMatrix("bt709"))[0, 0].astype(int)
        - numbered_colour(class_id)
    )
    assert difference.max() <= 3


def _positions(width: int, height: int) -> list[Box]:
    """Boxes in the middle, at every edge and corner, reaching past them, and all of the picture."""
    w, h = width / 4, height / 4
    lefts, tops = (0, (width - w) / 2, width - w), (0, (height - h) / 2, height - h)
    at_edges: list[Box] = [(x, y, x + w, y + h) for x in lefts for y in tops]
    in_corners: list[Box] = [(x, y, x + 2, y + 2) for x in (0, width - 2) for y in (0, height - 2)]
    return [
        *at_edges,
        *in_corners,
        (-9, -9, w, h),
        (width - w, height - h, width + 9, height + 9),
        (0, 0, width, height),
    ]


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (641, 361), (3840, 2160)])
def test_the_label_is_whole_wherever_the_box_is(
    width: int, height: int, pixel_format: PixelFormat
) -> None:
    middle = (width / 3, height / 3, width * 2 / 3, height * 2 / 3)
    whole = _ink(_drawn(width, height, _found((middle, 7)), pixel_format))
    assert whole > 50
    planes = _grey(width, height, pixel_format)
    overlay = Overlay((width, height), pixel_format)
    for box in _positions(width, height):
        for plane in planes:
            plane[:] = GREY
        overlay.draw(planes, _found((box, 7)))
        assert _ink(planes) == whole, box


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("box", _positions(32, 24))
def test_a_label_wider_than_the_picture_begins_inside_it(
    box: Box, pixel_format: PixelFormat
) -> None:
    planes = _drawn(32, 24, _found((box, 7)), pixel_format)
    assert [plane.shape for plane in planes] == [
        plane.shape for plane in _grey(32, 24, pixel_format)
    ]
    assert _ink(planes) > 10


def test_a_large_picture_has_larger_letters() -> None:
    small, large = (
        _ink(_drawn(width, height, _found(((99, 99, 300, 200), 7))))
        for width, height in ((640, 480), (3840, 2160))
    )
    assert large > 4 * small


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_labels_at_one_place_do_not_cover_each_other_when_there_is_room(
    pixel_format: PixelFormat,
) -> None:
    box = (200.0, 150.0, 440.0, 330.0)
    rows = [(box, class_id) for class_id in range(5)]
    together = _ink(_drawn(640, 480, _found(*rows), pixel_format))
    assert together == sum(_ink(_drawn(640, 480, _found(row), pixel_format)) for row in rows)


def test_labels_in_one_corner_do_not_cover_each_other_when_there_is_room() -> None:
    rows: list[tuple[Box, int]] = [
        ((0, 0, 200, 200), 0),
        ((2, 2, 200, 200), 1),
        ((0, 0, 640, 480), 2),
    ]
    assert _ink(_drawn(640, 480, _found(*rows))) == sum(
        _ink(_drawn(640, 480, _found(row))) for row in rows
    )


def test_the_best_detection_is_drawn_on_top() -> None:
    (picture,) = _drawn(640, 480, _found(((100, 200, 300, 400), 3), ((100, 200, 300, 400), 4)))
    # The bottom edge, clear of labels in its middle.
    assert _is(picture[398:400, 240:280], class_colour(CLASSES[3])).all()


def test_the_style_says_how_thick_lines_are_and_what_stands_on_boxes() -> None:
    found = _found(((100, 200, 300, 400), 0))
    drawn = {}
    for style in (BoxStyle(), BoxStyle("class", 6), BoxStyle("none")):
        picture = _grey(640, 480)[0]
        Overlay((640, 480), style=style).draw((picture,), found)
        drawn[style] = picture
    full, name, none = drawn.values()
    assert _is(name[200:206, 150:250], class_colour(CLASSES[0])).all()
    assert not _is(full[200:206, 150:250], class_colour(CLASSES[0])).all()
    # Without a label, everything is on the box; "class" has a shorter label than "full".
    labels = [int((picture[:200] != GREY).any(axis=2).sum()) for picture in (full, name, none)]
    assert labels[0] > labels[1] > labels[2] == 0


def test_nothing_found_draws_nothing() -> None:
    (picture,) = _drawn(640, 480, _found())
    assert (picture == GREY).all()


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_stale_boxes_show_only_their_corners(pixel_format: PixelFormat) -> None:
    luma = _drawn(640, 480, _found(((100, 200, 300, 400), 0)), pixel_format, stale=True)[0].reshape(
        480, 640, -1
    )
    for corner in (
        luma[200:202, 100:110],
        luma[200:202, 290:300],
        luma[398:400, 100:110],
        luma[398:400, 290:300],
        luma[390:400, 100:102],
    ):
        assert (corner != GREY).any(axis=-1).all()
    for middle in (
        luma[200:202, 190:210],
        luma[398:400, 190:210],
        luma[290:310, 100:102],
        luma[290:310, 298:300],
    ):
        assert (middle == GREY).all()


def test_stale_boxes_keep_their_label() -> None:
    found = _found(((100, 200, 300, 400), 0))
    assert _ink(_drawn(640, 480, found, stale=True)) == _ink(_drawn(640, 480, found)) > 0


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize(("width", "height"), [(2, 2), (3, 3), (2, 100), (33, 25)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_tiny_and_odd_pictures_can_be_drawn_on(
    width: int, height: int, pixel_format: PixelFormat, stale: bool
) -> None:
    planes = _drawn(width, height, _found(((0, 0, width, height), 0)), pixel_format, stale=stale)
    assert (planes[0][: height // 2 * 2, : width // 2 * 2] != GREY).any()


def test_names_in_any_script_are_drawn() -> None:
    for name in ("Köter", "собака", "σκύλος"):
        assert _ink(_drawn(640, 480, _found(((100, 200, 300, 400), 0), classes=(name,)))) > 50


def test_a_class_has_one_colour_in_every_model() -> None:
    one, other = (
        _found(((100, 200, 300, 400), 1), classes=names) for names in (("a", "Dog"), ("", "dog"))
    )
    (first,), (second,) = _drawn(640, 480, one), _drawn(640, 480, other)
    assert np.array_equal(first[200:202, 200:300], second[200:202, 200:300])
    names = [f"thing {number}" for number in range(100)]
    before = [class_colour(name) for name in names]
    class_colour.cache_clear()
    assert [class_colour(name) for name in names] == before
    assert len(set(before)) > 90
    # A name from a file may hold what is no text.
    assert class_colour("a\udc80")


def test_a_hundred_numbers_have_a_hundred_colours() -> None:
    assert len({numbered_colour(number) for number in range(100)}) == 100


def _lab(colour: Colour) -> NDArray[np.float32]:
    """CIE L*a*b* under D65."""
    return np.asarray(
        cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_BGR2LAB)[0, 0], np.float32
    )


def test_the_colours_of_23_classes_can_be_told_apart() -> None:
    # CIE 1976: 2.3 is a just noticeable difference side by side; thin lines apart from each other
    # need several times that.
    names = find_model(DEFAULT_MODEL).metadata.classes
    colours = [_lab(class_colour(name)) for name in names]
    distances = {
        (a, b): float(np.linalg.norm(colours[a] - colours[b]))
        for a, b in itertools.combinations(range(23), 2)
    }
    closest = min(distances, key=lambda pair: distances[pair])
    assert distances[closest] > 15, closest


def _contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio 1..21 of WCAG 2."""

    def luminance(colour: Colour) -> float:
        linear = [
            value / 255 / 12.92
            if value / 255 <= 0.03928
            else ((value / 255 + 0.055) / 1.055) ** 2.4
            for value in colour
        ]
        return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _ink_colour(picture: Pixels, background: Colour) -> Colour:
    """The colour in a label that differs most from its background: the letters' own, without the
    smoothing at their rim.
    """
    (rows, columns) = np.nonzero((picture != GREY).any(axis=-1))
    colours = np.unique(picture[rows, columns], axis=0)
    blue, green, red = colours[
        np.abs(colours.astype(int) - background).sum(axis=1).argmax()
    ].tolist()
    return blue, green, red


def test_labels_of_a_hundred_classes_can_be_read() -> None:
    # 4.5 is what WCAG 2 asks of small text (level AA).
    contrasts = {}
    for class_id in range(100):
        (picture,) = _drawn(320, 240, _found(((100, 100, 200, 200), class_id)))
        label = picture[60:100]
        assert _is(label, class_colour(CLASSES[class_id])).any()
        contrasts[class_id] = _contrast(
            class_colour(CLASSES[class_id]), _ink_colour(label, class_colour(CLASSES[class_id]))
        )
    worst = min(contrasts, key=lambda class_id: contrasts[class_id])
    assert contrasts[worst] >= 4.5, worst
