"""Cut the picture of one object out of a frame."""

import cv2
import numpy as np

from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.pixels import Pixels

# So much of the surroundings is kept on each side, as a share of the object's size.
_MARGIN = 0.1


def crop_region(frame: Frame, box: tuple[float, float, float, float]) -> Region | None:
    """Return the part of a frame around a box, with a margin; None if it is outside the frame.

    `box` is x1, y1, x2, y2 in pixels of the frame. The left and the top are even, because colour
    planes have half the resolution.
    """
    x1, y1, x2, y2 = box
    across, down = _MARGIN * (x2 - x1), _MARGIN * (y2 - y1)
    left, top = int(max(x1 - across, 0)) // 2 * 2, int(max(y1 - down, 0)) // 2 * 2
    right, bottom = int(min(x2 + across, frame.width)), int(min(y2 + down, frame.height))
    if right - left < 2 or bottom - top < 2:
        return None
    return Region(left, top, right - left, bottom - top)


def crop(frame: Frame, box: tuple[float, float, float, float], longest: int) -> Pixels | None:
    """Return the picture of an object as BGR (h, w, 3) uint8, or None if it is outside the frame.

    `box` is x1, y1, x2, y2 in pixels of the frame. The longer side of the picture has at most
    `longest` pixels, and the aspect ratio is kept.
    """
    region = crop_region(frame, box)
    if region is None:
        return None
    scale = min(longest / max(region.width, region.height), 1.0)
    size = max(round(scale * region.width), 1), max(round(scale * region.height), 1)
    # The frame is resized without antialiasing, so a large object is made small in two steps.
    whole = frame.resized((region.width, region.height), region)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)
