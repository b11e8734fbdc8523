"""`eval`: measure the average precision of a model file on the backend that runs it."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from ssd_live.backends.base import PRECISIONS
from ssd_live.commands.evaluate import Request
from ssd_live.commands.labelled_data import keep_inputs, load_noted, tell_progress
from ssd_live.commands.progress import notify
from ssd_live.datasets import sheets
from ssd_live.datasets.types import DataSet, LabelledImage
from ssd_live.errors import OutputError, UsageError
from ssd_live.evaluation.average_precision import Predictions
from ssd_live.evaluation.confusion import frequent
from ssd_live.evaluation.evaluate import (
    SURE,
    Evaluation,
    detector_of,
    evaluate,
    known_classes,
    worst,
)
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, read_image, write_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.imaging.plotting import check_plot
from ssd_live.modelfile.catalogue import find_model
from ssd_live.selection.choose import choose
from ssd_live.selection.load import load_chosen
from ssd_live.system.atomic_files import atomic_write

_SHEET_TILE, _SHEET_COLUMNS, _SHEET_IMAGES = (480, 360), 3, 12
_SHOWN_MISTAKES = 10
_PRECISIONS = ("auto", *PRECISIONS)


def run(request: Request) -> None:
    """Evaluate the requested models, print the results, and write the requested files.

    A run is one model on one backend. The last printed line is the mean average precision of the
    first run, in percent. Raises `UsageError` if an option is not valid, and another `SsdLiveError`
    if the data, a model or an output cannot be used.
    """
    runs = _runs(request)
    # Check the outputs first, so that an error does not appear only after the work.
    if request.plots is not None:
        check_plot(request.plots)
    if request.sheet is not None and request.sheet.suffix.lower() not in IMAGE_SUFFIXES:
        raise OutputError(
            f"{request.sheet}: the sheet is an image; end the name in "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    data = load_noted(request.data, request.split)
    outputs = (request.json_file, request.sheet, request.plots)
    keep_inputs(outputs, data, request.data, request.models)
    evaluations: dict[str, Evaluation] = {}
    facts: list[dict[str, Any]] = []
    models = [find_model(name) for name, _, _ in runs]
    knowns = [known_classes(model.metadata, data.classes) for model in models]
    choices = [
        choose(model, backend, cast(Any, precision), workload="latency", notify=notify)
        for model, (_, backend, precision) in zip(models, runs, strict=True)
    ]
    for model, known, choice in zip(models, knowns, choices, strict=True):
        if len(known) < len(data.classes):
            unknown = ", ".join(name for name in data.classes if name not in known)
            notify(
                f"note: {model.name} does not know {unknown}; its mean is over the other "
                f"{len(known)} classes"
            )
        with ExitStack() as stack:
            loaded = stack.enter_context(load_chosen(model, choice))
            notify(f"evaluating {model.name} on {len(data)} images with {loaded.description}")
            found = evaluate(
                detector_of(loaded, model.metadata, data.classes),
                data,
                request.metric,
                known,
                tell_progress,
            )
        label = _label(model.name, str(choice), [name for name, _, _ in runs], evaluations)
        evaluations[label] = found
        facts.append(
            {"model": model.name, "sha256": model.sha256, "backend": str(choice), **_numbers(found)}
        )
    _print(evaluations)
    first = next(iter(evaluations.values()))
    if request.json_file is not None:
        with atomic_write(request.json_file) as file:
            answer = {
                "data": str(request.data),
                "split": request.split,
                "metric": request.metric,
                "classes": data.classes,
                "results": facts,
            }
            # A path or a class name from a JSON file may not be valid Unicode.
            file.write(
                json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False).encode(
                    errors="replace"
                )
                + b"\n"
            )
    if request.plots is not None:
        from ssd_live.evaluation.plots import precision_recall

        precision_recall(request.plots, evaluations)
    if request.sheet is not None:
        _write_sheet(request.sheet, first, data)
    print(f"{100 * first.mean:.2f} {'AP' if request.metric == 'coco' else 'mAP'}")


def _runs(request: Request) -> list[tuple[str, str, str]]:
    """Return (model, backend, precision) of each run: one run, or two runs to compare.

    Raises `UsageError` if a precision is not known or if an option has more than two values.
    """
    backends, precisions = request.backend.split(","), request.precision.split(",")
    for precision in precisions:
        if precision not in _PRECISIONS:
            raise UsageError(
                f"there is no precision {precision!r}; choose {', '.join(_PRECISIONS)}, or two of "
                "them as in fp32,bf16"
            )
    count = max(len(request.models), len(backends), len(precisions))
    if count > 2:
        raise UsageError(
            f"at most two runs can be compared, not {count}; name at most two models, at most two "
            "backends and at most two precisions"
        )
    columns = [
        values * count if len(values) == 1 else values
        for values in (request.models, backends, precisions)
    ]
    return list(zip(*columns, strict=True))


def _label(name: str, choice: str, names: list[str], taken: dict[str, Evaluation]) -> str:
    """Return the column title of a run: the model's `name`, and its backend if necessary.

    `names` are the model names of the one or two runs. If both runs are of one model, the backend
    choice `choice` is added. `taken` has the title of the first run as its key; for a second run
    with the same title, "(2)" is added.
    """
    label = name if len(set(names)) == len(names) else f"{name} {choice}"
    return label if label not in taken else f"{label} (2)"


def _numbers(found: Evaluation) -> dict[str, Any]:
    return {
        "map": round(found.mean, 6),
        "average_precision": {name: _finite(value) for name, value in found.precision.items()},
        "objects": {name: curve.objects for name, curve in found.curves.items()},
        "images": len(found.images),
        **(
            {"figures": {name: _finite(value) for name, value in found.figures.items()}}
            if found.figures
            else {}
        ),
        "confusion": {
            "score": SURE,
            "rows_there_columns_found_last_is_nothing": found.confusion.tolist(),
        },
    }


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _print(evaluations: dict[str, Evaluation]) -> None:
    names = list(evaluations)
    headers = ["class", "objects", *names, *(["difference"] if len(names) == 2 else [])]
    table = Table(
        *(
            Column(name, justify="left" if name == "class" else "right", no_wrap=True)
            for name in headers
        ),
        box=None,
        pad_edge=False,
    )
    first = evaluations[names[0]]
    for name in first.classes:
        values = [evaluation.precision[name] for evaluation in evaluations.values()]
        table.add_row(
            name, str(first.curves[name].objects), *map(_percent, values), *_difference(values)
        )
    means = [evaluation.mean for evaluation in evaluations.values()]
    table.add_row(
        "mean",
        str(sum(curve.objects for curve in first.curves.values())),
        *map(_percent, means),
        *_difference(means),
    )
    for name in first.figures:
        values = [evaluation.figures[name] for evaluation in evaluations.values()]
        table.add_row(name, "", *map(_percent, values), *_difference(values))
    Console(width=200, emoji=False).print(table, markup=False)
    for label, evaluation in evaluations.items():
        print(f"\n{label}, over a score of {SURE}: {_summary(evaluation)}")
        for there, found, count in frequent(
            evaluation.confusion, evaluation.classes, _SHOWN_MISTAKES
        ):
            print(f"  {count:5}  {_mistake(there, found)}")
    for line in first.unreadable[:_SHOWN_MISTAKES]:
        notify(f"note: {line}")


def _summary(evaluation: Evaluation) -> str:
    counts = evaluation.confusion
    right, missed, invented = (
        int(counts.trace()),
        int(counts[:-1, -1].sum()),
        int(counts[-1, :-1].sum()),
    )
    confused = int(counts[:-1, :-1].sum()) - right
    return (
        f"{right} right, {missed} missed, {confused} taken for another class, {invented} where "
        "there is no object"
    )


def _mistake(there: str, found: str) -> str:
    if not found:
        return f"{there} missed"
    return f"{there} taken for {found}" if there else f"{found} where there is no object"


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.2f}"


def _difference(values: list[float]) -> list[str]:
    return (
        [f"{100 * (values[1] - values[0]):+.2f}" if not np.isnan(values).any() else "-"]
        if len(values) == 2
        else []
    )


def _write_sheet(path: Path, evaluation: Evaluation, data: DataSet) -> None:
    """Write one image to `path` that shows at most 12 images, those with the most mistakes.

    Detections are drawn in colour, the labelled objects in white. If there are no mistakes, nothing
    is written. Raises `OutputError` if the image cannot be written.
    """
    tiles = [_tile(labelled, found, data) for labelled, found in worst(evaluation, _SHEET_IMAGES)]
    if tiles:
        write_image(path, sheets.contact_sheet(tiles, _SHEET_COLUMNS))
    else:
        notify(f"note: there is no image with a mistake to show, so {path} is not written")


def _tile(labelled: LabelledImage, found: Predictions, data: DataSet) -> Pixels:
    image = read_image(labelled.path).planes[0]
    sure = found.scores >= SURE
    texts = [
        f"{data.classes[number]} {score:.0%}"
        for number, score in zip(found.classes[sure], found.scores[sure], strict=True)
    ]
    tile = sheets.tile(image, found.boxes[sure], found.classes[sure], texts, _SHEET_TILE)
    sheets.outline(tile, sheets.placed(labelled.boxes, image, _SHEET_TILE))
    return sheets.captioned(tile, labelled.path.name)
