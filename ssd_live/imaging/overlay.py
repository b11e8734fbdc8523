"""Draw boxes and labels onto frames, directly onto YUV planes or BGR pixels.

The colours of the frame are never converted. Everything is opaque and parallel to the axes, so
drawing only copies pixels: rectangles of one colour, and label tiles that are rendered once and
cached.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.frame import frame_of
from ssd_live.imaging.pixels import PixelFormat, Pixels, YuvMatrix, bgr_to_yuv420, bgr_to_yuv_matrix

Colour = tuple[int, int, int]  # BGR
Rectangle = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels, end exclusive

_SMALLEST_FONT = 11
# Coordinates of lines have so many bits after the point.
_SHIFT = 3
_FIXED = 1 << _SHIFT
_FONT_PART_OF_PICTURE = 1 / 38
_FONT_WEIGHT = 600
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
# In a long class list some hues are close together, so the classes also differ in lightness.
_LIGHTNESSES = (0.84, 0.92, 0.62, 0.69, 0.77)
# On a colour of this luminance, black and white text have the same contrast (WCAG 2).
_BLACK_INK_LUMINANCE = 0.179
_CHROMA = 0.16
_TILE_CACHE = 1024
# Classes that are often seen together. Their colours differ from each other. The colours of other
# names follow from the letters of the name, so two of them may look alike.
_OFTEN_SEEN = (
    "bicycle",
    "boot",
    "laptop",
    "person",
    "chair",
    "cattle",
    "desk",
    "cat",
    "computer mouse",
    "computer monitor",
    "box",
    "mug",
    "coffee cup",
    "stationary bicycle",
    "table",
    "bottle",
    "high heels",
    "vehicle",
    "footwear",
    "dog",
    "book",
    "camera",
    "car",
)

Labels = Literal["full", "class", "none"]


@dataclass(frozen=True)
class BoxStyle:
    """The style in which the boxes of detections are drawn.

    `labels` is "full" (class and score), "class" or "none". `line_width` is in logical pixels on a
    screen. In a file, a line has about this width if the shorter side of the frame is 530 pixels.
    It grows with the frame, and is rounded to an even number of pixels, at least 2.
    """

    labels: Labels = "full"
    line_width: int = 2

    def text(self, name: str, score: float, track_id: int = 0) -> str:
        """Return the label of a detection of the class `name`, or "" if labels are not drawn.

        `track_id` is the id of its track, or 0 if it has none.
        """
        if track_id:
            name = f"{name} #{track_id}"
        return {"full": f"{name} {score:.0%}", "class": name, "none": ""}[self.labels]


def draw(
    image: Pixels, found: Detections, *, labels: Labels = "full", line_width: int = 2
) -> Pixels:
    """Return a copy of an image (H, W, 3) uint8 BGR with the boxes and labels of `found` on it.

    `labels` is "full" (class and score), "class" or "none". `line_width` is about the width of a
    line in pixels if the shorter side of the image is 530 pixels; it grows with the image.
    """
    frame_of(image)
    drawn = np.array(image)
    overlay = Overlay((drawn.shape[1], drawn.shape[0]), style=BoxStyle(labels, line_width))
    overlay.draw((drawn,), found)
    return drawn


class Overlay:
    """An overlay that draws detections onto frames of one size and pixel format.

    `size` is (width, height) in pixels. `matrix` is the frames' YUV matrix and is only used for
    `yuv420p`. `style` is the style of boxes and labels. Only one thread may use an overlay.
    """

    def __init__(
        self,
        size: tuple[int, int],
        pixel_format: PixelFormat = "bgr24",
        matrix: YuvMatrix | None = None,
        style: BoxStyle = BoxStyle(),
    ) -> None:
        self.style = style
        self._width, self._height = size
        self._matrix = (matrix or YuvMatrix()) if pixel_format == "yuv420p" else None
        self._font_size = max(_SMALLEST_FONT, round(min(size) * _FONT_PART_OF_PICTURE))
        # The width of lines in pixels.
        self.line = max(2, 2 * round(style.line_width * self._font_size / 28))
        self._tile = lru_cache(maxsize=_TILE_CACHE)(self._render_tile)
        self._font = cv2.FontFace("sans")

    @property
    def size(self) -> tuple[int, int]:
        """The (width, height) in pixels of the frames for which the overlay was made."""
        return self._width, self._height

    def draw(
        self,
        planes: Sequence[Pixels],
        detections: Detections,
        *,
        stale: bool = False,
        marked: NDArray[np.bool_] | None = None,
    ) -> None:
        """Draw detections onto the planes in place, with labels as the style says.

        `planes` are the planes of a frame and must be writable. If the detections are `stale`
        (found on an earlier frame), only the corners of the boxes are drawn. The same is true for
        the boxes in the mask `marked` (N,).
        """
        names = detections.names
        ids = [0] * len(names) if detections.track_ids is None else detections.track_ids.tolist()
        texts = [
            self.style.text(name, score, track_id)
            for name, score, track_id in zip(names, detections.scores.tolist(), ids, strict=True)
        ]
        colours = [class_colour(name) for name in names]
        corners = np.full(len(names), stale) if marked is None else marked | stale
        self.draw_labelled(planes, detections.boxes, colours, texts, corners=corners)

    def draw_labelled(
        self,
        planes: Sequence[Pixels],
        boxes: NDArray[np.float32],
        colours: Sequence[Colour],
        texts: Sequence[str],
        *,
        corners: Sequence[bool] | NDArray[np.bool_] = (),
    ) -> None:
        """Draw boxes and their labels onto the planes in place.

        `boxes` (N, 4) float32 holds x1, y1, x2, y2 in pixels. `colours` holds the N colours of the
        boxes, and `texts` the N labels; an empty text means no label. The first box is drawn on
        top. Of a box for which `corners` (N,) is true, only the corners are drawn; by default all
        are drawn whole.
        """
        snapped = [self._snap(box) for box in boxes]
        # The first box is drawn last so that it is on top.
        only_corners = list(corners) or [False] * len(snapped)
        for box, colour, cut in zip(
            reversed(snapped), reversed(colours), reversed(only_corners), strict=True
        ):
            for rectangle in _corners(box, self.line) if cut else _outline(box, self.line):
                self._fill(planes, rectangle, colour)
        placed: list[Rectangle] = []
        for box, colour, text in zip(snapped, colours, texts, strict=True):
            if not text:
                continue
            tile = self._tile(text, colour)
            height, width = tile[0].shape[:2]
            x1, y1, x2, y2 = place_label(
                box, (width, height), (self._width, self._height), placed, _even
            )
            spot = (int(x1), int(y1), int(x2), int(y2))
            placed.append(spot)
            self._blit(planes, tile, spot)

    def draw_polyline(
        self,
        planes: Sequence[Pixels],
        points: NDArray[np.float32],
        colour: Colour,
        thickness: int,
        *,
        closed: bool = False,
    ) -> None:
        """Draw straight lines through `points` (P, 2) in pixels of the frame, in place.

        A closed line goes back to its first point.
        """
        values = (
            (colour,)
            if self._matrix is None
            else [(value,) for value in yuv_colour(colour, self._matrix)]
        )
        for plane, value, halving in zip(planes, values, (1, 2, 2), strict=False):
            # OpenCV takes fixed-point coordinates.
            fixed = np.rint(points * (_FIXED / halving)).astype(np.int32)
            width = max(thickness // halving, 1)
            drawn = plane if plane.flags.c_contiguous else np.ascontiguousarray(plane)
            cv2.polylines(
                drawn, [fixed], closed, value, width, cv2.LINE_AA if halving == 1 else 8, _SHIFT
            )
            if drawn is not plane:
                plane[:] = drawn

    def draw_text(
        self, planes: Sequence[Pixels], place: NDArray[np.float32], text: str, colour: Colour
    ) -> None:
        """Draw a label with its lower left corner at `place` (2,), moved into the frame."""
        tile = self._tile(text, colour)
        height, width = tile[0].shape[:2]
        x = int(_even(max(min(float(place[0]), self._width - width), 0)))
        y = int(_even(max(min(float(place[1]) - height, self._height - height), 0)))
        self._blit(planes, tile, (x, y, x + width, y + height))

    def _snap(self, box: NDArray[np.float32]) -> Rectangle:
        """Return the box rounded to even pixels and clipped to the frame.

        With even coordinates the lines are also sharp in the chroma planes of half the size.
        """
        x1, y1, x2, y2 = (round(float(value) / 2) * 2 for value in box)
        x1, y1 = min(max(x1, 0), self._width - 2), min(max(y1, 0), self._height - 2)
        return x1, y1, min(max(x2, x1 + 2), self._width), min(max(y2, y1 + 2), self._height)

    def _render_tile(self, text: str, colour: Colour) -> tuple[Pixels, ...]:
        """Return a label with `text` on the background `colour`, as planes.

        The planes have the pixel format of the frames for which the overlay was made.

        The sides are even, and the label is not wider or taller than the frame.
        """
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
        """Fill a rectangle of the planes, given in pixels of the frame, with a BGR colour."""
        x1, y1, x2, y2 = rectangle
        if self._matrix is None:
            planes[0][y1:y2, x1:x2] = colour
            return
        for plane, value, halving in zip(
            planes, yuv_colour(colour, self._matrix), (1, 2, 2), strict=True
        ):
            plane[y1 // halving : -(-y2 // halving), x1 // halving : -(-x2 // halving)] = value

    def _blit(self, planes: Sequence[Pixels], tile: Sequence[Pixels], spot: Rectangle) -> None:
        """Copy the label `tile` onto `planes`, with its top left corner at that of `spot`.

        `tile` holds planes in the same pixel format as `planes`. `spot` is in pixels of the frame.
        """
        for index, (plane, part) in enumerate(zip(planes, tile, strict=True)):
            halving = 2 if index else 1
            y, x = spot[1] // halving, spot[0] // halving
            plane[y : y + part.shape[0], x : x + part.shape[1]] = part


@lru_cache(maxsize=1024)
def class_colour(name: str) -> Colour:
    """Return the colour of a class as (b, g, r).

    It depends only on the name, so that a class has the same colour in every model. Upper and lower
    case make no difference.
    """
    folded = name.casefold()
    if folded in _OFTEN_SEEN:
        return numbered_colour(_OFTEN_SEEN.index(folded))
    return numbered_colour(zlib.crc32(folded.encode(errors="surrogatepass")))


@lru_cache(maxsize=1024)
def numbered_colour(number: int) -> Colour:
    """Return a colour as (b, g, r) for one of several things that are numbered from 0.

    The hues of consecutive numbers differ by the golden angle, so that any number of hues is spread
    well. The colours are computed in OKLCH (Ottosson 2020) so that none of them looks dark.
    """
    return _oklch_to_bgr(
        _LIGHTNESSES[number % len(_LIGHTNESSES)], _CHROMA, 0.5 + number * _GOLDEN_ANGLE
    )


@lru_cache(maxsize=1024)
def yuv_colour(colour: Colour, matrix: YuvMatrix) -> tuple[int, int, int]:
    """Return a colour (b, g, r) as (y, u, v), with all values in 0..255."""
    y, u, v = (
        np.clip(np.rint(bgr_to_yuv_matrix(matrix) @ np.array([*colour, 1.0])), 0, 255)
        .astype(int)
        .tolist()
    )
    return y, u, v


def _oklch_to_bgr(lightness: float, chroma: float, hue: float) -> Colour:
    """Return an OKLCH colour (Ottosson 2020, hue in radians) as sRGB (b, g, r) in 0..255."""
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
    """Return the sRGB value in 0..1 of a linear value in 0..1 (IEC 61966-2-1)."""
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever is easier to read as text on the colour (b, g, r)."""
    return (0, 0, 0) if _luminance(colour) > _BLACK_INK_LUMINANCE else (255, 255, 255)


