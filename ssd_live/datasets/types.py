"""Define the types for labelled images of all formats (VOC, COCO and YOLO).

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
    """One image file and its M labelled objects.

    `path` is the image file. `boxes` (M, 4) are x1, y1, x2, y2 in pixels, and `classes` (M,) are
    the class ids, from 0. `ignored` (M,) is true for objects that evaluation leaves out: difficult
    objects in VOC, crowds in COCO. `size` is (width, height) of the image in pixels as the label
    gives it, and `areas` (M,) are the areas of the objects in square pixels. Each of the two is
    None if it is not known. `label_path` is the label file of this image, or None if one file holds
    the labels of all images.
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
    """One thing that is wrong with labelled data.

    `path` is the file in which it is wrong, and `detail` says in one line what is wrong.
    """

    kind: Kind
    path: Path
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


@dataclass(frozen=True)
class DataSet:
    """A set of labelled images, and the classes of their objects.

    `name` is shown to the user. `classes` holds the class names; a class id is an index into it.
    `category_ids` are the COCO category ids of the classes, in the same order: those of the file
    for COCO data, otherwise 1, 2 and so on. `findings` say which images, labels or objects could
    not be used when the data were loaded, and other errors of the label files.
    """

    name: str
    classes: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    category_ids: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.images)


def boxes_array(boxes: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Return M boxes, each of four numbers, as a float32 array (M, 4); M may be 0.

    A number that is too large for float32 becomes infinite.
    """
    # A number that is too large becomes infinite, which `check-data` reports.
    with np.errstate(over="ignore"):
        return np.asarray(boxes, np.float32).reshape(-1, 4)


def class_index(classes: Sequence[str], name: str) -> int | None:
    """Return the index of the class `name` in `classes`, or None if it is not among them.

    Upper and lower case do not matter, and spaces before and after `name` do not matter.
    """
    wanted = name.strip().casefold()
    return next((index for index, known in enumerate(classes) if known.casefold() == wanted), None)
