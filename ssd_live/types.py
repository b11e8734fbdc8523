"""What the stages hand to each other: frames, detections, and what is known of a video."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ssd_live.pixels import PixelFormat, Pixels, YuvMatrix, resize_bgr, resize_yuv420_to_bgr, yuv420_to_bgr


@dataclass(frozen=True)
class Region:
    """A rectangle of the picture in pixels, inside it: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright picture of a source.

    `planes` is one (H, W, 3) uint8 array for `bgr24`; Y (H, W), U and V (ceil(H/2), ceil(W/2)) uint8 for `yuv420p`. They are views: of the
    decoder's memory, say, and not to be written. `index` counts the source's frames from 0; `pts` is in units of the source's time base;
    `time` is `pts` in seconds; `captured_at` is the monotonic clock in seconds. `native` is the object that owns the pixels, if any.
    """

    planes: tuple[Pixels, ...]
    pixel_format: PixelFormat = "bgr24"
    matrix: YuvMatrix = field(default_factory=YuvMatrix)
    index: int = 0
    pts: int = 0
    time: float = 0.0
    captured_at: float = 0.0
    native: object = None

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    def network_input(self, size: tuple[int, int], region: Region | None = None) -> Pixels:
        """The frame, or a region of it, as uint8 BGR (height, width, 3) of `size` (width, height): the only resize before a network."""
        if self.pixel_format == "bgr24":
            return resize_bgr(_cut(self.planes[0], region, 1), size)
        luma, u, v = self.planes
        return resize_yuv420_to_bgr((_cut(luma, region, 1), _cut(u, region, 2), _cut(v, region, 2)), size, self.matrix)

    def bgr(self) -> Pixels:
        """The whole frame as BGR (H, W, 3): a view for `bgr24`, made anew otherwise."""
        if self.pixel_format == "bgr24":
            return self.planes[0]
        luma, u, v = self.planes
        return yuv420_to_bgr((luma, u, v), self.matrix)


def _cut(plane: Pixels, region: Region | None, subsampling: int) -> Pixels:
    if region is None:
        return plane
    top, left = region.y // subsampling, region.x // subsampling
    bottom, right = -(-(region.y + region.height) // subsampling), -(-(region.x + region.width) // subsampling)
    return plane[top:bottom, left:right]


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one picture, best first.

    `boxes` (N, 4) float32 x1, y1, x2, y2 in pixels of the source; `scores` (N,) float32 in 0..1; `class_ids` (N,) int32, 0 the first real
    class of `classes`.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    classes: Sequence[str]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class name of each detection."""
        return [self.classes[class_id] for class_id in self.class_ids]

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Those for which the mask (N,) is true."""
        return replace(self, boxes=self.boxes[kept], scores=self.scores[kept], class_ids=self.class_ids[kept])


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself, upright. `frames` and `duration` (seconds) are None where the container does not say."""

    path: Path
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    frames: int | None
    duration: float | None
    codec: str
    pixel_format: str
