"""The labels of a project at one moment, as data to learn from and to judge on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssd_live.datasets.types import DataSet, LabelledImage, boxes_array
from ssd_live.errors import DataError
from ssd_live.project.labels import Part, ProjectImage
from ssd_live.project.split import with_parts
from ssd_live.project.store import IMAGES, Project
from ssd_live.system.atomic_files import sha256
from ssd_live.system.texts import counted

_FEWEST_IMAGES = 5


@dataclass(frozen=True)
class Snapshot:
    """The labels of a project when a training begins. Later changes do not matter to it.

    `images` are the labelled images, each with its part. `classes` are the names of the classes
    by number.
    """

    folder: Path
    name: str
    classes: dict[int, str]
    images: tuple[ProjectImage, ...]

    @property
    def key(self) -> str:
        """A text that is another one if the labels change."""
        return sha256(repr((self.classes, self.images)).encode())

    def data(self, part: Part) -> DataSet:
        """Return the images of a part as a data set."""
        places = {number: place for place, number in enumerate(self.classes)}
        return DataSet(
            self.name,
            tuple(self.classes.values()),
            tuple(_labelled(self.folder, its, places) for its in self.images if its.part == part),
            tuple(range(1, len(self.classes) + 1)),
        )


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
    learned = [image for image in images if image.part == "train"]
    if not any(image.sure_boxes for image in learned):
        raise DataError(
            f"{project.folder}: the images to learn from show no object; label more images"
        )
    return Snapshot(project.folder, project.name, project.classes, images)


def _labelled(folder: Path, image: ProjectImage, places: dict[int, int]) -> LabelledImage:
    boxes = image.sure_boxes
    return LabelledImage(
        folder / IMAGES / image.file_name,
        boxes_array([each.box for each in boxes]),
        np.array([places[each.class_id] for each in boxes], np.int64),
        np.array([each.difficult for each in boxes], bool),
        (image.width, image.height),
    )
