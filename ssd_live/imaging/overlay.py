"""Boxes and labels drawn onto a frame: straight onto YUV planes or BGR, with no colour conversion
of the picture.

Everything drawn is opaque and axis-aligned, so drawing is copying: rectangles of one colour, and
label tiles that are rendered once.
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.pixels import PixelFormat, Pixels, YuvMatrix, bgr_to_yuv420, bgr_to_yuv_matrix

Colour = tuple[int, int, int]  # BGR
Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels, end exclusive

_SMALLEST_FONT = 11
_FONT_PART_OF_PICTURE = 1 / 38
_FONT_WEIGHT = 600
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
# Neighbouring hues of a long class list differ in lightness as well.
_LIGHTNESSES = (0.84, 0.92, 0.62, 0.69, 0.77)
# Where black and white have the same contrast (WCAG 2).
_BLACK_INK_LUMINANCE = 0.179
_CHROMA = 0.16
_TILE_CACHE = 1024


class Overlay:
    """Draws detections on pictures of one size and format; used by one thread."""

    def __init__(
        self,
        size: tuple[int, int],
        pixel_format: PixelFormat = "bgr24",
        matrix: YuvMatrix | None = None,
    ) -> None:
        self._width, self._height = size
        self._matrix = (matrix or YuvMatrix()) if pixel_format == "yuv420p" else None
        self._font_size = max(_SMALLEST_FONT, round(min(size) * _FONT_PART_OF_PICTURE))
        self._line = max(2, 2 * round(self._font_size / 14))
        self._tile = lru_cache(maxsize=_TILE_CACHE)(self._render_tile)
        self._font = cv2.FontFace("sans")

    def fits(self, width: int, height: int) -> bool:
        return (width, height) == (self._width, self._height)

    def draw(
        self, planes: Sequence[Pixels], detections: Detections, *, stale: bool = False
    ) -> None:
        """Draw onto writable planes in place. Boxes that are `stale` (found on an earlier frame)
        show only their corners.
        """
        texts = [
            f"{name} {score:.0%}"
            for name, score in zip(detections.names, detections.scores, strict=True)
        ]
        self.draw_labelled(planes, detections.boxes, detections.class_ids, texts, stale=stale)

    def draw_labelled(
        self,
        planes: Sequence[Pixels],
        boxes: NDArray[np.float32],
        class_ids: NDArray[np.integer],
        texts: Sequence[str],
        *,
        stale: bool = False,
    ) -> None:
        """Draw boxes (N, 4) xyxy in pixels, each in its class's colour with a text, the first on
        top.
        """
        snapped = [self._snap(box) for box in boxes]
        colours = [class_colour(int(class_id)) for class_id in class_ids]
        # The best is drawn last, so on top.
        for box, colour in zip(reversed(snapped), reversed(colours), strict=True):
            for rectangle in _corners(box, self._line) if stale else _outline(box, self._line):
                self._fill(planes, rectangle, colour)
        placed: list[Rectangle] = []
        for box, colour, text in zip(snapped, colours, texts, strict=True):
            tile = self._tile(text, colour)
            height, width = tile[0].shape[:2]
            spot = self._place(box, width, height, placed)
            placed.append(spot)
            self._blit(planes, tile, spot)

    def _snap(self, box: NDArray[np.float32]) -> Rectangle:
        """Whole pixels inside the picture, even ones, so that lines are crisp in the halved colour
        planes too.
        """
        x1, y1, x2, y2 = (round(float(value) / 2) * 2 for value in box)
        x1, y1 = min(max(x1, 0), self._width - 2), min(max(y1, 0), self._height - 2)
        return x1, y1, min(max(x2, x1 + 2), self._width), min(max(y2, y1 + 2), self._height)

    def _place(
        self, box: Rectangle, width: int, height: int, placed: Sequence[Rectangle]
    ) -> Rectangle:
        inside = [
            self._inside(round(x), round(y), width, height)
            for x, y in label_spots(box, width, height, self._height)
        ]
        return next(
            (spot for spot in inside if not any(overlap(spot, other) for other in placed)),
            inside[0],
        )

    def _inside(self, x: int, y: int, width: int, height: int) -> Rectangle:
        x = max(min(x, self._width - width), 0) // 2 * 2
        y = max(min(y, self._height - height), 0) // 2 * 2
        return x, y, x + width, y + height

    def _render_tile(self, text: str, colour: Colour) -> tuple[Pixels, ...]:
        """A label in the picture's own format, sides even, no wider or taller than the picture."""
        size = self._font_size
        (_, _, text_width, _) = cv2.getTextSize(
            (0, 0), text, (0, 0), self._font, size, _FONT_WEIGHT
        )
        pad = max(2, size // 4)
        width, height = (text_width + 2 * pad + 1) // 2 * 2, (size + pad + 3) // 2 * 2
        tile = np.full((height, width, 3), colour, np.uint8)
        ink = ink_on(colour)
        baseline = height - max(2, round(size * 0.28)) - pad // 4
        cv2.putText(tile, text, (pad, baseline), ink, self._font, size, _FONT_WEIGHT)
        tile = tile[: self._height // 2 * 2, : self._width // 2 * 2]
        return (
            (tile,)
            if self._matrix is None
            else bgr_to_yuv420(np.ascontiguousarray(tile), self._matrix)
        )

    def _fill(self, planes: Sequence[Pixels], rectangle: Rectangle, colour: Colour) -> None:
        x1, y1, x2, y2 = rectangle
        if self._matrix is None:
            planes[0][y1:y2, x1:x2] = colour
            return
        for plane, value, halving in zip(
            planes, yuv_colour(colour, self._matrix), (1, 2, 2), strict=True
        ):
            plane[y1 // halving : -(-y2 // halving), x1 // halving : -(-x2 // halving)] = value

    def _blit(self, planes: Sequence[Pixels], tile: Sequence[Pixels], spot: Rectangle) -> None:
        for index, (plane, part) in enumerate(zip(planes, tile, strict=True)):
            halving = 2 if index else 1
            y, x = spot[1] // halving, spot[0] // halving
            plane[y : y + part.shape[0], x : x + part.shape[1]] = part


@lru_cache(maxsize=1024)
def class_colour(class_id: int) -> Colour:
    """The colour of a class, BGR: the golden angle spreads any number of hues, in OKLCH (Ottosson
    2020) so that none looks dim.
    """
    return _oklch_to_bgr(
        _LIGHTNESSES[class_id % len(_LIGHTNESSES)], _CHROMA, 0.5 + class_id * _GOLDEN_ANGLE
    )


@lru_cache(maxsize=1024)
def yuv_colour(colour: Colour, matrix: YuvMatrix) -> tuple[int, int, int]:
    y, u, v = (
        np.clip(np.rint(bgr_to_yuv_matrix(matrix) @ np.array([*colour, 1.0])), 0, 255)
        .astype(int)
        .tolist()
    )
    return y, u, v


def _oklch_to_bgr(lightness: float, chroma: float, hue: float) -> Colour:
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    )
    blue, green, red = (round(255 * _gamma(min(max(value, 0.0), 1.0))) for value in linear)
    return blue, green, red


def _gamma(value: float) -> float:
    """sRGB's transfer function (IEC 61966-2-1)."""
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on the colour."""
    return (0, 0, 0) if _luminance(colour) > _BLACK_INK_LUMINANCE else (255, 255, 255)


def _luminance(colour: Colour) -> float:
    """Relative luminance 0..1 as in WCAG 2."""
    blue, green, red = (
        value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _outline(box: Rectangle, line: int) -> Iterator[Rectangle]:
    x1, y1, x2, y2 = box
    yield x1, y1, x2, min(y1 + line, y2)
    yield x1, max(y2 - line, y1), x2, y2
    yield x1, y1, min(x1 + line, x2), y2
    yield max(x2 - line, x1), y1, x2, y2


def _corners(box: Rectangle, line: int) -> Iterator[Rectangle]:
    x1, y1, x2, y2 = box
    across, down = max(line, (x2 - x1) // 8 * 2), max(line, (y2 - y1) // 8 * 2)
    for left, right in ((x1, min(x1 + across, x2)), (max(x2 - across, x1), x2)):
        yield left, y1, right, min(y1 + line, y2)
        yield left, max(y2 - line, y1), right, y2
    for top, bottom in ((y1, min(y1 + down, y2)), (max(y2 - down, y1), y2)):
        yield x1, top, min(x1 + line, x2), bottom
        yield max(x2 - line, x1), top, x2, bottom


def label_spots(
    box: Sequence[float], width: float, height: float, picture_height: float
) -> list[tuple[float, float]]:
    """Where the corner of a label may go, best first: above the box if that is in the picture, else
    inside it, below it ...
    """
    x1, y1, x2, y2 = box
    spots = (
        (x1, y1 - height),
        (x1, y1),
        (x1, y2),
        (x2 - width, y1 - height),
        (x2 - width, y1),
        (x1, y2 - height),
        (x2 - width, y2 - height),
        (x1, y1 + height),
        (x1, y1 + 2 * height),
    )
    return [(x, y) for x, y in spots if 0 <= y <= picture_height - height] or [(x1, y1)]


def overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two rectangles x1, y1, x2, y2 have a point in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
