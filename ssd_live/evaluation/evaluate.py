"""Compute the mean average precision of a network in training, or of a model file on a backend."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Backend
from ssd_live.datasets.types import DataSet, LabelledImage
from ssd_live.detection.filter import accept_all
from ssd_live.errors import DataError, MediaError
from ssd_live.evaluation.average_precision import (
    Curve,
    GroundTruth,
    Predictions,
    Rule,
    average_precision,
    curve_of,
)
from ssd_live.evaluation.coco_metric import coco_figures
from ssd_live.evaluation.confusion import confusion
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.metadata import Metadata

# Only detections with at least this score count in the confusions and in the choice of the worst
# images.
SURE = 0.5
# During training only this many of the best boxes of an image go into NMS. The others would cost
# seconds and change only the third decimal of the mAP.
_CANDIDATES = 400
# A function of an image (H, W, 3) uint8 BGR that returns its detections, with boxes in pixels of
# the image.
Detect = Callable[[Pixels], Predictions]


@dataclass(frozen=True)
class Evaluation:
    """The average precision of each class, and what it was computed from.

    `precision` maps a class name to its average precision, 0 to 1, or to nan if the class has no
    objects or the model does not know it. `curves` maps a class name to its precision-recall curve
    at an IoU threshold of 0.5. `figures` are the twelve figures of COCO by name if the rule was
    `coco`, and empty otherwise. `confusion` holds the counts that the function `confusion` returns.
    `founds` and `truths` have one entry for each of the `images`; objects of classes that the model
    does not know are ignored. `unreadable` holds an error message for each image that was left out.
    """

    classes: tuple[str, ...]
    precision: dict[str, float]
    curves: dict[str, Curve]
    figures: dict[str, float]
    confusion: NDArray[np.int64]
    founds: tuple[Predictions, ...]
    truths: tuple[GroundTruth, ...]
    images: tuple[LabelledImage, ...]
    unreadable: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The mean of the average precisions that are not nan; 0 if all are nan."""
        values = [value for value in self.precision.values() if not np.isnan(value)]
        return float(np.mean(values)) if values else 0.0


