"""`train`: train a network from a recipe and write its model file."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ssd_live.commands.interrupts import ends_in_order, signal_came
from ssd_live.commands.progress import notify
from ssd_live.commands.train import NEEDS_PYTORCH, Request
from ssd_live.datasets.types import LabelledImage
from ssd_live.errors import (
    CancelledError,
    DataError,
    MediaError,
    MissingPackageError,
    ModelFileError,
    OutputError,
    TrainingError,
    UsageError,
)
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.modelfile.catalogue import model_paths
from ssd_live.modelfile.file import ModelFile
from ssd_live.system.machine import wait_without_spinning
from ssd_live.system.paths import engines_folder

_SHOWN_FINDINGS = 10
# How many images of the data are candidates for the agreement sample of the model file.
_SAMPLE_IMAGES = 200
# The display threshold of a model that was trained without validation data.
_DISPLAY_THRESHOLD = 0.5
# The overlap for NMS of section 3.7 of the SSD paper.
_IOU_THRESHOLD = 0.45


def run(request: Request) -> None:
    """Train a network as the recipe says, and write its model file, weights and curves.

    Each process of a distributed run calls this function, and only the process of rank 0 prints and
    writes. Raises `CancelledError` if the user stopped the training, `UsageError` if an option or
    the recipe is not valid, and another `SsdLiveError` if the data, a package or an output cannot
    be used.
    """
    wait_without_spinning()
    try:
        from ssd_live.training.ranks import prepare, ranks
    except ImportError as error:
        raise MissingPackageError(NEEDS_PYTORCH) from error
    from ssd_live.training.recipe import read_recipe
    from ssd_live.training.start import begin
    from ssd_live.training.trainer import Place, Trainer

    changes = list(request.changes or [])
    if request.data:
        changes.append(f'data.train=["{request.data.as_posix()}"]')
    recipe = read_recipe(request.recipe, changes)
    train, validation = _data(recipe)
    place = Place(request.output or engines_folder() / "training" / recipe.name)
    if place.last.exists() and not request.resume:
        raise UsageError(
            f"{place.folder}: contains a training run already; continue it with --resume, or give "
            "another folder with -o"
        )
    _refuse_existing(recipe.name, replaces=request.overwrite or request.resume)
    place.folder.mkdir(parents=True, exist_ok=True)
    with ranks(prepare(request.device, recipe.train.seed)) as (rank, world, device):
        if recipe.train.batch % world:
            raise UsageError(
                f"train.batch is {recipe.train.batch}, which {world} processes cannot share "
                "evenly; make train.batch a multiple of the number of processes"
            )
        beginning = begin(recipe.model, len(train.classes) + 1, train.classes)
        how = beginning.preprocessing
        described = description_of(recipe, train, how)
        validator = Validator(validation, described, how, device) if validation else None
        trainer = Trainer(recipe, train, beginning, place, device=device, rank=rank, world=world)
        if request.resume:
            trainer.resume()
            notify(f"continuing after step {trainer.step}")
        if rank == 0:
            _announce(recipe, train, validation, beginning.fresh)
            if trainer.precision != recipe.train.precision:
                notify("note: this CPU does not say that it has bfloat16; float32 is used instead")
        with (
            workers_end_in_one_line(),
            ends_in_order(trainer.stop, "stopping after this step ..."),
        ):
            trainer.run(_tell if rank == 0 else lambda _: None, validator)
        if trainer.step < recipe.train.steps:
            raise CancelledError(f"stopped after step {trainer.step}; continue with --resume")
        if rank == 0:
            results = Results(
                engines_folder() / "weights" / f"{recipe.name}.safetensors",
                engines_folder() / "models" / f"{recipe.name}.onnx",
                place.folder,
            )
            write_results(trainer, described, recipe, how, validation or train, validator, results)
            print(f"log, curves and checkpoints: {place.folder}")
            print(f"use the model with --model {recipe.name}")


@contextmanager
def workers_end_in_one_line() -> Iterator[None]:
    """Replace PyTorch's error in the with-block if a process that loads images ended.

    Raise `CancelledError` instead if a signal came before the error, because a signal of the
    terminal ends these processes too. Otherwise raise `TrainingError`.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        if signal_came():
            raise CancelledError(
                "stopped while images were being loaded; continue with --resume if there is a "
                "checkpoint"
            ) from error
        raise TrainingError(
            f"a process that loads images ended ({str(error).splitlines()[0]}); continue with "
            "--resume, with fewer train.workers if the memory was full"
        ) from error


def _refuse_existing(name: str, *, replaces: bool) -> None:
    """Check that the training may write a model of this name.

    Raises `UsageError` if a bundled model has the name, and `OutputError` if an earlier model has
    it and must not be replaced.
    """
    path = model_paths().get(name)
    if path is None:
        return
    if path.parent != engines_folder() / "models":
        raise UsageError(
            f"{name} is the name of a bundled model; give another name with --set name=NAME"
        )
    if not replaces:
        raise OutputError(
            f"{path}: a model of this name exists already; give --overwrite to replace it, or "
            "another name with --set name=NAME"
        )


