"""`quantize`: make an INT8 version of a model, and keep it only if its detections agree."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.commands.export.run import bundled_frames, frames_of
from ssd_live.commands.progress import notify
from ssd_live.commands.quantize import Request
from ssd_live.errors import MissingPackageError, ModelFileError, OutputError, UsageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model, int8_place
from ssd_live.modelfile.file import ModelFile, write_model_file
from ssd_live.modelfile.network_graph import body_of, predictors
from ssd_live.modelfile.quantisation import quantised
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

# More images did not improve the bundled model, and made calibration slower.
_CALIBRATION_IMAGES = 100
_RUNTIMES = ("openvino", "onnxruntime")


def run(request: Request) -> None:
    """Write the INT8 version of a float32 model, and print the agreement of their results.

    If there are labelled images, also print the mAP of both models on them. Raises `ModelFileError`
    if the INT8 version does not agree with float32 and is not forced, `OutputError` if the output
    exists and may not be overwritten, and another `SsdLiveError` if the model, the data or a
    package cannot be used.
    """
    model = find_model(request.name)
    if model.metadata.precision != "float32":
        raise UsageError(
            f"{model.name} is {model.metadata.precision} already; give the float32 model"
        )
    path = request.output or int8_place(model)
    if path.exists() and not request.overwrite:
        raise OutputError(
            f"{path}: exists already; give --overwrite to replace the file, or another file with -o"
        )
    images = _calibration(model, request.data)
    notify(f"calibrating {model.name} on {len(images)} images")
    best = _best(model, images)
    if best is None:
        raise ModelFileError(
            f"{model.name}: no backend here can run its INT8 version; run `doctor` to see what "
            "is missing"
        )
    form, agreement = best
    if not agreement.within("int8") and not request.force:
        raise ModelFileError(
            f"{model.name}: only {agreement.share:.1%} of its INT8 results agree with float32; "
            "calibrate on more images of your own with --data, "
            "or give --force to write the file anyway"
        )
    write_model_file(path, form)
    print(
        f"written: {path} ({len(form.data) / 1e6:.1f} MB; the float32 model has "
        f"{len(model.data) / 1e6:.1f} MB)"
    )
    if request.labels is not None:
        _tell_precision(model, form, request.labels)
    print(f"{agreement.share:.1%} agreement with float32")


def _calibration(model: ModelFile, data: Path | None) -> list[Pixels]:
    """Return at most 100 images in the input size of the network, for the calibration.

    They are spread evenly over the first 1000 frames of `data`, which is a video, an image or a
    folder. If `data` is None, the bundled photos and clip are used. Raises `MediaError` if `data`
    cannot be read.
    """
    frames = frames_of(data) if data else bundled_frames()
    images = [
        frame.network_input(model.metadata.input_size).copy()
        for frame in islice(frames, 10 * _CALIBRATION_IMAGES)
    ]
    return images[:: max(1, -(-len(images) // _CALIBRATION_IMAGES))]


def _best(model: ModelFile, images: Sequence[Pixels]) -> tuple[ModelFile, Agreement] | None:
    """Return the best INT8 version of the model and its agreement, or None if no backend runs it.

    The first attempt computes everything in INT8. If its results do not agree with float32, the
    second attempt computes the predictors (the last convolutions) in float32. If neither attempt
    agrees, the better one is returned.
    """
    attempts: list[tuple[ModelFile, Agreement]] = []
    for kept, words in (
        ((), "everything"),
        (predictors(body_of(model).graph), "all but the predictors"),
    ):
        form = quantised(model, images, kept)
        agreement = _agreement(model, form)
        if agreement is None:
            continue
        notify(
            f"{words} in INT8: {agreement.share:.1%} of the {agreement.basis} agree with float32"
        )
        attempts.append((form, agreement))
        if agreement.within("int8"):
            break
    return max(attempts, key=lambda attempt: attempt[1].share, default=None)


def _agreement(model: ModelFile, form: ModelFile) -> Agreement | None:
    """Return how far `form`, the INT8 version of `model`, agrees with `model`.

    Both run on the agreement sample of `model`. The result is the lowest agreement of the installed
    backends, or None if no backend is installed.
    """
    images = sample_images(model)
    threshold = model.metadata.display_threshold
    expected = _answers("onnxruntime", model, images)
    by_detections = enough_detections(expected, threshold)
    if not by_detections:
        expected, form = _answers("onnxruntime", before_nms(model), images), before_nms(form)
    found: list[Agreement] = []
    for runtime in _RUNTIMES:
        try:
            other = _answers(runtime, form, images)
        except MissingPackageError:
            continue
        found.append(
            compare_detections(expected, other, threshold)
            if by_detections
            else compare_boxes(expected, other)
        )
    return min(found, key=lambda agreement: agreement.share, default=None)


def _answers(
    runtime: str, model: ModelFile, images: Sequence[Pixels]
) -> list[NormalisedDetections]:
    with load_backend(runtime, model, LoadOptions()) as backend:
        return answers(backend, images)


def _tell_precision(model: ModelFile, form: ModelFile, labels: Path) -> None:
    """Print the mAP of the float32 model and of `form`, its INT8 version, on labelled images.

    Raises `DataError` if the labelled images cannot be read.
    """
    from ssd_live.datasets.load import load_data
    from ssd_live.evaluation.evaluate import detector_of, evaluate, known_classes

    data = load_data(labels)
    known = known_classes(model.metadata, data.classes)
    figures = []
    for file in (model, form):
        with load_backend("onnxruntime", file, LoadOptions()) as backend:
            figures.append(
                100
                * evaluate(
                    detector_of(backend, file.metadata, data.classes), data, "voc", known
                ).mean
            )
    print(
        f"{len(data)} labelled images: {figures[0]:.2f} mAP in float32, {figures[1]:.2f} in INT8 "
        f"({figures[1] - figures[0]:+.2f})"
    )
