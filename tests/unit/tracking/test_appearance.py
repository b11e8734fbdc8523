"""Colour histograms against a slow reference."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.imaging.frame import Region
from ssd_live.tracking.appearance import BINS, colour_histograms

RANDOM = np.random.default_rng(3)
IMAGE = RANDOM.integers(0, 256, (300, 300, 3), np.uint8)
WHOLE = Region(0, 0, 300, 300)


def _slow(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sample 24 x 8 points one by one."""
    x1, y1, x2, y2 = box.tolist()
    counts = np.zeros(250)
    for row in range(24):
        for column in range(8):
            y = y1 + (y2 - y1) * (0.05 + 0.9 * (row + 0.5) / 24)
            x = x1 + (x2 - x1) * (0.15 + 0.7 * (column + 0.5) / 8)
            pixel = image[int(min(max(y, 0), 299)), int(min(max(x, 0), 299))].astype(int)
            blue, green, red = pixel * 5 // 256
            counts[125 * (row // 12) + 25 * blue + 5 * green + red] += 1
    look: NDArray[np.float64] = np.sqrt(counts / counts.sum())
    return look


def test_they_are_those_of_the_reference() -> None:
    corners = RANDOM.uniform(-20, 280, (40, 2))
    boxes = np.concatenate([corners, corners + RANDOM.uniform(1, 120, (40, 2))], 1)
    boxes = boxes.astype(np.float32)
    found = colour_histograms(IMAGE, boxes, WHOLE)
    assert found.shape == (40, BINS)
    assert found.dtype == np.float32
    assert np.allclose(found, [_slow(IMAGE, box) for box in boxes], atol=1e-6)


def test_they_have_the_length_one() -> None:
    boxes = np.array([[10, 10, 60, 90], [0, 0, 300, 300]], np.float32)
    assert np.allclose(np.linalg.norm(colour_histograms(IMAGE, boxes, WHOLE), axis=1), 1)


def test_no_boxes_give_none() -> None:
    assert colour_histograms(IMAGE, np.zeros((0, 4), np.float32), WHOLE).shape == (0, BINS)


def test_a_shirt_is_not_trousers() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    image[:150] = (255, 0, 0)
    image[150:] = (0, 0, 255)
    upright, turned = colour_histograms(image, np.array([[0, 0, 300, 300]] * 2, np.float32), WHOLE)
    assert np.allclose(upright, turned)
    (other,) = colour_histograms(image[::-1], np.array([[0, 0, 300, 300]], np.float32), WHOLE)
    assert upright @ other == pytest.approx(0)


def test_the_image_may_show_a_part_of_the_frame_at_another_size() -> None:
    """The image shows x 100 to 700 and y 50 to 350 of the frame, at half the size."""
    area = Region(100, 50, 600, 600)
    in_image = np.array([[20, 30, 80, 120]], np.float32)
    in_frame = in_image * 2 + np.array([100, 50, 100, 50], np.float32)
    assert np.array_equal(
        colour_histograms(IMAGE, in_image, WHOLE), colour_histograms(IMAGE, in_frame, area)
    )
