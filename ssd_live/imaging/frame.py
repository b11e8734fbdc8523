"""What the stages hand to each other: frames, detections, and what is known of a video."""

from dataclasses import dataclass, field

from ssd_live.imaging.pixels import (
    PixelFormat,
    Pixels,
    YuvMatrix,
    resize_bgr,
    resize_yuv420_to_bgr,
    yuv420_to_bgr,
)


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

    `planes` is one (H, W, 3) uint8 array for `bgr24`; Y (H, W), U and V (ceil(H/2), ceil(W/2))
    uint8 for `yuv420p`. They are views: of the decoder's memory, say, and not to be written.
    `index` counts the source's frames from 0; `pts` is in units of the source's time base; `time`
    is `pts` in seconds; `captured_at` is the monotonic clock in seconds. `native` is the object
    that owns the pixels, if any.
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
        """The frame, or a region of it, as uint8 BGR (height, width, 3) of `size` (width, height):
        the only resize before a network.
        """
        if self.pixel_format == "bgr24":
            return resize_bgr(_cut(self.planes[0], region, 1), size)
        luma, u, v = self.planes
        return resize_yuv420_to_bgr(
            (_cut(luma, region, 1), _cut(u, region, 2), _cut(v, region, 2)), size, self.matrix
        )

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
    bottom, right = (
        -(-(region.y + region.height) // subsampling),
        -(-(region.x + region.width) // subsampling),
    )
    return plane[top:bottom, left:right]
