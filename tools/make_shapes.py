"""A small data set to try training on: photo-textured shapes on photo backgrounds, as VOC folders.

    python tools/make_shapes.py FOLDER [--train 300] [--validation 80] [--seed 1]

Three classes (circle, triangle, star) of 6 to 60 % of the picture's height, partly covered by each
other; squares and blurred patches with the same textures are hard negatives, and some pictures have
no object at all.
"""

import argparse
import math
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.system.paths import assets_folder
from ssd_live.video.reader import VideoReader

CLASSES = ("circle", "triangle", "star")
_SIZE = (400, 300)
_EMPTY_CHANCE = 0.08
_MOST_COVERED = 0.4

Image = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--validation", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    photos = _photos()
    # Validation pictures have backgrounds and textures that training never sees.
    half = len(photos) // 2
    for name, count, own in (
        ("train", options.train, photos[:half]),
        ("validation", options.validation, photos[half:]),
    ):
        if not count:
            continue
        make(options.folder / name, count, own, np.random.default_rng((options.seed, count)))
        print(f"{options.folder / name}: {count} images")


def make(folder: Path, count: int, photos: list[Image], random: np.random.Generator) -> None:
    """Write a VOC folder of `count` images."""
    for part in ("JPEGImages", "Annotations"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, objects = picture(photos, random)
        cv2.imwrite(
            str(folder / "JPEGImages" / f"{number:05}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 92]
        )
        _write_label(folder / "Annotations" / f"{number:05}.xml", image, objects)


def picture(
    photos: list[Image], random: np.random.Generator
) -> tuple[Image, list[tuple[str, tuple[int, int, int, int]]]]:
    """An image and its objects: class and box x1, y1, x2, y2, edges half open."""
    width, height = _SIZE
    image = _crop(photos, width, height, random)
    for _ in range(int(random.integers(0, 4))):
        _paste(image, "square" if random.random() < 0.7 else "patch", photos, random)
    placed: list[tuple[str, tuple[int, int, int, int], NDArray[np.bool_]]] = []
    for _ in range(0 if random.random() < _EMPTY_CHANCE else int(random.integers(1, 6))):
        name = CLASSES[int(random.integers(len(CLASSES)))]
        before = image.copy()
        box, mask = _paste(image, name, photos, random)
        if any((earlier & mask).sum() > _MOST_COVERED * earlier.sum() for _, _, earlier in placed):
            image[:] = before
            continue
        placed.append((name, box, mask))
    return image, [(name, box) for name, box, _ in placed]


def _photos() -> list[Image]:
    media = assets_folder() / "media"
    photos: list[Image] = [
        read_image(media / name).planes[0]
        for name in ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
    ]
    with VideoReader(media / "bikes.mp4") as reader:
        frames = [
            item.bgr() for item in reader.read() if isinstance(item, Frame) and item.index % 25 == 0
        ]
    return [
        photo for pair in zip(photos, frames[: len(photos)], strict=True) for photo in pair
    ] + frames[len(photos) :]


def _crop(photos: list[Image], width: int, height: int, random: np.random.Generator) -> Image:
    photo = photos[int(random.integers(len(photos)))]
    part = random.uniform(0.4, 1.0)
    h, w = int(photo.shape[0] * part), int(photo.shape[1] * part)
    y, x = (
        int(random.integers(photo.shape[0] - h + 1)),
        int(random.integers(photo.shape[1] - w + 1)),
    )
    crop = cv2.resize(photo[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(crop[:, ::-1] if random.random() < 0.5 else crop, np.uint8)


def _paste(
    image: Image, shape: str, photos: list[Image], random: np.random.Generator
) -> tuple[tuple[int, int, int, int], NDArray[np.bool_]]:
    """Draw one shape somewhere inside; its box and mask."""
    height, width = image.shape[:2]
    radius = height * math.exp(random.uniform(math.log(0.03), math.log(0.3)))
    radius = max(radius, 8.0)
    cx, cy = random.uniform(radius, width - radius), random.uniform(radius, height - radius)
    mask = np.zeros((height, width), np.uint8)
    points = _outline(shape, random) * radius + (cx, cy)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    texture = _crop(photos, width, height, random).astype(np.float32)
    # Its own lightness and tint, so that a shape is neither the background nor always bright.
    texture = np.clip(texture * random.uniform(0.6, 1.2) + random.uniform(-60, 60, 3), 0, 255)
    if shape == "patch":
        mask = cv2.GaussianBlur(mask, (0, 0), radius / 3)  # type: ignore[assignment]
    alpha = mask[..., None].astype(np.float32) / 255
    image[:] = np.rint(image * (1 - alpha) + texture * alpha).astype(np.uint8)
    inside = mask > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return (0, 0, 1, 1), inside
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1), inside


def _outline(shape: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Points of a shape of radius 1, turned by chance."""
    turn = random.uniform(0, 2 * math.pi)
    if shape == "circle":
        angles, radii = np.linspace(0, 2 * math.pi, 48, endpoint=False), np.ones(48)
    elif shape == "star":
        angles, radii = np.linspace(0, 2 * math.pi, 10, endpoint=False), np.tile([1.0, 0.42], 5)
    else:
        corners = 3 if shape == "triangle" else 4
        angles, radii = np.linspace(0, 2 * math.pi, corners, endpoint=False), np.ones(corners)
    return np.stack([np.cos(angles + turn) * radii, np.sin(angles + turn) * radii], 1)


def _write_label(
    path: Path, image: Image, objects: list[tuple[str, tuple[int, int, int, int]]]
) -> None:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = f"{path.stem}.jpg"
    size = ElementTree.SubElement(root, "size")
    for side, value in zip(("height", "width", "depth"), image.shape, strict=True):
        ElementTree.SubElement(size, side).text = str(value)
    for name, (x1, y1, x2, y2) in objects:
        node = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(node, "name").text = name
        ElementTree.SubElement(node, "difficult").text = "0"
        box = ElementTree.SubElement(node, "bndbox")
        # VOC counts from 1 and names the last pixel inside.
        for side, value in (("xmin", x1 + 1), ("ymin", y1 + 1), ("xmax", x2), ("ymax", y2)):
            ElementTree.SubElement(box, side).text = str(value)
    ElementTree.ElementTree(root).write(path, encoding="unicode")


if __name__ == "__main__":
    main()
