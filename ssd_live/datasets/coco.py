"""Read labelled images from a COCO instances JSON file."""

import itertools
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssd_live.datasets.types import DataSet, Finding, LabelledImage, boxes_array, class_index
from ssd_live.errors import DataError
from ssd_live.system.atomic_files import os_error_text

# The labels of a split in the COCO folders that Roboflow exports, beside the images.
ROBOFLOW_FILE = "_annotations.coco.json"


def annotation_file(folder: Path, split: str) -> Path:
    """Return the path of the JSON file in `folder`/annotations that holds the labels of `split`.

    The file is named SPLIT.json or instances_SPLIT.json. If `split` is empty, return the only file
    whose name starts with `instances`, or the only JSON file if no name does. Raises `DataError` if
    there is no file for `split`, or if `split` is empty and there is not exactly one such file.
    """
    found = sorted((folder / "annotations").glob("*.json"))
    instances = [path for path in found if path.stem.startswith("instances")] or found
    if split:
        wanted = [
            path for path in found if split in (path.stem, path.stem.removeprefix("instances_"))
        ]
        if wanted:
            return wanted[0]
        raise DataError(
            f"{folder / 'annotations'}: has no split {split}; choose another split (the folder has "
            f"{', '.join(path.stem for path in found) or 'no JSON file'})"
        )
    if len(instances) != 1:
        raise DataError(
            f"{folder / 'annotations'}: choose a split (the folder has "
            f"{', '.join(path.stem for path in instances) or 'no JSON file'})"
        )
    return instances[0]


def load(path: Path, folder: Path | None, classes: Sequence[str]) -> DataSet:
    """Load and return the labelled images of the COCO JSON file `path`.

    `folder` is the root of the data set, below which the images are; if it is None, the root is the
    folder above the file's folder. `classes` gives the class names and their order; if it is empty,
    all categories of the file are used in the order of their ids. Objects of other classes are left
    out. A label that cannot be used becomes a finding in the `findings` of the result. Raises
    `DataError` if the file cannot be read or has no image entry that can be used.
    """
    content = _content(path)
    try:
        categories = {int(entry["id"]): str(entry["name"]) for entry in content["categories"]}
        entries = {entry["id"]: entry for entry in content["images"]}
        annotations: dict[Any, list[dict[str, Any]]] = {}
        for annotation in content.get("annotations", []):
            annotations.setdefault(annotation["image_id"], []).append(annotation)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: is not a COCO file: {error} is missing or wrong; correct the file"
        ) from error
    groups = _groups(content["categories"], annotations)
    names = tuple(classes) or tuple(
        categories[number] for number in sorted(categories) if number not in groups
    )
    lost = [number for number in annotations if number not in entries]
    findings = [
        Finding(
            "missing image",
            path,
            f"has annotations of image {number}, which is not listed among its images",
        )
        for number in lost
    ]
    if len(entries) < len(content["images"]):
        findings.append(
            Finding(
                "duplicate image",
                path,
                f"{len(content['images']) - len(entries)} images have the same id as an earlier "
                "image; give each image its own id",
            )
        )
    folders = _images_folder(path, folder)
    unwanted = {number for number, name in categories.items() if class_index(names, name) is None}
    left_out: Counter[int] = Counter()
    images = []
    for number, entry in entries.items():
        own = annotations.get(number, [])
        try:
            findings += _of_no_category(path, entry, own, categories)
            images.append(_labelled(entry, own, categories, names, folders))
            left_out.update(
                category
                for annotation in own
                if (category := int(annotation["category_id"])) in unwanted
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            findings.append(
                Finding("unreadable label", path, f"image {number}: {error} is missing or wrong")
            )
    for number, count in sorted(left_out.items()):
        detail = (
            f"the class {categories[number]!r} is not among {', '.join(names)}; its {count} "
            "objects are left out"
        )
        findings.append(Finding("unknown class", path, detail))
    if not images:
        raise DataError(
            f"{path}: has no image that can be used "
            f"({findings[0] if findings else 'the file lists none'}); correct the file, or give "
            "another one"
        )
    name = path.parent.absolute().name if path.name == ROBOFLOW_FILE else path.stem
    return DataSet(name, names, tuple(images), _ids(names, categories), tuple(findings))


def _groups(categories: Any, annotations: dict[Any, list[dict[str, Any]]]) -> set[int]:
    """Return the ids of the categories that only group others and have no objects.

    Roboflow writes one: a category whose name is the `supercategory` of the others.
    """
    supers = {str(entry.get("supercategory", "")) for entry in categories}
    used = {
        str(annotation.get("category_id"))
        for those in annotations.values()
        for annotation in those
        if isinstance(annotation, dict)
    }
    return {
        int(entry["id"])
        for entry in categories
        if str(entry["name"]) in supers
        and str(entry.get("supercategory", "")) != str(entry["name"])
        and str(entry["id"]) not in used
    }


def _of_no_category(
    path: Path, entry: dict[str, Any], own: Sequence[dict[str, Any]], categories: dict[int, str]
) -> list[Finding]:
    unknown = sorted({int(annotation["category_id"]) for annotation in own} - set(categories))
    name = entry["file_name"]
    return [
        Finding(
            "unknown class",
            path,
            f"{name} has objects of category {number}, which the file does not define; these "
            "objects are left out",
        )
        for number in unknown
    ]


def _ids(names: Sequence[str], categories: dict[int, str]) -> tuple[int, ...]:
    """Return the category id of each class name, in the order of `names`.

    `categories` maps the category ids of the file to class names. A class that the file does not
    have gets an id that the file does not use.
    """
    known = {name.casefold(): number for number, name in categories.items()}
    free = (number for number in itertools.count(1) if number not in categories)
    return tuple(
        known[name.casefold()] if name.casefold() in known else next(free) for name in names
    )


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({os_error_text(error)}); check the path and its permissions"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: is not valid JSON ({error}); give a COCO JSON file") from error
    except RecursionError as error:
        raise DataError(
            f"{path}: is not a COCO file: the JSON is nested too deeply; give a COCO JSON file"
        ) from error
    if not isinstance(content, dict):
        raise DataError(
            f"{path}: is not a COCO file: it must be a JSON object with the keys images, "
            "annotations and categories"
        )
    return content


