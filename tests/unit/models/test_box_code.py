"""The box code of equation (2): worked examples, and encoding and decoding as each
other's inverse.
"""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd_live.models.box_code import decode, encode, to_centres, to_corners

_CENTRES = st.floats(0, 1)
_SIDES = st.floats(0.01, 1)
_BOXES = st.lists(st.tuples(_CENTRES, _CENTRES, _SIDES, _SIDES), min_size=1, max_size=20)
_VARIANCES = st.tuples(st.floats(0.05, 1), st.floats(0.05, 1))


def test_a_box_that_is_its_default_box_has_no_offset() -> None:
    box = torch.tensor([[0.3, 0.4, 0.2, 0.1]])
    assert torch.equal(encode(box, box), torch.zeros(1, 4))


def test_offsets_are_relative_to_the_default_box_and_divided_by_the_variances() -> None:
    default = torch.tensor([[0.5, 0.5, 0.2, 0.4]], dtype=torch.float64)
    box = torch.tensor([[0.52, 0.42, 0.4, 0.2]], dtype=torch.float64)
    expected = [[0.02 / 0.2 / 0.1, -0.08 / 0.4 / 0.1, math.log(2) / 0.2, -math.log(2) / 0.2]]
    np.testing.assert_allclose(encode(box, default).numpy(), expected, rtol=1e-12)


@settings(deadline=None)
@given(_BOXES, st.tuples(_CENTRES, _CENTRES, _SIDES, _SIDES), _VARIANCES)
def test_decoding_gives_back_what_was_encoded(
    boxes: list[tuple[float, float, float, float]],
    default: tuple[float, float, float, float],
    variances: tuple[float, float],
) -> None:
    truth = torch.tensor(boxes, dtype=torch.float64)
    defaults = torch.tensor([default], dtype=torch.float64).expand(len(boxes), 4)
    np.testing.assert_allclose(
        decode(encode(truth, defaults, variances), defaults, variances).numpy(),
        truth.numpy(),
        rtol=1e-9,
        atol=1e-9,
    )


@settings(deadline=None)
@given(_BOXES, st.tuples(_CENTRES, _CENTRES, _SIDES, _SIDES))
def test_encoding_gives_back_what_was_decoded(
    offsets: list[tuple[float, float, float, float]], default: tuple[float, float, float, float]
) -> None:
    wanted = torch.tensor(offsets, dtype=torch.float64)
    defaults = torch.tensor([default], dtype=torch.float64).expand(len(offsets), 4)
    np.testing.assert_allclose(
        encode(decode(wanted, defaults), defaults).numpy(), wanted.numpy(), rtol=1e-9, atol=1e-9
    )


def test_corners_stand_half_a_side_from_the_centre() -> None:
    np.testing.assert_allclose(
        to_corners(torch.tensor([[0.5, 0.4, 0.2, 0.6]])).numpy(), [[0.4, 0.1, 0.6, 0.7]], atol=1e-7
    )


@settings(deadline=None)
@given(_BOXES)
def test_corners_and_centres_are_each_others_inverse(
    boxes: list[tuple[float, float, float, float]],
) -> None:
    centres = torch.tensor(boxes, dtype=torch.float64)
    np.testing.assert_allclose(
        to_centres(to_corners(centres)).numpy(), centres.numpy(), rtol=0, atol=1e-12
    )


def test_a_batch_is_decoded_picture_by_picture() -> None:
    defaults = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.2, 0.2, 0.1, 0.1]])
    offsets = torch.arange(16, dtype=torch.float32).reshape(2, 2, 4) / 16
    batch = decode(offsets, defaults)
    assert torch.equal(batch[0], decode(offsets[0], defaults))
    assert torch.equal(batch[1], decode(offsets[1], defaults))
