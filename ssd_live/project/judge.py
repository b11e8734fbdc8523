"""Judge detectors on the images of a project that none of them has learned from."""

from collections import Counter
from collections.abc import Mapping, Sequence
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
# A wrong detection with at least this overlap with an object has its class wrong, or shows it a
# second time.
_SAME_PLACE = 0.25
# With fewer objects than this, a share of them says little.
_FEW_OBJECTS = 20
ADVISED_IMAGES = 15


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
    `mistakes` are the misses and the wrong detections. `classes` are the names of the classes.
    """

    precision: float
    interval: tuple[float, float]
    images: int
    objects: int
    found: int
    mistakes: tuple[Mistake, ...]
    classes: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """The judgement as a dictionary for JSON.

        `confused` is the most frequent kind of wrong detection, or None: `called` is its class, and
        `really` that of the object that is there, or None. `label_more` says what further images
        should show, or is None: an object `of` a class, or none (`without`), or anything.
        """
        wrong = [mistake for mistake in self.mistakes if mistake.score is not None]
        confused = self._confused(wrong)
        facts: dict[str, Any] = {
            "ap50": round(self.precision, 4),
            "interval": [round(value, 4) for value in self.interval],
            "images": self.images,
            "objects": self.objects,
            "found": self.found,
            "wrong": len(wrong),
            "confused": confused,
            "label_more": self._label_more(confused, len(wrong)),
        }
        return {**facts, "sentence": sentence_of(facts)}

    def _name(self, class_id: int | None) -> str | None:
        return None if class_id is None else self.classes[class_id]

    def _confused(self, wrong: Sequence[Mistake]) -> dict[str, Any] | None:
        kinds = Counter((mistake.class_id, mistake.real_class) for mistake in wrong)
        if not kinds:
            return None
        ((called, really), times), *_ = kinds.most_common(1)
        return {"called": self._name(called), "really": self._name(really), "times": times}

    def _label_more(self, confused: Mapping[str, Any] | None, wrong: int) -> dict[str, Any] | None:
        missed = Counter(its.class_id for its in self.mistakes if its.score is None)
        if self.objects < _FEW_OBJECTS:
            return {}
        if (
            confused is not None
            and confused["really"] != confused["called"]
            and wrong > missed.total()
        ):
            if confused["really"] is None:
                return {"without": confused["called"]}
            return {"of": confused["really"]}
        return {"of": self._name(missed.most_common(1)[0][0])} if missed else None


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
        evaluation.mean, interval, len(read), objects, found, tuple(mistakes), tuple(classes)
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
            there = int(truth.classes[other])
            # A box that does not fit an object that nothing has found is no second one.
            real = there if there != class_id or taken[other] else None
        x1, y1, x2, y2 = (float(value) for value in box)
        wrong.append(Mistake(index, (x1, y1, x2, y2), class_id, float(found.scores[place]), real))
    missed = []
    for place in np.flatnonzero(~taken & ~truth.ignored).tolist():
        x1, y1, x2, y2 = (float(value) for value in truth.boxes[place])
        missed.append(Mistake(index, (x1, y1, x2, y2), int(truth.classes[place])))
    return missed, wrong


def sentence_of(facts: Mapping[str, Any]) -> str:
    """Return what a person should know of a detector, and do next; see `Judgement.facts`."""
    images, objects = counted(facts["images"], "image"), counted(facts["objects"], "object")
    if not facts["objects"]:
        return f"the {images} for judging show no object; label more images"
    parts = [f"finds {facts['found']} of {objects} in {images}"]
    confused, label_more = facts["confused"], facts["label_more"]
    if confused is None:
        parts.append("finds nothing that is not there")
    else:
        called, really = confused["called"], confused["really"]
        times = "once" if confused["times"] == 1 else f"{confused['times']} times"
        if really == called:
            parts.append(f"shows the same {called} twice {times}")
        else:
            what = "something else" if really is None else f"a {really}"
            parts.append(f"calls {what} a {called} {times}")
    if label_more is not None:
        if "of" in label_more:
            kind = f" with a {label_more['of']}"
        elif "without" in label_more:
            kind = f" with no {label_more['without']}"
        else:
            kind = ", because these are few"
        parts.append(f"label {ADVISED_IMAGES} more images{kind}")
    return "; ".join(parts)
