"""Read YOLO folders: images/, labels/ with one text file for each image, and the class names.

The names are in data.yaml or classes.txt.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from ssd_live.datasets.types import DataSet, Finding, LabelledImage, boxes_array
from ssd_live.errors import DataError, MediaError
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, image_size, natural_order
from ssd_live.system.atomic_files import os_error_text

# (class, cx, cy, w, h); the box is relative to the image, 0..1.
_Row = tuple[int, float, float, float, float]
# A share of the image over this is a number of pixels. `check-data` reports the boxes that exceed
# the image by less.
_LARGEST_SHARE = 10.0


def load(folder: Path, split: str, classes: Sequence[str]) -> DataSet:
    """Load and return the labelled images of the YOLO data set in `folder`.

    `split` is a folder in images/ and in labels/, or a folder that contains images/ and labels/; if
    it is empty, all images are read. A label is a text file with a line `class cx cy w h` for each
    object; the centre and size of the box are relative to the image, 0..1. An image without a label
    file has no objects. `classes` replaces the class names that the folder gives. A file that
    cannot be used becomes a finding in the `findings` of the result. Raises `DataError` if there is
    no image that can be used, or if neither `classes` nor the folder names the classes.
    """
    root, images_folder, labels_folder = _folders(folder, split)
    paths = sorted(
        (path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES),
        key=natural_order,
    )
    if not paths:
        raise DataError(f"{root}: has no images; add some, or give another folder or split")
    names = tuple(classes) or _names(folder)
    images, findings = [], []
    for path in paths:
        label = labels_folder / path.relative_to(images_folder).with_suffix(".txt")
        try:
            size = image_size(path)
        except MediaError as error:
            findings.append(Finding("unreadable image", path, str(error).removeprefix(f"{path}: ")))
            continue
        try:
            rows = _rows(label) if label.is_file() else []
        except DataError as error:
            findings.append(Finding("unreadable label", label, str(error)))
            continue
        known = [row for row in rows if 0 <= row[0] < len(names)]
        for number in sorted({row[0] for row in rows} - {row[0] for row in known}):
            detail = (
                f"has the class {number}, but there are {len(names)} class names, numbered from "
                "0; the objects of this class are left out"
            )
            findings.append(Finding("unknown class", label, detail))
        images.append(_labelled(path, label, size, known))
    labels_root = labels_folder / root.relative_to(images_folder)
    named = {labels_folder / path.relative_to(images_folder).with_suffix(".txt") for path in paths}
    texts = sorted(
        (text for text in labels_root.rglob("*.txt") if text.name != "classes.txt"),
        key=natural_order,
    )
    findings += [
        Finding("missing image", label, "there is no image with the name of this label")
        for label in texts
        if label not in named
    ]
    if not images:
        raise DataError(
            f"{root}: has no image that can be used ({findings[0]}); correct the files, or give "
            "another folder or split"
        )
    return DataSet(
        f"{folder.absolute().name}{f' {split}' if split else ''}",
        names,
        tuple(images),
        tuple(range(1, len(names) + 1)),
        tuple(findings),
    )


def _folders(folder: Path, split: str) -> tuple[Path, Path, Path]:
    """Return the folder of a split's images, and the root folders of the images and the labels.

    The path of an image relative to the second folder is that of its label relative to the third,
    apart from the ending. If `folder` has SPLIT/images, the result is SPLIT/images, SPLIT/images,
    SPLIT/labels. Otherwise it is images/SPLIT, images, labels. If `split` is empty, it is images,
    images, labels.
    """
    if split and (folder / split / "images").is_dir():
        return folder / split / "images", folder / split / "images", folder / split / "labels"
    return (
        folder / "images" / split if split else folder / "images",
        folder / "images",
        folder / "labels",
    )


def is_yolo(folder: Path, split: str) -> bool:
    """Return whether `folder`, or its subfolder `split`, contains a folder named labels."""
    return (folder / "labels").is_dir() or bool(split and (folder / split / "labels").is_dir())


def _names(folder: Path) -> tuple[str, ...]:
    for listed in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if listed.is_file():
            return tuple(line.strip() for line in _names_text(listed).splitlines() if line.strip())
    for described in (folder / "data.yaml", folder / "dataset.yaml"):
        if described.is_file():
            return _names_of_yaml(described)
    raise DataError(
        f"{folder}: does not name its classes; add classes.txt with one name on each line"
    )


def _names_text(path: Path) -> str:
    try:
        return _text(path)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _text(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises `DataError` if the file cannot be read or is not UTF-8. The message of the error does not
    name the file; the caller adds the name.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise DataError(
            f"cannot be read ({os_error_text(error)}); check the file and its permissions"
        ) from error


def _names_of_yaml(path: Path) -> tuple[str, ...]:
    """Return the class names in the YAML file `path`, in the order of their class ids.

    The entry `names` of the file is a list, or a mapping from class ids to names. Raises
    `DataError` if the file cannot be read, is not YAML, or has no valid names.
    """
    try:
        described = yaml.safe_load(_names_text(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        detail = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: is not valid YAML ({detail}); correct the file") from error
    names = described.get("names") if isinstance(described, dict) else None
    if isinstance(names, dict):
        if not all(type(number) is int for number in names) or sorted(names) != list(
            range(len(names))
        ):
            raise DataError(
                f"{path}: the class names are numbered {', '.join(sorted(map(str, names)))}; "
                "number them from 0 without gaps"
            )
        names = [names[number] for number in sorted(names)]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: has no list of names; add classes.txt with one name on each line")
    # YAML reads 1, yes and null as other things than text.
    odd = next((name for name in names if not isinstance(name, str) or not name.strip()), None)
    if odd is not None or None in names:
        raise DataError(f"{path}: the name {odd!r} is not text; put the name in quotes")
    return tuple(name.strip() for name in names)


def read_label(path: Path, image: Path, size: tuple[int, int], classes: int) -> LabelledImage:
    """Return the image file `image` together with the objects that the text file `path` lists.

    `size` is (width, height) of the image in pixels. `classes` is the number of classes; objects
    whose class id is not between 0 and `classes` - 1 are left out. Raises `DataError` if `path`
    cannot be read or is not a YOLO label.
    """
    try:
        return _labelled(image, path, size, [row for row in _rows(path) if 0 <= row[0] < classes])
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _labelled(
    path: Path, label: Path, size: tuple[int, int], rows: Sequence[_Row]
) -> LabelledImage:
    width, height = size
    boxes = [
        ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
        for _, cx, cy, w, h in rows
    ]
    numbers = np.array([number for number, *_ in rows], np.int64)
    return LabelledImage(path, boxes_array(boxes), numbers, np.zeros(len(rows), bool), size, label)


def _rows(label: Path) -> list[_Row]:
    """Return the objects in the text file `label`, which has one line `class cx cy w h` for each.

    A sixth number, the score of the object, is ignored. A line `class x1 y1 x2 y2 x3 y3 ...` of
    three or more corners, as in data sets for segmentation, gives the box around them. Raises
    `DataError` if the file cannot be read or a line has another form. The message of the error does
    not name the file; the caller adds the name.
    """
    rows = []
    for number, line in enumerate(_text(label).splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            values = [float(part) for part in parts]
        except ValueError:
            values = []
        corners = len(values) >= 7 and len(values) % 2 == 1
        if (
            not (corners or len(values) in (5, 6))
            or not all(math.isfinite(value) for value in values)
            or values[0] != int(values[0])
        ):
            raise DataError(f"line {number} is not `class cx cy w h`; correct this line")
        box = _around(values[1:]) if corners else values[1:5]
        if (largest := max(map(abs, box))) > _LARGEST_SHARE:
            raise DataError(
                f"line {number} has {largest:g}, but boxes must be relative to the image (0 to 1); "
                "divide pixels by the width or the height of the image"
            )
        rows.append((int(values[0]), *box))
    return rows  # type: ignore[return-value]


def _around(corners: Sequence[float]) -> list[float]:
    """Return the box cx, cy, w, h around the corners x1, y1, x2, y2 and so on."""
    across, down = corners[::2], corners[1::2]
    left, right, top, bottom = min(across), max(across), min(down), max(down)
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
