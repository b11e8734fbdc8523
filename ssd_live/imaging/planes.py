"""FFmpeg frames as NumPy planes, and their orientation and colour."""

from dataclasses import dataclass, replace
from typing import Any, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels, YuvMatrix

# FFmpeg's AVColorSpace (libavutil/pixfmt.h, after ITU-T H.273 table 4) -> our names.
_STANDARDS = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_BT709, _BT470BG = 1, 5
_LIMITED_RANGE, _FULL_RANGE = 1, 2
# Players take an untagged picture for BT.709 from this height on.
_HD_HEIGHT = 720


@dataclass(frozen=True)
class Orientation:
    """What turns a stored picture upright: transpose it or not, then flip it along x, along y."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def is_upright(self) -> bool:
        return not (self.transpose or self.flip_x or self.flip_y)

    def apply(self, plane: Pixels) -> Pixels:
        """The plane (H, W), upright."""
        turned = cv2.transpose(plane) if self.transpose else plane
        if self.flip_x or self.flip_y:
            turned = cv2.flip(
                turned, -1 if self.flip_x and self.flip_y else 1 if self.flip_x else 0
            )
        return np.asarray(turned, np.uint8)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """From the display matrix (ISO/IEC 14496-12, 8.2.2: x' = a x + c y, y' = b x + d y), to the
    nearest quarter turn.
    """
    data = cast(Any, frame.side_data).get(SideDataType.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d = np.frombuffer(bytes(data), "<i4")[:5]
    if abs(int(a)) + abs(int(d)) >= abs(int(b)) + abs(int(c)):
        return Orientation(False, bool(a < 0), bool(d < 0))
    return Orientation(True, bool(c < 0), bool(b < 0))


def matrix_of(frame: av.VideoFrame) -> YuvMatrix:
    """How the frame's YUV numbers mean colours, guessed from its height where it does not say."""
    space = int(frame.colorspace)
    guess = "bt709" if frame.height >= _HD_HEIGHT else "bt601"
    full_range = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
    return YuvMatrix(_STANDARDS.get(space, guess), full_range)


def planes_of(frame: av.VideoFrame) -> tuple[Pixels, ...]:
    """Views (H, W) of an 8-bit planar frame's planes; valid as long as the views or the
    frame live.
    """
    views = []
    for plane in frame.planes:
        rows = np.frombuffer(cast(Any, plane), np.uint8)[: plane.line_size * plane.height].reshape(
            plane.height, plane.line_size
        )
        views.append(rows[:, : plane.width])
    return tuple(views)


def as_yuv420p(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """The frame as 8-bit 4:2:0 of this size, in its own matrix and range (RGB: in the usual ones);
    the same object if it is so already.
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
    """A yuv420p frame turned upright; the same object if it is so already."""
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
    """A yuv420p frame whose sides are even: the last column and row are repeated where they are
    odd.
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
    if frame.time_base is not None:
        other.pts, other.time_base, other.duration = frame.pts, frame.time_base, frame.duration
    return other


def writable(frame: Frame) -> Frame:
    """A frame from a `VideoReader`, padded to even sides, whose planes may be drawn on: a copy
    where the decoder still needs them.
    """
    native = frame.native
    assert isinstance(native, av.VideoFrame)
    picture = padded_to_even(native)
    picture.make_writable()
    return replace(frame, planes=planes_of(picture), native=picture)


def copied(frame: Frame) -> av.VideoFrame:
    """A yuv420p FFmpeg frame with even sides of its own memory, of either pixel format."""
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
    """The frame, padded to even sides; not for drawing on."""
    native = frame.native
    assert isinstance(native, av.VideoFrame)
    picture = padded_to_even(native)
    return frame if picture is native else replace(frame, planes=planes_of(picture), native=picture)
