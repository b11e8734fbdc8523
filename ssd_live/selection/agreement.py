"""Do two backends or precisions find the same things? One measure for every place where answers
could change.
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
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile, changed
from ssd_live.modelfile.nms import graft_best_boxes, strip_nms

# A detection is found again if the other has one of its class at this IoU and this near in score.
MATCH_IOU = 0.7
MATCH_SCORE = 0.1
# Detections this near to the display threshold may fall on either side of it.
THRESHOLD_MARGIN = 1e-3
# With fewer detections than this in a sample a single one would weigh too much: the network's best
# boxes before NMS are compared instead.
MIN_DETECTIONS = 200
BOXES_PER_FRAME = 100
# A sample is part of the model file, so it is kept small.
SAMPLE_FRAMES = 52
SAMPLE_FRAMES_FOR_BOXES = 16

BUDGETS: dict[Precision, float] = {"fp32": 0.99, "fp16": 0.95, "bf16": 0.95, "int8": 0.92}

Basis = Literal["detections", "boxes"]


@dataclass(frozen=True)
class NormalisedDetections:
    """One picture's detections, best first: boxes (N, 4) xyxy in 0..1, scores (N,),
    classes (N,).
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int32]


@dataclass(frozen=True)
class Agreement:
    """Of `expected` things of the reference `found` are in the other, and the same the other way
    round.
    """

    found: int
    expected: int
    found_back: int
    expected_back: int
    basis: Basis

    @property
    def share(self) -> float:
        """The worse of the two directions, 0..1; 1 where there is nothing to find."""
        there = self.found / self.expected if self.expected else 1.0
        back = self.found_back / self.expected_back if self.expected_back else 1.0
        return min(there, back)

    def within(self, precision: Precision) -> bool:
        return self.share >= BUDGETS[precision]


def sample_images(model: ModelFile) -> list[Pixels]:
    """The frames that the model file carries for comparing, (height, width, 3) BGR at the network's
    size. Raises `ModelFileError`.
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
                f"{model.path}: a frame of its agreement sample is damaged; export it again"
            )
        images.append(np.asarray(image, np.uint8))
    return images


def encode_sample(images: Sequence[Pixels]) -> tuple[str, ...]:
    """Frames as text for a model file's metadata."""
    encoded = (cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1] for image in images)
    return tuple(base64.b64encode(jpeg.tobytes()).decode() for jpeg in encoded)


def before_nms(model: ModelFile) -> ModelFile:
    """The same network whose answer is its best boxes with nothing suppressed, as a model file in
    memory.
    """
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
    """The model file with an agreement sample chosen from `images`, in which `found` stands: the
    ones with most to compare.
    """
    counts = [int(_over(answer, model.metadata.display_threshold).sum()) for answer in found]
    best = sorted(range(len(images)), key=lambda index: (-counts[index], index))[:SAMPLE_FRAMES]
    if sum(counts[index] for index in best) < MIN_DETECTIONS:
        # Boxes will be compared: that takes fewer frames.
        best = best[:SAMPLE_FRAMES_FOR_BOXES]
    return changed(
        model,
        lambda _: None,
        agreement_sample=encode_sample([images[index] for index in sorted(best)]),
    )


def answers(backend: Backend, images: Sequence[Pixels]) -> list[NormalisedDetections]:
    """What a backend loaded with batch 1 finds in each image."""
    return [answer_of(backend.submit(image[None]).result(), 0) for image in images]


def answer_of(outputs: Outputs, index: int) -> NormalisedDetections:
    """One picture of a batch, copied out of the backend's slot."""
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
    """Hold detections over the display threshold against each other, both ways."""
    there = [_found(a, b, _over(a, threshold)) for a, b in zip(reference, other, strict=True)]
    back = [_found(b, a, _over(b, threshold)) for a, b in zip(reference, other, strict=True)]
    return _sum_up(there, back, "detections")


def compare_boxes(
    reference: Sequence[NormalisedDetections], other: Sequence[NormalisedDetections]
) -> Agreement:
    """Hold the best boxes before NMS against each other, both ways; the answers must come from
    `before_nms` models.
    """
    there = [_found(a, b, slice(BOXES_PER_FRAME)) for a, b in zip(reference, other, strict=True)]
    back = [_found(b, a, slice(BOXES_PER_FRAME)) for a, b in zip(reference, other, strict=True)]
    return _sum_up(there, back, "boxes")


def enough_detections(reference: Sequence[NormalisedDetections], threshold: float) -> bool:
    return sum(int(_over(answer, threshold).sum()) for answer in reference) >= MIN_DETECTIONS


def iou_matrix(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of every box (N, 4) with every other (M, 4), xyxy; (N, M); 0 where both are empty."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(-1)
    union = (
        (boxes[:, 2:] - boxes[:, :2]).prod(-1)[:, None]
        + (others[:, 2:] - others[:, :2]).prod(-1)[None]
        - intersection
    )
    return np.asarray(
        np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0), np.float32
    )


def _over(answer: NormalisedDetections, threshold: float) -> NDArray[np.bool_]:
    return answer.scores > threshold + THRESHOLD_MARGIN


def _found(
    wanted: NormalisedDetections, pool: NormalisedDetections, chosen: NDArray[np.bool_] | slice
) -> tuple[int, int]:
    """How many of the chosen detections the pool has too, each of the pool's serving once; and how
    many were chosen.
    """
    boxes, scores, classes = wanted.boxes[chosen], wanted.scores[chosen], wanted.classes[chosen]
    overlaps = iou_matrix(boxes, pool.boxes)
    near = np.abs(scores[:, None] - pool.scores[None]) <= MATCH_SCORE
    possible = np.where(
        near & (classes[:, None] == pool.classes[None]) & (overlaps >= MATCH_IOU), overlaps, 0
    )
    found = 0
    for row in possible:
        best = int(row.argmax()) if row.size else 0
        if row.size and row[best] > 0:
            possible[:, best] = 0
            found += 1
    return found, len(scores)


def _sum_up(there: list[tuple[int, int]], back: list[tuple[int, int]], basis: Basis) -> Agreement:
    return Agreement(
        sum(f for f, _ in there),
        sum(n for _, n in there),
        sum(f for f, _ in back),
        sum(n for _, n in back),
        basis,
    )
