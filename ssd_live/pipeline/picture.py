"""Render a frame as an image of exactly the pixels that the view will show, and keep the newest
image for the view.
"""

import math
import threading
from dataclasses import dataclass

import av
import cv2
import numpy as np

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.counters import Cause, FrameCounter


@dataclass(frozen=True)
class Viewport:
    """The size of a view and the part of the frame that it shows.

    The view has `width` x `height` device pixels. `part` is the visible part, x1, y1, x2, y2 as
    shares of the frame in 0..1, by default the whole frame.
    """

    width: int
    height: int
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Picture:
    """A rendered image of a frame.

    `pixels` is a contiguous uint8 array (H, W', 4) in BGRA order; its first `width` columns show
    `region` of the frame, and the other columns are padding. `detections` are in pixels of the
    frame; they are None before the first inference has ended. `stale` means that the detections
    were found on an earlier frame. If `inferred` is false, inference did not run on this frame, to
    save power, and the tracker foretold the boxes. All images of one frame have the same `number`.
    """

    number: int
    frame: Frame
    pixels: Pixels
    width: int
    region: Region
    detections: Detections | None
    stale: bool = False
    inferred: bool = True


class PictureSlot:
    """The place where the newest rendered image waits for the view.

    The slot also counts each rendered frame once, as shown or as dropped. A frame may be rendered
    several times, when the view changes; all its images have the same number. A later frame has a
    higher number. Any thread may call the methods.
    """

    def __init__(self, frame_counter: FrameCounter) -> None:
        self._frame_counter = frame_counter
        self._lock = threading.Lock()
        self._waiting: Picture | None = None
        # The number of the frame that was taken and not yet painted.
        self._unpainted: int | None = None
        # The highest number of a frame that was counted. All lower ones were counted too.
        self._counted = 0
        self._is_announced = False

    def put(self, picture: Picture) -> bool:
        """Store an image in place of the one that waits; return whether to tell the view about it.

        The result is true for the first image, and then for the first image after each `take`.
        """
        with self._lock:
            if self._waiting is not None and self._waiting.number != picture.number:
                self._drop_waiting(Cause.DISPLAY)
            self._waiting = picture
            announce, self._is_announced = not self._is_announced, True
        return announce

    def take(self) -> Picture | None:
        """Remove and return the image that waits, or return None if there is none.

        If an image of an earlier frame was taken and not painted, that frame counts as dropped.
        """
        with self._lock:
            self._is_announced = False
            picture, self._waiting = self._waiting, None
            if picture is None:
                return None
            if self._unpainted is not None and self._unpainted != picture.number:
                self._frame_counter.drop(Cause.DISPLAY)
            is_uncounted = picture.number > self._counted or picture.number == self._unpainted
            self._unpainted = picture.number if is_uncounted else None
        return picture

    def painted(self, picture: Picture) -> bool:
        """Count the frame of a taken image as shown. Call this when the view has painted the image.

        Only the first call for each frame counts. Return whether this call counted the frame.
        """
        with self._lock:
            if picture.number != self._unpainted:
                return False
            self._unpainted = None
            self._counted = max(self._counted, picture.number)
        self._frame_counter.show()
        return True

    def discard(self, cause: Cause, counted: int = 0) -> None:
        """Remove the image that waits, and count its frame as dropped unless it was counted before.

        `counted` is the number of a frame that the caller counted itself, or 0. If that frame is
        rendered later, it is not counted again.
        """
        with self._lock:
            self._drop_waiting(cause)
            self._counted = max(self._counted, counted)

    def close(self) -> None:
        """Remove the image that waits; count the frames of all unpainted images as dropped."""
        with self._lock:
            self._drop_waiting(Cause.STOPPED)
            if self._unpainted is not None:
                self._frame_counter.drop(Cause.STOPPED)
                self._unpainted = None

    def _drop_waiting(self, cause: Cause) -> None:
        """Remove the image that waits, and count its frame as dropped for `cause`.

        The frame is not counted if it was counted before, or if another image of it was taken and
        is still to be painted. The caller must hold the lock.
        """
        picture, self._waiting = self._waiting, None
        if picture is None or picture.number <= self._counted or picture.number == self._unpainted:
            return
        self._frame_counter.drop(cause)
        self._counted = picture.number


def render(frame: Frame, viewport: Viewport) -> tuple[Pixels, int, Region]:
    """Return (pixels, width, region): the visible part of the frame, scaled to the view.

    The pixels are BGRA (H, W', 4) uint8. The aspect ratio of the frame is kept, so that the view
    only has to copy the pixels. The first `width` columns are the image, and the others are
    padding. `region` is the visible part in pixels of the frame.
    """
    region = _part(frame, viewport.part)
    # The region has whole, even pixels, so it is a little larger than the part. The image is then
    # larger than the view, but at most twice as wide and twice as high.
    x1, y1, x2, y2 = viewport.part
    scale = min(
        viewport.width / max((x2 - x1) * frame.width, region.width / 2),
        viewport.height / max((y2 - y1) * frame.height, region.height / 2),
    )
    size = (max(round(region.width * scale), 1), max(round(region.height * scale), 1))
    whole = (region.width, region.height) == (frame.width, frame.height)
    if whole and isinstance(frame.native, av.VideoFrame):
        return _scaled(frame.native, size), size[0], region
    if frame.pixel_format == "bgr24":
        bgr = frame.planes[0][
            region.y : region.y + region.height, region.x : region.x + region.width
        ]
        if scale != 1:
            bgr = np.asarray(
                cv2.resize(
                    bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
                ),
                np.uint8,
            )
    else:
        bgr = frame.resized(size, region)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA), np.uint8), size[0], region


def _scaled(native: av.VideoFrame, size: tuple[int, int]) -> Pixels:
    """Return the frame as BGRA (H, W', 4) uint8, scaled to `size` (width, height) in pixels.

    FFmpeg scales and converts the colours in one pass. This is about ten times as fast as the two
    passes of OpenCV. The result is a view of FFmpeg's memory. W' may be larger than the width,
    because the rows include FFmpeg's padding.
    """
    plane = native.reformat(width=size[0], height=size[1], format="bgra").planes[0]
    return np.frombuffer(plane, np.uint8)[: plane.line_size * size[1]].reshape(  # type: ignore[call-overload,no-any-return]
        size[1], plane.line_size // 4, 4
    )


def _part(frame: Frame, part: tuple[float, float, float, float]) -> Region:
    """Return the `part` of a frame (x1, y1, x2, y2 in 0..1) in whole pixels.

    The result is at least 2 x 2 pixels, if the frame is. Its left and top are even, and its right
    and bottom are even or the frame's own, because the colour planes have half the resolution.
    """
    x1, y1, x2, y2 = part
    left, top = int(x1 * frame.width) // 2 * 2, int(y1 * frame.height) // 2 * 2
    right, bottom = (
        min(math.ceil(x2 * frame.width / 2) * 2, frame.width),
        min(math.ceil(y2 * frame.height / 2) * 2, frame.height),
    )
    left, top = (
        min(max(left, 0), max(frame.width - 2, 0)),
        min(max(top, 0), max(frame.height - 2, 0)),
    )
    return Region(
        left, top, max(right - left, min(2, frame.width)), max(bottom - top, min(2, frame.height))
    )
