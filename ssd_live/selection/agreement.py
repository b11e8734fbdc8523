"""Measure whether two backends or precisions find the same objects.

Every part of the program that could change results uses this one measure.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from ssd_live.backends.base import Backend, Outputs, Precision
from ssd_live.errors import ModelFileError
from ssd_live.imaging.boxes import iou_matrix
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile, changed
from ssd_live.modelfile.nms import graft_best_boxes, strip_nms

# Two detections match if they have the same class, at least this IoU, and scores that differ by at
# most this much.
MATCH_IOU = 0.7
MATCH_SCORE = 0.1
# Boxes whose edges are all this close, in parts of the image, match too. The IoU of a box without
# area is 0, even with itself.
_SAME_EDGES = 1e-3
# Detections this close to the display threshold may fall on either side of it, so they need no
# match.
THRESHOLD_MARGIN = 1e-3
# With fewer detections than this in a sample, a single one would weigh too much. The network's best
# boxes before NMS are compared instead.
MIN_DETECTIONS = 200
BOXES_PER_FRAME = 100
# A sample is part of the model file, so it must be small.
SAMPLE_FRAMES = 52
SAMPLE_FRAMES_FOR_BOXES = 16

# The least share that must match, for each precision.
BUDGETS: dict[Precision, float] = {"fp32": 0.99, "fp16": 0.95, "bf16": 0.95, "int8": 0.92}
# The largest mean distance of the edges of matching boxes, and the largest mean shift of one edge,
# in parts of the box's side. A shift of all boxes costs more accuracy than errors of both signs.
BOX_ERROR_BUDGETS: dict[Precision, float] = {"fp32": 0.01, "fp16": 0.02, "bf16": 0.02, "int8": 0.03}
BOX_SHIFT_BUDGETS: dict[Precision, float] = {"fp32": 0.01, "fp16": 0.01, "bf16": 0.01, "int8": 0.02}

Basis = Literal["detections", "boxes"]
Edges = NDArray[np.float64]


@dataclass(frozen=True)
class NormalisedDetections:
    """The N detections of one image, in descending order of score.

    `boxes` is float32 (N, 4) x1, y1, x2, y2 in 0..1 of the image, `scores` is float32 (N,), and
    `classes` is int32 (N,).
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int32]


@dataclass(frozen=True)
class Agreement:
    """The numbers that say how far the results of two backends or precisions match.

    One of the two is the reference. `expected` of its detections should have a match among those of
    the other, and `found` have one. `expected_back` of the other's detections should have a match
    among those of the reference, and `found_back` have one. `basis` is `detections`, or `boxes` if
    boxes before NMS were compared instead.

    `box_error` is the mean distance between the edges of two matching boxes. `box_shift` is the
    mean signed distance of the left, top, right and bottom edge. It is positive if the edge lies
    further right or down in the other than in the reference. Both are fractions of the width or
    height of the reference's box.
    """

    found: int
    expected: int
    found_back: int
    expected_back: int
    basis: Basis
    box_error: float = 0.0
    box_shift: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def share(self) -> float:
        """The share of detections or boxes that match, 0..1, the worse of both directions.

        The share is 1 if both sides found nothing.
        """
        there = self.found / self.expected if self.expected else 1.0
        back = self.found_back / self.expected_back if self.expected_back else 1.0
        return min(there, back)

    @property
    def box_text(self) -> str:
        """A text with `box_error` and `box_shift` in percent."""
        shifts = ", ".join(
            f"{name} {shift:+.1%}"
            for name, shift in zip(("left", "top", "right", "bottom"), self.box_shift, strict=True)
        )
        return f"box edges differ by {self.box_error:.1%} of the side ({shifts})"

    def within(self, precision: Precision) -> bool:
        """Return whether `share`, `box_error` and `box_shift` are in the limits of `precision`."""
        return not self.shortfall(precision)

    def shortfall(self, precision: Precision) -> str:
        """Return a text that says which limit of `precision` is not met, or an empty text."""
        if self.share < BUDGETS[precision]:
            return f"finds only {self.share:.1%} of what float32 finds"
        too_far = self.box_error > BOX_ERROR_BUDGETS[precision]
        if too_far or max(map(abs, self.box_shift)) > BOX_SHIFT_BUDGETS[precision]:
            return self.box_text
        return ""


