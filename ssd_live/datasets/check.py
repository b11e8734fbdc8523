"""Find errors in labelled data that make training fail or make a network learn wrong objects."""

import difflib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssd_live.datasets.types import DataSet, Finding, LabelledImage
from ssd_live.errors import MediaError
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, read_image
from ssd_live.system.atomic_files import os_error_text
from ssd_live.system.paths import resolve

# A box may exceed the image by half a pixel, because labels were rounded or scaled. If it exceeds
# it by up to a pixel, the coordinates were probably counted from 1 instead of 0, or the other way
# round.
_ROUNDING_PIXELS, _OFF_BY_ONE_PIXELS = 0.5, 1.05
_RESEMBLING = 0.85


@dataclass(frozen=True)
class Checked:
    """The result of checking a data set.

    `findings` are the errors found. `sizes` maps the path of each readable image to its size
    (width, height) in pixels.
    """

    findings: tuple[Finding, ...]
    sizes: dict[Path, tuple[int, int]]


def check(
    data: DataSet,
    on_image: Callable[[int], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Checked:
    """Read every image of `data`, and return the errors found and the sizes of the images.

    The check looks for unreadable images, wrong sizes, wrong boxes, duplicates and misspelt class
    names. The result also includes `data.findings`, the errors found when the data were loaded.
    `on_image` is called for each image with the number of the image, counted from 1. Once
    `is_stopped` returns true, no more images are read, and the result is not complete.
    """
    findings = list(data.findings)
    sizes: dict[Path, tuple[int, int]] = {}
    seen: dict[str, Path] = {}
    with ThreadPoolExecutor() as pool:
        for number, (labelled, looked) in enumerate(
            zip(data.images, pool.map(_look, data.images), strict=True), 1
        ):
            on_image(number)
            if is_stopped():
                pool.shutdown(wait=False, cancel_futures=True)
                break
            if isinstance(looked, Finding):
                findings.append(looked)
                continue
            sizes[labelled.path] = looked.size
            findings += _of_size(labelled, looked.size)
            findings += _of_boxes(labelled, looked.size, data.classes)
            if first := seen.get(looked.digest):
                detail = (
                    "is listed twice" if first == labelled.path else f"is the same image as {first}"
                )
                findings.append(Finding("duplicate image", labelled.path, detail))
            else:
                seen[looked.digest] = labelled.path
    findings += _resembling(data)
    return Checked(tuple(findings), sizes)


def unlabelled(data: DataSet) -> list[Finding]:
    """Return a finding for each image file that has no label.

    Only the folders that contain images of `data` are searched. An image whose own label file
    cannot be read is left out, because `data.findings` has a finding about that file.
    """
    # `Path.resolve` would fail on symbolic links that form a loop.
    known = {resolve(labelled.path) for labelled in data.images} | {
        resolve(finding.path) for finding in data.findings
    }
    stems = {finding.path.stem for finding in data.findings if finding.kind == "unreadable label"}
    folders = sorted({labelled.path.parent for labelled in data.images})
    beside = sorted(
        path
        for place in folders
        if place.is_dir()
        for path in place.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
    )
    return [
        Finding("unlabelled image", path, "has no label")
        for path in beside
        if resolve(path) not in known and path.stem not in stems
    ]


@dataclass(frozen=True)
class _Looked:
    size: tuple[int, int]
    digest: str


def _look(labelled: LabelledImage) -> _Looked | Finding:
    label = labelled.label_path or labelled.path
    try:
        if not labelled.path.exists():
            return Finding("missing image", label, f"there is no image {labelled.path}")
        # Reading a pipe would wait forever.
        if not labelled.path.is_file():
            return Finding(
                "unreadable image",
                labelled.path,
                "is not a regular file; replace it by an image file",
            )
        content = labelled.path.read_bytes()
    except OSError as error:
        return Finding(
            "unreadable image",
            labelled.path,
            f"cannot be read ({os_error_text(error)}); check the file and its permissions",
        )
    try:
        frame = read_image(labelled.path)
    except MediaError:
        return Finding(
            "unreadable image", labelled.path, "is not an image that can be read; replace the file"
        )
    return _Looked((frame.width, frame.height), hashlib.sha256(content).hexdigest())


def _of_size(labelled: LabelledImage, size: tuple[int, int]) -> Iterator[Finding]:
    if labelled.size is None or labelled.size == size:
        return
    turned = (
        " (the image is rotated by its EXIF orientation)" if labelled.size == size[::-1] else ""
    )
    said = (
        f"the label gives the size {labelled.size[0]} x {labelled.size[1]}, but the image has "
        f"{size[0]} x {size[1]}{turned}"
    )
    yield Finding("wrong size", labelled.label_path or labelled.path, said)


def _of_boxes(
    labelled: LabelledImage, size: tuple[int, int], classes: Sequence[str]
) -> Iterator[Finding]:
    place = labelled.label_path or labelled.path
    seen: set[tuple[float, ...]] = set()
    for box, class_id in zip(labelled.boxes.tolist(), labelled.classes.tolist(), strict=True):
        named = f"{classes[class_id]} at {', '.join(f'{value:g}' for value in box)}"
        if labelled.label_path is None:
            named = f"{labelled.path.name}, {named}"
        x1, y1, x2, y2 = box
        out = max(-x1, -y1, x2 - size[0], y2 - size[1])
        if not np.isfinite(box).all():
            yield Finding("not a number", place, named)
        elif x2 < x1 or y2 < y1:
            yield Finding(
                "inverted box",
                place,
                f"{named}: its right or bottom edge is before its left or top edge",
            )
        elif x2 == x1 or y2 == y1:
            yield Finding("empty box", place, f"{named}: has no area")
        elif out > _OFF_BY_ONE_PIXELS:
            yield Finding(
                "box outside",
                place,
                f"{named}: exceeds the {size[0]} x {size[1]} image by {out:g} pixels",
            )
        elif out > _ROUNDING_PIXELS:
            yield Finding(
                "off by one",
                place,
                f"{named}: exceeds the {size[0]} x {size[1]} image by {out:.2g} pixel; are its "
                "coordinates counted from 0 or from 1?",
            )
        if (*box, class_id) in seen:
            yield Finding("duplicate object", place, f"{named}: is listed twice")
        seen.add((*box, class_id))


def _resembling(data: DataSet) -> Iterator[Finding]:
    """Yield a finding for each rare class whose name looks like a misspelt name of a common class.

    This matters for VOC data that are loaded without a list of classes, because then every name in
    a label becomes a class.
    """
    counts = np.bincount(
        np.concatenate([image.classes for image in data.images] or [np.zeros(0, np.int64)]),
        minlength=len(data.classes),
    )
    place = {
        int(number): image.label_path or image.path
        for image in reversed(data.images)
        for number in image.classes
    }
    # One name must be rare. If both are common, they are two classes, such as cup and cap.
    present = np.flatnonzero(counts)
    pairs = [
        (int(few), int(many))
        for few in present
        for many in present[counts[present] >= 10 * counts[few]]
    ]
    for few, many in sorted(pairs, key=sorted):
        names = data.classes[few], data.classes[many]
        if _resemble(*names):
            detail = (
                f"the class {names[0]!r} ({counts[few]} objects) looks like {names[1]!r} "
                f"({counts[many]} objects); is it misspelt?"
            )
            yield Finding("resembling names", place[few], detail)


def _resemble(one: str, other: str) -> bool:
    """Return whether two names are so similar that one may be the other one misspelt."""
    matcher = difflib.SequenceMatcher(None, one, other)
    # The first two are upper bounds of the third, which takes much longer.
    return all(
        ratio() >= _RESEMBLING
        for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    )
