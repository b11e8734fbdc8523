"""`project judge`: compare the versions of a project on images that none has learned from."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.commands.progress import notify
from ssd_live.commands.project import BASE_MODEL, JudgeRequest
from ssd_live.datasets.sheets import tile
from ssd_live.datasets.types import DataSet, boxes_array
from ssd_live.errors import DataError, MediaError, SsdLiveError
from ssd_live.evaluation.average_precision import overlaps
from ssd_live.evaluation.evaluate import Evaluation, detector_of, evaluate
from ssd_live.imaging.image_files import read_image, write_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile, read_model_file
from ssd_live.project.judge import Judgement, Mistake, judge
from ssd_live.project.snapshot import Snapshot, snapshot_of
from ssd_live.project.store import Project
from ssd_live.project.versions import active_version, make_folder, version_of, versions_of

_MOST_IMAGES = 200
_IMAGE_SIZE = (640, 480)
# What is around a mistake is shown as far as this share of its size, and these pixels.
_MARGIN, _LEAST_MARGIN = 1.0, 40.0
# A detection with this overlap with a missed object was meant for it.
_MISPLACED_OVERLAP = 0.2


def run(request: JudgeRequest) -> None:
    """Judge a version of a project, and print how it compares with the one in use."""
    with Project(request.folder) as project:
        snapshot = snapshot_of(project)
    version = version_of(request.folder, request.version)
    judged = snapshot.data("judge")
    if not judged.images:
        raise DataError(f"{request.folder}: has no images for judging; label more images")
    facts = judge_version(version.model, version.class_numbers, snapshot, request.mistakes)
    if request.as_json:
        print(json.dumps({"version": version.number, **facts}, ensure_ascii=False, indent=2))
        return
    for title, its in facts["judged"].items():
        low, high = (100 * value for value in its["interval"])
        print(
            f"{title}: AP50 {100 * its['ap50']:.1f} (95 %: {low:.1f} to {high:.1f}); "
            f"{its['sentence']}"
        )
    if request.mistakes is not None:
        print(f"images of the mistakes: {request.mistakes}")


def judge_version(
    model_path: Path,
    numbers: Sequence[int],
    snapshot: Snapshot,
    mistakes: Path | None = None,
) -> dict[str, Any]:
    """Return the facts of a new version beside those of the detector that is in use.

    `numbers` are those of its classes in the project. `snapshot` has the images. With the folder
    `mistakes`, the mistakes are drawn there. The result is empty without images for judging.
    """
    judged = snapshot.data("judge")
    if not judged.images:
        return {}
    new = _with_names_of_now(read_model_file(model_path), numbers, snapshot)
    result = {"new": _judged(new, judged, snapshot, mistakes).facts}
    old = _model_in_use(snapshot, model_path)
    if _knows_any(old, judged):
        result[f"before ({old.metadata.name})"] = _judged(old, judged, snapshot, None).facts
    return {"judged": result, "sentence": result["new"]["sentence"]}


def _model_in_use(snapshot: Snapshot, besides: Path) -> ModelFile:
    """Return the model of the version in use, or the bundled one if it is `besides` or none is."""
    active = active_version(snapshot.folder)
    for version in versions_of(snapshot.folder):
        if version.number == active and version.model != besides:
            with suppress(SsdLiveError):
                model = read_model_file(version.model)
                return _with_names_of_now(model, version.class_numbers, snapshot)
    return find_model(BASE_MODEL)


def _with_names_of_now(model: ModelFile, numbers: Sequence[int], snapshot: Snapshot) -> ModelFile:
    """Return the model of a version with the names that its classes have in the project now.

    A class that was merged into another one gets the name of that one.
    """
    names = list(model.metadata.classes)
    for place, number in enumerate(numbers[: len(names)]):
        now = snapshot.merged.get(number, number)
        names[place] = snapshot.classes.get(now, names[place])
    metadata = model.metadata.model_copy(update={"classes": tuple(names)})
    return replace(model, metadata=metadata)


def _knows_any(model: ModelFile, data: DataSet) -> bool:
    known = {name.casefold() for name in model.metadata.classes}
    return any(name.casefold() in known for name in data.classes)


def _judged(
    model: ModelFile, data: DataSet, snapshot: Snapshot, mistakes: Path | None
) -> Judgement:
    notify(f"judging {model.metadata.name} on {len(data)} images")
    with load_backend("onnxruntime", model, LoadOptions()) as backend:
        detect = detector_of(backend, model.metadata, data.classes)
        evaluation = evaluate(detect, data, "voc")
    for line in evaluation.unreadable:
        notify(f"note: {line}")
    own = {name.casefold(): place for place, name in enumerate(model.metadata.classes)}
    of_classes = model.metadata.class_thresholds or ()
    thresholds = [
        of_classes[own[name.casefold()]]
        if of_classes and name.casefold() in own
        else model.metadata.display_threshold
        for name in data.classes
    ]
    images = [image for image in snapshot.images if image.part == "judge"]
    judgement = judge(evaluation, images, thresholds)
    if mistakes is not None:
        _draw(mistakes, evaluation, judgement.mistakes)
    return judgement


def _draw(folder: Path, evaluation: Evaluation, mistakes: Sequence[Mistake]) -> None:
    """Write an image of each mistake; misses first, then wrong detections, surest first.

    A missed object that was found with a box that does not fit is one mistake of both.
    """
    misses = [its for its in mistakes if its.score is None]
    wrong = sorted((its for its in mistakes if its.score is not None), key=lambda its: -_score(its))
    shown: list[tuple[str, list[Mistake]]] = []
    for miss in misses:
        near = [its for its in wrong if _is_misplaced(its, miss)]
        shown.append(("misplaced", [miss, near[0]]) if near else ("missed", [miss]))
        wrong = [its for its in wrong if its not in near[:1]]
    shown += [("wrong", [its]) for its in wrong]
    make_folder(folder)
    for number, (kind, its) in enumerate(shown[:_MOST_IMAGES], 1):
        path = evaluation.images[its[0].image].path
        with suppress(MediaError):
            image = _around(read_image(path).bgr(), its, evaluation.classes)
            write_image(folder / f"{number:03} {kind} {path.stem}.jpg", image)


def _score(mistake: Mistake) -> float:
    return mistake.score or 0.0


def _is_misplaced(wrong: Mistake, miss: Mistake) -> bool:
    """Return whether a wrong detection is of an object that was missed, beside its place."""
    if (wrong.image, wrong.class_id) != (miss.image, miss.class_id):
        return False
    overlap = overlaps(np.array(wrong.box, np.float32), boxes_array([miss.box]))
    return bool(overlap[0] >= _MISPLACED_OVERLAP)


def _around(image: Pixels, mistakes: Sequence[Mistake], classes: Sequence[str]) -> Pixels:
    """Return the part of an image around mistakes, with their boxes.

    What was missed has its class as its text, and what was found has its score too.
    """
    boxes = boxes_array([its.box for its in mistakes])
    (x1, y1), (x2, y2) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    margin = max(_MARGIN * max(x2 - x1, y2 - y1), _LEAST_MARGIN)
    height, width = image.shape[:2]
    left, top = max(int(x1 - margin), 0), max(int(y1 - margin), 0)
    part = image[top : min(int(y2 + margin), height), left : min(int(x2 + margin), width)]
    texts = [
        classes[its.class_id] + ("" if its.score is None else f" {its.score:.2f}")
        for its in mistakes
    ]
    return tile(
        np.ascontiguousarray(part),
        boxes - np.array([left, top, left, top], np.float32),
        # The colours tell what was missed from what was found.
        np.array([int(its.score is not None) for its in mistakes]),
        texts,
        _IMAGE_SIZE,
    )
