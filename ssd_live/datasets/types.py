"""Labelled images: VOC directories, COCO JSON and YOLO folders read into one form.

Boxes are (M, 4) float32 x1, y1, x2, y2 in pixels, from the outer edge of the first pixel to the
outer edge of the last: a box around the whole image is 0, 0, width, height. VOC's whole numbers
count pixels from 1 and name the last one inside, so 1 is taken off their left and top. Class ids
count from 0, without the background.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image and its objects. `ignored` (M,) marks those that evaluation leaves out: VOC's
    difficult ones, COCO's crowds.

    `size` is (width, height) as the labels say it, `areas` (M,) what they say the objects cover, in
    pixels; None where they do not.
    """

    path: Path
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    size: tuple[int, int] | None = None
    label_path: Path | None = None
    areas: NDArray[np.float64] | None = None


Kind = Literal[
    "unreadable label",
    "missing image",
    "unreadable image",
    "unknown class",
    "not a number",
    "inverted box",
    "empty box",
    "box outside",
    "off by one",
    "wrong size",
    "duplicate object",
    "duplicate image",
    "unlabelled image",
    "resembling names",
]


@dataclass(frozen=True)
class Finding:
    """Something wrong with labelled data: what kind, the file to look into, and a line that says
    more.
    """

    kind: Kind
    path: Path
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


@dataclass(frozen=True)
class DataSet:
    """Images with labels of these classes. `troubles` are labels, or parts of them, that could not
    be read and were left out.
    """

    name: str
    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    category_ids: tuple[int, ...] = ()
    troubles: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.images)


def boxes_array(boxes: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    # A number too large becomes infinite, which `check-data` tells.
    with np.errstate(over="ignore"):
        return np.asarray(boxes, np.float32).reshape(-1, 4)


def class_index(classes: Sequence[str], name: str) -> int | None:
    """By name in any case."""
    wanted = name.strip().casefold()
    return next((index for index, known in enumerate(classes) if known.casefold() == wanted), None)
