"""A made clip with a face whose place is known in every frame."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from ssd_live.imaging.pixels import Pixels
from ssd_live.system.paths import assets_folder

RATE = 25
SIZE = (640, 360)
# The astronaut's head in the picture, with hair and chin: left, top, width and height in pixels.
HEAD = (165, 50, 120, 170)
# So much of the picture is pasted: the head with its shoulders.
_CUTOUT = (110, 10, 230, 290)

# The left upper corner of the head at a time in seconds, or None where there is none.
Path2D = Callable[[float], tuple[float, float] | None]


def picture(place: tuple[float, float] | None, height: float, size: tuple[int, int]) -> Pixels:
    """Return a picture (H, W, 3) uint8 BGR of a size (width, height), with a face or without.

    `place` is the left upper corner of the head, and `height` its height, in pixels.
    """
    rows, columns = np.mgrid[: size[1], : size[0]]
    # A slope of three colours, in which no model finds anything.
    canvas = np.stack([60 + 0.1 * rows, 90 + 0.05 * columns, 120 - 0.05 * rows], 2).astype(np.uint8)
    if place is None:
        return canvas
    whole = cv2.imread(str(assets_folder() / "media" / "astronaut.png"))
    assert whole is not None
    scale = height / HEAD[3]
    move = np.array(
        [
            [scale, 0, place[0] - scale * HEAD[0]],
            [0, scale, place[1] - scale * HEAD[1]],
        ]
    )
    mask = np.zeros(whole.shape[:2], np.uint8)
    x, y, width, depth = _CUTOUT
    mask[y : y + depth, x : x + width] = 255
    there = cv2.warpAffine(mask, move, size)
    pasted = cv2.warpAffine(whole, move, size, flags=cv2.INTER_AREA)
    return np.where(there[..., None] > 127, pasted, canvas).astype(np.uint8)


def write_face_clip(
    path: Path,
    where: Path2D,
    *,
    seconds: float = 2.0,
    height: float = 90,
    size: tuple[int, int] = SIZE,
    setup: Callable[[Any], None] = lambda container: None,
) -> Path:
    """Write a clip in which a face moves, and return its path.

    `where` gives the left upper corner of the head, whose height is `height` pixels, at a time.
    `setup` may change the container before the first frame is written.
    """
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        setup(target)
        for index in range(round(seconds * RATE)):
            shown = picture(where(index / RATE), height, size)
            frame: Any = av.VideoFrame.from_ndarray(shown, "bgr24")
            frame.pts = index
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path