def _data(recipe: Any) -> tuple[Any, Any]:
    """Return the training data and the validation data (or None) of a recipe.

    Several training sets are joined. Raises `UsageError` if they have different classes, and
    `DataError` if a data set cannot be read or has no objects.
    """
    from ssd_live.datasets.load import load_data
    from ssd_live.datasets.types import DataSet

    part = recipe.data
    sets = [
        load_data(Path(folder).expanduser(), part.train_split, part.classes)
        for folder in part.train
    ]
    classes = sets[0].classes
    for other in sets[1:]:
        if other.classes != classes:
            raise UsageError(
                f"{other.name} has other classes than {sets[0].name}; list the classes in the "
                "recipe as data.classes"
            )
    joined = DataSet(
        "+".join(one.name for one in sets),
        classes,
        tuple(image for one in sets for image in one.images),
        sets[0].category_ids,
    )
    findings = (
        []
        if int(os.environ.get("RANK", "0"))
        else [finding for one in sets for finding in one.findings]
    )
    for finding in findings[:_SHOWN_FINDINGS]:
        notify(f"note: {finding}")
    if len(findings) > _SHOWN_FINDINGS:
        notify(f"note: and {len(findings) - _SHOWN_FINDINGS} more; run `check-data` to see all")
    validation = (
        load_data(Path(part.validation).expanduser(), part.validation_split, classes)
        if part.validation
        else None
    )
    _check_objects(joined, validation, use_difficult=part.use_difficult)
    return joined, validation


def _check_objects(train: Any, validation: Any, *, use_difficult: bool) -> None:
    """Raise `DataError` if the training data or the validation data have no objects.

    `validation` may be None. With `use_difficult`, difficult objects of the training data count
    too. A note names the classes of which the training data have no object.
    """
    counts = _object_counts(train, with_ignored=use_difficult)
    if not any(counts.values()):
        raise DataError(
            f"{train.name}: has no objects to learn; label some, or run `check-data` to see what "
            "is wrong with the labels"
        )
    absent = [name for name, count in counts.items() if not count]
    if absent and not int(os.environ.get("RANK", "0")):
        notify(f"note: the training data have no object of {', '.join(absent)}")
    if validation is None:
        return
    if not any(_object_counts(validation, with_ignored=False).values()):
        raise DataError(
            f"{validation.name}: has no object of {', '.join(train.classes)} to validate with; "
            "give other data as data.validation, or leave it out"
        )


def _object_counts(data: Any, *, with_ignored: bool) -> dict[str, int]:
    """Return the number of objects of each class name, without boxes that have no area.

    With `with_ignored`, objects that evaluation ignores, such as difficult ones, are counted too.
    """
    counts = dict.fromkeys(data.classes, 0)
    for image in data.images:
        solid = (image.boxes[:, 2:] > image.boxes[:, :2]).all(1) & (with_ignored | ~image.ignored)
        for number in image.classes[solid].tolist():
            counts[data.classes[number]] += 1
    return counts


def _announce(recipe: Any, train: Any, validation: Any, fresh: list[str]) -> None:
    notify(
        f"{recipe.name}: {recipe.model.network}, {len(train)} images, {len(train.classes)} "
        f"classes, {recipe.train.steps} steps"
    )
    if validation is not None:
        notify(f"validation on {len(validation)} images")
    if recipe.model.weights and fresh:
        notify(f"{len(fresh)} weights start at random values, the rest from {recipe.model.weights}")


def _tell(progress: Any) -> None:
    left = int(progress.seconds_left)
    validated = (
        "" if progress.validation_map is None else f", validation mAP {progress.validation_map:.4f}"
    )
    notify(
        f"step {progress.step}/{progress.steps}: localisation loss "
        f"{progress.localisation:.3f}, confidence loss {progress.confidence:.3f}, "
        f"{progress.images_per_second:.1f} images/s, {left // 60}:{left % 60:02} left{validated}"
    )
    for note in progress.notes:
        notify(f"note: {note}")


def description_of(recipe: Any, train: Any, how: Any) -> Any:
    """Return the description of the model file that the training makes.

    `train` is the training data, and `how` the preprocessing of the network. The number of training
    steps is not known yet, so `provenance` does not contain it.
    """
    from ssd_live.export.model_file import Description

    return Description(
        name=recipe.name,
        network=recipe.model.network,
        preset=recipe.model.preset,
        classes=train.classes,
        input_size=how.input_size,
        mean=how.mean,
        scale=how.scale,
        # The confidence loss of section 2.2 of the SSD paper is a softmax loss.
        activation="softmax",
        iou_threshold=_IOU_THRESHOLD,
        display_threshold=_DISPLAY_THRESHOLD,
        training_data=train.name,
        licence="as its data",
        provenance=f"trained with ssd_live, recipe {recipe.name}",
    )