def _luminance(colour: Colour) -> float:
    """Return the colour's relative luminance in 0..1, as WCAG 2 defines it."""
    blue, green, red = (
        value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _outline(box: Rectangle, line: int) -> Iterator[Rectangle]:
    """Yield the four edges of a box as rectangles `line` pixels thick."""
    x1, y1, x2, y2 = box
    yield x1, y1, x2, min(y1 + line, y2)
    yield x1, max(y2 - line, y1), x2, y2
    yield x1, y1, min(x1 + line, x2), y2
    yield max(x2 - line, x1), y1, x2, y2


def _corners(box: Rectangle, line: int) -> Iterator[Rectangle]:
    """Yield the corners of a box as eight rectangles `line` pixels thick, two for each corner."""
    x1, y1, x2, y2 = box
    across, down = max(line, (x2 - x1) // 8 * 2), max(line, (y2 - y1) // 8 * 2)
    for left, right in ((x1, min(x1 + across, x2)), (max(x2 - across, x1), x2)):
        yield left, y1, right, min(y1 + line, y2)
        yield left, max(y2 - line, y1), right, y2
    for top, bottom in ((y1, min(y1 + down, y2)), (max(y2 - down, y1), y2)):
        yield x1, top, min(x1 + line, x2), bottom
        yield max(x2 - line, x1), top, x2, bottom


def place_label(
    box: Sequence[float],
    size: tuple[float, float],
    area: tuple[float, float],
    placed: Sequence[Sequence[float]],
    snap: Callable[[float], float] = float,
) -> tuple[float, float, float, float]:
    """Return the rectangle x1, y1, x2, y2 for the label of a box.

    `box` is x1, y1, x2, y2. `size` is (width, height) of the label, and `area` is (width, height)
    of the frame. `placed` are the rectangles of earlier labels. The best place is above the box,
    then inside it, then below it, and so on. The result is the best place that covers no label in
    `placed`, or the best place of all if every place covers one. The label is moved into the frame,
    and `snap` rounds the coordinates of its top left corner. All values are in pixels.
    """
    x1, y1, x2, y2 = box
    width, height = size
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
    rectangles = []
    # Places above or below the frame are left out.
    for x, y in [spot for spot in spots if 0 <= spot[1] <= area[1] - height] or [(x1, y1)]:
        left = snap(max(min(x, area[0] - width), 0))
        top = snap(max(min(y, area[1] - height), 0))
        rectangles.append((left, top, left + width, top + height))
    return next(
        (spot for spot in rectangles if not any(_overlap(spot, other) for other in placed)),
        rectangles[0],
    )


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether two rectangles x1, y1, x2, y2 overlap. Touching edges do not count."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _even(value: float) -> float:
    """Return a coordinate rounded down to an even number."""
    return value // 2 * 2
