"""`models pull` and `models import`: make models from weights that others trained."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from ssd_live.commands.progress import notify
from ssd_live.errors import MissingPackageError, OutputError, UnknownModelError, UsageError
from ssd_live.system.atomic_files import sha256
from ssd_live.system.download import fetch
from ssd_live.system.paths import engines_folder

_DISPLAY_THRESHOLD = 0.5


def pull(name: str, overwrite: bool) -> None:
    """Download the published weights `name`, check their SHA-256, and make a model from them.

    Raises `UnknownModelError` if there are no such weights, `OutputError` if the model exists and
    `overwrite` is False, `DownloadError` if the download fails, and `MissingPackageError` if
    PyTorch is not installed.
    """
    _needs_torch()
    from ssd_live.models.published import PUBLISHED

    if name not in PUBLISHED:
        raise UnknownModelError(
            f"there are no published weights {name!r}; choose {', '.join(sorted(PUBLISHED))}, or "
            "import a weight file with `models import`"
        )
    published = PUBLISHED[name]
    _refuse_existing(name, overwrite)
    path = engines_folder() / "downloads" / published.url.rsplit("/", 1)[1]
    with _bar() as on_progress:
        found = fetch(published.url, path, published.digits, on_progress)
    notify(f"{path.name}: SHA-256 {found}")
    _make(path, name, (), published.training_data, published.licence, published.url)


def import_file(
    path: Path,
    name: str | None,
    classes: tuple[str, ...],
    overwrite: bool,
    preset: str | None = None,
) -> None:
    """Make a model from the weight file `path`.

    `preset` names the default boxes of the weights; None takes those that the code base of the
    weights uses. If `name` is None, the model is named after the file. `classes` are the class
    names without the background. If `classes` is empty, the names are those of VOC or COCO if the
    weights have as many classes, and otherwise "class 1", "class 2" and so on. Raises `UsageError`
    if the number of class names is wrong or a bundled model has this name, `OutputError` if the
    model exists and `overwrite` is False, `ModelFileError` if the file cannot be used, and
    `MissingPackageError` if PyTorch is not installed.
    """
    _needs_torch()
    name = name or path.stem.lower().replace("_", "-")
    _refuse_existing(name, overwrite)
    _make(path, name, classes, "not known", "not known", path.name, preset)


def _make(
    path: Path,
    name: str,
    classes: tuple[str, ...],
    training_data: str,
    licence: str,
    provenance: str,
    preset: Any = None,
) -> None:
    from ssd_live.commands.export.run import bundled_frames, write
    from ssd_live.export.model_file import Description, export_network
    from ssd_live.modelfile.class_names import names_for
    from ssd_live.models.published import PREPROCESSING
    from ssd_live.models.weight_files import recognise, save_weights

    found = recognise(path, preset)
    names = classes or tuple(names_for(found.classes - 1))
    if len(names) != found.classes - 1:
        raise UsageError(
            f"{path}: the weights have {found.classes - 1} classes but {len(names)} names were "
            "given; give one name for each class with --classes"
        )
    how = PREPROCESSING[found.family, found.network]
    notify(
        f"{path.name} has the weights of {found.network} from {found.family}, for "
        f"{found.classes - 1} classes and the default boxes for {found.preset.upper()}"
    )
    described = Description(
        name=name,
        network=found.network,
        preset=found.preset,
        classes=names,
        input_size=how.input_size,
        mean=how.mean,
        scale=how.scale,
        activation=how.activation,
        iou_threshold=how.iou_threshold,
        display_threshold=_DISPLAY_THRESHOLD,
        training_data=training_data,
        licence=licence,
        provenance=provenance,
    )
    facts: dict[str, Any] = {
        "classes": names,
        "network": found.network,
        "preset": found.preset,
        "source_sha256": sha256(path.read_bytes()),
    }
    save_weights(engines_folder() / "weights" / f"{name}.safetensors", found.model, facts)
    write(export_network(found.model, described), _place(name), bundled_frames())
    print(f"use the model with --model {name}")


def _place(name: str) -> Path:
    return engines_folder() / "models" / f"{name}.onnx"


def _refuse_existing(name: str, overwrite: bool) -> None:
    from ssd_live.modelfile.catalogue import model_paths

    path = model_paths().get(name)
    if path is not None and path != _place(name):
        raise UsageError(f"{name} is the name of a bundled model; give another name with --name")
    if path is not None and not overwrite:
        raise OutputError(
            f"{path}: exists already; give --overwrite to replace it (`models import` also takes "
            "another --name)"
        )


def _needs_torch() -> None:
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise MissingPackageError(
            "making a model from weights needs PyTorch; run `pip install '.[train]'` (the README "
            "says how to get the CPU build)"
        )


@contextlib.contextmanager
def _bar() -> Iterator[Any]:
    console = Console(file=sys.stderr)
    with Progress(
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
