"""Mean average precision: of a network while it trains, and of a deployed model file on the backend that runs it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssd_live.backends.base import Backend
from ssd_live.errors import DataError, MediaError
from ssd_live.filtering import everything
from ssd_live.modelfile.metadata import Metadata
from ssd_live.pixels import Pixels
from ssd_live.training.average_precision import Curve, Found, Rule, Truth, average_precision, curve_of
from ssd_live.training.data import DataSet, LabelledImage
from ssd_live.types import Frame
from ssd_live.video.images import read_image

# An image (H, W, 3) uint8 BGR -> what is found in it, boxes in its pixels.
Detect = Callable[[Pixels], Found]


@dataclass(frozen=True)
class Evaluation:
    """Average precision by class (nan where there is nothing to find), and the curves; `unreadable` are lines about images left out."""

    classes: tuple[str, ...]
    precision: dict[str, float]
    curves: dict[str, Curve]
    founds: tuple[Found, ...]
    truths: tuple[Truth, ...]
    images: tuple[LabelledImage, ...]
    unreadable: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Over the classes that have objects; 0 if none has."""
        values = [value for value in self.precision.values() if not np.isnan(value)]
        return float(np.mean(values)) if values else 0.0


def evaluate(detect: Detect, data: DataSet, rule: Rule, on_image: Callable[[int], None] = lambda _: None) -> Evaluation:
    """Run over all images. Raises `DataError` if none can be read."""
    founds, truths, images, unreadable = [], [], [], []
    for number, labelled in enumerate(data.images, 1):
        try:
            image = read_image(labelled.path).planes[0]
        except MediaError as error:
            unreadable.append(str(error))
            continue
        founds.append(detect(image))
        truths.append(Truth(labelled.boxes, labelled.classes, labelled.ignored))
        images.append(labelled)
        on_image(number)
    if not images:
        raise DataError(f"{data.name}: has no image that can be read ({unreadable[0] if unreadable else 'it is empty'})")
    curves = {name: curve_of(truths, founds, index) for index, name in enumerate(data.classes)}
    precision = {name: average_precision(curve, rule) for name, curve in curves.items()}
    return Evaluation(data.classes, precision, curves, tuple(founds), tuple(truths), tuple(images), tuple(unreadable))


def detector_of(backend: Backend, metadata: Metadata, classes: Sequence[str]) -> Detect:
    """The deployed model on its backend; its classes are matched with the data's by name. Raises `DataError` if they share none."""
    numbers = {name.casefold(): index for index, name in enumerate(classes)}
    mapping = np.array([numbers.get(name.casefold(), -1) for name in metadata.classes])
    if (mapping < 0).all():
        raise DataError(f"{metadata.name} and the data have no class in common ({', '.join(metadata.classes[:5])} and {', '.join(classes[:5])})")
    pass_all = everything(metadata)

    def detect(image: Pixels) -> Found:
        frame = Frame((image,))
        outputs = backend.submit(frame.network_input(metadata.input_size)[None]).result()
        found = pass_all.detections(outputs, 0, (frame.width, frame.height))
        known = mapping[found.class_ids] >= 0
        return Found(found.boxes[known], found.scores[known], mapping[found.class_ids[known]])

    return detect


def detector_of_network(network: Any, normalise: Any, size: tuple[int, int], device: str) -> Detect:
    """A torch network in evaluation mode."""
    import torch

    from ssd_live.models.box_code import decode, to_corners
    from ssd_live.models.postprocess import detect as keep

    boxes = network.default_boxes

    @torch.inference_mode()
    def detect(image: Pixels) -> Found:
        frame = Frame((image,))
        rgb = np.ascontiguousarray(frame.network_input(size)[..., ::-1].transpose(2, 0, 1))
        regression, logits = network(normalise(torch.from_numpy(rgb)[None].to(device)))
        scores = logits[0].float().softmax(-1)[:, 1:].cpu()
        corners = to_corners(decode(regression[0].float(), boxes)).clamp(0, 1).cpu()
        best = scores.amax(1).topk(min(400, len(scores))).indices
        found = keep(corners[best], scores[best], 0.01, 0.45, 200)
        scale = np.array([frame.width, frame.height] * 2, np.float32)
        return Found(found[0].numpy() * scale, found[1].numpy(), found[2].numpy().astype(np.int64))

    return detect


def worst(evaluation: Evaluation, count: int) -> Iterator[tuple[LabelledImage, Found, int]]:
    """The images with most mistakes over a score of one half: objects not found and detections that are wrong."""
    mistakes = [_mistakes(truth, found) for truth, found in zip(evaluation.truths, evaluation.founds, strict=True)]
    for index in sorted(range(len(mistakes)), key=lambda index: -mistakes[index])[:count]:
        if mistakes[index]:
            yield evaluation.images[index], evaluation.founds[index], mistakes[index]


def _mistakes(truth: Truth, found: Found, score: float = 0.5) -> int:
    sure = found.scores >= score
    sure_found = Found(found.boxes[sure], found.scores[sure], found.classes[sure])
    total = 0
    for class_id in set(truth.classes.tolist()) | set(sure_found.classes.tolist()):
        curve = curve_of([truth], [sure_found], class_id)
        right = round(curve.recall[-1] * curve.objects) if len(curve.recall) else 0
        total += curve.objects - right + len(curve.recall) - right
    return total