def evaluate(
    detect: Detect,
    data: DataSet,
    rule: Rule,
    known: Collection[str] | None = None,
    on_image: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Return the evaluation of the detections that `detect` finds in all images of `data`.

    `rule` says how average precision is computed. If `known` is given, only the classes with these
    names count. `on_image` is called after each readable image with its number among all images,
    from 1.
    Raises `DataError` if no image can be read, and `MissingPackageError` if the rule is `coco` and
    faster-coco-eval is not installed.
    """
    if rule == "coco":
        # This fails before the work, not after it, if the package is missing.
        coco_figures((), (), len(data.classes))
    founds, truths, images, unreadable = [], [], [], []
    for number, labelled in enumerate(data.images, 1):
        try:
            image = read_image(labelled.path).planes[0]
        except MediaError as error:
            unreadable.append(str(error))
            continue
        founds.append(detect(image))
        # A box of values that are not numbers becomes an empty box, which counts as not found.
        truths.append(
            GroundTruth(
                np.nan_to_num(labelled.boxes), labelled.classes, labelled.ignored, labelled.areas
            )
        )
        images.append(labelled)
        on_image(number)
    if not images:
        raise DataError(
            f"{data.name}: none of the images can be read "
            f"({unreadable[0] if unreadable else 'there are no images'}); give a data set with "
            "readable images"
        )
    curves = {name: curve_of(truths, founds, index) for index, name in enumerate(data.classes)}
    if known is not None:
        unknown = [index for index, name in enumerate(data.classes) if name not in known]
        truths = [
            replace(truth, ignored=truth.ignored | np.isin(truth.classes, unknown))
            for truth in truths
        ]
    figures: dict[str, float] = {}
    if rule == "coco":
        counted = coco_figures(truths, founds, len(data.classes))
        figures, precision = counted.figures, dict(zip(data.classes, counted.by_class, strict=True))
    else:
        precision = {name: average_precision(curve, rule) for name, curve in curves.items()}
    if known is not None:
        precision = {
            name: value if name in known else float("nan") for name, value in precision.items()
        }
    mistaken = confusion(truths, founds, len(data.classes), SURE)
    return Evaluation(
        data.classes,
        precision,
        curves,
        figures,
        mistaken,
        tuple(founds),
        tuple(truths),
        tuple(images),
        tuple(unreadable),
    )


def known_classes(metadata: Metadata, classes: Sequence[str]) -> list[str]:
    """Return the names in `classes` that are also classes of a model.

    `metadata` is the description of the model, and `classes` are the class names of the data. Upper
    and lower case do not matter. Raises `DataError` if the model knows none of the names, or if two
    names in `classes` are the same or differ only in upper and lower case.
    """
    own = {name.casefold() for name in metadata.classes}
    known = [name for name in classes if name.casefold() in own]
    if not known:
        theirs = ", ".join(classes[:5]) or "none at all"
        raise DataError(
            f"{metadata.name} and the data have no class in common (the model has "
            f"{', '.join(metadata.classes[:5])}; the data have {theirs}); give data "
            "with class names of the model, or choose another model"
        )
    twice = [
        name for name, count in Counter(name.casefold() for name in classes).items() if count > 1
    ]
    if twice:
        raise DataError(
            f"the data have more than one class {', '.join(twice)}; rename classes so that no "
            "two names differ only in upper and lower case"
        )
    return known


def detector_of(backend: Backend, metadata: Metadata, classes: Sequence[str]) -> Detect:
    """Return a function that detects objects in an image with the model that `backend` has loaded.

    `metadata` is the description of the model, and `classes` are the class names of the data. The
    class ids of the detections are indexes into `classes`. Detections of other classes are left
    out. Upper and lower case of class names do not matter.
    """
    numbers = {name.casefold(): index for index, name in enumerate(classes)}
    mapping = np.array([numbers.get(name.casefold(), -1) for name in metadata.classes])
    pass_all, fit = accept_all(metadata), metadata.input_fit

    def detect(image: Pixels) -> Predictions:
        frame = Frame((image,))
        size = frame.width, frame.height
        outputs = backend.submit(fit.image(frame)[None]).result()
        found = pass_all.detections(outputs, 0, size, fit.region(size))
        known = mapping[found.class_ids] >= 0
        return Predictions(found.boxes[known], found.scores[known], mapping[found.class_ids[known]])

    return detect


def detector_of_network(network: Any, normalise: Any, metadata: Metadata, device: str) -> Detect:
    """Return a function that detects objects in an image with a PyTorch network.

    `network` must be in evaluation mode. `normalise` is a function that makes its input from uint8
    RGB images (B, 3, H, W). `metadata` describes the model file that the network becomes; it gives
    the input size, the activation, the thresholds and the highest number of detections. `device` is
    the name of the network's device, such as `cuda`. Images are stretched, as in training.
    """
    import torch

    from ssd_live.models.postprocess import boxes_and_scores
    from ssd_live.models.postprocess import detect as keep

    @torch.inference_mode()
    def detect(image: Pixels) -> Predictions:
        frame = Frame((image,))
        rgb = np.ascontiguousarray(frame.resized(metadata.input_size)[..., ::-1].transpose(2, 0, 1))
        regression, logits = network(normalise(torch.from_numpy(rgb)[None].to(device)))
        boxes, scores = boxes_and_scores(network, regression, logits, metadata.score_activation)
        boxes, scores = boxes.cpu(), scores.cpu()
        best = scores[0].amax(1).topk(min(_CANDIDATES, scores.shape[1])).indices
        found = keep(
            boxes[0, best],
            scores[0, best],
            metadata.score_threshold,
            metadata.iou_threshold,
            metadata.max_detections,
        )
        scale = np.array([frame.width, frame.height] * 2, np.float32)
        return Predictions(
            found[0].numpy() * scale, found[1].numpy(), found[2].numpy().astype(np.int64)
        )

    return detect


def worst(evaluation: Evaluation, count: int) -> Iterator[tuple[LabelledImage, Predictions]]:
    """Yield up to `count` images with the most mistakes, and their detections.

    Mistakes are objects that were not found and wrong detections, counting only detections that
    score at least 0.5. Images without mistakes are left out.
    """
    mistakes = [
        _mistakes(truth, found, len(evaluation.classes))
        for truth, found in zip(evaluation.truths, evaluation.founds, strict=True)
    ]
    for index in sorted(range(len(mistakes)), key=lambda index: -mistakes[index])[:count]:
        if mistakes[index]:
            yield evaluation.images[index], evaluation.founds[index]


def _mistakes(truth: GroundTruth, found: Predictions, classes: int) -> int:
    counts = confusion([truth], [found], classes, SURE)
    return int(counts.sum() - counts.trace())
