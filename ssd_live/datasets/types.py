"""The types for labelled images, which all formats (VOC, COCO and YOLO) are read into.

Boxes are (M, 4) float32 x1, y1, x2, y2 in pixels, from the outer edge of the first pixel to the
outer edge of the last one: a box around the whole image is 0, 0, width, height. VOC counts pixels
from 1 and gives the last pixel inside the box, so 1 is subtracted from its left and top. Class ids
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
    """One image and its objects: `boxes` (M, 4) and `classes` (M,).

    `ignored` (M,) marks objects that evaluation leaves out: difficult ones in VOC, crowds in COCO.
    `size` is (width, height) of the image and `areas` (M,) are the areas of the objects, in pixels,
    as the label gives them; each is None if the label does not give it. `label_path` is None if the
    label is not a file of its own.
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
    """An error in labelled data: its kind, the file to look into, and one line of detail."""

    kind: Kind
    path: Path
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


@dataclass(frozen=True)
class DataSet:
    """Labelled images with objects of the given classes.

    `category_ids` are the COCO ids of the classes: those of the file for COCO, else counted from 1.
    `troubles` are labels, or parts of labels, that could not be used and were left out.
    """

    name: str
    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    category_ids: tuple[int, ...] = ()
    troubles: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.images)


def boxes_array(boxes: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Return boxes as a float32 array (M, 4); without boxes, the shape is (0, 4)."""
    # A number that is too large becomes infinite, which `check-data` reports.
    with np.errstate(over="ignore"):
        return np.asarray(boxes, np.float32).reshape(-1, 4)


def class_index(classes: Sequence[str], name: str) -> int | None:
    """Return the index of the class `name`, ignoring case and outer spaces, or None."""
    wanted = name.strip().casefold()
    return next((index for index, known in enumerate(classes) if known.casefold() == wanted), None)
