"""Follow objects from frame to frame, and carry their boxes through a video."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.datasets.types import boxes_array
from ssd_live.errors import MediaError
from ssd_live.evaluation.average_precision import MIN_OVERLAP, overlaps
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.carry import carried
from ssd_live.project.labels import Box, LabelledBox, ProjectImage
from ssd_live.project.looks import Looks, look_of
from ssd_live.project.store import Project
from ssd_live.video.reader import VideoReader

# Objects are compared at this size at most, in pixels of their longer side, which is fast.
_LONGEST_SIDE = 96
_SHORTEST_SIDE = 3
# An object is looked for so far around the place where it should be by its velocity, in sides of
# its box; a place at that distance must be more alike by so much.
_REACH, _REACH_COST = 0.35, 0.3
_LEAST_REACH = 6
# What has hardly any contrast cannot be told from its surroundings, in levels of 255.
_LEAST_CONTRAST = 1.0
# If nothing is as like the object as this, it is lost.
_LOWEST_LIKENESS = 0.3
# It is lost too if its likeness falls below this share of what it was before, as at a cut.
_LOWEST_SHARE = 0.4
# How much of its look, of its likeness and of its velocity is taken over from each frame.
_LEARNED_LOOK, _LEARNED_VELOCITY = 0.1, 0.2
# An object may grow or shrink by this factor in a frame, if it is more alike then by so much.
_GROWTH, _GROWTH_COST = 1.03, 0.01
# An object of which less than this share is in the image has left it.
_LEAST_SHARE = 0.4

_Patch = NDArray[np.float32]
_Point = NDArray[np.float64]


class Follower:
    """Follows an object from its `box` (x1, y1, x2, y2 in pixels) in the frame `pixels` on.

    Frames are (H, W, 3) uint8 BGR, all of one size. The object is looked for by normalised
    cross-correlation with how it looked in the frames before. `box` is where it is, and `likeness`
    how like it the place is, 0 to 1.
    """

    def __init__(self, box: Box, pixels: Pixels) -> None:
        x1, y1, x2, y2 = box
        self._centre: _Point = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        self._extent: _Point = np.maximum([x2 - x1, y2 - y1], 1.0)
        self._velocity: _Point = np.zeros(2)
        shrink = min(1.0, _LONGEST_SIDE / float(self._extent.max()))
        self._size = np.maximum(np.rint(self._extent * shrink), _SHORTEST_SIDE).astype(int)
        self._reach = max(round(_REACH * float(np.sqrt(self._size.prod()))), _LEAST_REACH)
        offsets = np.arange(-self._reach, self._reach + 1) / self._reach
        self._cost = _REACH_COST * (offsets[None] ** 2 + offsets[:, None] ** 2)
        self._look = self._patch(pixels, self._centre, self._extent, self._size)
        self.likeness = 1.0
        # What the likeness is from frame to frame, once it is known.
        self._usual = 0.0

    @property
    def box(self) -> Box:
        """Where the object is: x1, y1, x2, y2 in pixels; a part may be outside the frame."""
        (x1, y1), (x2, y2) = self._centre - self._extent / 2, self._centre + self._extent / 2
        return float(x1), float(y1), float(x2), float(y2)

    def follow(self, pixels: Pixels) -> bool:
        """Find the object in the next frame; return whether it is there."""
        found = self._found(pixels, self._centre + self._velocity)
        height, width = pixels.shape[:2]
        x, y = found
        is_like = self.likeness >= max(_LOWEST_LIKENESS, _LOWEST_SHARE * self._usual)
        if not is_like or not (0 <= x <= width and 0 <= y <= height):
            return False
        usual = self._usual or self.likeness
        self._usual = usual + _LEARNED_LOOK * (self.likeness - usual)
        self._velocity += _LEARNED_VELOCITY * (found - self._centre - self._velocity)
        self._centre = found
        self._extent = self._grown(pixels)
        now = self._patch(pixels, self._centre, self._extent, self._size)
        self._look += _LEARNED_LOOK * (now - self._look)
        return True

    def _found(self, pixels: Pixels, expected: _Point) -> _Point:
        """Return the centre of the most alike place around an expected one, and note its likeness.

        Places are compared in the pixels of the smaller patches, and found to a part of them.
        """
        unit = self._extent / self._size
        size = self._size + 2 * self._reach
        area = self._patch(pixels, expected, size * unit, size)
        likeness = _likeness(area, self._look)
        row, column = np.unravel_index(int((likeness - self._cost).argmax()), likeness.shape)
        self.likeness = min(float(likeness[row, column]), 1.0)
        place = np.array(
            [
                column + _peak(likeness[row], int(column)),
                row + _peak(likeness[:, column], int(row)),
            ]
        )
        return np.asarray(expected + (place - self._reach) * unit, np.float64)

    def _grown(self, pixels: Pixels) -> _Point:
        """Return the extent at which the object is the most alike."""
        likeness = {}
        for factor in (1 / _GROWTH, 1.0, _GROWTH):
            patch = self._patch(pixels, self._centre, factor * self._extent, self._size)
            likeness[factor] = _likeness(patch, self._look).item() - _GROWTH_COST * (factor != 1)
        best = max(likeness, key=lambda factor: likeness[factor])
        return np.asarray(best * self._extent, np.float64)

    def _patch(
        self, pixels: Pixels, centre: _Point, extent: _Point, size: NDArray[np.int_]
    ) -> _Patch:
        """Return what is around a place as an image of `size` (width, height)."""
        width, height = (max(round(float(side)), 1) for side in extent)
        # Pixels are counted from their centres here.
        x, y = centre - 0.5
        cut = cv2.getRectSubPix(pixels, (width, height), (float(x), float(y)))
        if (width, height) != tuple(size):
            cut = cv2.resize(cut, size.tolist(), interpolation=cv2.INTER_AREA)
        return cut.astype(np.float32)


def _likeness(area: _Patch, look: _Patch) -> _Patch:
    """Return how alike each place of an area is; 0 where the place or the look has no contrast."""
    if look.std() < _LEAST_CONTRAST:
        return np.zeros(np.subtract(area.shape[:2], look.shape[:2]) + 1, np.float32)
    likeness = cv2.matchTemplate(area, look, cv2.TM_CCOEFF_NORMED)
    return np.nan_to_num(np.asarray(likeness, np.float32), posinf=0, neginf=0)


def _peak(values: _Patch, place: int) -> float:
    """Return how far the peak of values is from their largest one, by a parabola: -0.5 to 0.5."""
    if not 0 < place < len(values) - 1:
        return 0.0
    before, here, after = (float(value) for value in values[place - 1 : place + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def carried_through(
    project: Project,
    image: ProjectImage,
    is_stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> Iterator[ProjectImage]:
    """Yield the next images of the video that `image` is from, with the boxes of `image`.

    These are the images after it, up to the first one that is labelled, in which at least one of
    the objects was found. Boxes become suggestions at the places where their objects are, in place
    of earlier suggestions; their scores are how alike they look. Boxes that a person has made in
    these images stay. Nothing is changed in the project. The objects are followed
    through all frames of the video, if its file is still there; otherwise, from image to image.
    `progress` is called with the number of images that are done, and that of all. Raises
    `MediaError` if an image cannot be read.
    """
    targets = _next_images(project, image)
    frames = _frames(image, targets)
    followed: list[tuple[LabelledBox, Follower]] | None = None
    done = 0
    for frame, reached in frames:
        if is_stopped():
            return
        pixels = frame.bgr()
        if followed is None:
            followed = [(each, Follower(each.box, pixels)) for each in image.boxes]
            continue
        followed = [(each, its) for each, its in followed if its.follow(pixels)]
        if not followed:
            return
        for target in reached:
            boxes = [
                replace(each, box=box, score=max(its.likeness, 0.0))
                for each, its in followed
                if (box := _inside(its.box, target)) is not None
            ]
            if boxes:
                yield _with_suggestions(target, boxes)
            done += 1
            progress(done, len(targets))
    if followed is None:
        yield from _image_to_image(project, image, targets, is_stopped, progress)


def _next_images(project: Project, image: ProjectImage) -> list[ProjectImage]:
    """Return the images that follow in the same video, up to the first one that is labelled."""
    if image.seconds is None:
        return []
    size = image.width, image.height
    after = sorted(
        (
            its
            for its in project.images
            if its.source == image.source
            and its.seconds is not None
            and its.seconds > image.seconds
            and (its.width, its.height) == size
        ),
        key=lambda its: its.seconds or 0.0,
    )
    labelled = next((place for place, its in enumerate(after) if its.is_labelled), len(after))
    return after[:labelled]


def _frames(
    image: ProjectImage, targets: Sequence[ProjectImage]
) -> Iterator[tuple[Frame, list[ProjectImage]]]:
    """Yield the frames of the video from that of `image` to the last target, each with its targets.

    Nothing is yielded if the file of the video is not there any more, or is another one.
    """
    path = Path(image.source)
    if image.seconds is None or not targets:
        return
    try:
        if not path.is_file():
            return
        with VideoReader(path) as reader:
            start = max(image.seconds - float(reader.start_pts * reader.info.time_base), 0.0)
            left = list(targets)
            is_first = True
            for frame in (its for its in reader.read(start=start) if isinstance(its, Frame)):
                if is_first and not _shows(image, frame):
                    return
                reached = []
                while not is_first and left and frame.time >= (left[0].seconds or 0.0) - 1e-3:
                    reached.append(left.pop(0))
                is_first = False
                yield frame, reached
                if not left:
                    return
    except (MediaError, OSError):
        # What could be read was followed.
        return


def _shows(image: ProjectImage, frame: Frame) -> bool:
    """Return whether a frame is the one that an image of the project was made of."""
    if (frame.width, frame.height) != (image.width, image.height):
        return False
    return Looks([image.look]).has(look_of(frame))


def _image_to_image(
    project: Project,
    image: ProjectImage,
    targets: Sequence[ProjectImage],
    is_stopped: Callable[[], bool],
    progress: Callable[[int, int], None],
) -> Iterator[ProjectImage]:
    boxes: Sequence[LabelledBox] = image.boxes
    before = read_image(project.path_of(image)).bgr()
    for done, target in enumerate(targets, 1):
        if is_stopped():
            return
        pixels = read_image(project.path_of(target)).bgr()
        boxes = carried(boxes, before, pixels)
        if not boxes:
            return
        yield _with_suggestions(target, boxes)
        before = pixels
        progress(done, len(targets))


def _with_suggestions(image: ProjectImage, boxes: Sequence[LabelledBox]) -> ProjectImage:
    """Return an image with its sure boxes, and suggestions where there is none of them."""
    new = []
    for each in boxes:
        same = boxes_array([its.box for its in image.sure_boxes if its.class_id == each.class_id])
        if not (overlaps(np.array(each.box, np.float32), same) >= MIN_OVERLAP).any():
            new.append(each)
    return replace(image, boxes=(*image.sure_boxes, *new))


def _inside(box: Box, image: ProjectImage) -> Box | None:
    """Return the part of a box that is in an image, or None if it is too small a share."""
    x1, y1, x2, y2 = box
    cut = max(x1, 0.0), max(y1, 0.0), min(x2, float(image.width)), min(y2, float(image.height))
    area, left = ((c - a) * (d - b) for a, b, c, d in (box, cut))
    return cut if left >= _LEAST_SHARE * area and left > 0 else None
