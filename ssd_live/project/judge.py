"""Judge detectors on the images of a project that none of them has learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssd_live.evaluation.average_precision import (
    MIN_OVERLAP,
    GroundTruth,
    Predictions,
    overlaps,
)
from ssd_live.evaluation.evaluate import Evaluation
from ssd_live.evaluation.intervals import precision_interval
from ssd_live.project.labels import ProjectImage
from ssd_live.system.texts import counted

# Images of a video within so many seconds are alike, and count together for the interval.
_ALIKE_SECONDS = 5.0
# A wrong detection with at least this overlap with an object has its class wrong.
_SAME_PLACE = 0.5
# With fewer objects than this, a share of them says little.
_FEW_OBJECTS = 20
_ADVISED_IMAGES = 15


@dataclass(frozen=True)
class Mistake:
    """An object that was missed, or a detection that is wrong, in the image with index `image`.

    `box` is x1, y1, x2, y2 in pixels. `class_id` is the class of the object or of the detection,
    and `real_class` that of the object that is really there, or None; it is the same if that object
    was found already. `score` is None for a miss.
    """

    image: int
    box: tuple[float, float, float, float]
    class_id: int
    score: float | None = None
    real_class: int | None = None


@dataclass(frozen=True)
class Judgement:
    """How good a detector is. `precision` and `interval` are 0 to 1; see `judge`.

    `objects` is the number of objects in `images` images, and `found` how many of them are found.
    `mistakes` are the misses and the wrong detections. `sentence` says it in words.
    """

    precision: float
    interval: tuple[float, float]
    images: int
    objects: int
    found: int
    mistakes: tuple[Mistake, ...]
    sentence: str

    @property
    def facts(self) -> dict[str, Any]:
        """The judgement as a dictionary for JSON."""
        wrong = sum(mistake.score is not None for mistake in self.mistakes)
        return {
            "ap50": round(self.precision, 4),
            "interval": [round(value, 4) for value in self.interval],
            "images": self.images,
            "objects": self.objects,
            "found": self.found,
            "wrong": wrong,
            "sentence": self.sentence,
        }


def judge(
    evaluation: Evaluation, images: Sequence[ProjectImage], thresholds: Sequence[float]
) -> Judgement:
    """Return the judgement of an evaluation on the images `images` of a project.

    `precision` is the mean average precision at an overlap of 0.5, with its 95 % interval. Objects
    count as found by detections with at least the `thresholds` of their classes.
    """
    classes = evaluation.classes
    names = {image.file_name: image for image in images}
    read = [names[labelled.path.name] for labelled in evaluation.images]
    mistakes: list[Mistake] = []
    objects = found = 0
    for index, (truth, seen) in enumerate(zip(evaluation.truths, evaluation.founds, strict=True)):
        lowest = np.asarray(thresholds, np.float32)[seen.classes]
        shown = seen.scores >= lowest
        own = Predictions(seen.boxes[shown], seen.scores[shown], seen.classes[shown])
        missed, wrong = _mistakes(index, truth, own)
        count = int((~truth.ignored).sum())
        objects, found = objects + count, found + count - len(missed)
        mistakes += [*missed, *wrong]
    blocks = _blocks(read)
    interval = precision_interval(evaluation.truths, evaluation.founds, len(classes), blocks)
    return Judgement(
        evaluation.mean,
        interval,
        len(read),
        objects,
        found,
        tuple(mistakes),
        _sentence(classes, len(read), objects, found, mistakes),
    )


def _blocks(images: Sequence[ProjectImage]) -> list[list[int]]:
    """Return the indices of images that are alike, together."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, image in enumerate(images):
        place = None if image.seconds is None else int(image.seconds // _ALIKE_SECONDS)
        alone = index if image.seconds is None else -1
        groups.setdefault((image.source, place, alone), []).append(index)
    return list(groups.values())


def _mistakes(
    index: int, truth: GroundTruth, found: Predictions
) -> tuple[list[Mistake], list[Mistake]]:
    """Return the missed objects of an image, and its wrong detections."""
    taken = np.zeros(len(truth.classes), bool)
    wrong = []
    for place in np.argsort(-found.scores, kind="stable").tolist():
        box, class_id = found.boxes[place], int(found.classes[place])
        overlap = overlaps(box, truth.boxes)
        of_class = np.where(truth.classes == class_id, overlap, 0.0)
        best = int(of_class.argmax()) if len(of_class) else -1
        is_found = best >= 0 and of_class[best] >= MIN_OVERLAP
        if is_found and (truth.ignored[best] or not taken[best]):
            taken[best] = True
            continue
        other = int(overlap.argmax()) if len(overlap) else -1
        # A second box around an object that is found has the class of the object.
        real = class_id if is_found else None
        if not is_found and other >= 0 and overlap[other] >= _SAME_PLACE:
            real = int(truth.classes[other])
        x1, y1, x2, y2 = (float(value) for value in box)
        wrong.append(Mistake(index, (x1, y1, x2, y2), class_id, float(found.scores[place]), real))
    missed = []
    for place in np.flatnonzero(~taken & ~truth.ignored).tolist():
        x1, y1, x2, y2 = (float(value) for value in truth.boxes[place])
        missed.append(Mistake(index, (x1, y1, x2, y2), int(truth.classes[place])))
    return missed, wrong


def _sentence(
    classes: Sequence[str], images: int, objects: int, found: int, mistakes: Sequence[Mistake]
) -> str:
    """Return what a person should know of a detector, and do next."""
    if not objects:
        return f"the {counted(images, 'image')} for judging show no object; label more images"
    parts = [f"finds {found} of {counted(objects, 'object')} in {counted(images, 'image')}"]
    wrong = [mistake for mistake in mistakes if mistake.score is not None]
    confused: dict[tuple[int, int | None], int] = {}
    for mistake in wrong:
        key = mistake.class_id, mistake.real_class
        confused[key] = confused.get(key, 0) + 1
    if wrong:
        (class_id, real), count = max(confused.items(), key=lambda item: item[1])
        times = "once" if count == 1 else f"{count} times"
        if real == class_id:
            parts.append(f"shows the same {classes[class_id]} twice {times}")
        else:
            what = f"a {classes[real]}" if real is not None else "something else"
            parts.append(f"calls {what} a {classes[class_id]} {times}")
    else:
        parts.append("finds nothing that is not there")
    missed: dict[int, int] = {}
    for mistake in mistakes:
        if mistake.score is None:
            missed[mistake.class_id] = missed.get(mistake.class_id, 0) + 1
    if objects < _FEW_OBJECTS:
        parts.append(f"label {_ADVISED_IMAGES} more images, because these are few")
    elif wrong and real != class_id and len(wrong) > sum(missed.values()):
        what = f"a {classes[real]}" if real is not None else f"no {classes[class_id]}"
        parts.append(f"label {_ADVISED_IMAGES} more images with {what}")
    elif missed:
        worst = max(missed, key=lambda its: missed[its])
        parts.append(f"label {_ADVISED_IMAGES} more images with a {classes[worst]}")
    return "; ".join(parts)
