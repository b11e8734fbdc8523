"""Augment training data as in the SSD paper: section 2.2 ("Data augmentation") and section 3.6.

Section 3.6 describes the zooming out. Images are (H, W, 3) uint8 BGR; boxes are (M, 4) float32 x1,
y1, x2, y2 in pixels. All random numbers come from the given generator. The code that the authors
released differs in details; `AS_RELEASED` follows it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.pixels import Pixels

# The choices for a patch: the lowest IoU that it must have with some object, or None for any patch.
# One more choice is the whole image.
_MIN_OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9, None)
# The side of the smallest patch, as a share of the side of the image.
SMALLEST_PATCH = 0.3
_PATCH_SCALE = (SMALLEST_PATCH, 1.0)
_PATCH_RATIO = (0.5, 2.0)
_PATCH_TRIALS = 50
# The longest side of the canvas relative to the side of the image: up to 16 times the area.
_LARGEST_EXPANSION = 4.0
# The longest side of a zoomed-out canvas in pixels. A patch with 0.3 of this side still has twice
# the side of the 300 x 300 network input. Larger images are scaled down first, because an image of
# 12 megapixels would need a canvas of 576 MB.
_LARGEST_CANVAS = 2048
_EXPANSION_CHANCE = _FLIP_CHANCE = _DISTORTION_CHANCE = 0.5
_BRIGHTNESS, _CONTRAST, _SATURATION = 32.0, (0.5, 1.5), (0.5, 1.5)
# Where the four parts of a mosaic meet, as a share of the sides.
_MEETING_PLACE = (0.35, 0.65)
_INTERPOLATIONS = (
    cv2.INTER_LINEAR,
    cv2.INTER_AREA,
    cv2.INTER_NEAREST,
    cv2.INTER_CUBIC,
    cv2.INTER_LANCZOS4,
)


@dataclass(frozen=True)
class Style:
    """The details of augmentation in which the code of the SSD paper's authors differs from others.

    The hue is changed by at most `hue_degrees`. If `patches_as_released` is true, patches are drawn
    by `sample_patch_as_released`, otherwise by `sample_patch`. The network input is resized by one
    of the `interpolations` of OpenCV, drawn at random.
    """

    hue_degrees: float = 18.0
    patches_as_released: bool = False
    interpolations: tuple[int, ...] = (cv2.INTER_LINEAR,)


USUAL = Style()
# The released `hue_delta` of 18 counts OpenCV's steps of two degrees.
AS_RELEASED = Style(hue_degrees=36.0, patches_as_released=True, interpolations=_INTERPOLATIONS)


@dataclass(frozen=True, eq=False)
class Example:
    """A training image with its M labelled objects.

    `image` is (H, W, 3) uint8 BGR. `boxes` are (M, 4) x1, y1, x2, y2 in pixels. `classes` (M,) are
    the class ids, from 0.
    """

    image: Pixels
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]

    def kept(self, mask: NDArray[np.bool_]) -> "Example":
        """Return the example with only the objects for which the mask (M,) is true."""
        return replace(self, boxes=self.boxes[mask], classes=self.classes[mask])


def augment(
    example: Example,
    size: tuple[int, int],
    mean: tuple[float, float, float],
    random: np.random.Generator,
    style: Style = USUAL,
) -> Example:
    """Return a random variation of `example`, resized to `size` (width, height) in pixels.

    First, the colours are distorted. With a probability of one half, the image is then placed on a
    larger canvas of the colour `mean` (BGR). Then a random patch is cut out, which may be the whole
    image. With a probability of one half, the patch is flipped. Finally it is resized. The random
    numbers come from `random`. `style` says how the details are done.
    """
    example = replace(example, image=distort_colours(example.image, random, style.hue_degrees))
    if random.random() < _EXPANSION_CHANCE:
        example = zoom_out(example, mean, random)
    sample = sample_patch_as_released if style.patches_as_released else sample_patch
    example = sample(example, random)
    if random.random() < _FLIP_CHANCE:
        example = flip(example)
    ways = style.interpolations
    return resized(example, size, ways[int(random.integers(len(ways)))] if ways[1:] else ways[0])


def mosaic(examples: Sequence[Example], random: np.random.Generator) -> Example:
    """Return four examples as the quarters of one, which meet at a random place.

    The result has the size of the first one. Each example is stretched to its quarter. (Bochkovskiy
    et al. 2020, YOLOv4, section 3.3, where the quarters are cut out instead.)
    """
    height, width = examples[0].image.shape[:2]
    across, down = (
        max(1, min(side - 1, round(side * random.uniform(*_MEETING_PLACE))))
        for side in (width, height)
    )
    image = np.empty((height, width, 3), np.uint8)
    boxes, classes = [], []
    for number, example in enumerate(examples):
        left, right = (across, width) if number % 2 else (0, across)
        top, bottom = (down, height) if number // 2 else (0, down)
        part = resized(example, (right - left, bottom - top))
        image[top:bottom, left:right] = part.image
        boxes.append(part.boxes + np.array([left, top, left, top], np.float32))
        classes.append(part.classes)
    return Example(image, np.concatenate(boxes), np.concatenate(classes))


def resized(
    example: Example, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR
) -> Example:
    """Return the example stretched to `size` (width, height) in pixels.

    `interpolation` is one of OpenCV's. The default, linear, is also used when the trained model is
    run.
    """
    height, width = example.image.shape[:2]
    scale = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    image = np.asarray(cv2.resize(example.image, size, interpolation=interpolation), np.uint8)
    return replace(example, image=image, boxes=example.boxes * scale)


def flip(example: Example) -> Example:
    """Return the example with left and right exchanged, in the image and in the boxes."""
    width = example.image.shape[1]
    boxes = example.boxes.copy()
    boxes[:, [0, 2]] = width - example.boxes[:, [2, 0]]
    return replace(example, image=np.ascontiguousarray(example.image[:, ::-1]), boxes=boxes)


def zoom_out(
    example: Example, mean: tuple[float, float, float], random: np.random.Generator
) -> Example:
    """Return the example at a random place on a canvas of 1 to 16 times its area.

    This is section 3.6 of the SSD paper. The rest of the canvas has the colour `mean` (BGR).
    Objects become smaller relative to the image. A large image is scaled down first, so that no
    side of the canvas is longer than 2048 pixels.
    """
    ratio = random.uniform(1.0, _LARGEST_EXPANSION)
    example = _limited(example, _LARGEST_CANVAS / ratio)
    height, width = example.image.shape[:2]
    canvas = np.empty((int(height * ratio), int(width * ratio), 3), np.uint8)
    canvas[:] = np.rint(mean)
    top, left = (
        int(random.uniform(0, canvas.shape[0] - height + 1)),
        int(random.uniform(0, canvas.shape[1] - width + 1)),
    )
    top, left = min(top, canvas.shape[0] - height), min(left, canvas.shape[1] - width)
    canvas[top : top + height, left : left + width] = example.image
    return replace(
        example, image=canvas, boxes=example.boxes + np.array([left, top, left, top], np.float32)
    )


def _limited(example: Example, side: float) -> Example:
    """Return the example, scaled down if a side of its image is longer than `side` pixels."""
    height, width = example.image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return example
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    image = np.asarray(cv2.resize(example.image, size, interpolation=cv2.INTER_AREA), np.uint8)
    ratios = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return replace(example, image=image, boxes=example.boxes * ratios)


def sample_patch(example: Example, random: np.random.Generator) -> Example:
    """Return a random part of the example, or the whole example.

    One of seven choices is drawn, all equally likely: a patch that has an IoU of at least 0.1, 0.3,
    0.5, 0.7 or 0.9 with some object, any patch, or the whole image. An object stays if its centre
    lies in the patch, and its box is cut at the edge of the patch. At least one object must stay.
    If fifty trials find no such patch, another choice is drawn. An example without objects is
    returned whole.
    """
    if not len(example.boxes):
        return example
    while (choice := int(random.integers(len(_MIN_OVERLAPS) + 1))) < len(_MIN_OVERLAPS):
        patch = find_patch(example, _MIN_OVERLAPS[choice], random)
        if patch is not None:
            return cut(example, patch)
    return example


def sample_patch_as_released(example: Example, random: np.random.Generator) -> Example:
    """Return a random part of the example, or all of it, as the code released with the paper does.

    For each of the six kinds of patch of `sample_patch`, up to fifty patches are drawn, and the
    first one with the required IoU is kept. Then the whole image or one of the kept patches is
    chosen, all equally likely. Objects are treated as in `sample_patch`, but a patch may be left
    without an object. Sources: the `batch_sampler` in `ssd_pascal.py`, and `sampler.cpp`.
    """
    if not len(example.boxes):
        return example
    found = (_patch_as_released(example, overlap, random) for overlap in _MIN_OVERLAPS)
    patches = [None, *(patch for patch in found if patch is not None)]
    patch = patches[int(random.integers(len(patches)))]
    return example if patch is None else cut(example, patch)


def _patch_as_released(
    example: Example, min_overlap: float | None, random: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """Return a random patch (x1, y1, x2, y2 in pixels), or None if fifty trials find none.

    A random scale of 0.3 to 1 and a random ratio of 1/2 to 2 give the shape of the patch: relative
    to the image, its width is scale * sqrt(ratio) and its height is scale / sqrt(ratio). The ratio
    is limited so that the patch fits into the image. The patch has an IoU of at least `min_overlap`
    with some object (None: any IoU).
    """
    height, width = example.image.shape[:2]
    for _ in range(_PATCH_TRIALS):
        scale = random.uniform(*_PATCH_SCALE)
        root = min(max(random.uniform(*_PATCH_RATIO), scale**2), scale**-2) ** 0.5
        w, h = width * min(scale * root, 1.0), height * min(scale / root, 1.0)
        x, y = random.uniform(0, width - w), random.uniform(0, height - h)
        patch = (int(x), int(y), int(x + w), int(y + h))
        if patch[2] <= patch[0] or patch[3] <= patch[1]:
            continue
        if min_overlap is None or overlaps(example.boxes, patch).max() >= min_overlap:
            return patch
    return None


def cut(example: Example, patch: tuple[int, int, int, int]) -> Example:
    """Return the part of an example inside `patch` (x1, y1, x2, y2 in pixels).

    Objects whose centre lies in the patch are kept, and their boxes are cut at its edge. The boxes
    of the result are in pixels of the patch.
    """
    x1, y1, x2, y2 = patch
    example = example.kept(_centre_inside(example.boxes, patch))
    boxes = np.clip(example.boxes, [x1, y1, x1, y1], [x2, y2, x2, y2]) - np.array([x1, y1, x1, y1])
    return replace(example, image=example.image[y1:y2, x1:x2], boxes=boxes.astype(np.float32))


def find_patch(
    example: Example, min_overlap: float | None, random: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """Return a random patch of an example, x1, y1, x2, y2 in pixels, or None.

    This is section 2.2 of the SSD paper. The sides of the patch are 0.3 to 1 times those of the
    image, and its longer side is at most twice its shorter side. The patch has an IoU of at least
    `min_overlap` with some object (None: any IoU), and the centre of an object lies in it. Return
    None if fifty trials find no such patch.
    """
    height, width = example.image.shape[:2]
    for _ in range(_PATCH_TRIALS):
        w, h = width * random.uniform(*_PATCH_SCALE), height * random.uniform(*_PATCH_SCALE)
        if w < 1 or h < 1 or not _PATCH_RATIO[0] <= h / w <= _PATCH_RATIO[1]:
            continue
        x, y = random.uniform(0, width - w), random.uniform(0, height - h)
        patch = (int(x), int(y), int(x + w), int(y + h))
        if patch[2] <= patch[0] or patch[3] <= patch[1]:
            continue
        if min_overlap is not None and overlaps(example.boxes, patch).max() < min_overlap:
            continue
        if _centre_inside(example.boxes, patch).any():
            return patch
    return None


def overlaps(boxes: NDArray[np.float32], patch: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Return the IoU (M,) of each of `boxes` (M, 4) with `patch`, all x1, y1, x2, y2."""
    low, high = np.maximum(boxes[:, :2], patch[:2]), np.minimum(boxes[:, 2:], patch[2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (patch[2] - patch[0]) * (patch[3] - patch[1])
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)


def _centre_inside(
    boxes: NDArray[np.float32], patch: tuple[int, int, int, int]
) -> NDArray[np.bool_]:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.asarray((centre >= patch[:2]).all(1) & (centre < patch[2:]).all(1))


def distort_colours(
    image: Pixels, random: np.random.Generator, hue_degrees: float = USUAL.hue_degrees
) -> Pixels:
    """Return the image with randomly changed brightness, contrast, saturation and hue.

    `image` is (H, W, 3) uint8 BGR. The hue changes by at most `hue_degrees`. Each change is made
    with a probability of one half. It is also random whether the contrast is changed before or
    after saturation and hue (Howard 2013, as cited in section 2.2 of the SSD paper).
    """
    brightness: list[Callable[[Pixels], Pixels]] = [
        lambda x: _scaled(x, 1.0, random.uniform(-_BRIGHTNESS, _BRIGHTNESS))
    ]
    contrast: list[Callable[[Pixels], Pixels]] = [
        lambda x: _scaled(x, random.uniform(*_CONTRAST), 0.0)
    ]
    colour: list[Callable[[Pixels], Pixels]] = [lambda x: _recoloured(x, random, hue_degrees)]
    steps = brightness + (contrast + colour if random.random() < 0.5 else colour + contrast)
    for step in steps:
        if step in colour or random.random() < _DISTORTION_CHANCE:
            image = step(image)
    return image


def _scaled(image: Pixels, factor: float, shift: float) -> Pixels:
    table = np.clip(np.arange(256) * factor + shift, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _recoloured(image: Pixels, random: np.random.Generator, hue_degrees: float) -> Pixels:
    saturation = random.uniform(*_SATURATION) if random.random() < _DISTORTION_CHANCE else 1.0
    hue = random.uniform(-hue_degrees, hue_degrees) if random.random() < _DISTORTION_CHANCE else 0.0
    if saturation == 1.0 and hue == 0.0:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    values = np.arange(256)
    # OpenCV stores hues in steps of two degrees.
    tables = np.stack(
        [(values + round(hue / 2)) % 180, np.clip(values * saturation, 0, 255), values], -1
    ).astype(np.uint8)[None]
    return np.asarray(cv2.cvtColor(cv2.LUT(hsv, tables), cv2.COLOR_HSV2BGR), np.uint8)
