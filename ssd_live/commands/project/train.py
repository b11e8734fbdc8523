"""`project train`: train a detector on the labelled images of a project."""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssd_live.commands.interrupts import ends_in_order
from ssd_live.commands.progress import has_listener, notify
from ssd_live.commands.project import BASE_MODEL, TrainRequest
from ssd_live.commands.project.judge import judge_version
from ssd_live.commands.train import NEEDS_PYTORCH
from ssd_live.datasets.types import DataSet
from ssd_live.errors import (
    CancelledError,
    DataError,
    MissingPackageError,
    ModelFileError,
    TrainingError,
)
from ssd_live.project.snapshot import Snapshot, read_snapshot, snapshot_of, write_snapshot
from ssd_live.project.store import Project, coco_of, locked, project_name
from ssd_live.project.versions import (
    MISTAKES,
    MODEL_FILE,
    WEIGHTS_FILE,
    complete_version,
    make_folder,
    new_version_folder,
)
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.machine import available_cores, wait_without_spinning
from ssd_live.system.texts import counted

_NETWORK = "ssd300-mobilenetv2"
# With at least so many images, some of them show when more training does not help.
_IMAGES_FOR_A_CHECK = 60
_CHECKED_EVERY = 7
_LOWEST_THRESHOLD, _HIGHEST_THRESHOLD = 0.35, 0.5
# The model file is written and judged after the last step.
_FINISH_SECONDS = 8.0
# So often the detector is checked, and so many checks without a gain end the training.
_CHECKS, _PATIENCE = 10, 3


def run(request: TrainRequest) -> None:
    """Train a detector, judge it, and keep it as a new version of the project."""
    wait_without_spinning()
    try:
        from ssd_live.training.trainer import Place
    except ImportError as error:
        raise MissingPackageError(NEEDS_PYTORCH) from error
    project_name(request.folder)
    place = Place(request.folder / "training")
    make_folder(place.folder)
    with _one_at_a_time(request.folder, place.folder):
        _train(request, place)


def _train(request: TrainRequest, place: Any) -> None:
    from ssd_live.commands.train.run import (
        Results,
        Validator,
        description_of,
        workers_end_in_one_line,
        write_results,
    )
    from ssd_live.training.ranks import prepare
    from ssd_live.training.start import begin
    from ssd_live.training.trainer import Trainer

    begun = None if request.anew else _begun(request.folder, place.folder)
    if request.finish and begun is None:
        raise DataError(f"{request.folder}: no training is paused; train with `project train`")
    wanted, fit_boxes = request.steps, request.fit_boxes
    if begun is not None:
        snapshot, wanted, fit_boxes = begun
    else:
        snapshot = _labels_now(request)
    train, judged = snapshot.data("train"), snapshot.data("judge")
    train, checked = _with_check(train)
    recipe = recipe_for(snapshot, len(train), wanted, fit_boxes=fit_boxes)
    if begun is None:
        _begin_run(place.folder, snapshot, recipe)
    began = time.monotonic()
    device = prepare(request.device, recipe.train.seed)
    beginning = begin(recipe.model, len(train.classes) + 1, train.classes)
    how = beginning.preprocessing
    described = description_of(recipe, train, how)
    trainer = Trainer(recipe, train, beginning, place, device=device)
    if begun is not None:
        try:
            trainer.resume()
        except (ModelFileError, TrainingError) as error:
            # For example after an update, with which trainings have another recipe.
            if request.finish:
                raise
            notify(f"note: the paused training cannot be continued ({error}); beginning anew")
            _train(replace(request, anew=True), place)
            return
        notify(
            f"continuing after step {trainer.step} of {recipe.train.steps}, with the labels and "
            "options of then"
        )
    notify(
        f"learning from {counted(len(train), 'image')}, judging on "
        f"{counted(len(judged), 'image')}, {counted(recipe.train.steps, 'step')}"
    )
    check = Validator(checked, described, how, device) if checked else None
    watch = _Watch(trainer, check, recipe.train.milestones)
    if not request.finish:
        with (
            workers_end_in_one_line(),
            ends_in_order(trainer.stop, "pausing after this step ..."),
        ):
            trainer.run(_Teller(), watch if check else None)
        if trainer.step < recipe.train.steps and not watch.has_ended:
            raise CancelledError(
                f"paused after step {trainer.step} of {recipe.train.steps}; go on with `project "
                "train`, or keep what is learned with --finish"
            )
    folder = new_version_folder(request.folder)
    make_folder(folder)
    # The images for judging must not decide what is shown.
    shown = _Shown(check or Validator(train, described, how, device))
    sample = judged if judged.images else train
    results = Results(folder / WEIGHTS_FILE, folder / MODEL_FILE, place.folder)
    write_results(trainer, described, recipe, how, sample, shown, results)
    _keep_labels(folder, snapshot)
    numbers = list(snapshot.classes)
    judgements = judge_version(folder / MODEL_FILE, numbers, snapshot, folder / MISTAKES)
    facts = {
        "trained_at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "images": len(train),
        "steps": trainer.step,
        "seconds": round(time.monotonic() - began),
        "classes": list(train.classes),
        "class_numbers": numbers,
        **judgements,
    }
    complete_version(folder, facts)
    _forget_run(place.folder)
    print(f"version {folder.name}: {facts.get('sentence', 'there are no images to judge it on')}")
    print(f"use it with `project use {request.folder}`")


