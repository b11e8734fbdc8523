"""Training that follows the released code: the recipe's `as_released`, detail by detail."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd_live.models import create
from ssd_live.training.augment import (
    AS_RELEASED,
    USUAL,
    Example,
    augment,
    distort_colours,
    sample_patch_as_released,
)
from ssd_live.training.recipe import TrainPart
from ssd_live.training.trainer import parameter_groups

SEEDS = settings(deadline=None, max_examples=60)
seeds = st.integers(0, 2**32 - 1)
MEAN = (104.0, 117.0, 123.0)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def example(*boxes: tuple[int, int, int, int]) -> Example:
    """200 x 150 pixels whose colour is their place."""
    rows, columns = np.mgrid[:150, :200]
    image = np.stack([columns, rows, np.zeros_like(rows)], -1).astype(np.uint8)
    return Example(
        image, np.array(boxes, np.float32).reshape(-1, 4), np.arange(len(boxes), dtype=np.int64)
    )


def patch_of(image: np.ndarray) -> tuple[int, int, int, int]:
    """Where in the example a patch was cut out."""
    first, last = image[0, 0], image[-1, -1]
    return int(first[0]), int(first[1]), int(last[0]) + 1, int(last[1]) + 1


@SEEDS
@given(seeds)
def test_a_released_patch_lies_in_the_image_with_the_released_scales_and_ratios(seed: int) -> None:
    patch = patch_of(sample_patch_as_released(example((60, 40, 120, 110)), generator(seed)).image)
    w, h = (patch[2] - patch[0]) / 200, (patch[3] - patch[1]) / 150
    # Edges are cut to whole pixels.
    assert 0.3 - 0.01 <= (w * h) ** 0.5 <= 1
    assert 0.5 - 0.03 <= w / h <= 2 + 0.12


def test_a_released_patch_may_hold_no_object() -> None:
    """A patch of any overlap need not hold the centre of an object."""
    left = [
        len(sample_patch_as_released(example((2, 2, 12, 12)), generator(seed)).boxes)
        for seed in range(60)
    ]
    assert set(left) == {0, 1}


def test_the_whole_image_is_one_choice_among_the_patches_that_were_found() -> None:
    """An object that fills the image has patches of every overlap, so it is one of seven; a small
    one has only patches of any overlap, so it is one of two.
    """
    for box, share in (((0, 0, 200, 150), 1 / 7), ((90, 60, 94, 64), 1 / 2)):
        whole = [
            sample_patch_as_released(example(box), generator(seed)).image.shape == (150, 200, 3)
            for seed in range(200)
        ]
        assert np.mean(whole) == pytest.approx(share, abs=0.1)


def test_hues_turn_by_twice_as_much_as_usual() -> None:
    def largest(degrees: float) -> int:
        red = np.full((1, 1, 3), (0, 0, 150), np.uint8)
        hues = [
            2 * int(cv2.cvtColor(changed, cv2.COLOR_BGR2HSV)[0, 0, 0])
            for seed in range(300)
            if (changed := distort_colours(red, generator(seed), degrees)).any()
        ]
        return max(min(hue, 360 - hue) for hue in hues)

    assert largest(USUAL.hue_degrees) <= 22 < 30 <= largest(AS_RELEASED.hue_degrees) <= 40


def test_network_inputs_are_resized_in_all_five_ways() -> None:
    """Linear interpolation, the usual way, is one of them."""
    noise = Example(
        generator(1).integers(0, 256, (40, 40, 3), np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
    )
    inputs = {
        cv2.resize(noise.image, (64, 64), interpolation=way).tobytes(): way
        for way in AS_RELEASED.interpolations
    }
    assert len(inputs) == 5
    seen = {
        inputs[result]
        for seed in range(2000)
        if (result := augment(noise, (64, 64), MEAN, generator(seed), AS_RELEASED).image.tobytes())
        in inputs
    }
    assert seen == set(AS_RELEASED.interpolations)


def test_biases_learn_twice_as_fast_and_the_scale_of_conv4_3_decays() -> None:
    network = create("ssd300-vgg16", 3)
    names = {id(parameter): name for name, parameter in network.named_parameters()}

    def how(*, as_released: bool) -> dict[str, tuple[float, float]]:
        part = TrainPart(steps=1, weight_decay=5e-4, as_released=as_released)
        return {
            names[id(parameter)]: (group["weight_decay"], group["rate_factor"])
            for group in parameter_groups(network, part)
            for parameter in group["params"]
        }

    usual, released = how(as_released=False), how(as_released=True)
    assert usual.keys() == released.keys() == set(names.values())
    assert usual["backbone.scale_weight"] == (0.0, 1.0)
    assert released["backbone.scale_weight"] == (5e-4, 1.0)
    for name in names.values():
        if name.endswith("weight") and "scale" not in name:
            assert usual[name] == released[name] == (5e-4, 1.0)
        elif name.endswith("bias"):
            assert usual[name] == (0.0, 1.0)
            assert released[name] == (0.0, 2.0)
