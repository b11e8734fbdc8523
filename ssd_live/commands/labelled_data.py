"""What the commands that measure detectors on labelled images have in common."""

from collections.abc import Iterable
from pathlib import Path

from ssd_live.commands.progress import notify
from ssd_live.datasets.load import load_data
from ssd_live.datasets.types import DataSet
from ssd_live.errors import UsageError
from ssd_live.system.paths import resolve

_SHOWN_FINDINGS = 10
_PROGRESS_IMAGES = 200


def load_noted(path: Path, split: str) -> DataSet:
    """Load and return the data set in `path`, and print its first findings as notes.

    `split` names a part of the data set. Raises `DataError` as `load_data` does.
    """
    data = load_data(path, split)
    for finding in data.findings[:_SHOWN_FINDINGS]:
        notify(f"note: {finding}")
    if len(data.findings) > _SHOWN_FINDINGS:
        notify(
            f"note: and {len(data.findings) - _SHOWN_FINDINGS} more; run `check-data` to see all"
        )
    return data


def keep_inputs(
    outputs: Iterable[Path | None], data: DataSet, folder: Path, models: Iterable[str]
) -> None:
    """Raise `UsageError` if an output would overwrite an image, a label or a model.

    `folder` is the folder or file that `data` was loaded from. `models` are model names or files.
    """
    files = [
        path for image in data.images for path in (image.path, image.label_path) if path is not None
    ]
    files += [folder, *(folder / "annotations").glob("*.json"), *map(Path, models)]
    for output in outputs:
        if output is not None and any(
            path.name == output.name and resolve(path) == resolve(output) for path in files
        ):
            raise UsageError(f"{output}: is one of the input files; give another name")


def tell_progress(number: int) -> None:
    """Print a line after every 200 images; `number` counts the images from 1."""
    if number % _PROGRESS_IMAGES == 0:
        notify(f"{number} images evaluated")