class Validator:
    """A function object that computes the mAP of a network on the validation data.

    It uses the thresholds of the model file that the training makes. `described` is the description
    of that file, `how` the preprocessing of the network, and `device` a name such as `cuda`.
    """

    def __init__(self, validation: Any, described: Any, how: Any, device: str) -> None:
        from ssd_live.export.model_file import metadata_of
        from ssd_live.training.start import Normalise

        self._validation, self._device = validation, device
        self._normalise, self._metadata = Normalise(how).to(device), metadata_of(described)

    def __call__(self, network: Any) -> float:
        return float(self._evaluation(network).mean)

    def display_thresholds(self, network: Any) -> tuple[float, dict[str, float]] | None:
        """Return the scores at which the network has the best F1 on the validation data.

        They are those of `best_f1_thresholds`, rounded down to two decimals, but at least the score
        threshold of the model. None is returned if the network finds no object.
        """
        from ssd_live.evaluation.average_precision import best_f1_thresholds

        found = best_f1_thresholds(self._evaluation(network.eval()).curves)
        if found is None:
            return None
        threshold, by_class = found
        return self._rounded(threshold), {
            name: self._rounded(score) for name, score in by_class.items()
        }

    def _rounded(self, score: float) -> float:
        return max(math.floor(score * 100) / 100, self._metadata.score_threshold)

    def _evaluation(self, network: Any) -> Any:
        from ssd_live.evaluation.evaluate import detector_of_network, evaluate

        detect = detector_of_network(network, self._normalise, self._metadata, self._device)
        return evaluate(detect, self._validation, "voc")


def _frames(images: Sequence[LabelledImage]) -> Iterator[Frame]:
    """Yield the readable images among the first 200 labelled images, as frames."""
    for labelled in images[:_SAMPLE_IMAGES]:
        with suppress(MediaError):
            yield read_image(labelled.path)


def _check_agreement(network: Any, normalise: Any, model: ModelFile) -> None:
    """Compare the results of the model file in ONNX Runtime with those of the trained network.

    `normalise` prepares the pixels for the network. Raises `ModelFileError` if the results do not
    agree.
    """
    from ssd_live.training.exported import agreement_with

    agreement = agreement_with(network, normalise, model)
    line = (
        f"{agreement.share:.1%} of the {agreement.basis} of the trained network and of its model "
        f"file agree (compared: {agreement.expected})"
    )
    if not agreement.within("fp32"):
        raise ModelFileError(
            f"{model.path}: the model file does not compute the same as the network: only {line}; "
            "report this as a bug"
        )
    notify(line)


class Thresholds(Protocol):
    """Chooses the display thresholds of a network; `Validator` does so on validation data."""

    def display_thresholds(self, network: Any) -> tuple[float, dict[str, float]] | None: ...


@dataclass(frozen=True)
class Results:
    """Where the results of a training go: the files of the weights and of the model, and the
    folder of the curves.
    """

    weights: Path
    model: Path
    folder: Path


def write_results(
    trainer: Any,
    described: Any,
    recipe: Any,
    how: Any,
    data: Any,
    validator: "Thresholds | None",
    results: Results,
) -> ModelFile:
    """Write the weights and the model file of the best step, and the training curves.

    The best step has the highest validation mAP; without validation it is the last step.
    `described` is the description of the model. The images on which the file and the network are
    compared come from `data`, prepared as `how` says, and stay in the file. With a `validator`, the
    display thresholds are the scores with the best F1 on the validation data. Another training can
    start from the weights. Returns the model file. Raises `ModelFileError` if the file and the
    network do not agree, and `OutputError` if a file cannot be written.
    """
    from ssd_live.commands.export.run import write
    from ssd_live.evaluation.plots import training_curves
    from ssd_live.export.model_file import export_network
    from ssd_live.models.weight_files import save_weights
    from ssd_live.training.start import Normalise

    best = trainer.take_best()
    if best not in (None, trainer.step):
        notify(f"step {best} was the best in validation; its weights are used")
    if validator is not None and (found := validator.display_thresholds(trainer.trained)):
        threshold, by_class = found
        of_classes = tuple(by_class[name] for name in described.classes)
        described = replace(described, display_threshold=threshold)
        text = f"{threshold:g}"
        if set(of_classes) != {threshold}:
            described = replace(described, class_thresholds=of_classes)
            text = ", ".join(f"{value:g} ({name})" for name, value in by_class.items())
        notify(
            f"detections with a score of at least {text} are shown, because this has the best F1 "
            "in validation"
        )
    network = trainer.trained_on_cpu()
    facts = {
        "classes": list(described.classes),
        "network": recipe.model.network,
        "preset": recipe.model.preset,
    }
    save_weights(results.weights, network, facts)
    reached = f"step {best or trainer.step} of {recipe.train.steps}"
    described = replace(described, provenance=f"{described.provenance}, {reached}")
    model = write(
        export_network(network, described),
        results.model,
        _frames(data.images),
    )
    _check_agreement(network, Normalise(how), model)
    try:
        training_curves(results.folder / "curves.png", results.folder / "log.csv")
    except MissingPackageError as error:
        notify(f"note: {error}")
    return model
