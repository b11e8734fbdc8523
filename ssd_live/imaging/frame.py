"""Define `Frame`, one picture of a source, and resize it to a network's input size."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import cv2
import numpy as np

from ssd_live.errors import UsageError
from ssd_live.imaging.pixels import PixelFormat, Pixels, YuvMatrix, yuv_to_bgr_matrix

# An array of NumPy or of a library that slices as NumPy does.
Plane = TypeVar("Plane", bound=Any)


@dataclass(frozen=True)
class Region:
    """A rectangle inside a frame.

    `x` and `y` are its left and top edge. All values are in pixels of the frame.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Frame:
    """One upright picture of a source, with its time.

    `planes` is one (H, W, 3) uint8 array for `bgr24`. For `yuv420p` it is Y (H, W), U and V
    (ceil(H/2), ceil(W/2)), all uint8. The arrays may be views of memory that the decoder owns, so
    do not write to them. `matrix` says how the YUV values of `yuv420p` stand for colours. `index`
    counts the source's frames from 0. `pts` is the time in units of the source's time base, and
    `time` is the same time in seconds. `captured_at` is the time of capture on the monotonic clock,
    in seconds. `native` is the object that owns the pixels, such as an FFmpeg frame, or None.
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
        """The width in pixels."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.planes[0].shape[0])

    @property
    def nbytes(self) -> int:
        """The size of the pixels in bytes."""
        return sum(plane.nbytes for plane in self.planes)

    def network_input(self, size: tuple[int, int], region: Region | None = None) -> Pixels:
        """Return the network input: the frame, or a region of it, resized to `size`.

        `size` is (width, height). The result is (height, width, 3) uint8 BGR. This is the only
        resizing before inference.
        """
        return self.resized(size, region)

    def resized(self, size: tuple[int, int], region: Region | None = None) -> Pixels:
        """Return the frame, or a region of it, as BGR (height, width, 3) uint8 of another size.

        `size` is (width, height). The aspect ratio is not kept. The interpolation is linear without
        antialiasing; see `resize_bgr`.
        """
        if self.pixel_format == "bgr24":
            return resize_bgr(cut(self.planes[0], region, 1), size)
        luma, u, v = self.planes
        return resize_yuv420_to_bgr(
            (cut(luma, region, 1), cut(u, region, 2), cut(v, region, 2)), size, self.matrix
        )

    def bgr(self) -> Pixels:
        """Return the whole frame as BGR (H, W, 3) uint8.

        The result is a view for `bgr24` and a new array for `yuv420p`.
        """
        if self.pixel_format == "bgr24":
            return self.planes[0]
        luma, u, v = self.planes
        return yuv420_to_bgr((luma, u, v), self.matrix)


def frame_of(image: Pixels) -> Frame:
    """Return a frame with the pixels of an image; raise `UsageError` if it is not one."""
    if not isinstance(image, np.ndarray):
        raise UsageError(
            f"an image must be a NumPy array (H, W, 3) uint8 BGR, not {type(image).__name__}; "
            "read a file with cv2.imread first"
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise UsageError(
            f"an image must be (H, W, 3) uint8 BGR, not {image.shape} {image.dtype}; "
            "convert the image first"
        )
    return Frame((image,))


def cut(plane: Plane, region: Region | None, subsampling: int) -> Plane:
    """Return a view of the part of `plane` that shows `region`, or `plane` itself without a region.

    `plane` is an array (H, W) or (H, W, C) of any library that slices as NumPy does. Along each
    axis, the plane has one pixel for every `subsampling` pixels of the frame.
    """
    if region is None:
        return plane
    top, left = region.y // subsampling, region.x // subsampling
    bottom, right = (
        -(-(region.y + region.height) // subsampling),
        -(-(region.x + region.width) // subsampling),
    )
    view: Plane = plane[top:bottom, left:right]
    return view


def resize_bgr(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return an image (H, W, 3) uint8 resized to `size` (width, height).

    The aspect ratio is not kept.

    The interpolation is linear without antialiasing, because the networks were trained on images
    that were resized in this way.
    """
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def resize_yuv420_to_bgr(
    planes: tuple[Pixels, Pixels, Pixels], size: tuple[int, int], matrix: YuvMatrix
) -> Pixels:
    """Return YUV planes resized to `size` (width, height) and converted to BGR.

    `planes` are Y (H, W) and U, V (about half the size), all uint8. `matrix` says how their values
    stand for colours. The result is (height, width, 3) uint8 BGR. The aspect ratio is not kept.

    This function resizes first and then converts. It is much faster than the other order, because
    only the pixels of the result are converted. Both orders give nearly the same pixels, because
    both steps are linear. The only difference is that this function interpolates colour once and
    the other order twice. The tests compare this function with the other order.
    """
    small = cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes])
    return np.asarray(cv2.transform(small, yuv_to_bgr_matrix(matrix)), np.uint8)


def yuv420_to_bgr(planes: tuple[Pixels, Pixels, Pixels], matrix: YuvMatrix) -> Pixels:
    """Return YUV planes converted to a BGR image (H, W, 3) uint8.

    `planes` are Y (H, W) and U, V (about half the size), all uint8. `matrix` says how their values
    stand for colours.
    """
    height, width = planes[0].shape
    return resize_yuv420_to_bgr(planes, (width, height), matrix)