def sample_images(model: ModelFile) -> list[Pixels]:
    """Return the images of the agreement sample, the frames in a model file for comparing backends.

    The images are (height, width, 3) uint8 BGR at the network's input size. The list is empty if
    the file has no sample. Raises `ModelFileError` if an image is damaged.
    """
    width, height = model.metadata.input_size
    images = []
    for text in model.metadata.agreement_sample:
        try:
            encoded = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
        except ValueError:
            encoded = np.zeros(0, np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
        if image is None or image.shape != (height, width, 3):
            raise ModelFileError(
                f"{model.path}: a frame of its agreement sample is damaged; export the model again"
            )
        images.append(np.asarray(image, np.uint8))
    return images


def encode_sample(images: Sequence[Pixels]) -> tuple[str, ...]:
    """Return each of the `images` as a text, a JPEG file in base64, for a model file's metadata.

    Images are (height, width, 3) uint8 BGR.
    """
    encoded = (cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1] for image in images)
    return tuple(base64.b64encode(jpeg.tobytes()).decode() for jpeg in encoded)


def before_nms(model: ModelFile) -> ModelFile:
    """Return a copy of a model, in memory only, that outputs its best-scoring boxes without NMS."""
    limit = min(model.metadata.max_detections, 2 * BOXES_PER_FRAME)

    def let_everything_through(proto: ModelProto) -> None:
        strip_nms(proto.graph)
        graft_best_boxes(proto.graph, max_detections=limit)

    return changed(
        model, let_everything_through, score_threshold=0.0, iou_threshold=1.0, max_detections=limit
    )


def with_sample(
    model: ModelFile, images: Sequence[Pixels], found: Sequence[NormalisedDetections]
) -> ModelFile:
    """Return a copy of a model, in memory only, with an agreement sample chosen from `images`.

    The agreement sample is frames in the model file on which backends are compared. Those of the
    `images` with the most detections over the display threshold are chosen. `found` holds the
    detections in each image.
    """
    counts = [int(_over(answer, model.metadata.lowest_shown).sum()) for answer in found]
    best = sorted(range(len(images)), key=lambda index: (-counts[index], index))[:SAMPLE_FRAMES]
    if sum(counts[index] for index in best) < MIN_DETECTIONS:
        # With so few detections, boxes will be compared, and that needs fewer images.
        best = best[:SAMPLE_FRAMES_FOR_BOXES]
    return changed(
        model,
        lambda _: None,
        agreement_sample=encode_sample([images[index] for index in sorted(best)]),
    )


def answers(backend: Backend, images: Sequence[Pixels]) -> list[NormalisedDetections]:
    """Run a backend on images and return the detections in each image.

    The backend must be loaded with batches of one image. Images are (height, width, 3) uint8 BGR at
    the network's input size. Raises `BackendError` if the backend fails.
    """
    return [answer_of(backend.submit(image[None]).result(), 0) for image in images]


def answer_of(outputs: Outputs, index: int) -> NormalisedDetections:
    """Return a copy of the detections in image `index` of a batch, which has the outputs `outputs`.

    The copy stays valid when the backend overwrites the outputs with those of another batch.
    """
    count = int(outputs.num_detections[index, 0])
    return NormalisedDetections(
        outputs.boxes[index, :count].copy(),
        outputs.scores[index, :count].copy(),
        outputs.classes[index, :count].copy(),
    )


