"""A network in training is judged as its model file will be."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ssd_live.evaluation.average_precision import Predictions
from ssd_live.evaluation.evaluate import detector_of_network
from ssd_live.modelfile.metadata import Metadata
from ssd_live.models.box_code import decode
from tests.tiny_model import tiny_metadata

# Centre and size of three boxes, of which the first two overlap by a third.
DEFAULT_BOXES = torch.tensor([[0.25, 0.5, 0.4, 0.4], [0.45, 0.5, 0.4, 0.4], [0.85, 0.5, 0.2, 0.4]])
SIZE = (40, 20)


class Network:
    """Finds its default boxes, with the same class logits in every image."""

    def __init__(self, logits: list[list[float]]) -> None:
        self._logits = torch.tensor([logits])

    def decode(self, regression: Tensor) -> Tensor:
        return decode(regression, DEFAULT_BOXES)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert images.shape == (1, 3, SIZE[1], SIZE[0])
        return torch.zeros(1, len(DEFAULT_BOXES), 4), self._logits


def found(logits: list[list[float]], metadata: Metadata) -> Predictions:
    detect = detector_of_network(Network(logits), lambda pixels: pixels, metadata, "cpu")
    return detect(np.zeros((200, 100, 3), np.uint8))


# Background, cat and dog.
CATS = [[0.0, 3.0, -9.0], [0.0, 2.0, -9.0], [0.0, 1.0, -9.0]]


@pytest.mark.parametrize(
    ("activation", "score"), [("softmax", 1 / (1 + np.exp(-3))), ("sigmoid", 1 / (1 + np.exp(-3)))]
)
def test_scores_come_from_the_activation_of_the_file(activation: str, score: float) -> None:
    metadata = tiny_metadata(input_size=SIZE, score_activation=activation)
    assert found(CATS, metadata).scores[0] == pytest.approx(score, abs=1e-3)


def test_sigmoid_knows_no_background() -> None:
    sure_of_background = [[9.0, 3.0, -9.0]] * 3
    softmax = tiny_metadata(input_size=SIZE, score_activation="softmax", score_threshold=0.1)
    sigmoid = tiny_metadata(input_size=SIZE, score_activation="sigmoid", score_threshold=0.1)
    assert len(found(sure_of_background, softmax).scores) == 0
    assert len(found(sure_of_background, sigmoid).scores) > 0


@pytest.mark.parametrize(("iou_threshold", "boxes"), [(0.3, 2), (0.4, 3)])
def test_nms_uses_the_overlap_of_the_file(iou_threshold: float, boxes: int) -> None:
    metadata = tiny_metadata(input_size=SIZE, iou_threshold=iou_threshold)
    cats = found(CATS, metadata)
    assert int((cats.classes == 0).sum()) == boxes


@pytest.mark.parametrize(("score_threshold", "cats"), [(0.01, 3), (0.8, 2), (0.9, 1)])
def test_the_score_threshold_is_that_of_the_file(score_threshold: float, cats: int) -> None:
    metadata = tiny_metadata(input_size=SIZE, score_threshold=score_threshold)
    assert len(found(CATS, metadata).scores) == cats


def test_there_are_no_more_detections_than_in_the_file() -> None:
    metadata = tiny_metadata(input_size=SIZE, max_detections=1)
    assert len(found(CATS, metadata).scores) == 1


def test_boxes_are_in_pixels_of_the_image() -> None:
    box = found(CATS, tiny_metadata(input_size=SIZE)).boxes[0]
    np.testing.assert_allclose(box, [5, 60, 45, 140], atol=1e-3)
