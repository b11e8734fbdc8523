"""Grids of tiles, and what is found in a frame and its tiles together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.detection.tiles import (
    Found,
    Tile,
    TileMerger,
    grid_of,
    natural_grid,
    tile_grid,
)
from ssd_live.detections import Detections
from ssd_live.imaging.frame import InputFit, Region

CLASSES = ("cat", "dog")
AREA = Region(0, 0, 1200, 900)
INPUT = (300, 300)
FIT = InputFit(INPUT)
Box = tuple[float, float, float, float]


def _found(*rows: tuple[Box, float] | tuple[Box, float, int], looks: bool = False) -> Found:
    """Detections, each a box, a score and a class, sorted by score."""
    rows = tuple(sorted(rows, key=lambda row: -row[1]))
    scores = np.array([row[1] for row in rows], np.float32)
    found = Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        scores,
        np.array([row[2] if len(row) == 3 else 0 for row in rows], np.int32),
        CLASSES,
    )
    # The histogram tells the score, so that a test sees which one belongs to which detection.
    return found, np.repeat(scores[:, None], 3, 1) if looks else None


NOTHING = _found()
GRID = tile_grid(AREA, 2, 2)
SMALL: Box = (700, 100, 740, 180)
LARGE: Box = (100, 100, 500, 600)


def _merged(whole: Found, looked: dict[Tile, Found]) -> list[tuple[Box, float, int]]:
    found, _ = TileMerger(FIT).merged(AREA, whole, looked, ())
    return [(one.box, round(one.score, 3), one.class_id) for one in found]


@given(
    st.integers(64, 4000),
    st.integers(64, 3000),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_tiles_cover_the_area_and_lie_inside(
    width: int, height: int, x: int, y: int, columns: int, rows: int
) -> None:
    area = Region(2 * x, 2 * y, width, height)
    tiles = tile_grid(area, columns, rows)
    if columns * rows == 1:
        assert tiles == ()
        return
    seen = np.zeros((height, width), bool)
    for tile in tiles:
        its = tile.region
        assert its.x % 2 == its.y % 2 == 0
        assert area.x <= its.x < its.x + its.width <= area.x + width
        assert area.y <= its.y < its.y + its.height <= area.y + height
        top, left = its.y - area.y, its.x - area.x
        seen[top : top + its.height, left : left + its.width] = True
        right, bottom = its.x + its.width, its.y + its.height
        assert tile.inner == (
            its.x > area.x,
            its.y > area.y,
            right < area.x + width,
            bottom < area.y + height,
        )
    assert seen.all()


def test_neighbours_share_a_fifth_of_a_tile() -> None:
    first, second = (tile.region for tile in tile_grid(AREA, 2, 1))
    shared = first.x + first.width - second.x
    assert shared == pytest.approx(0.2 * first.width, abs=2)


@pytest.mark.parametrize(
    ("count", "shape", "expected"),
    [
        (2, (1280, 720), (2, 1)),
        (2, (720, 1280), (1, 2)),
        (4, (1280, 720), (2, 2)),
        (6, (1280, 720), (3, 2)),
        (6, (720, 1280), (2, 3)),
        (7, (1280, 720), (7, 1)),
        (12, (1280, 720), (4, 3)),
    ],
)
def test_tiles_of_a_grid_are_nearly_squares(
    count: int, shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert grid_of(count, Region(0, 0, *shape)) == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((320, 240), (1, 1)), ((768, 576), (3, 2)), ((1280, 720), (4, 2)), ((3840, 2160), (4, 3))],
)
def test_natural_tiles_are_about_as_large_as_the_input(
    shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert natural_grid(Region(0, 0, *shape), INPUT) == expected


def test_a_small_object_in_a_tile_is_added() -> None:
    found = _merged(_found((LARGE, 0.8)), {GRID[1]: _found((SMALL, 0.9))})
    assert found == [(SMALL, 0.9, 0), (LARGE, 0.8, 0)]


def test_a_large_object_is_that_of_the_whole_frame() -> None:
    inside: Box = (105, 95, 490, 520)
    assert _merged(_found((LARGE, 0.4)), {GRID[0]: _found((inside, 0.9))}) == [(LARGE, 0.4, 0)]


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 400)), max_size=6))
def test_without_small_objects_nothing_changes(corners: list[tuple[int, int]]) -> None:
    """The boxes of the whole frame may overlap, as its own NMS left them."""
    whole = _found(*(((x, y, x + 400, y + 400), 0.9 - 0.1 * n) for n, (x, y) in enumerate(corners)))
    tile = GRID[0]
    looked = {tile: _found(((20, 20, 420, 420), 0.95), ((10, 50, 300, 480), 0.3))}
    found, _ = TileMerger(FIT).merged(AREA, whole, looked, GRID[1:])
    assert found.to_dict() == whole[0].to_dict()


@pytest.mark.parametrize(
    ("box", "is_kept"),
    [
        # At an inner side, the object may go on in the next tile.
        ((640, 100, 665, 180), False),
        ((600, 450, 640, 499), False),
        # At a side of the frame it ends.
        ((0, 100, 40, 180), True),
        ((300, 0, 340, 60), True),
        ((300, 200, 340, 260), True),
    ],
)
def test_what_is_cut_off_between_tiles_is_left_to_the_neighbour(box: Box, is_kept: bool) -> None:
    assert (GRID[0].region.width, GRID[0].region.height) == (667, 500)
    assert _merged(NOTHING, {GRID[0]: _found((box, 0.9))}) == [(box, 0.9, 0)] * is_kept


def test_an_object_in_two_tiles_and_the_frame_is_one() -> None:
    near: Box = (602, 101, 641, 180)
    between: Box = (600, 100, 640, 180)
    looked = {GRID[0]: _found((between, 0.7)), GRID[1]: _found((near, 0.9))}
    assert _merged(_found((between, 0.5)), looked) == [(near, 0.9, 0)]
    assert _merged(_found((between, 0.95)), looked) == [(between, 0.95, 0)]


def test_a_weaker_rival_of_a_rival_that_went_stays() -> None:
    a, b, c = (600, 100, 640, 180), (610, 100, 650, 180), (620, 100, 660, 180)
    looked = {GRID[1]: _found((a, 0.9), (b, 0.8), (c, 0.7))}
    # b overlaps both by more than a half, and a and c overlap by a third.
    assert [box for box, *_ in _merged(NOTHING, looked)] == [a, c]


def test_two_classes_in_one_place_both_stay() -> None:
    looked = {GRID[1]: _found((SMALL, 0.9, 1))}
    assert _merged(_found((SMALL, 0.5, 0)), looked) == [(SMALL, 0.9, 1), (SMALL, 0.5, 0)]


def test_where_nothing_changed_the_last_look_counts() -> None:
    merger = TileMerger(FIT)
    merger.merged(AREA, NOTHING, {GRID[1]: _found((SMALL, 0.9))}, ())
    found, _ = merger.merged(AREA, NOTHING, {}, [GRID[1]])
    assert len(found) == 1
    # It has changed, and nobody looked.
    found, _ = merger.merged(AREA, NOTHING, {}, [])
    assert len(found) == 0
    found, _ = merger.merged(AREA, NOTHING, {}, [GRID[1]])
    assert len(found) == 0


def test_a_new_look_replaces_the_last_one() -> None:
    merger = TileMerger(FIT)
    merger.merged(AREA, NOTHING, {GRID[1]: _found((SMALL, 0.9))}, ())
    found, _ = merger.merged(AREA, NOTHING, {GRID[1]: NOTHING}, ())
    assert len(found) == 0


def test_colour_histograms_stay_with_their_detections() -> None:
    looked = {
        GRID[0]: _found(((200, 100, 240, 180), 0.6), looks=True),
        GRID[1]: _found((SMALL, 0.9), ((650, 400, 700, 455), 0.3), looks=True),
    }
    whole = _found((LARGE, 0.8), (SMALL, 0.5), looks=True)
    found, looks = TileMerger(FIT).merged(AREA, whole, looked, ())
    assert looks is not None
    assert looks[:, 0].tolist() == found.scores.tolist()
    assert len(found) == 4


def test_how_small_is_small_depends_on_the_bars_of_a_letterboxed_frame() -> None:
    """A box of 150 x 150 pixels of a frame of 1200 x 300: stretched it has 38 x 150 pixels in the
    network input, and letterboxed 38 x 38.
    """
    wide = Region(0, 0, 1200, 300)
    tile = tile_grid(wide, 2, 1)[0]
    looked = {tile: _found(((100, 100, 250, 250), 0.9))}
    stretched, _ = TileMerger(FIT).merged(wide, NOTHING, looked, ())
    letterboxed, _ = TileMerger(InputFit(INPUT, "letterbox, linear")).merged(
        wide, NOTHING, looked, ()
    )
    assert (len(stretched), len(letterboxed)) == (0, 1)


def test_how_small_is_small_depends_on_the_shrinking() -> None:
    """In a large frame, a box of 200 pixels is small for the network."""
    box: Box = (700, 100, 900, 300)
    large = Region(0, 0, 2400, 1800)
    tile = tile_grid(large, 2, 2)[0]
    found, _ = TileMerger(FIT).merged(large, NOTHING, {tile: _found((box, 0.9))}, ())
    assert len(found) == 1
    tile = tile_grid(Region(0, 0, 900, 675), 1, 2)[0]
    found, _ = TileMerger(FIT).merged(
        Region(0, 0, 900, 675), NOTHING, {tile: _found(((300, 50, 500, 250), 0.9))}, ()
    )
    assert len(found) == 0