def compare_detections(
    reference: Sequence[NormalisedDetections],
    other: Sequence[NormalisedDetections],
    threshold: float,
) -> Agreement:
    """Return how far two sets of detections match, compared image by image in both directions.

    Each item of `reference` and `other` is the detections in one image. Only detections with a
    score over `threshold`, the display threshold, must have a match in the other set.
    """
    there = [_found(a, b, _over(a, threshold)) for a, b in zip(reference, other, strict=True)]
    back = [_found(b, a, _over(b, threshold)) for a, b in zip(reference, other, strict=True)]
    return _sum_up(there, back, "detections")


def compare_boxes(
    reference: Sequence[NormalisedDetections], other: Sequence[NormalisedDetections]
) -> Agreement:
    """Return how far the best boxes before NMS match, compared image by image in both directions.

    Each item of `reference` and `other` is the boxes in one image, which a model made by
    `before_nms` found.
    """
    there = [_found(a, b, slice(BOXES_PER_FRAME)) for a, b in zip(reference, other, strict=True)]
    back = [_found(b, a, slice(BOXES_PER_FRAME)) for a, b in zip(reference, other, strict=True)]
    return _sum_up(there, back, "boxes")


def enough_detections(reference: Sequence[NormalisedDetections], threshold: float) -> bool:
    """Return whether `reference` has enough detections for a comparison.

    Each item of `reference` is the detections in one image. Those with a score over `threshold`,
    the display threshold, are counted. If there are too few of them, the boxes before NMS must be
    compared instead.
    """
    return sum(int(_over(answer, threshold).sum()) for answer in reference) >= MIN_DETECTIONS


def _over(answer: NormalisedDetections, threshold: float) -> NDArray[np.bool_]:
    return answer.scores > threshold + THRESHOLD_MARGIN


def _found(
    wanted: NormalisedDetections, pool: NormalisedDetections, chosen: NDArray[np.bool_] | slice
) -> tuple[int, int, Edges]:
    """Return how many chosen detections have a match in `pool`, how many were chosen, and edges.

    All detections are those in one image. `chosen` selects some of the detections of `wanted`. Each
    detection of `pool` can be the match of only one of them. The edges (found, 4) say how far the
    left, top, right and bottom edge of each match lie further right or down than those of the
    chosen box, as fractions of its width or height.
    """
    boxes, scores, classes = wanted.boxes[chosen], wanted.scores[chosen], wanted.classes[chosen]
    same = np.abs(boxes[:, None] - pool.boxes[None]).max(-1, initial=0) <= _SAME_EDGES
    overlaps = np.maximum(iou_matrix(boxes, pool.boxes), np.where(same, MATCH_IOU, 0))
    near = np.abs(scores[:, None] - pool.scores[None]) <= MATCH_SCORE
    possible = np.where(
        near & (classes[:, None] == pool.classes[None]) & (overlaps >= MATCH_IOU), overlaps, 0
    )
    edges = []
    for row, box in zip(possible, boxes.astype(np.float64), strict=True):
        best = int(row.argmax()) if row.size else 0
        if row.size and row[best] > 0:
            possible[:, best] = 0
            sides = np.maximum(box[2:] - box[:2], _SAME_EDGES)
            edges.append((pool.boxes[best] - box) / np.tile(sides, 2))
    return len(edges), len(scores), np.array(edges).reshape(-1, 4)


def _sum_up(
    there: list[tuple[int, int, Edges]], back: list[tuple[int, int, Edges]], basis: Basis
) -> Agreement:
    edges = np.concatenate([shifts for _, _, shifts in there] or [np.zeros((0, 4))])
    left, top, right, bottom = edges.mean(0).tolist() if len(edges) else (0.0,) * 4
    return Agreement(
        sum(f for f, _, _ in there),
        sum(n for _, n, _ in there),
        sum(f for f, _, _ in back),
        sum(n for _, n, _ in back),
        basis,
        float(np.abs(edges).mean()) if len(edges) else 0.0,
        (left, top, right, bottom),
    )
