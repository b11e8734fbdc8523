"""Where a default box stands, by its number: the same as where `default_boxes` puts it."""

import numpy as np
import pytest

from ssd_live.models import create
from ssd_live.models.default_boxes import BoxShape, FeatureMapBoxes, default_boxes, place_of

NETWORKS = pytest.mark.parametrize("network", ["ssd300-vgg16", "ssd300-mobilenetv2"])
# Nothing is square, and the maps differ in everything.
MAPS = (
    FeatureMapBoxes((2, 3), (BoxShape(0.1), BoxShape(0.2, 2.0))),
    FeatureMapBoxes((1, 2), (BoxShape(0.4), BoxShape(0.5, 3.0), BoxShape(0.6, 0.5)), step=0.5),
)


@NETWORKS
def test_every_box_of_a_network_has_the_centre_of_its_cell_and_its_shape(network: str) -> None:
    maps = create(network, 2).feature_maps
    boxes = default_boxes(maps)
    expected = []
    for index in range(len(boxes)):
        number, row, column, shape = place_of(index, maps)
        rows, columns = maps[number].grid
        step_y, step_x = (maps[number].step or 1 / count for count in (rows, columns))
        expected.append(
            (
                (column + 0.5) * step_x,
                (row + 0.5) * step_y,
                shape.scale * shape.ratio**0.5,
                shape.scale / shape.ratio**0.5,
            )
        )
    np.testing.assert_allclose(boxes.numpy(), expected, rtol=0, atol=1e-6)


@NETWORKS
def test_no_two_boxes_of_a_network_have_the_same_place(network: str) -> None:
    made = create(network, 2)
    places = [place_of(index, made.feature_maps) for index in range(len(made.default_boxes))]
    assert len(set(places)) == len(places)
    assert places == sorted(places, key=lambda place: place[:3])
    for number, cell in enumerate(made.feature_maps):
        own = [place for place in places if place.feature_map == number]
        assert len(own) == cell.grid[0] * cell.grid[1] * len(cell.shapes)
        assert {place.row for place in own} == set(range(cell.grid[0]))
        assert {place.column for place in own} == set(range(cell.grid[1]))
        assert {place.shape for place in own} == set(cell.shapes)


@pytest.mark.parametrize(
    ("index", "place"),
    [
        (0, (0, 0, 0, BoxShape(0.1))),
        (1, (0, 0, 0, BoxShape(0.2, 2.0))),
        (2, (0, 0, 1, BoxShape(0.1))),
        (6, (0, 1, 0, BoxShape(0.1))),
        (11, (0, 1, 2, BoxShape(0.2, 2.0))),
        (12, (1, 0, 0, BoxShape(0.4))),
        (17, (1, 0, 1, BoxShape(0.6, 0.5))),
    ],
)
def test_shapes_run_before_columns_before_rows_before_maps(
    index: int, place: tuple[int, int, int, BoxShape]
) -> None:
    assert place_of(index, MAPS) == place


@pytest.mark.parametrize("index", [-1, -12, 18, 1000])
def test_a_number_that_no_box_has_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match="no such default box"):
        place_of(index, MAPS)


@NETWORKS
def test_one_more_than_the_boxes_of_a_network_is_refused(network: str) -> None:
    made = create(network, 2)
    place_of(len(made.default_boxes) - 1, made.feature_maps)
    for index in (-1, len(made.default_boxes)):
        with pytest.raises(IndexError):
            place_of(index, made.feature_maps)


def test_without_maps_there_is_no_box() -> None:
    with pytest.raises(IndexError):
        place_of(0, ())
