"""Generate a test pattern of moving objects from the bundled photos.

It is a source for machines without a camera, for tests and for measurements.
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
# Photo, its height as a share of the frame's height, and oscillations per second along x and y.
_OBJECTS = (("chelsea.png", 0.45, 0.061, 0.043), ("astronaut.png", 0.6, -0.037, 0.029))


class PatternSource(Closing):
    """A source that generates frames with moving objects.

    `address` is WxH, @RATE, WxH@RATE or empty. WxH is the size in pixels, and RATE is in frames per
    second. If RATE is 0, frames are generated as fast as they are read. A size or rate that is not
    in `address` is taken from `options`. If it is not there either, it is 1280x720 or 30 frames per
    second. The pixels of a frame depend only on its index and the size, so every run generates the
    same frames.
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
        """Return the next frame. The result is never None, because the pattern has no end."""
        frame = Frame(
            (self.picture(self._index),),
            index=self._index,
            pts=self._index,
            time=self._index / (self._rate or _DEFAULT_RATE),
        )
        self._index += 1
        return frame

    def picture(self, index: int) -> Pixels:
        """Return the pixels of frame `index` as a new BGR array (H, W, 3) uint8."""
        picture = self._background.copy()
        # Objects move by the frame index and not by the clock, so that frames are reproducible.
        # Their speed is right at the default rate of 30 frames per second.
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
        """Raise `AssertionError`, because a pattern is not seekable."""
        raise AssertionError("a pattern is not seekable")

    def close(self) -> None:
        """Free the images of the objects."""
        self._sprites = []


def _background(width: int, height: int) -> Pixels:
    """Return a BGR image (H, W, 3) uint8 with a colour gradient."""
    down = np.linspace(70, 130, height, dtype=np.float32)[:, None, None]
    across = np.linspace(0, 30, width, dtype=np.float32)[None, :, None]
    return np.asarray(down + across * np.array([1.0, 0.6, 0.2], np.float32), np.uint8)


def _sprite(name: str, height: float, widest: int) -> Pixels:
    """Return a bundled photo as a BGR image (H, W, 3) uint8, `height` pixels high.

    `name` is the file name of the photo. The aspect ratio is kept. If the photo would be wider than
    `widest` pixels, it is scaled to that width instead. Raises `MediaError` if it cannot be read or
    scaled.
    """
    image = read_image(assets_folder() / "media" / name).planes[0]
    scale = min(height / image.shape[0], widest / image.shape[1])
    size = (max(int(image.shape[1] * scale), 1), max(int(image.shape[0] * scale), 1))
    try:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    except cv2.error as error:
        raise MediaError(
            f"{name}: cannot be scaled to {size[0]} x {size[1]}; give a smaller size, for "
            "example pattern:1280x720"
        ) from error
