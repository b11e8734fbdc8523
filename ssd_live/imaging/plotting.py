"""Make and save figures with matplotlib, which is imported on first use."""

import io
import warnings
from pathlib import Path
from typing import Any

from ssd_live.errors import MissingPackageError, OutputError
from ssd_live.system.atomic_files import atomic_write

_FORMATS = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Check that matplotlib is installed and that a plot can be saved under the name `path`.

    Raises `MissingPackageError` if matplotlib is not installed, and `OutputError` if the file
    ending is not `.png`, `.svg` or `.pdf`.
    """
    new_figure(1, 1)
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(
            f"{path}: plots are written as {', '.join(_FORMATS)}; end the name in one of these"
        )


def new_figure(width: float, height: float) -> Any:
    """Return a new matplotlib figure of this size in inches.

    No window system is needed. Raises `MissingPackageError` if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            "plots need the package matplotlib; run `pip install matplotlib`"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure to `path`, in the format of the file ending.

    The file is written completely or not at all. Raises `OutputError` if the ending is not `.png`,
    `.svg` or `.pdf` or if the file cannot be written, and `MissingPackageError` if matplotlib is
    not installed.
    """
    check_plot(path)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib warns about every letter that its font does not have.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(content, format=path.suffix.lower()[1:], dpi=130)
    with atomic_write(path) as file:
        file.write(content.getvalue())
