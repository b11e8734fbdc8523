"""Define `Frame`, one picture of a source, and resize it to a network's input size."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import cv2
import numpy as np

from ssd_live.errors import UsageError
from ssd_live.imaging.pixels import PixelFormat, Pixels, YuvMatrix, yuv_to_bgr_matrix

# An array of NumPy or of a library that slices as NumPy does.
Plane = TypeVar("Plane", bound=Any)
# How an image becomes a network input: by stretching, or with its aspect ratio kept, between black
# bars. The interpolation is linear.
Resize = Literal["stretch, linear", "letterbox, linear"]


@dataclass(frozen=True)
class Region:
    """A rectangle inside a frame.

    `x` and `y` are its left and top edge. All values are in pixels of the frame.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Letterbox:
    """A region that a network input shows with its aspect ratio kept, between black bars.

    `region` is what the network input shows, and `inner` the place where it does, in pixels of the
    network input. `input_size` is the (width, height) of the network input. `x`, `y`, `width` and
    `height` are the rectangle in pixels of the frame that the whole network input stands for. It
    reaches beyond `region`, and may reach beyond the frame.
    """

    region: Region
    inner: Region
    input_size: tuple[int, int]

    @property
    def width(self) -> float:
        """The width that the network input stands for, in pixels of the frame."""
        return self.input_size[0] * self.region.width / self.inner.width

    @property
    def height(self) -> float:
        """The height that the network input stands for, in pixels of the frame."""
        return self.input_size[1] * self.region.height / self.inner.height

    @property
    def x(self) -> float:
        """The left edge of the network input, in pixels of the frame."""
        return self.region.x - self.inner.x * self.region.width / self.inner.width

    @property
    def y(self) -> float:
        """The top edge of the network input, in pixels of the frame."""
        return self.region.y - self.inner.y * self.region.height / self.inner.height


# What a network input shows of a frame.
InputRegion = Region | Letterbox


def letterbox(region: Region, input_size: tuple[int, int]) -> InputRegion:
    """Return how `region` lies in a network input of `input_size` (width, height).

    It is as large as possible and lies in the middle. Where no bars are needed, the result is
    `region` itself.
    """
    width, height = input_size
    scale = min(width / region.width, height / region.height)
    inner_width = max(round(region.width * scale), 1)
    inner_height = max(round(region.height * scale), 1)
    if (inner_width, inner_height) == input_size:
        return region
    inner = Region(
        (width - inner_width) // 2, (height - inner_height) // 2, inner_width, inner_height
    )
    return Letterbox(region, inner, input_size)


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

    def network_input(self, size: tuple[int, int], region: InputRegion | None = None) -> Pixels:
        """Return the network input: the frame, or a region of it, resized to `size`.

        `size` is (width, height). A `Letterbox` must be for this size. The result is (height,
        width, 3) uint8 BGR. This is the only resizing before inference.
        """
        if not isinstance(region, Letterbox):
            return self.resized(size, region)
        inner = region.inner
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[inner.y : inner.y + inner.height, inner.x : inner.x + inner.width] = self.resized(
            (inner.width, inner.height), region.region
        )
        return image

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


@dataclass(frozen=True)
class InputFit:
    """How the frames of a source become the network inputs of a model.

    `size` is the (width, height) of a network input in pixels.
    """

    size: tuple[int, int]
    resize: Resize = "stretch, linear"

    def region(
        self, frame_size: tuple[int, int], region: Region | None = None
    ) -> InputRegion | None:
        """Return what the network input shows of a frame, or None for all of it without bars.

        `frame_size` is the (width, height) of the frame. `region` is the part of it that the
        network is to see; None is the whole frame.
        """
        if self.resize == "stretch, linear":
            return region
        return letterbox(region or Region(0, 0, *frame_size), self.size)

    def image(self, frame: Frame, region: Region | None = None) -> Pixels:
        """Return the network input (height, width, 3) uint8 BGR of a frame, or a region of it."""
        return frame.network_input(self.size, self.region((frame.width, frame.height), region))


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
