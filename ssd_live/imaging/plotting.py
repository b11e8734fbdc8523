"""Figures by matplotlib, which is optional and imported when a figure is made."""

import io
import warnings
from pathlib import Path
from typing import Any

from ssd_live.errors import MissingPackageError, OutputError
from ssd_live.system.atomic_files import atomic_write

_FORMATS = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Whether a plot can be made, and under such a name. Raises `MissingPackageError`,
    `OutputError`.
    """
    new_figure(1, 1)
    if path.suffix.lower() not in _FORMATS:
        raise OutputError(f"{path}: plots are written as {', '.join(_FORMATS)}; end the name so")


def new_figure(width: float, height: float) -> Any:
    """In inches. No window system is touched."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError("plots need matplotlib; `pip install matplotlib`") from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Raises `OutputError`."""
    check_plot(path)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # A line for every letter that the font lacks.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(content, format=path.suffix.lower()[1:], dpi=130)
    with atomic_write(path) as file:
        file.write(content.getvalue())
