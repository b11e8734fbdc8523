"""Give the planes of FFmpeg frames as NumPy arrays, and turn, resize and convert frames."""

from dataclasses import dataclass, replace
from typing import Any, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels, YuvMatrix

# FFmpeg's AVColorSpace (libavutil/pixfmt.h, after ITU-T H.273 table 4) -> a key of `LUMA_WEIGHTS`.
_STANDARDS = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_BT709, _BT470BG = 1, 5
_LIMITED_RANGE, _FULL_RANGE = 1, 2
# Players assume BT.709 for a frame of at least this height that names no colour space.
_HD_HEIGHT = 720


@dataclass(frozen=True)
class Orientation:
    """The steps that turn a stored frame upright.

    If `transpose` is true, rows and columns are exchanged first. Then left and right are exchanged
    if `flip_x` is true, and top and bottom are exchanged if `flip_y` is true.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def is_upright(self) -> bool:
        """Whether the stored frame is upright already."""
        return not (self.transpose or self.flip_x or self.flip_y)

    def apply(self, plane: Pixels) -> Pixels:
        """Return the plane (H, W) uint8 turned upright."""
        turned = cv2.transpose(plane) if self.transpose else plane
        if self.flip_x or self.flip_y:
            turned = cv2.flip(
                turned, -1 if self.flip_x and self.flip_y else 1 if self.flip_x else 0
            )
        return np.asarray(turned, np.uint8)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the frame's orientation from its display matrix, rounded to a quarter turn.

    The display matrix is defined in ISO/IEC 14496-12, 8.2.2: x' = a x + c y, y' = b x + d y. A
    frame without one is upright.
    """
    data = cast(Any, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d = np.frombuffer(bytes(data), "<i4")[:5]
    if abs(int(a)) + abs(int(d)) >= abs(int(b)) + abs(int(c)):
        return Orientation(False, bool(a < 0), bool(d < 0))
    return Orientation(True, bool(c < 0), bool(b < 0))


def matrix_of(frame: av.VideoFrame) -> YuvMatrix:
    """Return the rule by which the frame's YUV values stand for colours.

    If the frame names no known colour space, the standard is guessed: BT.709 from a height of 720
    pixels on, BT.601 below.
    """
    space = int(frame.colorspace)
    guess = "bt709" if frame.height >= _HD_HEIGHT else "bt601"
    full_range = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
    return YuvMatrix(_STANDARDS.get(space, guess), full_range)


def planes_of(frame: av.VideoFrame) -> tuple[Pixels, ...]:
    """Return views (H, W) uint8 of the planes of an 8-bit planar frame.

    The memory stays valid as long as the frame or one of the views exists.
    """
    views = []
    for plane in frame.planes:
        rows = np.frombuffer(cast(Any, plane), np.uint8)[: plane.line_size * plane.height].reshape(
            plane.height, plane.line_size
        )
        views.append(rows[:, : plane.width])
    return tuple(views)


def as_yuv420p(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """Return the frame as 8-bit 4:2:0 with this width and height in pixels.

    The aspect ratio is not kept. A YUV frame keeps its matrix and range. An RGB frame is converted
    to limited range, with BT.709 from a height of 720 pixels on and BT.601 below. Return the same
    object if nothing changes.
    """
    if frame.format.name in ("yuv420p", "yuvj420p") and (frame.width, frame.height) == (
        width,
        height,
    ):
        return frame
    if not frame.format.is_rgb:
        return _with_times_of(frame, frame.reformat(width=width, height=height, format="yuv420p"))
    space = _BT709 if height >= _HD_HEIGHT else _BT470BG
    converted = frame.reformat(
        width=width,
        height=height,
        format="yuv420p",
        dst_colorspace=space,
        dst_color_range=_LIMITED_RANGE,
    )
    converted.colorspace, converted.color_range = space, _LIMITED_RANGE
    return _with_times_of(frame, converted)


def upright(frame: av.VideoFrame, orientation: Orientation) -> av.VideoFrame:
    """Return a yuv420p frame turned upright, or the same object if it is upright already."""
    if orientation.is_upright:
        return frame
    width, height = (
        (frame.height, frame.width) if orientation.transpose else (frame.width, frame.height)
    )
    turned = av.VideoFrame(width, height, "yuv420p")
    for source, target in zip(planes_of(frame), planes_of(turned), strict=True):
        target[:] = orientation.apply(source)
    turned.color_range, turned.colorspace = frame.color_range, frame.colorspace
    return _with_times_of(frame, turned)


def padded_to_even(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a yuv420p frame with an even width and height.

    If the width or height is odd, the last column or row is repeated. If both are even, return the
    same object.
    """
    width, height = frame.width + frame.width % 2, frame.height + frame.height % 2
    if (width, height) == (frame.width, frame.height):
        return frame
    larger = av.VideoFrame(width, height, "yuv420p")
    for source, target in zip(planes_of(frame), planes_of(larger), strict=True):
        rows, columns = source.shape
        target[:rows, :columns] = source
        target[rows:, :columns] = source[-1:]
        target[:, columns:] = target[:, columns - 1 : columns]
    larger.color_range, larger.colorspace = frame.color_range, frame.colorspace
    return _with_times_of(frame, larger)


def _with_times_of(frame: av.VideoFrame, other: av.VideoFrame) -> av.VideoFrame:
    """Copy the time and duration of `frame` to `other`, and return `other`."""
    if frame.time_base is not None:
        other.pts, other.time_base, other.duration = frame.pts, frame.time_base, frame.duration
    return other


def writable(frame: Frame) -> Frame:
    """Return a frame with even sides whose planes may be drawn on.

    `frame` must come from a `VideoReader`. The pixels are copied if the decoder still needs them.
    """
    native = frame.native
    assert isinstance(native, av.VideoFrame)
    picture = padded_to_even(native)
    picture.make_writable()
    return replace(frame, planes=planes_of(picture), native=picture)


def copied(frame: Frame) -> av.VideoFrame:
    """Return a copy of the frame as a yuv420p FFmpeg frame with even sides.

    `frame` may have either pixel format. The copy has its own memory.
    """
    if frame.pixel_format == "bgr24":
        return padded_to_even(
            as_yuv420p(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.planes[0]), "bgr24"),
                frame.width,
                frame.height,
            )
        )
    picture = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for source, target in zip(frame.planes, planes_of(picture), strict=True):
        target[:] = source
    native = frame.native
    if isinstance(native, av.VideoFrame):
        picture.color_range, picture.colorspace = native.color_range, native.colorspace
    return padded_to_even(picture)


def even_sided(frame: Frame) -> Frame:
    """Return the frame with even sides, or the same object if its sides are even already.

    An odd side gets one more row or column. `frame` must come from a `VideoReader`. The result may
    share memory with the decoder, so do not draw on it; use `writable` for that.
    """
    native = frame.native
    assert isinstance(native, av.VideoFrame)
    picture = padded_to_even(native)
    return frame if picture is native else replace(frame, planes=planes_of(picture), native=picture)
