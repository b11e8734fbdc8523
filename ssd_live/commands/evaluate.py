"""`eval`: average precision of a deployed model file on the backend that runs it."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from rich.console import Console
from rich.table import Column, Table

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.choosing import choose
from ssd_live.commands.progress import notify
from ssd_live.errors import OutputError
from ssd_live.files import atomic_write
from ssd_live.modelfile.catalogue import find_model
from ssd_live.overlay import Overlay
from ssd_live.training.average_precision import Found, Rule
from ssd_live.training.data import DataSet, load_data
from ssd_live.training.evaluate import Evaluation, detector_of, evaluate, worst
from ssd_live.types import Detections
from ssd_live.video.images import read_image, write_image

_PROGRESS_IMAGES = 200
_SHEET_TILE, _SHEET_COLUMNS, _SHEET_IMAGES = (480, 360), 3, 12


def run(models: tuple[str, ...], data: Path, split: str, backend: str, precision: str, metric: Rule, output: Path | None, sheet: Path | None) -> None:
    """One model, or two side by side. Raises `SsdLiveError`."""
    evaluations: dict[str, Evaluation] = {}
    facts: list[dict[str, Any]] = []
    for name in models:
        model = find_model(name)
        choice = choose(model, backend, cast(Any, precision), workload="latency", notify=notify)
        loaded_data = load_data(data, split)
        for trouble in loaded_data.troubles[:10]:
            notify(f"note: {trouble}")
        with ExitStack() as stack:
            options = LoadOptions(choice.device, choice.precision, "latency")
            loaded = stack.enter_context(load_backend(choice.backend, model, options))
            detect = detector_of(loaded, model.metadata, loaded_data.classes)
            notify(f"{model.name} on {loaded.description}, {len(loaded_data)} images")
            found = evaluate(detect, loaded_data, metric, _tell)
        label = model.name if model.name not in evaluations else f"{model.name} (2)"
        evaluations[label] = found
        facts.append({"model": model.name, "sha256": model.sha256, "backend": str(choice), **_numbers(found)})
    _print(evaluations)
    if output is not None:
        with atomic_write(output) as file:
            answer = {"data": str(data), "split": split, "metric": metric, "results": facts}
            file.write(json.dumps(answer, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    if sheet is not None:
        _write_sheet(sheet, next(iter(evaluations.values())), loaded_data)
    print(f"{100 * next(iter(evaluations.values())).mean:.2f} mAP")


def _tell(number: int) -> None:
    if number % _PROGRESS_IMAGES == 0:
        notify(f"{number} images")


def _numbers(found: Evaluation) -> dict[str, Any]:
    precision = {name: None if np.isnan(value) else round(value, 6) for name, value in found.precision.items()}
    objects = {name: curve.objects for name, curve in found.curves.items()}
    return {"map": round(found.mean, 6), "average_precision": precision, "objects": objects, "images": len(found.images)}


def _print(evaluations: dict[str, Evaluation]) -> None:
    names = list(evaluations)
    headers = ["class", "objects", *names, *(["difference"] if len(names) == 2 else [])]
    table = Table(*(Column(name, justify="left" if name == "class" else "right", no_wrap=True) for name in headers), box=None, pad_edge=False)
    first = evaluations[names[0]]
    for name in first.classes:
        values = [evaluation.precision.get(name, float("nan")) for evaluation in evaluations.values()]
        table.add_row(name, str(first.curves[name].objects), *map(_percent, values), *_difference(values))
    means = [evaluation.mean for evaluation in evaluations.values()]
    table.add_row("mean", str(sum(curve.objects for curve in first.curves.values())), *map(_percent, means), *_difference(means))
    Console(width=200).print(table)
    for line in first.unreadable[:10]:
        notify(f"note: {line}")


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.2f}"


def _difference(values: list[float]) -> list[str]:
    return [f"{100 * (values[1] - values[0]):+.2f}"] if len(values) == 2 else []


def _write_sheet(path: Path, evaluation: Evaluation, data: DataSet) -> None:
    """The images with most mistakes: what was found in colour, what was to be found in white. Raises `OutputError`."""
    tiles = [_tile(read_image(labelled.path).planes[0], labelled.boxes, found, data) for labelled, found, _ in worst(evaluation, _SHEET_IMAGES)]
    if not tiles:
        raise OutputError(f"{path}: there is no image with a mistake to show")
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _SHEET_COLUMNS)
    rows = [np.hstack(tiles[start : start + _SHEET_COLUMNS]) for start in range(0, len(tiles), _SHEET_COLUMNS)]
    write_image(path, np.vstack(rows))


def _tile(image: Any, boxes: Any, found: Found, data: DataSet) -> Any:
    sure = found.scores >= 0.5
    scale = np.array([_SHEET_TILE[0] / image.shape[1], _SHEET_TILE[1] / image.shape[0]] * 2, np.float32)
    tile = np.asarray(cv2.resize(image, _SHEET_TILE, interpolation=cv2.INTER_AREA), np.uint8)
    for x1, y1, x2, y2 in np.rint(boxes * scale).astype(int).tolist():
        cv2.rectangle(tile, (x1, y1), (x2, y2), (255, 255, 255), 1)
    shown = Detections((found.boxes[sure] * scale).astype(np.float32), found.scores[sure], found.classes[sure].astype(np.int32), data.classes)
    Overlay(data.classes, _SHEET_TILE).draw((tile,), shown)
    return tile
