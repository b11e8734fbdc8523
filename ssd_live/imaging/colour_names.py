"""Name the main colours of the picture of an object."""

from collections.abc import Collection, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.pixels import Pixels

# The eleven basic colour terms (Berlin and Kay 1969), in the order of their bits.
COLOUR_NAMES = (
    "black",
    "white",
    "grey",
    "red",
    "orange",
    "brown",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
)
# A colour counts if it fills this share of the middle of the picture.
_SHARE = 0.2
# The background is mostly at the sides: so much of the width and the height is looked at.
_MIDDLE_WIDTH, _MIDDLE_HEIGHT = 0.5, 0.8
_LOOKED_AT_PIXELS = 24
# Hues in degrees up to which a colour goes; what is above the last one is red again.
_HUES = ((15, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (260, "blue"))
_LAST_HUES = ((300, "purple"), (342, "pink"), (360, "red"))
# Saturation and value are from 0 to 1.
_BLACK_VALUE, _WHITE_VALUE = 0.22, 0.78
_GREY_SATURATION, _DARK_GREY_SATURATION = 0.16, 0.3
_DARK_VALUE, _BROWN_VALUE, _PINK_SATURATION = 0.4, 0.62, 0.5


def main_colours(picture: Pixels) -> int:
    """Return the main colours of a BGR picture (h, w, 3) uint8, as a sum of bits.

    Bit n stands for `COLOUR_NAMES[n]`. Only the middle of the picture counts, and a colour must
    fill a fifth of it.
    """
    height, width = picture.shape[:2]
    across = round(width * (1 - _MIDDLE_WIDTH) / 2)
    down = round(height * (1 - _MIDDLE_HEIGHT) / 2)
    middle = picture[down : height - down, across : width - across]
    size = min(middle.shape[1], _LOOKED_AT_PIXELS), min(middle.shape[0], _LOOKED_AT_PIXELS)
    small = cv2.resize(middle, size, interpolation=cv2.INTER_AREA)
    numbers = _numbers(np.asarray(small, np.uint8))
    shares = np.bincount(numbers.ravel(), minlength=len(COLOUR_NAMES)) / numbers.size
    return sum(1 << number for number, share in enumerate(shares.tolist()) if share >= _SHARE)


def colours_in(bits: int) -> tuple[str, ...]:
    """Return the names of the colours in a sum of bits."""
    return tuple(name for number, name in enumerate(COLOUR_NAMES) if bits >> number & 1)


def bits_of(names: Iterable[str]) -> int:
    """Return colours as a sum of bits. Raises `KeyError` for an unknown name."""
    numbers = {name: number for number, name in enumerate(COLOUR_NAMES)}
    return sum(1 << numbers[name] for name in set(names))


def _numbers(picture: Pixels) -> NDArray[np.int64]:
    """Return the number of the colour of each pixel."""
    hsv = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    bounds = [bound for bound, _ in (*_HUES, *_LAST_HUES)]
    of_hue = np.array([COLOUR_NAMES.index(name) for _, name in (*_HUES, *_LAST_HUES)])
    numbers = of_hue[np.searchsorted(bounds, hue).clip(0, len(bounds) - 1)]

    def among(names: Collection[str]) -> NDArray[np.bool_]:
        return np.isin(numbers, [COLOUR_NAMES.index(name) for name in names])

    # Brown is dark orange, and light red is called pink.
    is_brown = among(["orange"]) & (value < _BROWN_VALUE)
    is_pink = among(["red"]) & (saturation < _PINK_SATURATION) & (value > _BROWN_VALUE)
    numbers[is_brown] = COLOUR_NAMES.index("brown")
    numbers[is_pink] = COLOUR_NAMES.index("pink")
    # In the dark, noise alone makes some saturation.
    least = np.where(value < _DARK_VALUE, _DARK_GREY_SATURATION, _GREY_SATURATION)
    numbers[saturation < least] = COLOUR_NAMES.index("grey")
    numbers[(saturation < least) & (value > _WHITE_VALUE)] = COLOUR_NAMES.index("white")
    numbers[value < _BLACK_VALUE] = COLOUR_NAMES.index("black")
    return np.asarray(numbers, np.int64)