def recipe_for(
    snapshot: Snapshot, images: int, steps: int | None, *, fit_boxes: bool = False
) -> Any:
    """Return the recipe of a training on so many images, of so many steps (None: as is good).

    If `fit_boxes` is true, the default boxes are fitted to the labels.
    """
    from ssd_live.training.recipe import DataPart, ModelPart, Recipe, TrainPart

    if steps is None:
        steps = next(number for most, number in _STEPS if images <= most)
    return Recipe(
        name=snapshot.name,
        model=ModelPart(
            network=_NETWORK,
            weights=f"trained:{BASE_MODEL}",
            default_boxes="fitted" if fit_boxes else "given",
        ),
        data=DataPart(train=(str(snapshot.folder),), classes=tuple(snapshot.classes.values())),
        train=TrainPart(
            steps=steps,
            batch=8,
            learning_rate=0.002,
            milestones=tuple(sorted({max(1, steps * 2 // 3), max(1, steps * 13 // 15)})),
            warm_up=min(30, steps),
            clip_norm=10.0,
            average=0.99,
            mosaic=0.3,
            box_loss="giou",
            precision="bf16",
            workers=max(1, min(4, available_cores() // 4)),
            log_every=min(20, steps),
            save_every=max(1, min(100, steps // 4)),
            evaluate_every=max(1, steps // _CHECKS),
        ),
    )


# Up to so many images, so many steps.
_STEPS = ((60, 600), (200, 1200), (1000, 3000), (float("inf"), 6000))


class _Shown:
    """Chooses the display thresholds of a detector, on images of which it has seen most.

    Its scores there are higher than elsewhere, so the thresholds are 0.5 at most. It finds nearly
    everything there, so that scores of noise can look good enough; on images that it had not seen,
    0.35 to 0.4 were the best. `check` is a `Validator`.
    """

    def __init__(self, check: Any) -> None:
        self._check = check

    def display_thresholds(self, network: Any) -> tuple[float, dict[str, float]] | None:
        """Return the threshold of all classes, and that of each; None if nothing is found."""
        found = self._check.display_thresholds(network)
        if found is None:
            return None
        together, by_class = found
        return _limited(together), {name: _limited(score) for name, score in by_class.items()}


def _limited(threshold: float) -> float:
    return min(max(threshold, _LOWEST_THRESHOLD), _HIGHEST_THRESHOLD)


class _Watch:
    """A function object that validates a network, and ends a training that learns no more."""

    def __init__(self, trainer: Any, check: Any, milestones: Sequence[int]) -> None:
        self._trainer, self._check = trainer, check
        # Before the learning rate falls, a pause in the gain says nothing.
        self._first = milestones[0] if milestones else 0
        self._best, self._since = -1.0, 0
        self.has_ended = False

    def __call__(self, network: Any) -> float:
        figure = float(self._check(network))
        self._since = 0 if figure > self._best else self._since + 1
        self._best = max(self._best, figure)
        if self._trainer.step > self._first and self._since >= _PATIENCE:
            self.has_ended = True
            self._trainer.stop()
        return figure


class _Teller:
    """A function object that tells the progress of a training.

    The time left comes from the speed of all steps but the first ones, which are slow; at the first
    report, from what that says. It includes what follows the last step.
    """

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def __call__(self, progress: Any) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = progress.step, now
            left = int(progress.seconds_left + _FINISH_SECONDS)
        else:
            step, since = self._first
            a_step = (now - since) / max(progress.step - step, 1)
            left = int(a_step * (progress.steps - progress.step) + _FINISH_SECONDS)
        if has_listener():
            done = {"step": progress.step, "steps": progress.steps, "seconds_left": left}
            notify(json.dumps({"training": done}))
        else:
            loss, check = progress.localisation + progress.confidence, progress.validation_map
            checked = "" if check is None else f", check {100 * check:.1f}"
            notify(
                f"step {progress.step}/{progress.steps}: loss {loss:.2f}{checked}, "
                f"{left // 60}:{left % 60:02} left"
            )
        for note in progress.notes:
            notify(f"note: {note}")


def _with_check(train: DataSet) -> tuple[DataSet, DataSet | None]:
    """Return the images to learn from, and some of them to check the training on, or None."""
    if len(train) < _IMAGES_FOR_A_CHECK:
        return train, None
    # They are spread over all sources.
    is_checked = [place % _CHECKED_EVERY == _CHECKED_EVERY - 1 for place in range(len(train))]
    learned, checked = (
        replace(
            train,
            images=tuple(
                image for image, its in zip(train.images, is_checked, strict=True) if its == wanted
            ),
        )
        for wanted in (False, True)
    )
    if not any(len(its.boxes) for its in checked.images):
        return train, None
    return learned, checked


@contextmanager
def _one_at_a_time(project: Path, folder: Path) -> Iterator[None]:
    """Let no other program train in the project in the with-block. Raises `UsageError`."""
    text = f"{project}: is being trained by another program; wait for its end, or pause it there"
    lock = locked(folder / ".lock", text)
    try:
        yield
    finally:
        lock.release()


def _labels_now(request: TrainRequest) -> Snapshot:
    if request.snapshot is not None:
        return read_snapshot(request.folder, request.snapshot)
    with Project(request.folder) as project:
        return snapshot_of(project)


def _begin_run(folder: Path, snapshot: Snapshot, recipe: Any) -> None:
    """Prepare the folder of a new run, so that the run can be continued."""
    _forget_run(folder)
    write_snapshot(snapshot, folder / "labels.json")
    with atomic_write(folder / "begun.json") as file:
        facts = {
            "steps": recipe.train.steps,
            "fit_boxes": recipe.model.default_boxes == "fitted",
        }
        file.write(json.dumps(facts).encode() + b"\n")


def _begun(project: Path, folder: Path) -> tuple[Snapshot, int, bool] | None:
    """Return the labels and the steps of a run that can be continued, or None.

    The last part of the result is whether the run fits the default boxes.
    """
    if not (folder / "last.pt").is_file():
        return None
    with suppress(OSError, ValueError, KeyError, TypeError, DataError):
        facts = json.loads((folder / "begun.json").read_bytes())
        labels = read_snapshot(project, folder / "labels.json")
        return labels, int(facts["steps"]), bool(facts.get("fit_boxes"))
    return None


def _forget_run(folder: Path) -> None:
    for name in ("last.pt", "best.pt", "log.csv", "labels.json", "begun.json"):
        # If one stays, it does not fit to the next run, which then says so.
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)


def _keep_labels(folder: Path, snapshot: Snapshot) -> None:
    """Write what the version has learned from, so that it can be looked up later."""
    with atomic_write(folder / "instances.json") as file:
        content = coco_of(snapshot.classes, snapshot.images)
        file.write(json.dumps(content, ensure_ascii=False).encode() + b"\n")
