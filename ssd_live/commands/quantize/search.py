"""Search for the INT8 version of a model that loses the least, among a few attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from onnx import GraphProto

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.commands.export.run import bundled_frames, frames_of
from ssd_live.commands.progress import notify
from ssd_live.datasets.types import DataSet
from ssd_live.errors import MissingPackageError, ModelFileError
from ssd_live.evaluation.average_precision import (
    GroundTruth,
    Predictions,
    average_precision,
    curve_of,
)
from ssd_live.evaluation.evaluate import detector_of, evaluate, known_classes
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.network_graph import body_of, predictors
from ssd_live.modelfile.nms import BOXES
from ssd_live.modelfile.quantisation import Calibration, quantised
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

# The largest loss of mAP on labelled images, in points (hundredths).
MAP_BUDGET = 1.0
# More images did not improve the bundled model, and made calibration slower.
_IMAGES = 100
# Of each three parts of a video, two are for the calibration and one is held out.
_PARTS, _OF_THREE = 12, 3
RUNTIMES = ("openvino", "onnxruntime")
# A faster version wins if its score is within this of the best, in points. The likeness of the same
# attempt differs by half a point from one choice of calibration images to another.
_MAP_TIE, _LIKENESS_TIE = 0.3, 1.0
_FIRST_CONVOLUTIONS = 6
_OVERLAPS = np.arange(0.5, 1.0, 0.05)
# Images whose thumbnails differ by less than this on average show the same frame.
_SAME_FRAME, _THUMBNAIL = 2.0, (32, 32)


@dataclass(frozen=True)
class Attempt:
    """A way to make an INT8 version.

    `words` describe it. `in_float` are the names of the convolutions that stay in float32.
    """

    words: str
    in_float: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """An INT8 version with its results. Each result is the worst one of the installed backends.

    `agreement` compares it with float32 on the held-out frames. If there are labelled images,
    `labelled` is true and `score` is the mAP on them in percent. Otherwise `score` is the likeness
    in percent or, if there are too few detections for that, the share of boxes that agree minus the
    box error, in percent. `reached` is the score of float32.
    """

    file: ModelFile
    attempt: Attempt
    agreement: Agreement
    score: float
    reached: float
    labelled: bool

    @property
    def shortfall(self) -> str:
        """A text that says why this version is too far from float32, or an empty text."""
        if self.labelled and self.score < self.reached - MAP_BUDGET:
            return f"its mAP is {self.score:.2f}, and that of float32 is {self.reached:.2f}"
        return self.agreement.shortfall("int8")


def attempts(graph: GraphProto) -> list[Attempt]:
    """Return the attempts for the network `graph`, the one with the fastest result first."""
    every = predictors(graph)
    first = [node.name for node in graph.node if node.op_type == "Conv"][:_FIRST_CONVOLUTIONS]
    return [
        # Nearly all small objects come from the first map, and there an error weighs most. On
        # frames like those of the calibration this predictor does as well in INT8, but on another
        # video its boxes are shifted; see docs/benchmarks-log.md.
        Attempt("all but the first box predictor", tuple(predictors(graph, BOXES)[:1])),
        Attempt("all but the predictors", tuple(every)),
        Attempt(
            f"all but the predictors and the first {len(first)} convolutions",
            tuple(dict.fromkeys((*every, *first))),
        ),
    ]


def calibration_and_held_out(
    model: ModelFile, data: Path | None
) -> tuple[list[Pixels], list[Pixels]]:
    """Return images for the calibration, and other images to judge the result by.

    Both are in the input size of the network. They come from the first 1000 frames of `data`, which
    is a video, an image or a folder; if `data` is None, from the bundled photos and clip. The
    frames are cut into 12 parts. Every third part is held out, so that few neighbouring frames are
    on both sides. The agreement sample of the model file is held out too. If there are only one or
    two frames, they are used for both. Raises `MediaError` if `data` cannot be read.
    """
    frames = frames_of(data) if data else bundled_frames()
    images = [
        model.metadata.input_fit.image(frame).copy() for frame in islice(frames, 10 * _IMAGES)
    ]
    sample = sample_images(model)
    parts = min(_PARTS, len(images))
    held = [
        number * parts // len(images) % _OF_THREE == _OF_THREE - 1 for number in range(len(images))
    ]
    calibration = [image for image, out in zip(images, held, strict=True) if not out]
    known = [_thumbnail(image) for image in sample]
    apart = [
        image
        for image in calibration
        if all(np.abs(_thumbnail(image) - other).mean() >= _SAME_FRAME for other in known)
    ]
    rest = [image for image, out in zip(images, held, strict=True) if out]
    return _thinned(apart or calibration), sample + (_thinned(rest) or images)


def _thumbnail(image: Pixels) -> np.ndarray:
    return cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)


def _thinned(images: list[Pixels]) -> list[Pixels]:
    return images[:: max(1, -(-len(images) // _IMAGES))]


def best_version(
    model: ModelFile,
    calibration: Sequence[Pixels],
    held_out: Sequence[Pixels],
    labels: DataSet | None,
) -> Candidate:
    """Make the attempts, and return the best INT8 version of a float32 model.

    Versions that are too far from float32 (see `Candidate.shortfall`) are left out, unless all are.
    Of the versions with nearly the highest score, the fastest is returned. With `labels`, the score
    is the mAP on these labelled images. The search ends early when a version is near enough and has
    nearly the score of float32. Raises `ModelFileError` if no backend here runs INT8.
    """
    judge = _Judge(model, held_out, labels)
    tie = _LIKENESS_TIE if labels is None else _MAP_TIE
    tried: list[Candidate] = []
    measured = Calibration(model, calibration)
    for attempt in attempts(body_of(model).graph):
        notify(f"trying {attempt.words} in INT8 ...")
        form = quantised(model, measured, attempt.in_float)
        candidate = judge.candidate(form, attempt)
        notify(
            f"{attempt.words} in INT8: {candidate.agreement.share:.1%} of the "
            f"{candidate.agreement.basis} agree with float32, {candidate.agreement.box_text}, "
            f"{judge.measure} {candidate.score:.2f} (float32 {candidate.reached:.2f})"
        )
        tried.append(candidate)
        if not candidate.shortfall and candidate.score >= candidate.reached - tie:
            break
    allowed = [candidate for candidate in tried if not candidate.shortfall] or tried
    best = max(candidate.score for candidate in allowed)
    return next(candidate for candidate in allowed if candidate.score >= best - tie)


class _Judge:
    """Judges INT8 versions of a model on held-out frames and on labelled images."""

    def __init__(
        self, model: ModelFile, held_out: Sequence[Pixels], labels: DataSet | None
    ) -> None:
        self._model, self._held_out, self._labels = model, held_out, labels
        self._threshold = model.metadata.lowest_shown
        self._expected = _answers("onnxruntime", model, held_out)
        self._by_detections = enough_detections(self._expected, self._threshold)
        if not self._by_detections:
            self._expected = _answers("onnxruntime", before_nms(model), held_out)
        self._reached = 100.0 if labels is None else _map(model, "onnxruntime", labels)
        self.measure = "likeness" if labels is None else "mAP"

    def candidate(self, form: ModelFile, attempt: Attempt) -> Candidate:
        """Return the candidate for `form`, the INT8 version that `attempt` made.

        It gets the worst results of the installed backends. Raises `ModelFileError` if no backend
        that runs INT8 is installed.
        """
        agreements, scores = [], []
        for runtime in RUNTIMES:
            try:
                found = _answers(
                    runtime, form if self._by_detections else before_nms(form), self._held_out
                )
            except MissingPackageError:
                continue
            compared = (
                compare_detections(self._expected, found, self._threshold)
                if self._by_detections
                else compare_boxes(self._expected, found)
            )
            agreements.append(compared)
            if self._labels is not None:
                scores.append(_map(form, runtime, self._labels))
            elif self._by_detections:
                scores.append(likeness(self._expected, found, self._threshold))
            else:
                scores.append(100 * (compared.share - compared.box_error))
        if not agreements:
            raise ModelFileError(
                f"{self._model.name}: no backend here can run its INT8 version; run `doctor` to "
                "see what is missing"
            )
        # One over the budgets counts, whatever the others are.
        worst = min(agreements, key=lambda one: (one.within("int8"), one.share))
        return Candidate(form, attempt, worst, min(scores), self._reached, self._labels is not None)


def likeness(
    reference: Sequence[NormalisedDetections],
    other: Sequence[NormalisedDetections],
    threshold: float,
) -> float:
    """Return the average precision of `other` in percent if `reference` were the labels.

    Each item is the detections in one image. Of `reference`, those with at least the score
    `threshold` are taken. The result is the mean over the IoU thresholds 0.5, 0.55, ... 0.95, as in
    the figures of COCO, of all classes together. It is 100 for the reference itself.
    """
    truths, founds = [], []
    for right, found in zip(reference, other, strict=True):
        over = right.scores >= threshold
        # Each class of each image counts as an image of its own, so that one curve holds them all.
        for number in np.union1d(right.classes[over], found.classes):
            chosen, own = over & (right.classes == number), found.classes == number
            count = int(chosen.sum())
            truths.append(
                GroundTruth(
                    _in_pixels(right.boxes[chosen]),
                    np.zeros(count, np.int64),
                    np.zeros(count, np.bool_),
                )
            )
            founds.append(
                Predictions(
                    _in_pixels(found.boxes[own]),
                    found.scores[own],
                    np.zeros(int(own.sum()), np.int64),
                )
            )
    values = [
        average_precision(curve_of(truths, founds, 0, float(overlap)), "voc")
        for overlap in _OVERLAPS
    ]
    return 100 * float(np.mean(values))


def _in_pixels(boxes: np.ndarray) -> np.ndarray:
    """Return boxes (N, 4) in 0..1 as boxes in pixels of an image of 10,000 x 10,000 pixels."""
    return np.asarray(boxes * 10_000, np.float32)


def _map(model: ModelFile, runtime: str, data: DataSet) -> float:
    known = known_classes(model.metadata, data.classes)
    with load_backend(runtime, model, LoadOptions()) as backend:
        detect = detector_of(backend, model.metadata, data.classes)
        return 100 * evaluate(detect, data, "voc", known).mean


def _answers(
    runtime: str, model: ModelFile, images: Sequence[Pixels]
) -> list[NormalisedDetections]:
    with load_backend(runtime, model, LoadOptions()) as backend:
        return answers(backend, images)
