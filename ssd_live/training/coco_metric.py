"""Average precision as COCO defines it: ten overlaps from 0.50 to 0.95, sizes apart; counted by faster-coco-eval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssd_live.errors import MissingPackageError
from ssd_live.training.average_precision import Found, Truth

FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


@dataclass(frozen=True)
class CocoFigures:
    """The twelve figures of COCO by name, and AP by class; nan where there is nothing to find."""

    figures: dict[str, float]
    by_class: tuple[float, ...]


def coco_figures(truths: Sequence[Truth], founds: Sequence[Found], classes: int) -> CocoFigures:
    """Objects that do not count are crowds here. Raises `MissingPackageError`."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise MissingPackageError("COCO's metric needs faster-coco-eval; `pip install '.[train]'` brings it") from error
    if not any(len(found.scores) for found in founds):
        return _nothing_found(truths, classes)
    truth = COCO(_annotations(truths, classes))
    measured = COCOeval_faster(truth, truth.loadRes(_rows(founds)), "bbox", print_function=_silent)
    measured.params.imgIds = list(range(len(truths)))
    measured.run()
    # (overlaps, recalls, classes, sizes, detections an image): every size, 100 detections.
    precision = np.asarray(measured.eval["precision"])[:, :, :, 0, -1]
    by_class = [float(values[values > -1].mean()) if (values > -1).any() else float("nan") for values in np.moveaxis(precision, 2, 0)]
    figures = [float("nan") if value < 0 else float(value) for value in list(measured.stats)[: len(FIGURES)]]
    return CocoFigures(dict(zip(FIGURES, figures, strict=True)), tuple(by_class))


def _silent(*words: object) -> None:
    pass


def _nothing_found(truths: Sequence[Truth], classes: int) -> CocoFigures:
    there = np.concatenate([truth.classes[~truth.ignored] for truth in truths] or [np.zeros(0, np.int64)])
    by_class = tuple(0.0 if (there == class_id).any() else float("nan") for class_id in range(classes))
    return CocoFigures(dict.fromkeys(FIGURES, 0.0 if len(there) else float("nan")), by_class)


def _annotations(truths: Sequence[Truth], classes: int) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths):
        areas = truth.areas if truth.areas is not None else (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64).prod(1)
        for box, class_id, crowd, area in zip(truth.boxes.tolist(), truth.classes.tolist(), truth.ignored.tolist(), areas.tolist(), strict=True):
            sides = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            # Numbers from 1: to COCO's tools, 0 means not matched.
            own = {"id": len(annotations) + 1, "image_id": image, "category_id": class_id, "bbox": sides, "area": area, "iscrowd": int(crowd)}
            annotations.append(own)
    images = [{"id": image} for image in range(len(truths))]
    return {"images": images, "annotations": annotations, "categories": [{"id": number, "name": str(number)} for number in range(classes)]}


def _rows(founds: Sequence[Found]) -> list[dict[str, Any]]:
    return [
        {"image_id": image, "category_id": class_id, "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]], "score": score}
        for image, found in enumerate(founds)
        for box, score, class_id in zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True)
    ]
