"""YOLO folders: images/, labels/ with a text file an image, and the names in data.yaml or classes.txt."""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ssd_live.errors import DataError
from ssd_live.training.data import DataSet, LabelledImage, boxes_array
from ssd_live.video.images import IMAGE_SUFFIXES, natural_order


def load(folder: Path, split: str, classes: Sequence[str]) -> DataSet:
    """Lines are `class cx cy w h`, relative to the image; an image without a text file has no objects. Raises `DataError`."""
    root = folder / "images" / split if split else folder / "images"
    paths = sorted((path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES), key=natural_order)
    if not paths:
        raise DataError(f"{root}: has no images")
    names = tuple(classes) or _names(folder)
    images, troubles = [], []
    for path in paths:
        label = folder / "labels" / path.relative_to(folder / "images").with_suffix(".txt")
        try:
            images.append(_labelled(path, label, len(names)))
        except DataError as error:
            troubles.append(str(error))
    return DataSet(f"{folder.name}{f' {split}' if split else ''}", names, tuple(images), tuple(range(1, len(names) + 1)), tuple(troubles))


def _names(folder: Path) -> tuple[str, ...]:
    for listed in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if listed.is_file():
            return tuple(line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip())
    for described in (folder / "data.yaml", folder / "dataset.yaml"):
        if described.is_file():
            return _names_of_yaml(described)
    raise DataError(f"{folder}: does not name its classes; add classes.txt with a name a line")


def _names_of_yaml(path: Path) -> tuple[str, ...]:
    """The `names` of a data.yaml: `[a, b]`, `- a` lines or `0: a` lines, which is all that such files have."""
    text = path.read_text(encoding="utf-8")
    if match := re.search(r"^names:\s*\[(.*?)\]", text, re.MULTILINE | re.DOTALL):
        return tuple(_unquoted(name) for name in match[1].split(",") if name.strip())
    if match := re.search(r"^names:\s*(?:#.*)?\n((?:[ \t]*(?:-|\d+\s*:).*\n?)+)", text, re.MULTILINE):
        return tuple(_unquoted(re.sub(r"^\s*(?:-|\d+\s*:)", "", line)) for line in match[1].splitlines() if line.strip())
    raise DataError(f"{path}: has no list of names; add classes.txt with a name a line")


def _unquoted(text: str) -> str:
    return text.split(" #")[0].strip().strip("'\"")


def _labelled(path: Path, label: Path, classes: int) -> LabelledImage:
    size = _size(path)
    if size is None:
        raise DataError(f"{path}: is not an image that can be read")
    rows = _rows(label) if label.is_file() else []
    width, height = size
    boxes = [((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height) for _, cx, cy, w, h in rows]
    numbers = [int(row[0]) for row in rows]
    if any(not 0 <= number < classes for number in numbers):
        raise DataError(f"{label}: has a class of number {max(numbers)}, but there are {classes} names")
    return LabelledImage(path, boxes_array(boxes), np.array(numbers, np.int64), np.zeros(len(rows), bool), size, label)


def _size(path: Path) -> tuple[int, int] | None:
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    return None if image is None else (image.shape[1], image.shape[0])


def _rows(label: Path) -> list[tuple[float, float, float, float, float]]:
    rows = []
    for number, line in enumerate(label.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            name, cx, cy, w, h = (float(part) for part in line.split()[:5])
        except ValueError as error:
            raise DataError(f"{label}: line {number} is not `class cx cy w h`") from error
        rows.append((name, cx, cy, w, h))
    return rows
