"""Draw lines and areas onto frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.overlay import Colour, Overlay
from ssd_live.imaging.pixels import Pixels

# The arrow at a line shows where "in" is. Its length is a share of the line's.
_ARROW, _SHORTEST_ARROW, _LONGEST_ARROW = 0.15, 16.0, 60.0
_DARK: Colour = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class ZoneShape:
    """What is drawn of a zone: `points` (P, 2) float32 in pixels of the frame, and its colour.

    A closed shape is a polygon. Otherwise it is a line, with an arrow to its right.
    """

    points: NDArray[np.float32]
    colour: Colour
    is_closed: bool


def colour_in(text: str) -> Colour:
    """Return the colour (b, g, r) of a text like "#rrggbb"."""
    red, green, blue = bytes.fromhex(text[1:])
    return blue, green, red


def arrow_of(line: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the begin and the end (2, 2) of the arrow that shows where "in" is, to the right."""
    (ax, ay), (bx, by) = line.tolist()
    along = np.array([bx - ax, by - ay], np.float32)
    length = float(np.hypot(*along))
    reach = min(max(_ARROW * length, _SHORTEST_ARROW), _LONGEST_ARROW)
    middle = (line[0] + line[1]) / 2
    # y grows downwards, so the right of (x, y) is (-y, x).
    right = np.array([-along[1], along[0]], np.float32) / max(length, 1e-6)
    return np.stack([middle, middle + reach * right])


def draw_zones(overlay: Overlay, planes: Sequence[Pixels], shapes: Sequence[ZoneShape]) -> None:
    """Draw shapes onto the planes of a frame in place.

    `overlay` was made for such frames. `planes` must be writable.
    """
    for shape in shapes:
        for colour, thickness in ((_DARK, overlay.line + 2), (shape.colour, overlay.line)):
            overlay.draw_polyline(planes, shape.points, colour, thickness, closed=shape.is_closed)
            if not shape.is_closed:
                begin, end = arrow_of(shape.points)
                overlay.draw_polyline(planes, np.stack([begin, end]), colour, thickness)
                for tip in _tip(begin, end):
                    overlay.draw_polyline(planes, np.stack([end, tip]), colour, thickness)


def _tip(begin: NDArray[np.float32], end: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the ends of the two short lines of an arrow's tip."""
    back = 0.4 * (begin - end)
    side = np.array([-back[1], back[0]], np.float32)
    return [end + back + side, end + back - side]
