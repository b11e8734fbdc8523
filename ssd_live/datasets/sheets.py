"""Draw labelled images: tiles with boxes, contact sheets of tiles, and class histograms."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.overlay import Overlay, numbered_colour
from ssd_live.imaging.pixels import Pixels

# (width, height) in pixels.
Size = tuple[int, int]

_PAPER, _INK = (32, 30, 28), (235, 235, 235)
_FONT_PIXELS, _ROW_PIXELS, _MARGIN_PIXELS = 13, 22, 12
_NAME_PIXELS, _COUNT_PIXELS = 170, 80
# Larger than any image, and small enough for the integers of the drawing functions.
_FAR_PIXELS = 1e6


def tile(
    image: Pixels,
    boxes: NDArray[np.float32],
    class_ids: NDArray[np.integer],
    texts: Sequence[str],
    size: Size,
) -> Pixels:
    """Return a tile, an image of `size` (width, height) that shows `image` with its boxes.

    `image` is (H, W, 3) uint8 BGR and keeps its aspect ratio. `boxes` are (M, 4) x1, y1, x2, y2 in
    pixels of `image`. `class_ids` (M,) choose the colours of the boxes, and `texts` are their M
    labels. The tile is (height, width, 3) uint8 BGR.
    """
    scale, left, top = _fit(image, size)
    sides = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    inside = np.asarray(cv2.resize(image, sides, interpolation=cv2.INTER_AREA), np.uint8)
    picture = _paper(size)
    picture[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    colours = [numbered_colour(number) for number in class_ids.tolist()]
    Overlay(size).draw_labelled(
        (picture,), placed(boxes, image, size), colours, [_drawable(text) for text in texts]
    )
    return picture


def placed(boxes: NDArray[np.float32], image: Pixels, size: Size) -> NDArray[np.float32]:
    """Return where the boxes of an image lie in its tile, as the function `tile` draws it.

    `boxes` are (M, 4) x1, y1, x2, y2 in pixels of `image`. `size` is (width, height) of the tile.
    The result is float32 (M, 4) x1, y1, x2, y2 in pixels of the tile.
    """
    scale, left, top = _fit(image, size)
    spots = np.clip(np.nan_to_num(boxes), -_FAR_PIXELS, _FAR_PIXELS) * scale + [
        left,
        top,
        left,
        top,
    ]
    return np.asarray(spots, np.float32).reshape(-1, 4)


def outline(
    picture: Pixels,
    boxes: NDArray[np.float32],
    colour: tuple[int, int, int] = (255, 255, 255),
    thickness: int = 1,
) -> None:
    """Draw the outlines of `boxes` into the image `picture` (H, W, 3) uint8 BGR, in place.

    `boxes` are (M, 4) x1, y1, x2, y2 in pixels. `colour` is BGR, and `thickness` is in pixels.
    """
    for x1, y1, x2, y2 in np.rint(boxes).astype(int).tolist():
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thickness)


def captioned(picture: Pixels, text: str) -> Pixels:
    """Return a copy of the image `picture` (H, W, 3) uint8 BGR with the line `text` below it."""
    line = _paper((picture.shape[1], _ROW_PIXELS))
    _write(line, text, 4, 0)
    return np.vstack([picture, line])


def contact_sheet(tiles: Sequence[Pixels], columns: int) -> Pixels:
    """Return one image (H, W, 3) uint8 BGR that shows the tiles in rows of `columns` tiles.

    There must be at least one tile, and all tiles must have the same size.
    """
    filled = [*tiles, *[np.full_like(tiles[0], _PAPER)] * (-len(tiles) % columns)]
    return np.vstack(
        [np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)]
    )


def histogram(names: Sequence[str], counts: Sequence[int], width: int) -> Pixels:
    """Return an image (H, `width`, 3) uint8 BGR with a bar and a count for each class.

    `names` and `counts` are in the same order. Many classes are arranged in several columns.
    """
    columns = max(1, min(width // 400, -(-len(names) // 12)))
    rows = -(-len(names) // columns)
    picture = _paper((width, rows * _ROW_PIXELS + 2 * _MARGIN_PIXELS))
    column_width = width // columns
    longest = max(1, column_width - _NAME_PIXELS - _COUNT_PIXELS - 2 * _MARGIN_PIXELS)
    most = max([*counts, 1])
    for number, (name, count) in enumerate(zip(names, counts, strict=True)):
        x, y = (
            (number // rows) * column_width + _MARGIN_PIXELS,
            (number % rows) * _ROW_PIXELS + _MARGIN_PIXELS,
        )
        _write(picture[:, : x + _NAME_PIXELS], name, x, y)
        bar = round(longest * count / most)
        picture[y + 4 : y + _ROW_PIXELS - 3, x + _NAME_PIXELS : x + _NAME_PIXELS + bar] = (
            numbered_colour(number)
        )
        _write(picture, str(count), x + _NAME_PIXELS + bar + 6, y)
    return picture


def _fit(image: Pixels, size: Size) -> tuple[float, int, int]:
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    return scale, (size[0] - round(width * scale)) // 2, (size[1] - round(height * scale)) // 2


def _paper(size: Size) -> Pixels:
    return np.full((size[1], size[0], 3), _PAPER, np.uint8)


def _drawable(text: str) -> str:
    # OpenCV crashes on lone surrogates. JSON strings can contain them, and so can file names that
    # are not UTF-8.
    return text.encode(errors="replace").decode()


def _write(picture: Pixels, text: str, x: int, y: int) -> None:
    cv2.putText(
        picture,
        _drawable(text),
        (x, y + _ROW_PIXELS - 7),
        _INK,
        cv2.FontFace("sans"),
        _FONT_PIXELS,
        400,
    )
