"""Read PASCAL VOC folders: JPEGImages, Annotations (XML), ImageSets/Main.

A folder with XML files beside the images, as Roboflow exports it, is read too.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssd_live.datasets.types import DataSet, Finding, LabelledImage, boxes_array, class_index
from ssd_live.errors import DataError
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, natural_order
from ssd_live.system.atomic_files import os_error_text


@dataclass(frozen=True)
class _Object:
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class _Label:
    path: Path
    file_name: str
    size: tuple[int, int] | None
    objects: tuple[_Object, ...]


def load(folder: Path, split: str, classes: Sequence[str]) -> DataSet:
    """Load and return the labelled images of the VOC data set in `folder`.

    `split` names a list of images, the file ImageSets/Main/SPLIT.txt; if it is empty, all labels in
    Annotations and its subfolders are read. `classes` gives the class names and their order; if it
    is empty, the names in the labels are used in alphabetical order. Objects of other classes are
    left out. A label that cannot be used becomes a finding in the `findings` of the result. Raises
    `DataError` if the list does not exist or cannot be read, or if no label can be read.
    """
    labels_root, images_root = _roots(folder)
    found_images = _Images(images_root)
    labels, findings = [], []
    for path in _label_paths(folder, split):
        try:
            labels.append(_read(path))
        except DataError as error:
            findings.append(Finding("unreadable label", path, str(error)))
    if not labels:
        raise DataError(
            f"{folder}: has no readable labels "
            f"({findings[0] if findings else 'Annotations is empty'}); correct or add XML files "
            "in Annotations"
        )
    # Names that differ only in case are the same class.
    found = {
        thing.name.casefold(): thing.name for label in reversed(labels) for thing in label.objects
    }
    names = tuple(classes) or tuple(sorted(found.values()))
    images = []
    for label in labels:
        unknown = sorted(
            {thing.name for thing in label.objects if class_index(names, thing.name) is None}
        )
        listed = ", ".join(names)
        findings += [
            Finding(
                "unknown class",
                label.path,
                f"the class {name!r} is not among {listed}; its objects are left out",
            )
            for name in unknown
        ]
        image = found_images.of(label, label.path.relative_to(labels_root))
        images.append(_labelled(image, label, names))
    return DataSet(
        f"{folder.absolute().name}{f' {split}' if split else ''}",
        names,
        tuple(images),
        tuple(range(1, len(names) + 1)),
        tuple(findings),
    )


def _label_paths(folder: Path, split: str) -> list[Path]:
    if not split:
        return sorted(_roots(folder)[0].rglob("*.xml"), key=natural_order)
    listed = folder / "ImageSets" / "Main" / f"{split}.txt"
    try:
        names = [
            line.split()[0]
            for line in listed.read_text(encoding="utf-8-sig").splitlines()
            if line.strip()
        ]
    except UnicodeDecodeError as error:
        raise DataError(f"{listed}: is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        known = ", ".join(sorted(path.stem for path in listed.parent.glob("*.txt"))) or "no lists"
        raise DataError(
            f"{listed}: there is no such list; choose another split (the folder has {known})"
        ) from error
    return [folder / "Annotations" / f"{name}.xml" for name in names]


def _read(path: Path) -> _Label:
    """Read and return the label in the XML file `path`.

    Raises `DataError` if the file cannot be read or is not a VOC label. The message of the error
    does not name the file; the caller adds the name.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError as error:
        raise DataError(
            "the label file does not exist; add it, or remove the image from the list of the split"
        ) from error
    except OSError as error:
        raise DataError(
            f"cannot be read ({os_error_text(error)}); check the file and its permissions"
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(
            f"is not valid XML ({next(iter(str(error).splitlines()), 'no reason')}); correct the "
            "file"
        ) from error
    try:
        objects = tuple(_object(node) for node in root.iter("object"))
        width, height = (
            int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height")
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"an object has no name, or a number is missing or wrong ({error}); correct the file"
        ) from error
    return _Label(
        path,
        root.findtext("filename") or "",
        (width, height) if width and height else None,
        objects,
    )


def _object(node: ElementTree.Element) -> _Object:
    name = (node.findtext("name") or "").strip()
    if not name:
        raise ValueError("no name")
    x1, y1, x2, y2 = (
        float(node.findtext(f"bndbox/{side}") or "missing")
        for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return _Object(
        name, (x1 - 1, y1 - 1, x2, y2), (node.findtext("difficult") or "0").strip() == "1"
    )


def read_label(path: Path, image: Path, names: Sequence[str]) -> LabelledImage:
    """Return the image file `image` together with the objects that the XML file `path` lists.

    `names` are the class names in the order of the class ids. Objects of other classes are left
    out. Raises `DataError` if `path` cannot be read or is not a VOC label.
    """
    try:
        return _labelled(image, _read(path), names)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _labelled(image: Path, label: _Label, names: Sequence[str]) -> LabelledImage:
    known = [(class_index(names, thing.name), thing) for thing in label.objects]
    kept = [(index, thing) for index, thing in known if index is not None]
    return LabelledImage(
        image,
        boxes_array([thing.box for _, thing in kept]),
        np.array([index for index, _ in kept], np.int64),
        np.array([thing.difficult for _, thing in kept], bool),
        label.size,
        label.path,
    )


class _Images:
    """The image files below a folder, found by the label that belongs to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of_name: dict[Path, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
                name = path.relative_to(folder).with_suffix("")
                self._of_name.setdefault(name, []).append(path)

    def of(self, label: _Label, place: Path) -> Path:
        """Return the path of the image that a label belongs to; the image may not exist.

        `place` is the path of the label file relative to the folder of the labels. The image has
        the same name, apart from the ending. It lies in the same subfolder of the folder of the
        images, or directly in that folder. The label also contains the name of its image, but that
        name is often wrong. It is used only to choose between images with different endings, or if
        there is no image with the name of the label file.
        """
        inside = Path(label.file_name).name
        for name in (place.with_suffix(""), Path(place.stem)):
            if found := self._of_name.get(name):
                return next((path for path in found if path.name == inside), found[0])
        return self._folder / (inside or f"{place.stem}.jpg")


def _roots(folder: Path) -> tuple[Path, Path]:
    """Return the folders of the labels and of the images of the VOC data set in `folder`."""
    if (folder / "Annotations").is_dir():
        return folder / "Annotations", folder / "JPEGImages"
    return folder, folder
