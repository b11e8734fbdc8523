"""`reproduce voc07`: print the paper's PASCAL VOC 2007 results beside those of this machine."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from ssd_live.backends import backend_module
from ssd_live.commands.progress import notify
from ssd_live.commands.reproduce import Request
from ssd_live.errors import MissingPackageError, ModelFileError, UsageError
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model, model_paths
from ssd_live.modelfile.file import ModelFile, read_model_file
from ssd_live.selection.agreement import sample_images
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.choose import choose
from ssd_live.selection.load import load_chosen
from ssd_live.system import machine
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import assets_folder

BATCHES = (1, 8)
# Network -> its name in the paper, and the recipe that trains it.
NETWORKS = {
    "ssd300-vgg16": ("SSD300", "voc07+12-ssd300"),
    "ssd512-vgg16": ("SSD512", "voc07+12-ssd512"),
}
MEASURE_SECONDS = 3.0
_RANDOM = "random weights"
_USUAL_DATA = Path("data/VOCdevkit/VOC2007")
_GET_DATA = (
    "mAP needs PASCAL VOC 2007's test images: download VOCtest_06-Nov-2007.tar from the VOC site, "
    "and unpack it so that the folder data/VOCdevkit/VOC2007 exists, or give the unpacked folder "
    "VOC2007 with --data"
)
_GET_WEIGHTS = (
    "to measure its mAP, train it with recipes/{recipe}.toml or import published VOC weights with "
    "`models import FILE`, then give the model with --model"
)


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper's table on PASCAL VOC 2007 test.

    `mean_average_precision` is in percent. `fps` maps the batch size to frames per second on a
    Titan X. `source` is the place in the paper. A star after the method marks training with
    zoomed-out images, as in the paper's later version.
    """

    method: str
    mean_average_precision: float
    fps: dict[int, float]
    source: str


# Faster R-CNN and YOLO ran at batch 1.
PAPER = (
    PaperRow("Faster R-CNN", 73.2, {1: 7}, "abstract, table 7"),
    PaperRow("YOLO", 63.4, {1: 45}, "introduction"),
    PaperRow("SSD300", 74.3, {1: 46, 8: 59}, "abstract, table 7"),
    PaperRow("SSD512", 76.9, {1: 19, 8: 22}, "abstract, table 7"),
    PaperRow("SSD300*", 77.2, {}, "table 6"),
    PaperRow("SSD512*", 79.8, {}, "table 6"),
)


@dataclass(frozen=True)
class Measured:
    """A measurement of one network on this machine.

    `weights` is the model's name, or "random weights". `mean_average_precision` is in percent, and
    None if there were no data or the weights are random. `fps` maps the batch size to frames per
    second.
    """

    network: str
    weights: str
    backend: str
    mean_average_precision: float | None
    fps: dict[int, float]


def run(request: Request) -> None:
    """Measure the models on this machine, and print the results beside those of the paper.

    If no model is requested, all installed SSD300 and SSD512 models with the VOC classes are
    measured. If a network of the paper has no model, only its speed is measured, with random
    weights. The last printed line is the best FPS of SSD300 at batch size 1. Raises `UsageError` if
    a model has another network, and another `SsdLiveError` if a model, the data, a package or the
    output cannot be used.
    """
    backend, json_file = request.backend, request.json_file
    folder = request.data or (_USUAL_DATA if _USUAL_DATA.is_dir() else None)
    given = [find_model(name) for name in request.models or []] or _known_models()
    for model in given:
        if model.metadata.network not in NETWORKS:
            raise UsageError(
                f"the network of {model.name} is {model.metadata.network}, which is not in the "
                f"paper; give models whose network is {' or '.join(NETWORKS)}"
            )
    results = [
        _measure(model, choose(model, backend, measure=True, notify=notify), folder)
        for model in given
    ]
    for network in NETWORKS:
        if not any(result.network == network for result in results):
            results += _measure_random(network, backend)
    _print(results)
    for network, (_, recipe) in NETWORKS.items():
        if any(result.network == network and result.weights == _RANDOM for result in results):
            print(f"{network} has no trained weights here; {_GET_WEIGHTS.format(recipe=recipe)}")
    if folder is None:
        print(_GET_DATA)
    if json_file is not None:
        with atomic_write(json_file) as file:
            answer = {
                "machine": _machine(),
                "paper": [asdict(row) for row in PAPER],
                "measured": [asdict(result) for result in results],
            }
            file.write(json.dumps(answer, indent=1).encode() + b"\n")
    best = max(results, key=lambda result: (result.network == "ssd300-vgg16", result.fps[1]))
    print(f"{best.fps[1]:.2f} FPS")


