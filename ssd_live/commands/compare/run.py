"""`compare`: measure the average precision and the speed of several detectors side by side."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from ssd_live.backends.base import PRECISIONS
from ssd_live.commands.compare import Request
from ssd_live.commands.labelled_data import keep_inputs, load_noted, tell_progress
from ssd_live.commands.options import names_in
from ssd_live.commands.progress import notify
from ssd_live.datasets.types import DataSet
from ssd_live.errors import DataError, MediaError, ModelFileError, UnknownModelError, UsageError
from ssd_live.evaluation.evaluate import Detect, Evaluation, detector_of, evaluate, known_classes
from ssd_live.evaluation.other_detectors import OtherDetector, load_other
from ssd_live.evaluation.plots import precision_over_speed
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.plotting import check_plot
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.class_names import COCO, VOC, names_for
from ssd_live.selection.choose import choose
from ssd_live.selection.load import load_chosen
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.machine import available_cores

# Every detector is timed in each round, one after the other, so that what else the machine does
# meets all of them.
_ROUNDS = 5
_TIMED_IMAGES = 10


@dataclass
class _Runner:
    """A loaded detector with its measured times.

    `form` is `ssd_live`, or the form of a detector of another project. `known` are the classes of
    the data that the detector knows. `seconds` has one time for each image and round.
    """

    name: str
    form: str
    description: str
    known: list[str]
    detect: Detect
    seconds: list[float] = field(default_factory=list)


def run(request: Request) -> None:
    """Compare the requested detectors, print a table, and write the requested files.

    Raises `UsageError` if an option is not valid, and another `SsdLiveError` if the data, a
    detector or an output cannot be used.
    """
    if request.precision not in ("auto", *PRECISIONS):
        raise UsageError(
            f"there is no precision {request.precision!r}; choose auto, {', '.join(PRECISIONS)}"
        )
    if request.plot is not None:
        check_plot(request.plot)
    data = load_noted(request.data, request.split)
    keep_inputs((request.json_file, request.plot), data, request.data, request.models)
    with ExitStack() as stack:
        runners = [_runner(name, request, data, stack) for name in request.models]
        found = {}
        for runner in _named(runners):
            notify(f"evaluating {runner.name} on {len(data)} images with {runner.description}")
            found[runner.name] = evaluate(
                runner.detect, data, request.metric, runner.known, tell_progress
            )
        _time(runners, data)
    _print(runners, found)
    rows = [_row(runner, found[runner.name]) for runner in runners]
    if request.json_file is not None:
        answer = {
            "data": str(request.data),
            "split": request.split,
            "metric": request.metric,
            "images": len(data),
            "timed": "one image at a time, from its pixels to its detections; median",
            "results": rows,
        }
        with atomic_write(request.json_file) as file:
            text = json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False)
            file.write(text.encode(errors="replace") + b"\n")
    if request.plot is not None:
        points = {row["name"]: (row["fps"], row["map"]) for row in rows}
        precision_over_speed(request.plot, points)


def _runner(name: str, request: Request, data: DataSet, stack: ExitStack) -> _Runner:
    try:
        model = find_model(name)
    except (ModelFileError, UnknownModelError):
        if not Path(name).is_file():
            raise
        return _other(load_other(Path(name), available_cores(), notify), request, data)
    known = known_classes(model.metadata, data.classes)
    choice = choose(
        model,
        request.backend,
        cast(Any, request.precision),
        workload="latency",
        measure=True,
        notify=notify,
    )
    loaded = stack.enter_context(load_chosen(model, choice, notify=notify))
    detect = detector_of(loaded, model.metadata, data.classes)
    return _Runner(model.name, "ssd_live", loaded.description, known, detect)


def _other(detector: OtherDetector, request: Request, data: DataSet) -> _Runner:
    names = _class_names(request.classes, detector)
    numbers = {name.casefold(): number for number, name in enumerate(data.classes)}
    mapping = [numbers.get(name.casefold(), -1) for name in names]
    known = [name for name in data.classes if name.casefold() in {one.casefold() for one in names}]
    if not known:
        raise DataError(
            f"{detector.name} and the data have no class in common (the data have "
            f"{', '.join(data.classes[:5])}); name the classes of the detector with --classes"
        )
    return _Runner(
        detector.name,
        detector.form,
        detector.description,
        known,
        lambda image: detector.detect(image, mapping),
    )


def _class_names(text: str, detector: OtherDetector) -> Sequence[str]:
    """Return the names of a detector's classes, in the order of its labels.

    `text` is `voc`, `coco`, or names with commas between them. For `coco`, the list for a detector
    of torchvision has gaps, because its labels are COCO's category ids. Other detectors count
    COCO's 80 classes without gaps. Raises `UsageError` if the detector has another number of
    classes.
    """
    lists = {"voc": VOC, "coco": COCO if detector.form == "torchvision" else names_for(80)}
    names = lists.get(text) or names_in(text)
    if detector.classes is not None and detector.classes != len(names):
        raise UsageError(
            f"{detector.name} has {detector.classes} classes, but --classes has {len(names)} "
            "names; give one name for each class, in the order of the labels"
        )
    return names


def _named(runners: list[_Runner]) -> list[_Runner]:
    """Give each runner a name of its own, such as `NAME (2)`, and return the runners."""
    seen: dict[str, int] = {}
    for runner in runners:
        seen[runner.name] = seen.get(runner.name, 0) + 1
        if seen[runner.name] > 1:
            runner.name = f"{runner.name} ({seen[runner.name]})"
    return runners


def _time(runners: list[_Runner], data: DataSet) -> None:
    """Time each detector on the same images, at most 10, and add the times to its `seconds`.

    The detectors take turns, so that other work of the machine slows all of them.
    """
    chosen = data.images[:: max(len(data) // _TIMED_IMAGES, 1)][:_TIMED_IMAGES]
    # Images that could not be read were left out of the evaluation too.
    images: list[Pixels] = []
    for labelled in chosen:
        with suppress(MediaError):
            images.append(read_image(labelled.path).planes[0])
    for number in range(_ROUNDS):
        notify(f"timing, round {number + 1} of {_ROUNDS}")
        for runner in runners:
            runner.seconds += [_seconds(runner.detect, image) for image in images]


def _seconds(detect: Callable[[Pixels], object], image: Pixels) -> float:
    began = time.perf_counter()
    detect(image)
    return time.perf_counter() - began


def _row(runner: _Runner, found: Evaluation) -> dict[str, Any]:
    seconds = median(runner.seconds)
    return {
        "name": runner.name,
        "form": runner.form,
        "runs_on": runner.description,
        "map": round(found.mean, 6),
        "average_precision": {
            name: None if np.isnan(value) else round(value, 6)
            for name, value in found.precision.items()
        },
        "figures": {name: round(value, 6) for name, value in found.figures.items()},
        "latency_ms": round(1000 * seconds, 3),
        "fps": round(1 / seconds, 2),
    }


def _print(runners: Sequence[_Runner], found: dict[str, Evaluation]) -> None:
    headers = ("detector", "form", "mAP", "ms", "FPS", "runs on")
    table = Table(
        *(
            Column(name, justify="right" if name in ("mAP", "ms", "FPS") else "left", no_wrap=True)
            for name in headers
        ),
        box=None,
        pad_edge=False,
    )
    for runner in runners:
        seconds = median(runner.seconds)
        table.add_row(
            runner.name,
            runner.form,
            f"{100 * found[runner.name].mean:.2f}",
            f"{1000 * seconds:.1f}",
            f"{1 / seconds:.1f}",
            runner.description,
        )
    Console(width=200, emoji=False).print(table, markup=False)
