"""Compute COCO's average precision with the package faster-coco-eval.

COCO takes the mean over ten IoU thresholds from 0.50 to 0.95, and also gives separate values for
small, medium and large objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.errors import MissingPackageError
from ssd_live.evaluation.average_precision import GroundTruth, Predictions

FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


@dataclass(frozen=True)
class CocoFigures:
    """The figures by which COCO compares models.

    `figures` maps the twelve names in `FIGURES`, such as `AP50`, to their values. `by_class` holds
    the average precision (AP) of each class, in the order of the class ids. All values are between
    0 and 1, or nan if there are no objects to find.
    """

    figures: dict[str, float]
    by_class: tuple[float, ...]


def coco_figures(
    truths: Sequence[GroundTruth], founds: Sequence[Predictions], classes: int
) -> CocoFigures:
    """Return COCO's figures for the detections `founds` and the labelled objects `truths`.

    Both hold one entry for each image, and `classes` is the number of classes. Ignored objects are
    treated like crowds in COCO: they count neither for nor against the model. Raises
    `MissingPackageError` if faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise MissingPackageError(
            "COCO's metric needs faster-coco-eval; run `pip install '.[train]'`"
        ) from error
    # `loadRes` is not used, because some versions of it cannot load an empty list.
    content = _content(len(truths), classes)
    truth, detections = (
        COCO(content | {"annotations": _objects(truths)}),
        COCO(content | {"annotations": _detections(founds)}),
    )
    measured = COCOeval_faster(truth, detections, "bbox", print_function=_silent)
    measured.params.imgIds = list(range(len(truths)))
    measured.run()
    # The axes are IoU thresholds, recalls, classes, object sizes and detections per image. Index 0
    # of the sizes means all sizes, and index -1 of the last axis means 100 detections.
    precision = np.asarray(measured.eval["precision"])[:, :, :, 0, -1]
    by_class = [
        float(values[values > -1].mean()) if (values > -1).any() else float("nan")
        for values in np.moveaxis(precision, 2, 0)
    ]
    figures = [
        float("nan") if value < 0 else float(value)
        for value in list(measured.stats)[: len(FIGURES)]
    ]
    return CocoFigures(dict(zip(FIGURES, figures, strict=True)), tuple(by_class))


def _silent(*words: object) -> None:
    pass


def _content(images: int, classes: int) -> dict[str, Any]:
    return {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": number, "name": str(number)} for number in range(classes)],
    }


def _objects(truths: Sequence[GroundTruth]) -> list[dict[str, Any]]:
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths):
        areas = truth.areas if truth.areas is not None else _areas(truth.boxes)
        for box, class_id, crowd, area in zip(
            truth.boxes.tolist(),
            truth.classes.tolist(),
            truth.ignored.tolist(),
            areas.tolist(),
            strict=True,
        ):
            annotations.append(
                _annotation(len(annotations), image, class_id, box, area) | {"iscrowd": int(crowd)}
            )
    return annotations


def _detections(founds: Sequence[Predictions]) -> list[dict[str, Any]]:
    annotations: list[dict[str, Any]] = []
    for image, found in enumerate(founds):
        areas = _areas(found.boxes)
        for box, class_id, score, area in zip(
            found.boxes.tolist(),
            found.classes.tolist(),
            found.scores.tolist(),
            areas.tolist(),
            strict=True,
        ):
            annotations.append(
                _annotation(len(annotations), image, class_id, box, area)
                | {"iscrowd": 0, "score": score}
            )
    return annotations


def _annotation(
    number: int, image: int, class_id: int, box: list[float], area: float
) -> dict[str, Any]:
    # Ids start at 1, because 0 means "not matched" to COCO's tools.
    return {
        "id": number + 1,
        "image_id": image,
        "category_id": class_id,
        "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
        "area": area,
    }


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    sides = boxes.astype(np.float64)
    return np.asarray((sides[:, 2:] - sides[:, :2]).prod(1))
