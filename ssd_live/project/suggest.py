"""Suggest the boxes of images that are not labelled yet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ssd_live.detections import Detections
from ssd_live.errors import MediaError
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.store import Project
from ssd_live.project.versions import active_version, versions_of


def numbers_by_name(project: Project, *, of_version: bool) -> dict[str, int]:
    """Return the numbers of the classes of a project by their names, in lower case.

    If `of_version` is true, they are for the version in use, and a class that was renamed or merged
    since that was trained has its name there. Raises `DataError` if it is not known which version
    is in use.
    """
    classes, merged = project.classes, project.merged
    numbers = {name.casefold(): number for number, name in classes.items()}
    if not of_version:
        return numbers
    active = active_version(project.folder)
    for version in versions_of(project.folder):
        if version.number == active:
            names = version.facts.get("classes", ())
            for name, number in zip(names, version.class_numbers, strict=False):
                now = merged.get(number, number)
                if now in classes:
                    numbers[str(name).casefold()] = now
    return numbers


def suggested(
    found: Detections, numbers: Mapping[str, int], size: tuple[int, int]
) -> tuple[LabelledBox, ...]:
    """Return detections in an image as suggestions, those of classes that are in the project.

    `numbers` are those of the classes, by their names in lower case. `size` is (width, height) of
    the image in pixels; boxes are cut at its edges.
    """
    boxes = []
    for detection in found:
        number = numbers.get(detection.name.casefold())
        x1, y1, x2, y2 = detection.box
        box = (max(x1, 0.0), max(y1, 0.0), min(x2, float(size[0])), min(y2, float(size[1])))
        if number is not None and box[2] - box[0] >= 1 and box[3] - box[1] >= 1:
            boxes.append(LabelledBox(number, box, score=detection.score))
    return tuple(boxes)


def suggest(
    project: Project,
    detect: Callable[[Pixels], Detections],
    notify: Callable[[str], None],
    *,
    of_version: bool = False,
) -> Iterator[ProjectImage]:
    """Replace the suggestions of all images that are not labelled, and yield these images.

    Boxes that a person has made stay. `detect` returns the detections in an image (H, W, 3) uint8
    BGR, and `of_version` says whether they are those of the version in use. `notify` gets a line
    about each image that cannot be read, which is left out.
    """
    numbers = numbers_by_name(project, of_version=of_version)
    for image in project.images:
        if image.is_labelled:
            continue
        try:
            pixels = read_image(project.path_of(image)).planes[0]
        except MediaError as error:
            notify(f"note: {error}")
            continue
        size = image.width, image.height
        boxes = (*image.sure_boxes, *suggested(detect(pixels), numbers, size))
        changed = replace(image, boxes=boxes)
        project.put([changed])
        yield changed


def accepted(image: ProjectImage, score: float) -> ProjectImage:
    """Return an image as labelled, with its suggestions of at least this score, and no others."""
    boxes = (
        replace(each, score=None)
        for each in image.boxes
        if each.score is None or each.score >= score
    )
    return replace(image, boxes=tuple(boxes), is_labelled=True)
