"""Take images into a project: image files, frames of videos, and data sets with their labels."""

import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np

from ssd_live.datasets.check import check
from ssd_live.datasets.load import load_data
from ssd_live.datasets.types import DataSet, LabelledImage
from ssd_live.errors import DataError, MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, read_image, write_image
from ssd_live.project.doubt import UNSURE
from ssd_live.project.labels import LabelledBox, ProjectImage
from ssd_live.project.looks import Looks, look_of
from ssd_live.project.store import Project
from ssd_live.system.atomic_files import atomic_write
from ssd_live.system.paths import printable, resolve, safe_name
from ssd_live.system.texts import counted
from ssd_live.video.reader import VideoReader

# So many images go into the journal at once.
_BATCH = 50
# Files of these types hold what every program shows, if they are not turned by EXIF.
_PLAIN_SUFFIXES = (".jpg", ".jpeg", ".png")
_LONGEST_STEM = 80


@dataclass
class Collected:
    """How many images were taken in, and why others were not.

    `near` were near-duplicates of others, and `findings` says in one line each what was wrong.
    """

    images: int = 0
    boxes: int = 0
    near: int = 0
    findings: list[str] = field(default_factory=list)


class Collector:
    """Takes images into `project`. With `keeps_near`, also near-duplicates of others.

    Call `finish` at the end. All methods raise `OutputError` if a file cannot be written.
    """

    def __init__(self, project: Project, *, keeps_near: bool = False) -> None:
        self._project = project
        self._keeps_near = keeps_near
        self._looks = Looks([image.look for image in project.images])
        self._taken = {image.file_name.casefold() for image in project.images}
        self._waiting: list[ProjectImage] = []
        self._next = project.next_number()
        self.collected = Collected()

    def add_frame(
        self,
        frame: Frame,
        stem: str,
        source: str,
        seconds: float | None = None,
        doubt: float | None = None,
    ) -> ProjectImage | None:
        """Take a frame in as a JPEG file; return its image, or None if it is a near-duplicate.

        `stem` is the beginning of the name of its file. The other arguments become those of the
        `ProjectImage`.
        """
        look = look_of(frame)
        if self._is_near(look):
            return None
        name = self._free_name(stem, ".jpg")
        write_image(self._project.folder / "images" / name, frame.bgr())
        image = ProjectImage(
            self._next,
            name,
            frame.width,
            frame.height,
            source=source,
            seconds=seconds,
            look=look,
            doubt=doubt,
        )
        self._take(image)
        return image

    def add_file(
        self,
        path: Path,
        source: str,
        boxes_in: Callable[[Frame], tuple[LabelledBox, ...]] | None = None,
    ) -> bool:
        """Take an image file in, and return whether it was.

        A JPEG or PNG file that every program shows alike is copied. Another one, such as one that
        EXIF turns, becomes an upright PNG file with 8 bits. If `boxes_in` is given, it returns all
        objects in the image, which is labelled then. Raises `MediaError` if the file cannot be
        read.
        """
        frame = read_image(path)
        look = look_of(frame)
        # Somebody chose the images that have labels.
        if boxes_in is None and self._is_near(look):
            return False
        is_plain = path.suffix.lower() in _PLAIN_SUFFIXES and _is_plain(path, frame)
        name = self._free_name(path.stem, path.suffix.lower() if is_plain else ".png")
        target = self._project.folder / "images" / name
        if is_plain:
            _copy(path, target)
        else:
            write_image(target, frame.bgr())
        self._take(
            ProjectImage(
                self._next,
                name,
                frame.width,
                frame.height,
                boxes_in(frame) if boxes_in else (),
                boxes_in is not None,
                source,
                look=look,
            )
        )
        return True

    def finish(self) -> Collected:
        """Write down what is left, and return what was collected."""
        self._flush()
        return self.collected

    def _is_near(self, look: str) -> bool:
        if self._keeps_near or not self._looks.has(look):
            return False
        self.collected.near += 1
        return True

    def _take(self, image: ProjectImage) -> None:
        self._looks.add(image.look)
        self._taken.add(image.file_name.casefold())
        self._next += 1
        self.collected.images += 1
        self.collected.boxes += len(image.boxes)
        self._waiting.append(image)
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._project.put(self._waiting)
        self._waiting.clear()

    def _free_name(self, stem: str, suffix: str) -> str:
        stem = safe_name(stem)[:_LONGEST_STEM] or "image"
        for number in itertools.count(1):
            name = f"{stem}{f' {number}' if number > 1 else ''}{suffix}"
            # A file without an image may be left over from a program that was killed.
            if name.casefold() not in self._taken:
                return name
        raise AssertionError("there is always a free name")


