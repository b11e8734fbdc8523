"""The BlazeFace networks answer as the graphs of MediaPipe do that their weights come from."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ssd_live.export.trained import load_trained
from ssd_live.models import SSDNetwork
from ssd_live.models.box_code import decode_pixels
from ssd_live.models.postprocess import boxes_and_scores

# What LiteRT gives for the photo of the astronaut, stretched to the size of each network: the box
# part of the regressors as x, y, width, height in pixels (N, 4), and the logits (N,).
REFERENCE = Path(__file__).parents[2] / "data" / "blazeface_outputs.npz"
# The name of each model, and the sides of its feature maps with the boxes of a cell, as MediaPipe's
# options for the anchors say: strides 16 and 32 (three layers of two boxes), and stride 4.
NETWORKS = {
    "blazeface-256": (256, ((16, 2), (8, 6))),
    "blazeface-full-range": (192, ((48, 1),)),
}
# The face of the astronaut, in shares of the photo; measured by eye at the hairline and the chin.
FACE = (0.35, 0.14, 0.54, 0.36)


def _reference(name: str, part: str) -> NDArray[np.float32]:
    return np.asarray(np.load(REFERENCE)[f"{name.replace('-', '_')}_{part}"])


@cache
def _network(name: str) -> SSDNetwork:
    return load_trained(name)[0]


@cache
def _answer(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Box offsets (1, N, 4) and logits (1, N, 2) for the reference photo."""
    bgr = _reference(name, "input_bgr_uint8")
    rgb = torch.from_numpy(bgr[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        regression, logits = _network(name)(rgb / 127.5 - 1)
    return regression, logits


@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_equal_the_original_graph_to_a_thousandth_of_a_pixel(name: str) -> None:
    regression, _ = _answer(name)
    np.testing.assert_allclose(regression[0], _reference(name, "boxes"), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_equal_the_original_graph(name: str) -> None:
    """The largest logits are about 300, where neighbouring float32 numbers differ by 3e-5."""
    _, logits = _answer(name)
    expected = _reference(name, "logits")
    np.testing.assert_allclose(logits[0, :, 1], expected, rtol=1e-5, atol=1e-3)
    near = np.abs(expected) < 8
    assert near.sum() > 500
    np.testing.assert_allclose(logits[0, near, 1], expected[near], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_background_gets_no_logit(name: str) -> None:
    assert not _answer(name)[1][..., 0].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_default_box_is_the_centre_of_a_cell(name: str) -> None:
    _, maps = NETWORKS[name]
    expected = [
        ((column + 0.5) / grid, (row + 0.5) / grid, 1, 1)
        for grid, count in maps
        for row in range(grid)
        for column in range(grid)
        for _ in range(count)
    ]
    np.testing.assert_allclose(_network(name).default_boxes, expected, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_are_decoded_as_mediapipe_does(name: str) -> None:
    """Box by box: `x_center = raw / x_scale * anchor.w + anchor.x_center`, with the input's side as
    the scale and 1 as the anchor's size. MediaPipe leaves out boxes of a negative size; here they
    are empty.
    """
    side, maps = NETWORKS[name]
    boxes, scores = boxes_and_scores(_network(name), *_answer(name), "sigmoid")
    centres = [
        ((column + 0.5) / grid, (row + 0.5) / grid)
        for grid, count in maps
        for row in range(grid)
        for column in range(grid)
        for _ in range(count)
    ]
    for (x, y, w, h), (cx, cy), box in zip(
        _reference(name, "boxes").astype(float), centres, boxes[0].numpy(), strict=True
    ):
        middle_x, middle_y = cx + x / side, cy + y / side
        w, h = max(w, 0), max(h, 0)
        whole = (
            middle_x - w / side / 2,
            middle_y - h / side / 2,
            middle_x + w / side / 2,
            middle_y + h / side / 2,
        )
        assert box == pytest.approx([min(max(value, 0), 1) for value in whole], abs=1e-5)
    best = int(scores[0, :, 0].argmax())
    assert boxes[0, best].numpy() == pytest.approx(np.array(FACE), abs=0.03)
    assert float(scores[0, best, 0]) > 0.85


def test_a_box_with_a_negative_size_is_empty() -> None:
    offsets = torch.tensor([[8.0, -8.0, -16.0, 32.0]])
    found = decode_pixels(offsets, torch.tensor([[0.5, 0.5, 1.0, 1.0]]), 64)
    assert found.tolist() == [[0.625, 0.375, 0.0, 0.5]]
