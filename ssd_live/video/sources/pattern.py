"""Moving objects cut from the bundled photos: a source for machines without a camera, for tests and
for measuring.
"""

import math

import cv2
import numpy as np

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image
from ssd_live.imaging.pixels import Pixels
from ssd_live.system.paths import assets_folder
from ssd_live.video.sources.base import SourceInfo, SourceOptions
from ssd_live.video.sources.parse import parse_pattern

_DEFAULT_SIZE, _DEFAULT_RATE = (1280, 720), 30.0
# Photo, height as a share of the picture's, turns a second along x and y.
_OBJECTS = (("chelsea.png", 0.45, 0.061, 0.043), ("astronaut.png", 0.6, -0.037, 0.029))


class PatternSource(Closing):
    """`address` is empty, WxH, or WxH@RATE; a rate of 0 is as fast as possible. Frame n is the same
    every time.
    """

    def __init__(self, address: str, options: SourceOptions) -> None:
        size, rate = parse_pattern(address)
        self._size = size or options.size or _DEFAULT_SIZE
        self._rate = rate if rate is not None else options.rate or _DEFAULT_RATE
        width, height = self._size
        self._background = _background(width, height)
        self._sprites = [_sprite(name, share * height, width) for name, share, _, _ in _OBJECTS]
        self._index = 0
        self.info = SourceInfo(
            width, height, rate=self._rate or None, paced=self._rate > 0, mode="pattern"
        )

    def read(self) -> Frame | None:
        frame = Frame(
            (self.picture(self._index),),
            index=self._index,
            pts=self._index,
            time=self._index / (self._rate or _DEFAULT_RATE),
        )
        self._index += 1
        return frame

    def picture(self, index: int) -> Pixels:
        """Frame `index`, BGR (H, W, 3), made anew."""
        picture = self._background.copy()
        # Moves by the frame, not by the clock: at 30 frames a second for the default.
        seconds = index / _DEFAULT_RATE
        for sprite, (_, _, along_x, along_y) in zip(self._sprites, _OBJECTS, strict=True):
            height, width = sprite.shape[:2]
            x = round(
                (self._size[0] - width) * (0.5 + 0.5 * math.sin(2 * math.pi * along_x * seconds))
            )
            y = round(
                (self._size[1] - height) * (0.5 + 0.5 * math.cos(2 * math.pi * along_y * seconds))
            )
            picture[y : y + height, x : x + width] = sprite
        return picture

    def seek(self, seconds: float) -> None:
        raise AssertionError("a pattern has no past")

    def close(self) -> None:
        self._sprites = []


def _background(width: int, height: int) -> Pixels:
    down = np.linspace(70, 130, height, dtype=np.float32)[:, None, None]
    across = np.linspace(0, 30, width, dtype=np.float32)[None, :, None]
    return np.asarray(down + across * np.array([1.0, 0.6, 0.2], np.float32), np.uint8)


def _sprite(name: str, height: float, widest: int) -> Pixels:
    image = read_image(assets_folder() / "media" / name).planes[0]
    scale = min(height / image.shape[0], widest / image.shape[1])
    size = (max(int(image.shape[1] * scale), 1), max(int(image.shape[0] * scale), 1))
    try:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    except cv2.error as error:
        raise MediaError(
            f"{name}: cannot be scaled to {size[0]} x {size[1]}; ask for a smaller picture"
        ) from error