def _images_folder(path: Path, folder: Path | None) -> list[Path]:
    """Return the folders in which to look for the images, in the order of the search.

    They are those of the usual COCO layouts: images/ or a folder named after the split, such as
    train2017/, beside annotations/, or the folder of the JSON file `path`. `folder` is the root of
    the data set; if it is None, the root is the folder above the JSON file's folder.
    """
    root = folder or path.parent.parent
    split = path.stem.removeprefix("instances_")
    return [
        root / split,
        root / "images" / split,
        root / "images",
        root,
        path.parent,
        path.parent / "images",
    ]


def _labelled(
    entry: dict[str, Any],
    annotations: list[dict[str, Any]],
    categories: dict[int, str],
    names: Sequence[str],
    folders: Sequence[Path],
) -> LabelledImage:
    boxes, classes, crowds, areas = [], [], [], []
    for annotation in annotations:
        index = class_index(names, categories.get(int(annotation["category_id"]), ""))
        if index is None:
            continue
        x, y, width, height = _box_of(annotation)
        boxes.append((x, y, x + width, y + height))
        classes.append(index)
        # COCO itself has no difficult objects. The labels of projects do.
        crowds.append(bool(annotation.get("iscrowd", 0)) or bool(annotation.get("difficult", 0)))
        areas.append(float(annotation.get("area", width * height)))
    path = _image_path(str(entry["file_name"]), folders)
    size = (
        (int(entry["width"]), int(entry["height"]))
        if "width" in entry and "height" in entry
        else None
    )
    return LabelledImage(
        path,
        boxes_array(boxes),
        np.array(classes, np.int64),
        np.array(crowds, bool),
        size,
        areas=np.array(areas),
    )


def _box_of(annotation: Any) -> tuple[float, float, float, float]:
    """Return the box x, y, width, height of an annotation, in pixels.

    Without the key `bbox` it is the box around the polygons of the key `segmentation`. Raises
    `KeyError` if the annotation has neither, and `ValueError` if a value is wrong.
    """
    if "bbox" not in annotation and isinstance(annotation.get("segmentation"), list):
        points = [float(value) for polygon in annotation["segmentation"] for value in polygon]
        across, down = points[::2], points[1::2]
        left, top = min(across), min(down)
        return left, top, max(across) - left, max(down) - top
    x, y, width, height = (float(value) for value in annotation["bbox"])
    return x, y, width, height


def _image_path(name: str, folders: Sequence[Path]) -> Path:
    """Return the path of the image `name` in the first folder that contains it.

    If no folder contains the image, return its path in the first folder. Raises `ValueError` if
    `name` cannot be a file name.
    """
    try:
        if b"\0" in os.fsencode(name):
            raise ValueError("file_name")
        return next(
            (folder / name for folder in folders if (folder / name).is_file()), folders[0] / name
        )
    except UnicodeError as error:
        raise ValueError("file_name") from error
    except OSError as error:
        raise ValueError(f"file_name ({os_error_text(error)})") from error
