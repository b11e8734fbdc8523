"""Colour conversion and the resize to the network's input, against textbook formulas in floating
point.
"""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.imaging.frame import resize_bgr, resize_yuv420_to_bgr, yuv420_to_bgr
from ssd_live.imaging.pixels import (
    Pixels,
    YuvMatrix,
    bgr_to_yuv420,
    bgr_to_yuv_matrix,
    yuv_to_bgr_matrix,
)
from ssd_live.system.paths import assets_folder

# Kr and Kb as the recommendations print them: BT.601-7 section 2.5.1, BT.709-6 section 3.2,
# BT.2020-2 table 4.
KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
MATRICES = [YuvMatrix(standard, full_range) for standard in KR_KB for full_range in (False, True)]
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
Planes = tuple[Pixels, Pixels, Pixels]
Floats = NDArray[np.float64]


def _photo(name: str) -> Pixels:
    """A photo cut to even sides, BGR."""
    image = np.asarray(cv2.imread(str(assets_folder() / "media" / name)), np.uint8)
    return np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])


def _textbook_yuv(bgr: Floats, matrix: YuvMatrix) -> Floats:
    """(..., 3) B'G'R' 0..255 to Y'CbCr in 8-bit numbers, unrounded."""
    kr, kb = KR_KB[matrix.standard]
    blue, green, red = (bgr[..., i] / 255 for i in range(3))
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    if matrix.full_range:
        return np.stack([255 * luma, 255 * cb + 128, 255 * cr + 128], axis=-1)
    return np.stack([219 * luma + 16, 224 * cb + 128, 224 * cr + 128], axis=-1)


def _textbook_bgr(yuv: Floats, matrix: YuvMatrix) -> Floats:
    """The inverse, cut to 0..255."""
    kr, kb = KR_KB[matrix.standard]
    if matrix.full_range:
        luma, cb, cr = yuv[..., 0] / 255, (yuv[..., 1] - 128) / 255, (yuv[..., 2] - 128) / 255
    else:
        luma, cb, cr = (
            (yuv[..., 0] - 16) / 219,
            (yuv[..., 1] - 128) / 224,
            (yuv[..., 2] - 128) / 224,
        )
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(255 * np.stack([blue, green, red], axis=-1), 0, 255)


def _yuv420(bgr: Pixels, matrix: YuvMatrix) -> Planes:
    yuv = _textbook_yuv(bgr.astype(np.float64), matrix)
    height, width = bgr.shape[:2]
    chroma = yuv[..., 1:].reshape(height // 2, 2, width // 2, 2, 2).mean(axis=(1, 3))
    y, u, v = (
        np.rint(plane).clip(0, 255).astype(np.uint8)
        for plane in (yuv[..., 0], chroma[..., 0], chroma[..., 1])
    )
    return y, u, v


def _resized_reference(planes: Planes, size: tuple[int, int], matrix: YuvMatrix) -> Floats:
    """Chroma to the picture's size, then colours, then the resize; nothing is rounded on
    the way.
    """
    luma = planes[0].astype(np.float64)
    height, width = luma.shape
    chroma = [
        cv2.resize(plane.astype(np.float64), (width, height), interpolation=cv2.INTER_LINEAR)
        for plane in planes[1:]
    ]
    bgr = _textbook_bgr(np.stack([luma, *chroma], axis=-1), matrix)
    return np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_LINEAR), np.float64)


def _smooth_picture(width: int, height: int) -> Pixels:
    columns, rows = np.meshgrid(np.linspace(20, 235, width), np.linspace(20, 235, height))
    return np.stack([columns, rows, (columns + rows) / 2], axis=-1).astype(np.uint8)


def _grey_planes(luma: int) -> Planes:
    return (
        np.full((2, 2), luma, np.uint8),
        np.full((1, 1), 128, np.uint8),
        np.full((1, 1), 128, np.uint8),
    )


def _label(matrix: YuvMatrix) -> str:
    return f"{matrix.standard}-{'full' if matrix.full_range else 'limited'}"


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
@pytest.mark.parametrize("name", PHOTOS)
def test_resizing_planes_first_looks_like_converting_first(name: str, matrix: YuvMatrix) -> None:
    planes = _yuv420(_photo(name), matrix)
    difference = np.abs(
        resize_yuv420_to_bgr(planes, (300, 300), matrix)
        - _resized_reference(planes, (300, 300), matrix)
    )
    assert difference.mean() < 1
    # Only at sharp edges of colour does it matter that chroma is interpolated once and not twice.
    assert np.percentile(difference, 99.9) <= 8


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
def test_resizing_planes_first_equals_converting_first_where_colours_change_smoothly(
    matrix: YuvMatrix,
) -> None:
    planes = _yuv420(_smooth_picture(640, 480), matrix)
    difference = np.abs(
        resize_yuv420_to_bgr(planes, (300, 300), matrix)
        - _resized_reference(planes, (300, 300), matrix)
    )
    assert difference.mean() < 1
    assert difference.max() <= 4


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
@pytest.mark.parametrize("name", PHOTOS)
def test_resized_planes_are_converted_as_in_the_textbook(name: str, matrix: YuvMatrix) -> None:
    planes = _yuv420(_photo(name), matrix)
    small = [
        cv2.resize(plane.astype(np.float64), (300, 300), interpolation=cv2.INTER_LINEAR)
        for plane in planes
    ]
    difference = np.abs(
        resize_yuv420_to_bgr(planes, (300, 300), matrix)
        - _textbook_bgr(np.stack(small, axis=-1), matrix)
    )
    # Half a number of rounding in each plane, times the largest coefficients, and half a number in
    # the answer.
    assert difference.max() <= 3


