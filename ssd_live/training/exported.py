"""Compare the detections of a model file with those of the network that it was made from."""

import numpy as np
import torch
from torch import Tensor

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.models.postprocess import boxes_and_scores, detect
from ssd_live.models.ssd import SSDNetwork
from ssd_live.selection.agreement import (
    Agreement,
    NormalisedDetections,
    answers,
    before_nms,
    compare_boxes,
    compare_detections,
    enough_detections,
    sample_images,
)
from ssd_live.training.start import Normalise


def agreement_with(network: SSDNetwork, normalise: Normalise, model: ModelFile) -> Agreement:
    """Return the agreement of a network with its model file on ONNX Runtime.

    Both process the images of the agreement sample in the model file, and their detections are
    compared; the network is the reference. `network` must be in evaluation mode on the CPU, and
    `normalise` turns uint8 RGB images (B, 3, H, W) into its input. If the network finds too few
    detections in the sample, the boxes with the best scores before NMS are compared instead. Raises
    `ModelFileError` if the sample is damaged, and `BackendError` if ONNX Runtime cannot run the
    model.
    """
    images = sample_images(model)
    raw = [_boxes_and_scores(network, normalise, model, image) for image in images]
    how = model.metadata
    expected = [
        _answer(*detect(boxes, scores, how.score_threshold, how.iou_threshold, how.max_detections))
        for boxes, scores in raw
    ]
    if enough_detections(expected, how.lowest_shown):
        with load_backend("onnxruntime", model, LoadOptions()) as backend:
            return compare_detections(expected, answers(backend, images), how.lowest_shown)
    unsuppressed = before_nms(model)
    with load_backend("onnxruntime", unsuppressed, LoadOptions()) as backend:
        return compare_boxes(
            [_best_pairs(*one, unsuppressed.metadata.max_detections) for one in raw],
            answers(backend, images),
        )


@torch.inference_mode()
def _boxes_and_scores(
    network: SSDNetwork, normalise: Normalise, model: ModelFile, image: Pixels
) -> tuple[Tensor, Tensor]:
    rgb = torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)))[None]
    regression, logits = network(normalise(rgb))
    boxes, scores = boxes_and_scores(network, regression, logits, model.metadata.score_activation)
    return boxes[0], scores[0]


def _best_pairs(boxes: Tensor, scores: Tensor, count: int) -> NormalisedDetections:
    """Return the `count` pairs of a box and a class that have the best scores, without NMS.

    `boxes` are (N, 4) x1, y1, x2, y2 in 0..1, and `scores` are (N, C). If there are fewer pairs,
    all are returned.
    """
    values, places = scores.flatten().topk(min(count, scores.numel()))
    return _answer(boxes[places // scores.shape[1]], values, places % scores.shape[1])


def _answer(boxes: Tensor, scores: Tensor, classes: Tensor) -> NormalisedDetections:
    return NormalisedDetections(boxes.numpy(), scores.numpy(), classes.numpy().astype(np.int32))