def add_files(
    collector: Collector,
    paths: Iterable[Path],
    source: str,
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Take image files in; those that cannot be read become findings.

    Nothing more is taken in once `is_stopped` returns true.
    """
    for path in takewhile(lambda _: not is_stopped(), paths):
        try:
            collector.add_file(path, source or printable(path.parent))
        except MediaError as error:
            collector.collected.findings.append(str(error))


def add_folder(
    collector: Collector,
    project: Project,
    path: Path,
    split: str = "",
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Take in a data set in a known format with its labels, or a folder of images without labels.

    `path` is a folder or a COCO file, and `split` names a part of the data set. Nothing more is
    taken in once `is_stopped` returns true. Raises `DataError` if `path` is neither, or if its
    labels cannot be read.
    """
    try:
        data = load_data(path, split)
    except DataError:
        files = (
            sorted(
                its
                for its in path.rglob("*")
                if its.suffix.lower() in IMAGE_SUFFIXES and its.is_file()
            )
            if path.is_dir()
            else []
        )
        if not files or split or _has_labels(path):
            raise
        add_files(collector, files, "", is_stopped)
    else:
        add_data(collector, project, data, printable(resolve(path)), is_stopped)


def _has_labels(folder: Path) -> bool:
    """Return whether a folder of images has files that look like labels."""
    names = {its.name.casefold() for its in folder.iterdir()}
    parts = [folder, *(its for its in folder.iterdir() if its.is_dir())]
    return bool(names & {"annotations", "labels", "data.yaml", "classes.txt"}) or any(
        any(part.glob(pattern)) for part in parts for pattern in ("*.json", "*.xml")
    )


def add_data(
    collector: Collector,
    project: Project,
    data: DataSet,
    source: str,
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Take the images of a data set in with their labels.

    Classes that the project does not have are added to it. The data are checked, and what is wrong
    becomes a finding; a label that cannot be used is left out. Nothing more is taken in once
    `is_stopped` returns true.
    """
    checked, findings = check(data, is_stopped=is_stopped), collector.collected.findings
    findings += map(str, checked.findings)
    if is_stopped():
        return
    numbers = _class_numbers(project, data)
    for labelled in takewhile(lambda _: not is_stopped(), data.images):
        # What cannot be read, or has no area, is among the findings of the check.
        if labelled.path in checked.sizes:
            boxes_in = partial(_boxes, labelled, numbers, [])
            try:
                collector.add_file(labelled.path, source, boxes_in)
            except MediaError as error:
                # The file was changed since it was checked.
                findings.append(str(error))


def labels_by_name(project: Project, data: DataSet) -> tuple[list[ProjectImage], list[str]]:
    """Return the images of a project that have labels in `data`, with these labels.

    An image is found by the name of its file; upper and lower case do not matter. Classes that the
    project does not have are added to it. The second list says what was wrong.
    """
    by_name = {image.file_name.casefold(): image for image in project.images}
    numbers = _class_numbers(project, data)
    changed, findings = [], [str(finding) for finding in data.findings]
    for labelled in data.images:
        image = by_name.get(labelled.path.name.casefold())
        if image is None:
            findings.append(f"{labelled.path.name} is not in the project")
            continue
        boxes = _boxes(labelled, numbers, findings, image)
        changed.append(replace(image, boxes=boxes, is_labelled=True))
    return changed, findings


def _class_numbers(project: Project, data: DataSet) -> list[int]:
    """Return the number in the project of each class of a data set; new classes are added."""
    known = {name.casefold(): number for number, name in project.classes.items()}
    numbers = []
    for name in data.classes:
        # A project separates the names of classes by commas.
        own = name.replace(",", " ").strip()
        if own.casefold() not in known:
            known[own.casefold()] = project.add_class(own)
        numbers.append(known[own.casefold()])
    return numbers


def _boxes(
    labelled: LabelledImage,
    numbers: Sequence[int],
    findings: list[str],
    image: Frame | ProjectImage,
) -> tuple[LabelledBox, ...]:
    """Return the objects of an image, cut at its edges, as those of a project."""
    limits = [image.width, image.height] * 2
    clipped = np.clip(np.nan_to_num(labelled.boxes), 0, limits)
    has_area = (clipped[:, 2:] - clipped[:, :2] >= 1).all(1)
    if lost := int((~has_area).sum()):
        findings.append(
            f"{labelled.path}: {counted(lost, 'object')} without an area in the image left out"
        )
    return tuple(
        LabelledBox(numbers[class_id], (x1, y1, x2, y2), ignored)
        for (x1, y1, x2, y2), class_id, ignored in zip(
            clipped[has_area].tolist(),
            labelled.classes[has_area].tolist(),
            labelled.ignored[has_area].tolist(),
            strict=True,
        )
    )


def spread(frames: Iterator[Frame], every: float) -> Iterator[Frame]:
    """Yield a frame every so many seconds, the first one first."""
    due = -float("inf")
    for frame in frames:
        if frame.time >= due - 1e-6:
            due = frame.time + every
            yield frame


def add_video(
    collector: Collector,
    path: Path,
    every: float,
    count: int,
    start: float = 0.0,
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Take in a frame of a video every so many seconds, `count` at most.

    `start` is how many seconds into the video the first one is. Nothing more is taken in once
    `is_stopped` returns true. Raises `MediaError` if the file cannot be read as a video.
    """
    before = collector.collected.images + collector.collected.near
    with VideoReader(path) as reader:
        frames = (
            item
            for item in takewhile(lambda _: not is_stopped(), reader.read(start=start))
            if isinstance(item, Frame)
        )
        add_frames(collector, spread(frames, every), path.stem, printable(resolve(path)), count)
    if collector.collected.images + collector.collected.near == before and not is_stopped():
        collector.collected.findings.append(
            f"{path}: has no frame at {start:g} s or later; begin earlier"
        )


def add_frames(
    collector: Collector, frames: Iterable[Frame], stem: str, source: str, count: int
) -> None:
    """Take frames of a video in, until there are `count` of them."""
    taken = 0
    for frame in frames:
        name = f"{stem} {frame.time:09.2f}"
        if collector.add_frame(frame, name, source, frame.time) is not None:
            taken += 1
        if taken >= count:
            return


def most_unsure(
    frames: Iterable[tuple[Frame, float]], every: float
) -> Iterator[tuple[Frame, float]]:
    """Yield the frame of each `every` seconds of which a network is the most unsure.

    `frames` are frames of a video, each with how unsure it is, 0 to 1. Where it is never as unsure
    as `UNSURE`, no frame is yielded.
    """
    best: tuple[Frame, float] | None = None
    end = -float("inf")
    for frame, doubt in frames:
        if frame.time >= end:
            if best is not None:
                yield best
            best, end = None, frame.time + every
        if doubt >= UNSURE and (best is None or doubt > best[1]):
            best = frame, doubt
    if best is not None:
        yield best


def add_unsure(
    collector: Collector,
    path: Path,
    frames: Iterable[tuple[Frame, float]],
    every: float,
    count: int,
) -> None:
    """Take in the frames of a video of which a network is the most unsure, `count` at most.

    `frames` are all frames of the video `path`, and the other arguments those of `most_unsure`.
    """
    before = collector.collected.images + collector.collected.near
    taken = 0
    for frame, doubt in most_unsure(frames, every):
        name = f"{path.stem} {frame.time:09.2f}"
        source = printable(resolve(path))
        taken += collector.add_frame(frame, name, source, frame.time, round(doubt, 3)) is not None
        if taken >= count:
            return
    if collector.collected.images + collector.collected.near == before:
        collector.collected.findings.append(f"{path}: the model is sure of each of its frames")


def _is_plain(path: Path, frame: Frame) -> bool:
    """Return whether programs that ignore EXIF and know only 8 bits and RGB see this frame."""
    data = np.fromfile(path, np.uint8)
    raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.dtype != np.uint8 or raw.shape[2:] == (4,) or _is_cmyk(data.tobytes()):
        return False
    # Without this flag, OpenCV turns the image as EXIF says.
    stored = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return stored is not None and np.array_equal(stored, frame.planes[0])


def _is_cmyk(data: bytes) -> bool:
    """Return whether these are the contents of a JPEG file with four colours (ITU-T T.81, B.2)."""
    place = 2
    while data[:2] == b"\xff\xd8" and place + 9 < len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        # The frame header, but not the tables and the arithmetic coding that lie between.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[place + 9] == 4
        place += 2 + length
    return False


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as file, source.open("rb") as content:
        shutil.copyfileobj(content, file)
