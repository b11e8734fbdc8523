"""Find images that look nearly the same, so that they are not collected and labelled twice."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.imaging.frame import Frame

# The image is compared as a grid of this many cells (width, height).
_GRID = (16, 12)
# A cell has changed if its brightness, 0 to 255, differs by more than this. Noise of a camera and a
# change of the light of 4 % change none.
_CHANGE = 10
# Images with fewer changed cells are near-duplicates. People who walk change 2 cells in 0.1 s and
# 12 in 0.5 s (medians, walking people of 70 pixels in 768 x 576).
_NEAR_CELLS = 5


def look_of(frame: Frame) -> str:
    """Return the perceptual hash of an image: the brightness of each cell of a grid, in Base64."""
    small = cv2.resize(frame.bgr(), _GRID, interpolation=cv2.INTER_AREA)
    return base64.b64encode(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).tobytes()).decode()


class Looks:
    """The hashes of the images of a project, in which near-duplicates are looked up."""

    def __init__(self, looks: list[str]) -> None:
        known = [_cells(look) for look in looks if look]
        # It grows by more than is needed, so that adding takes no time.
        self._cells = np.zeros((max(2 * len(known), 64), _GRID[0] * _GRID[1]), np.int16)
        self._count = len(known)
        if known:
            self._cells[: len(known)] = known

    def has(self, look: str) -> bool:
        """Return whether there is a near-duplicate of an image with this hash."""
        if not self._count:
            return False
        difference = self._cells[: self._count] - _cells(look)
        # The light of the whole image does not matter.
        difference -= np.median(difference, axis=1, keepdims=True).astype(np.int16)
        return bool(((np.abs(difference) > _CHANGE).sum(1) < _NEAR_CELLS).any())

    def add(self, look: str) -> None:
        """Take a hash in."""
        if self._count == len(self._cells):
            self._cells = np.concatenate([self._cells, np.zeros_like(self._cells)])
        self._cells[self._count] = _cells(look)
        self._count += 1


def _cells(look: str) -> NDArray[np.int16]:
    return np.frombuffer(base64.b64decode(look), np.uint8).astype(np.int16)
