"""Nothing of a hidden region shows, and nothing else changes."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.imaging.frame import Region
from ssd_live.imaging.pixels import PixelFormat, Pixels
from ssd_live.imaging.redaction import MOST_CELLS, Hider, HidingStyle, cells_of, region_of

STYLES: tuple[HidingStyle, ...] = get_args(HidingStyle)
FORMATS: tuple[PixelFormat, ...] = ("bgr24", "yuv420p")
BOX = (41.0, 30.5, 163.2, 90.0)
REGION = Region(40, 30, 124, 60)


def _noise(
    pixel_format: PixelFormat, seed: int, size: tuple[int, int] = (240, 136)
) -> list[Pixels]:
    random = np.random.default_rng(seed)
    width, height = size
    shapes: list[tuple[int, ...]] = (
        [(height, width, 3)]
        if pixel_format == "bgr24"
        else [(height, width), *[(-(-height // 2), -(-width // 2))] * 2]
    )
    return [random.integers(0, 256, shape, np.uint8) for shape in shapes]


def _boxes(*boxes: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _inside(planes: list[Pixels], region: Region) -> list[Pixels]:
    parts = []
    for number, plane in enumerate(planes):
        half = 2 if number else 1
        parts.append(
            plane[
                region.y // half : (region.y + region.height) // half,
                region.x // half : (region.x + region.width) // half,
            ]
        )
    return parts


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_only_the_region_changes(style: HidingStyle, pixel_format: PixelFormat) -> None:
    before, after = _noise(pixel_format, 1), _noise(pixel_format, 1)
    Hider(style, pixel_format).hide(after, _boxes(BOX))
    for one, other in zip(before, after, strict=True):
        assert (one != other).any()
    for part in _inside(before, REGION):
        part[:] = 0
    for part in _inside(after, REGION):
        part[:] = 0
    for one, other in zip(before, after, strict=True):
        assert (one == other).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_what_shows_depends_on_a_few_cells_alone(
    style: HidingStyle, pixel_format: PixelFormat
) -> None:
    """Detail that leaves the means of the cells as they are leaves no trace."""
    plain = [np.full_like(plane, 90) for plane in _noise(pixel_format, 2)]
    detailed = [plane.copy() for plane in plain]
    for plane in detailed:
        # A checkerboard has the same mean in every cell.
        plane[::2, ::2] += 60
        plane[1::2, 1::2] += 60
        plane[::2, 1::2] -= 60
        plane[1::2, ::2] -= 60
    for planes in (plain, detailed):
        Hider(style, pixel_format).hide(planes, _boxes(BOX))
    for one, other in zip(_inside(plain, REGION), _inside(detailed, REGION), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 8


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_pixelated_cells_are_few(pixel_format: PixelFormat) -> None:
    planes = _noise(pixel_format, 3)
    Hider("pixelate", pixel_format).hide(planes, _boxes(BOX))
    columns, rows = cells_of(REGION)
    assert (columns, rows) == (MOST_CELLS, 4)
    for part in _inside(planes, REGION):
        flat = part.reshape(*part.shape[:2], -1)
        assert len(np.unique(flat.reshape(-1, flat.shape[2]), axis=0)) <= columns * rows
        changes = (flat[:, 1:] != flat[:, :-1]).any((0, 2)).sum()
        assert changes <= columns - 1


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_blur_is_what_its_cells_give(pixel_format: PixelFormat) -> None:
    """From the hidden picture no more can be told than from its 8 x 4 cells."""
    planes = _noise(pixel_format, 4)
    Hider("blur", pixel_format).hide(planes, _boxes(BOX))
    _, rows = cells_of(REGION)
    for part in _inside(planes, REGION):
        # Each row is a mixture of as many rows as there are cells, so the rank is not higher.
        values = part.astype(float).reshape(part.shape[0], -1)
        strengths = np.linalg.svd(values - values.mean(), compute_uv=False)
        # What is left over that are the roundings.
        assert strengths[rows + 1] < 0.05 * strengths[0]


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_solid_is_black_whatever_was_there(pixel_format: PixelFormat) -> None:
    one, other = _noise(pixel_format, 5), _noise(pixel_format, 6)
    for planes in (one, other):
        Hider("solid", pixel_format).hide(planes, _boxes(BOX))
    black = (0,) if pixel_format == "bgr24" else (16, 128, 128)
    for part, same, value in zip(_inside(one, REGION), _inside(other, REGION), black, strict=True):
        assert (part == value).all()
        assert (same == value).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(
    "box",
    [(-50, -50, 10, 10), (230, 100, 400, 400), (0, 0, 241, 137), (10, 10, 10.4, 10.4)],
)
def test_boxes_at_the_edges_and_tiny_ones(
    style: HidingStyle, pixel_format: PixelFormat, box: tuple[float, float, float, float]
) -> None:
    planes = _noise(pixel_format, 7, (241, 137))
    Hider(style, pixel_format).hide(planes, _boxes(box))


@pytest.mark.parametrize("box", [(-9, 5, -1, 20), (300, 5, 320, 20), (5, 200, 9, 220)])
def test_what_is_outside_the_frame_is_nothing(box: tuple[float, float, float, float]) -> None:
    assert region_of(_boxes(box)[0], (240, 136)) is None


def test_regions_are_even_and_hold_the_box() -> None:
    assert region_of(_boxes(BOX)[0], (240, 136)) == REGION
    assert region_of(_boxes((0.9, 0.9, 241, 137))[0], (241, 137)) == Region(0, 0, 241, 137)


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_overlapping_boxes_are_both_hidden(pixel_format: PixelFormat) -> None:
    planes, untouched = _noise(pixel_format, 8), _noise(pixel_format, 8)
    Hider("pixelate", pixel_format).hide(planes, _boxes(BOX, (100, 60, 200, 120)))
    for part, other in zip(_inside(planes, REGION), _inside(untouched, REGION), strict=True):
        assert (part == other).mean() < 0.05


@pytest.mark.parametrize("size", [(4, 4), (16, 300), (300, 16), (8, 8), (1, 1), (64, 64)])
def test_cells_are_at_most_eight_along_the_longer_side(size: tuple[int, int]) -> None:
    columns, rows = cells_of(Region(0, 0, *size))
    assert max(columns, rows) == MOST_CELLS
    assert min(columns, rows) >= 1
