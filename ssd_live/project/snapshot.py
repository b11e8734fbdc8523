"""The labels of a project at one moment, as data to learn from and to judge on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssd_live.datasets.types import DataSet, LabelledImage, boxes_array
from ssd_live.errors import DataError
from ssd_live.project.labels import Part, ProjectImage, image_of, image_record
from ssd_live.project.split import apart, with_parts
from ssd_live.project.store import IMAGES, Project
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.texts import counted

_FEWEST_IMAGES = 5


@dataclass(frozen=True)
class Snapshot:
    """The labels of a project when a training begins. Later changes do not matter to it.

    `images` are the labelled images, each with its part. `classes` are the names of the classes
    by number. `merged` has the number of the class that each class that is gone was merged into.
    """

    folder: Path
    name: str
    classes: dict[int, str]
    images: tuple[ProjectImage, ...]
    merged: dict[int, int]

    def data(self, part: Part) -> DataSet:
        """Return the images of a part as a data set.

        Those to learn from are not too like those for judging (`apart`).
        """
        places = {number: place for place, number in enumerate(self.classes)}
        numbers = {its.number for its in self.images if its.part == part}
        if part == "train":
            numbers = apart(self.images)
        return DataSet(
            self.name,
            tuple(self.classes.values()),
            tuple(
                _labelled(self.folder, its, places) for its in self.images if its.number in numbers
            ),
            tuple(range(1, len(self.classes) + 1)),
        )


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot to a file, for another process. Raises `OutputError`."""
    content = {
        "name": snapshot.name,
        "classes": list(snapshot.classes.items()),
        "images": [image_record(image) for image in snapshot.images],
        "merged": list(snapshot.merged.items()),
    }
    with atomic_write(path) as file:
        file.write(json.dumps(content, ensure_ascii=False).encode() + b"\n")


def read_snapshot(folder: Path, path: Path) -> Snapshot:
    """Return the snapshot of the project in `folder` that `write_snapshot` has written.

    Raises `DataError` if the file cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
        classes = {int(number): str(name) for number, name in content["classes"]}
        images = tuple(image_of(record) for record in content["images"])
        merged = {int(old): int(new) for old, new in content["merged"]}
        return Snapshot(folder, str(content["name"]), classes, images, merged)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); train again") from error


def snapshot_of(project: Project) -> Snapshot:
    """Decide which images are for judging, and return the labels of a project as they are now.

    Raises `DataError` if there is too little to learn from.
    """
    labelled = project.labelled
    objects = sum(len(image.sure_boxes) for image in labelled)
    if len(labelled) < _FEWEST_IMAGES or not objects:
        raise DataError(
            f"{project.folder}: has {counted(len(labelled), 'labelled image')} with "
            f"{counted(objects, 'object')}, which is too little to learn from; label at least "
            f"{_FEWEST_IMAGES} images"
        )
    project.put(with_parts(labelled))
    images = tuple(project.labelled)
    learned = apart(images)
    if not any(image.sure_boxes for image in images if image.number in learned):
        raise DataError(
            f"{project.folder}: the images to learn from show no object; label more images"
        )
    return Snapshot(project.folder, project.name, project.classes, images, project.merged)


def _labelled(folder: Path, image: ProjectImage, places: dict[int, int]) -> LabelledImage:
    boxes = image.sure_boxes
    return LabelledImage(
        folder / IMAGES / image.file_name,
        boxes_array([each.box for each in boxes]),
        np.array([places[each.class_id] for each in boxes], np.int64),
        np.array([each.difficult for each in boxes], bool),
        (image.width, image.height),
    )
