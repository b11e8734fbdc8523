"""Heat maps: where something was in the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.imaging.heat import HeatGrid, heat_pixels, heat_ramp


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(0, 40))
def test_every_point_counts_once_in_its_cell(width: int, height: int, count: int) -> None:
    grid = HeatGrid((width, height))
    random = np.random.default_rng(count)
    points = random.uniform(-0.2, 1.2, (count, 2)).astype(np.float32) * (width, height)
    grid.add(points.astype(np.float32))
    assert grid.counts.sum() == count
    rows, columns = grid.counts.shape
    assert max(rows, columns) == 96
    for x, y in points:
        row, column = int(y * rows / height), int(x * columns / width)
        around = grid.counts[
            min(max(row - 1, 0), rows - 1) : max(row, 0) + 2,
            min(max(column - 1, 0), columns - 1) : max(column, 0) + 2,
        ]
        assert around.any()


def test_the_image_is_clear_where_nothing_was_and_bright_where_much_was() -> None:
    grid = HeatGrid((960, 540))
    grid.add(np.repeat(np.array([[200, 100]], np.float32), 50, 0))
    grid.add(np.array([[800, 400]], np.float32))
    image = heat_pixels(grid.counts)
    assert image.shape == (54 * 4, 96 * 4, 4)
    alpha = image[:, :, 3]
    often, seldom, never = alpha[40, 80], alpha[160, 320], alpha[200, 20]
    assert often > seldom > never == 0
    assert image[40, 80, :3].sum() > image[160, 320, :3].sum()


def test_nothing_is_clear() -> None:
    assert not heat_pixels(HeatGrid((100, 50)).counts)[:, :, 3].any()


def test_the_ramp_grows_brighter() -> None:
    brightness = heat_ramp().astype(int) @ [1, 6, 3]
    assert (np.diff(brightness) >= -2).all()
    assert brightness[-1] == pytest.approx(brightness.max(), rel=0.01)