def test_the_network_input_of_a_frame_is_of_the_size_asked_for() -> None:
    planes = _yuv420(_photo("coffee.png"), YuvMatrix())
    assert resize_yuv420_to_bgr(planes, (320, 200), YuvMatrix()).shape == (200, 320, 3)
    assert resize_bgr(_photo("coffee.png"), (320, 200)).shape == (200, 320, 3)


def test_the_bgr_resize_is_linear_without_antialiasing() -> None:
    # Shrunk to a third, each pixel is the middle one of nine and not their mean.
    image = np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8)
    assert np.array_equal(resize_bgr(image, (20, 30)), image[1::3, 1::3])


# B, G, R -> Y, Cb, Cr to the nearest number.
BARS_601 = {
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
    (0, 0, 255): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (255, 0, 0): (41, 240, 110),
    (0, 255, 255): (210, 16, 146),
}
BARS_709 = {
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
    (0, 0, 255): (63, 102, 240),
    (0, 255, 0): (173, 42, 26),
    (255, 0, 0): (32, 240, 118),
    (0, 255, 255): (219, 16, 138),
}
FULL_601 = {
    (255, 255, 255): (255, 128, 128),
    (0, 0, 0): (0, 128, 128),
    (0, 0, 255): (76, 85, 255.5),
    (255, 0, 0): (29, 255.5, 107),
}
BARS_2020 = {
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
    (0, 0, 255): (74, 97, 240),
    (255, 0, 0): (29, 240, 119),
}
BARS = [
    (YuvMatrix(standard, full_range), bgr, yuv)
    for standard, full_range, bars in (
        ("bt601", False, BARS_601),
        ("bt709", False, BARS_709),
        ("bt601", True, FULL_601),
        ("bt2020", False, BARS_2020),
    )
    for bgr, yuv in bars.items()
]


@pytest.mark.parametrize(("matrix", "bgr", "yuv"), BARS)
def test_colour_bars_have_the_numbers_that_the_standard_gives_them(
    matrix: YuvMatrix, bgr: tuple[int, int, int], yuv: tuple[float, float, float]
) -> None:
    np.testing.assert_allclose(
        bgr_to_yuv_matrix(matrix) @ np.array([*bgr, 1]), yuv, rtol=0, atol=0.6
    )


@pytest.mark.parametrize(("matrix", "bgr", "yuv"), BARS)
def test_the_numbers_of_colour_bars_mean_their_colours(
    matrix: YuvMatrix, bgr: tuple[int, int, int], yuv: tuple[float, float, float]
) -> None:
    y, u, v = (
        np.full((side, side), min(round(value), 255), np.uint8)
        for value, side in zip(yuv, (4, 2, 2), strict=True)
    )
    picture = yuv420_to_bgr((y, u, v), matrix)
    assert picture.shape == (4, 4, 3)
    assert np.abs(picture.astype(int) - bgr).max() <= 2


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
def test_both_matrices_equal_the_textbook(matrix: YuvMatrix) -> None:
    colours = np.random.default_rng(0).uniform(0, 255, (200, 3))
    homogeneous = np.column_stack([colours, np.ones(200)])
    np.testing.assert_allclose(
        homogeneous @ bgr_to_yuv_matrix(matrix).T, _textbook_yuv(colours, matrix), rtol=0, atol=1e-3
    )
    unclipped = homogeneous @ yuv_to_bgr_matrix(matrix).T
    np.testing.assert_allclose(
        unclipped.clip(0, 255), _textbook_bgr(colours, matrix), rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
def test_numbers_beyond_the_range_are_cut_and_do_not_wrap_round(matrix: YuvMatrix) -> None:
    for luma in (255, 0):
        assert (yuv420_to_bgr(_grey_planes(luma), matrix) == luma).all()


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
@pytest.mark.parametrize("name", PHOTOS)
def test_bgr_to_planes_equals_the_textbook(name: str, matrix: YuvMatrix) -> None:
    for ours, wanted in zip(
        bgr_to_yuv420(_photo(name), matrix), _yuv420(_photo(name), matrix), strict=True
    ):
        assert ours.shape == wanted.shape
        assert np.abs(ours.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("matrix", MATRICES, ids=_label)
def test_a_smooth_picture_survives_the_way_to_planes_and_back(matrix: YuvMatrix) -> None:
    picture = _smooth_picture(256, 128)
    there_and_back = yuv420_to_bgr(bgr_to_yuv420(picture, matrix), matrix)
    assert np.abs(there_and_back.astype(int) - picture).max() <= 5


def test_the_range_matters() -> None:
    limited, full = (
        int(yuv420_to_bgr(_grey_planes(200), YuvMatrix("bt709", full_range=full_range))[0, 0, 0])
        for full_range in (False, True)
    )
    assert (limited, full) == (round((200 - 16) * 255 / 219), 200)


@pytest.mark.parametrize(("width", "height"), [(33, 25), (1, 1), (2, 1)])
def test_pictures_with_odd_sides_are_converted_whole(width: int, height: int) -> None:
    chroma = np.full((-(-height // 2), -(-width // 2)), 128, np.uint8)
    picture = yuv420_to_bgr((np.full((height, width), 235, np.uint8), chroma, chroma), YuvMatrix())
    assert picture.shape == (height, width, 3)
    assert (picture == 255).all()
