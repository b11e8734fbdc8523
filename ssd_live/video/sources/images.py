"""Play a folder of images, or a single image, as a slow video."""

from pathlib import Path

import numpy as np

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import IMAGE_SUFFIXES, natural_order, read_image
from ssd_live.video.sources.base import SourceInfo, SourceOptions

_DEFAULT_RATE = 1.0


class ImagesSource(Closing):
    """A source that plays the images of a folder in natural order.

    `address` is the path of a folder or of one image. `options.rate` is the number of images per
    second, by default 1. Images that cannot be read are skipped. The constructor raises
    `MediaError` if no image can be read.
    """

    def __init__(self, address: str, options: SourceOptions) -> None:
        path = Path(address)
        try:
            listed = list(path.iterdir()) if path.is_dir() else [path]
        except OSError as error:
            raise MediaError(
                f"{path}: cannot be read ({(error.strerror or str(error)).lower()}); check its "
                "permissions"
            ) from error
        self._paths = sorted(
            (item for item in listed if item.suffix.lower() in IMAGE_SUFFIXES), key=natural_order
        )
        if not self._paths:
            raise MediaError(f"{path}: the folder has no images; give a folder with images")
        self._rate = options.rate or _DEFAULT_RATE
        self._next = 0
        first = self.read()
        if first is None:
            raise MediaError(f"{path}: none of its images can be read; give other images")
        self._next = 0
        duration = len(self._paths) / self._rate
        self.info = SourceInfo(
            first.width,
            first.height,
            rate=self._rate,
            duration=duration,
            paced=True,
            is_still=len(self._paths) == 1,
            seekable=True,
            mode=f"{len(self._paths)}",
        )

    def read(self) -> Frame | None:
        """Return the next image as a `bgr24` frame, or None after the last image."""
        while self._next < len(self._paths):
            number, self._next = self._next, self._next + 1
            try:
                image = read_image(self._paths[number]).planes[0]
            except MediaError:
                continue
            return Frame(
                (np.asarray(image, np.uint8),), index=number, pts=number, time=number / self._rate
            )
        return None

    def seek(self, seconds: float) -> None:
        """Continue with the first image whose time is at least `seconds`. Times begin at 0."""
        self._next = min(max(int(np.ceil(seconds * self._rate - 1e-6)), 0), len(self._paths))

    def close(self) -> None:
        """Close the source, so that `read` returns no more images."""
        self._paths = []
