"""In which tiles of a frame the network looks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.detection.tile_chooser import MOST_TILES_A_FRAME, TileChooser, Tiles, TileUse
from ssd_live.detection.tiles import Tile
from ssd_live.imaging.frame import Frame, Region

NOISE = np.random.default_rng(1)
STREET = NOISE.integers(60, 190, (36, 64, 3), np.uint8)
STREET = cv2.resize(STREET, (1280, 720), interpolation=cv2.INTER_CUBIC)
SPECKS = NOISE.normal(0, 2, (5, *STREET.shape)).astype(np.int16)
INPUT = (300, 300)
Scene = Callable[[float], NDArray[np.uint8]]


def _still(time: float) -> NDArray[np.uint8]:
    """A camera that sees nothing but has noise."""
    image = np.clip(STREET + SPECKS[round(time * 120) % 5], 0, 255)
    return np.asarray(image, np.uint8)


def _walkers(*places: tuple[int, int]) -> Scene:
    """Persons of 24 x 60 pixels who walk to the right and back."""

    def scene(time: float) -> NDArray[np.uint8]:
        image = _still(time)
        step = int(40 * abs((time * 2) % 2 - 1))
        for x, y in places:
            image[y : y + 60, x + step : x + step + 24] = 20
        return image

    return scene


def _uses(
    scene: Scene, seconds: float = 3.0, tiles: Tiles = "auto", region: Region | None = None
) -> list[TileUse]:
    chooser = TileChooser(tiles, INPUT, region)
    return [
        chooser.use(Frame((scene(index / 30),), index=index, time=index / 30))
        for index in range(round(30 * seconds))
    ]


def _around(tile: Tile, x: float, y: float) -> bool:
    its = tile.region
    return its.x <= x < its.x + its.width and its.y <= y < its.y + its.height


def test_a_number_is_that_many_tiles_on_every_frame() -> None:
    for use in _uses(_still, 0.2, tiles=6):
        assert (len(use.looked), use.unchanged) == (6, ())
        assert use.area == Region(0, 0, 1280, 720)


def test_natural_tiles_are_all_looked_at() -> None:
    assert {len(use.looked) for use in _uses(_still, 0.2, tiles="natural")} == {8}


def test_never_more_than_two_tiles_are_looked_at() -> None:
    uses = _uses(_walkers((100, 100), (500, 100), (900, 500), (300, 500), (700, 300)))
    assert max(len(use.looked) for use in uses) == MOST_TILES_A_FRAME
    for use in uses:
        assert not set(use.looked) & set(use.unchanged)


def test_where_nothing_moves_each_tile_is_seen_about_once_a_second() -> None:
    uses = _uses(_still, 6.0)
    looked = [tile for use in uses[30:] for tile in use.looked]
    assert len(set(looked)) == 8
    assert all(4 <= looked.count(tile) <= 5 for tile in set(looked))


def test_all_tiles_are_seen_soon() -> None:
    uses = _uses(_still, 0.2)
    assert len({tile for use in uses[:4] for tile in use.looked}) == 8


def test_the_tile_of_a_small_thing_that_moves_is_looked_at() -> None:
    uses = _uses(_walkers((100, 100)))
    there = [
        number
        for number, use in enumerate(uses)
        if any(_around(tile, 132, 130) for tile in use.looked)
    ]
    # It goes 2.7 pixels in a frame, is 24 wide, and turns twice a second.
    assert np.diff(there).max() <= 8
    assert np.median(np.diff(there)) == 3
    far = [use for use in uses if any(_around(tile, 1200, 700) for tile in use.looked)]
    assert len(far) <= 4


def test_where_much_moves_all_take_turns() -> None:
    places = [(100, 100), (500, 100), (900, 100), (100, 500), (500, 500), (900, 500)]
    uses = _uses(_walkers(*places))
    for x, y in places:
        times = [
            number
            for number, use in enumerate(uses)
            if any(_around(tile, x + 30, y + 30) for tile in use.looked)
        ]
        assert np.diff(times).max() <= 8


def test_a_tile_that_changed_and_was_not_looked_at_is_not_unchanged() -> None:
    uses = _uses(lambda time: np.full((720, 1280, 3), round(time * 30) * 41 % 256, np.uint8), 1.0)
    # Everything changes by more than a change of the light.
    assert all(len(use.looked) == 2 for use in uses)
    assert all(use.unchanged == () for use in uses)


def test_time_that_goes_back_begins_anew() -> None:
    chooser = TileChooser("auto", INPUT)
    times = [5.0 + index / 30 for index in range(30)] + [0.0]
    *_, last = (chooser.use(Frame((_still(time),), time=time)) for time in times)
    assert last.unchanged == ()


def test_another_size_begins_anew() -> None:
    chooser = TileChooser("auto", INPUT)
    before = chooser.use(Frame((_still(0),)))
    after = chooser.use(Frame((_still(0)[:600, :900].copy(),), time=0.1))
    assert after.area == Region(0, 0, 900, 600)
    assert not set(before.looked) & {*after.looked, *after.unchanged}


def test_a_small_frame_has_no_tiles() -> None:
    use = TileChooser("auto", INPUT).use(Frame((_still(0)[:240, :320].copy(),)))
    assert (use.looked, use.unchanged) == ((), ())


@pytest.mark.parametrize("tiles", ["auto", 4])
def test_only_the_region_has_tiles(tiles: Tiles) -> None:
    region = Region(200, 100, 700, 500)
    for use in _uses(_still, 0.5, tiles, region):
        assert use.area == region
        for tile in use.looked:
            its = tile.region
            assert its.x >= 200
            assert its.y >= 100
            assert its.x + its.width <= 900
            assert its.y + its.height <= 600


def test_the_choice_is_the_same_in_every_run() -> None:
    def regions() -> list[list[Region]]:
        uses = _uses(_walkers((100, 100), (900, 500)))
        return [[tile.region for tile in use.looked] for use in uses]

    assert regions() == regions()