def _known_models() -> list[ModelFile]:
    """Return all installed SSD300 and SSD512 models that have the VOC classes."""
    from ssd_live.modelfile.class_names import VOC

    found = []
    for path in model_paths().values():
        with suppress(ModelFileError):
            model = read_model_file(path)
            if model.metadata.network in NETWORKS and set(model.metadata.classes) == set(VOC):
                found.append(model)
    return found


def _measure(model: ModelFile, choice: BackendChoice, folder: Path | None) -> Measured:
    notify(f"{model.name} on {choice} ...")
    return Measured(
        model.metadata.network,
        model.name,
        str(choice),
        _mean(model, choice, folder) if folder else None,
        _speeds(model, choice),
    )


def _mean(model: ModelFile, choice: BackendChoice, folder: Path) -> float:
    from ssd_live.datasets.load import load_data
    from ssd_live.evaluation.evaluate import detector_of, evaluate, known_classes

    data = load_data(
        folder, "test" if (folder / "ImageSets" / "Main" / "test.txt").is_file() else ""
    )
    with load_chosen(model, choice) as backend:
        detect = detector_of(backend, model.metadata, data.classes)
        return (
            100 * evaluate(detect, data, "voc07", known_classes(model.metadata, data.classes)).mean
        )


def _speeds(model: ModelFile, choice: BackendChoice) -> dict[int, float]:
    images = sample_images(model) or _photos(model)
    speeds = {}
    for batch in BATCHES:
        pictures = np.stack([images[index % len(images)] for index in range(batch)])
        with load_chosen(model, choice, batch=batch) as backend:
            backend.submit(pictures).result()
            count, started = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - started) < MEASURE_SECONDS or not count:
                backend.submit(pictures).result()
                count += 1
        speeds[batch] = count * batch / elapsed
    return speeds


def _photos(model: ModelFile) -> list[Pixels]:
    paths = sorted((assets_folder() / "media").glob("*.png"))
    return [model.metadata.input_fit.image(read_image(path)) for path in paths]


def _measure_random(network: str, backend: str) -> list[Measured]:
    """Measure the speed of a network with random weights, and return one result per precision.

    The speed hardly depends on the weights. `backend` is a backend, such as `openvino` or
    `openvino:GPU`; `auto` means `openvino`. All precisions of the backend are measured, because
    random weights give no detections that could show which precisions agree with float32. Raises
    `MissingPackageError` if PyTorch is not installed.
    """
    try:
        from ssd_live.export.random_weights import random_model
    except ImportError as error:
        raise MissingPackageError(
            "measuring untrained networks needs PyTorch; run `pip install '.[train]'`, or give "
            "trained models with --model"
        ) from error
    notify(f"measuring {network} with random weights ...")
    model = random_model(network)
    name, _, device = ("openvino" if backend == "auto" else backend).partition(":")
    module = backend_module(name)
    device = device or module.devices()[0]
    choices = [BackendChoice(name, device, precision) for precision in module.precisions(device)]
    return [
        Measured(network, _RANDOM, str(choice), None, _speeds(model, choice)) for choice in choices
    ]


def _machine() -> dict[str, object]:
    packages = ("ssd_live", "openvino", "onnxruntime", "torch", "numpy")
    return {
        "cpu": machine.cpu_name(),
        "cores": machine.available_cores(),
        **{name: machine.package_version(name) for name in packages},
    }


def _print(results: Sequence[Measured]) -> None:
    columns = (
        Column("PASCAL VOC 2007 test", no_wrap=True),
        Column("mAP", justify="right"),
        Column("FPS", justify="right"),
        Column("where"),
    )
    table = Table(*columns, box=None, pad_edge=False)
    for row in PAPER:
        table.add_row(
            row.method,
            f"{row.mean_average_precision:.1f}",
            _speeds_in_words(row.fps, "g"),
            f"the paper ({row.source}), Titan X",
        )
    table.add_section()
    for result in results:
        mean = (
            "-" if result.mean_average_precision is None else f"{result.mean_average_precision:.1f}"
        )
        table.add_row(
            NETWORKS[result.network][0],
            mean,
            _speeds_in_words(result.fps, ".2f"),
            f"here, {result.weights}, {result.backend}",
        )
    Console(width=200).print(table, markup=False)
    print("here: " + ", ".join(f"{name} {value}" for name, value in _machine().items() if value))
    print(
        "FPS here: from pixels to detections, with box decoding and non-maximum suppression; "
        "without reading frames and drawing boxes"
    )


def _speeds_in_words(fps: dict[int, float], form: str) -> str:
    return ", ".join(f"{value:{form}} (batch {batch})" for batch, value in fps.items()) or "-"
