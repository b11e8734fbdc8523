"""Define the labels of a project: its images, and the boxes in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ssd_live.errors import DataError

# What an image is for: to learn from it, to judge detectors on it, or not decided yet.
Part = Literal["", "train", "judge"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LabelledBox:
    """An object in an image.

    `box` is x1, y1, x2, y2 in pixels of the upright image, from the outer edge of the first pixel
    to the outer edge of the last one. `class_id` is the number of its class in the project.
    Evaluation leaves out an object that is `difficult`. `score` is None if a person has made the
    box or accepted it; otherwise the box is a suggestion, and this is its score, 0 to 1.
    """

    class_id: int
    box: Box
    difficult: bool = False
    score: float | None = None


@dataclass(frozen=True)
class ProjectImage:
    """An image of a project.

    `number` is its own, from 1, and never given to another image. `file_name` is the name of the
    file in the folder `images`. `width` and `height` are in pixels. `boxes` are its objects. If
    `is_labelled` is false, nobody has said yet that these are all of them. An image that is
    labelled and has no box has nothing to find.

    `source` says where the image comes from, and `seconds` at which time of a video, or is None.
    `look` is the perceptual hash of the image, in hexadecimal digits. `doubt` is larger the less
    sure the network was when the image was collected, 0 to 1, or None. `part` says what the
    image is for. It stays so for ever, so that no detector is judged on what it has learned.
    """

    number: int
    file_name: str
    width: int
    height: int
    boxes: tuple[LabelledBox, ...] = ()
    is_labelled: bool = False
    source: str = ""
    seconds: float | None = None
    look: str = ""
    doubt: float | None = None
    part: Part = ""

    @property
    def sure_boxes(self) -> tuple[LabelledBox, ...]:
        """The boxes that a person has made or accepted."""
        return tuple(each for each in self.boxes if each.score is None)

    def merged(self, old: int, new: int) -> "ProjectImage":
        """Return the image with objects of the class `new` in place of those of `old`."""
        return replace(
            self,
            boxes=tuple(
                replace(each, class_id=new) if each.class_id == old else each for each in self.boxes
            ),
        )


def image_record(image: ProjectImage) -> dict[str, Any]:
    """Return an image as a dictionary for JSON; `image_of` reads it.

    It is an entry of `images` in a COCO file, with more properties, and with its boxes.
    """
    record: dict[str, Any] = {
        "id": image.number,
        "file_name": image.file_name,
        "width": image.width,
        "height": image.height,
        "labelled": image.is_labelled,
    }
    more = {
        "source": image.source,
        "seconds": image.seconds,
        "look": image.look,
        "doubt": image.doubt,
        "part": image.part,
    }
    record |= {name: value for name, value in more.items() if value not in (None, "")}
    record["boxes"] = [_box_record(each) for each in image.boxes]
    return record


def image_of(record: Mapping[str, Any]) -> ProjectImage:
    """Return the image of a record. Raises `DataError` if a property is missing or wrong."""
    try:
        name = str(record["file_name"])
        if Path(name).name != name or "\\" in name or "\0" in name:
            # A project of somebody else must not reach other folders.
            raise ValueError(f"file name {name!r}")
        return ProjectImage(
            int(record["id"]),
            name,
            int(record["width"]),
            int(record["height"]),
            tuple(_box_of(each) for each in record.get("boxes", ())),
            bool(record.get("labelled", False)),
            str(record.get("source", "")),
            None if record.get("seconds") is None else float(record["seconds"]),
            str(record.get("look", "")),
            None if record.get("doubt") is None else float(record["doubt"]),
            _part_of(record.get("part", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"an image in the labels is not valid ({error})") from error


def _part_of(text: object) -> Part:
    if text == "train":
        return "train"
    return "judge" if text == "judge" else ""


def _box_record(labelled: LabelledBox) -> dict[str, Any]:
    x1, y1, x2, y2 = labelled.box
    # Two decimals are more than anybody can draw.
    record: dict[str, Any] = {
        "category_id": labelled.class_id,
        "bbox": [round(value, 2) for value in (x1, y1, x2 - x1, y2 - y1)],
    }
    if labelled.difficult:
        record["difficult"] = True
    if labelled.score is not None:
        record["score"] = round(labelled.score, 4)
    return record


def _box_of(record: Mapping[str, Any]) -> LabelledBox:
    x, y, width, height = (float(value) for value in record["bbox"])
    score = record.get("score")
    return LabelledBox(
        int(record["category_id"]),
        (x, y, x + width, y + height),
        bool(record.get("difficult", False)),
        None if score is None else float(score),
    )


def in_order(images: Iterable[ProjectImage]) -> list[ProjectImage]:
    """Return images in the order in which they came, but the frames of a video by their time.

    All frames of a video stand where its first one came.
    """
    listed = sorted(images, key=lambda image: image.number)
    firsts: dict[str, int] = {}
    for image in listed:
        if image.seconds is not None:
            firsts.setdefault(image.source, image.number)
    return sorted(
        listed,
        key=lambda image: (
            (image.number, 0.0) if image.seconds is None else (firsts[image.source], image.seconds)
        ),
    )
