"""Default boxes against the original graphs, the slow reference and boxes computed by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from ssd_live.models import create
from ssd_live.models.default_boxes import BoxShape, FeatureMapBoxes, default_boxes, linear_scales
from ssd_live.models.ssd_mobilenetv2 import boxes_300
from tests.oracles import mobilenetv2_default_boxes

REFERENCE = Path(__file__).parents[2] / "data" / "reference_outputs.npz"

# conv4_3 of the paper's SSD300 on VOC: 38 x 38 cells 8 pixels apart, boxes of 30 pixels, of sqrt(30
# * 60), and of 30 at 2:1 and 1:2.
SSD300_VOC_FIRST_MAP = FeatureMapBoxes(
    grid=(38, 38),
    shapes=(
        BoxShape(30 / 300),
        BoxShape(math.sqrt(30 * 60) / 300),
        BoxShape(0.1, 2.0),
        BoxShape(0.1, 0.5),
    ),
    step=8 / 300,
)


def test_the_mobilenet_boxes_equal_the_original_graphs() -> None:
    y_first = np.load(REFERENCE)["default_boxes_cycxhw"]
    np.testing.assert_allclose(
        default_boxes(boxes_300()).numpy(), y_first[:, [1, 0, 3, 2]], rtol=0, atol=1e-6
    )


def test_the_mobilenet_boxes_equal_the_slow_reference() -> None:
    np.testing.assert_allclose(
        default_boxes(boxes_300()).numpy(),
        np.array(list(mobilenetv2_default_boxes())),
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.parametrize("network", ["ssd300-mobilenetv2", "ssdlite300-mobilenetv2"])
def test_each_network_carries_one_default_box_for_each_prediction(network: str) -> None:
    assert create(network, 2).default_boxes.shape == (1917, 4)


def test_an_explicit_step_places_the_first_cell_half_a_step_from_the_corner() -> None:
    boxes = default_boxes([SSD300_VOC_FIRST_MAP])
    pixels = boxes[:4].numpy() * 300
    root2, middle = math.sqrt(2), math.sqrt(30 * 60)
    expected = [
        (4, 4, 30, 30),
        (4, 4, middle, middle),
        (4, 4, 30 * root2, 30 / root2),
        (4, 4, 30 / root2, 30 * root2),
    ]
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-4)


def test_an_explicit_step_may_carry_the_last_cell_past_the_even_grid() -> None:
    boxes = default_boxes([SSD300_VOC_FIRST_MAP])
    # 38 * 8 is 304, so the last centre is at 37.5 * 8 = 300 and not at 296.05.
    np.testing.assert_allclose(boxes[-4].numpy() * 300, (300, 300, 30, 30), rtol=0, atol=1e-4)


def test_cells_run_along_the_row_first() -> None:
    boxes = default_boxes([SSD300_VOC_FIRST_MAP]).numpy() * 300
    np.testing.assert_allclose(boxes[4][:2], (12, 4), rtol=0, atol=1e-4)
    np.testing.assert_allclose(boxes[4 * 38][:2], (4, 12), rtol=0, atol=1e-4)


def test_clipping_cuts_the_edges_and_not_the_centre() -> None:
    clipped = default_boxes([SSD300_VOC_FIRST_MAP], clip=True).numpy() * 300
    # -11..19 is cut to 0..19 on both axes.
    np.testing.assert_allclose(clipped[0], (9.5, 9.5, 19, 19), rtol=0, atol=1e-4)
    # 285..315 is cut to 285..300.
    np.testing.assert_allclose(clipped[-4], (292.5, 292.5, 15, 15), rtol=0, atol=1e-4)


def test_clipping_leaves_inner_boxes_as_they_are() -> None:
    centre_cell = 4 * (19 * 38 + 19)
    clipped, free = (
        default_boxes([SSD300_VOC_FIRST_MAP], clip=clip)[centre_cell : centre_cell + 4].numpy()
        for clip in (True, False)
    )
    np.testing.assert_allclose(clipped, free, rtol=0, atol=1e-6)


def test_a_map_need_not_be_square() -> None:
    boxes = default_boxes([FeatureMapBoxes((1, 2), (BoxShape(0.5),))]).numpy()
    np.testing.assert_allclose(
        boxes, [(0.25, 0.5, 0.5, 0.5), (0.75, 0.5, 0.5, 0.5)], rtol=0, atol=1e-7
    )


def test_scales_are_evenly_spaced_as_in_equation_4() -> None:
    assert linear_scales(0.2, 0.9, 6) == pytest.approx((0.2, 0.34, 0.48, 0.62, 0.76, 0.9))
