"""Take pictures of single moments out of a video, in one pass over it."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2

from ssd_live.errors import MediaError
from ssd_live.imaging.crops import crop, crop_region
from ssd_live.imaging.frame import Frame
from ssd_live.reporting.log import Box
from ssd_live.video.reader import VideoReader

# Times in logs are rounded to a thousandth of a second.
_ROUNDING_SECONDS = 0.001
# A frame that is later than this is another one: the frame that is looked for is missing.
_LATE_SECONDS = 0.1
# Seeking decodes from the key frame before, which is mostly up to 10 s earlier. Over a longer gap,
# seeking is faster than to decode all frames.
_SEEK_GAP_SECONDS = 10.0
_JPEG_QUALITY = 80
_OUTLINE, _OUTLINE_PIXELS = (0, 215, 255), 2


@dataclass(frozen=True, order=True)
class Moment:
    """A part of the frame at a time.

    `time` is in seconds of the source. `box` is x1, y1, x2, y2 in pixels. The longer side of the
    picture has at most `longest` pixels. A line is drawn around the box `outlined`, unless it is
    empty.
    """

    time: float
    box: Box
    longest: int
    outlined: Box | tuple[()] = ()


@dataclass(frozen=True)
class Picture:
    """A JPEG image with its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def pictures_of(
    video: Path, size: tuple[int, int], moments: Iterable[Moment]
) -> dict[Moment, Picture]:
    """Return the pictures of `moments` in a video; those of frames that it lacks are left out.

    `size` is the (width, height) of its upright frames. Raises `MediaError` if the file is not a
    video that can be read, or its frames have another size.
    """
    if not video.is_file():
        raise MediaError(f"{video}: there is no such file; check the path")
    found: dict[Moment, Picture] = {}
    waiting = deque(sorted(set(moments)))
    with VideoReader(video) as reader:
        info = reader.info
        if (info.width, info.height) != size:
            raise MediaError(
                f"{video}: has {info.width} x {info.height} pixels, but the log is of a video with "
                f"{size[0]} x {size[1]}; give the video that was processed"
            )
        first = float(reader.start_pts * info.time_base)
        # Without a duration, as of a raw stream, a file cannot seek.
        gap = _SEEK_GAP_SECONDS if info.duration is not None else float("inf")
        start = 0.0
        while waiting:
            if gap != float("inf"):
                start = max(waiting[0].time - first - 2 * _ROUNDING_SECONDS, 0.0)
            if not _read_on(reader, start, gap, waiting, found):
                break
    return found


def _read_on(
    reader: VideoReader,
    start: float,
    gap: float,
    waiting: deque[Moment],
    found: dict[Moment, Picture],
) -> bool:
    """Read from `start` on, and move moments from `waiting` to `found`.

    Return whether the next moment is later than `gap` seconds after the last frame that was read,
    so that the reader should seek; False at the end of the video or without further moments.
    """
    for frame in reader.read(start=start):
        assert isinstance(frame, Frame)
        is_taken = False
        while waiting and waiting[0].time <= frame.time + _ROUNDING_SECONDS:
            moment = waiting.popleft()
            is_taken = True
            if frame.time - moment.time <= _LATE_SECONDS:
                picture = _picture(frame, moment)
                if picture is not None:
                    found[moment] = picture
        if not waiting:
            return False
        if is_taken and waiting[0].time - frame.time > gap:
            return True
    return False


def _picture(frame: Frame, moment: Moment) -> Picture | None:
    image, region = crop(frame, moment.box, moment.longest), crop_region(frame, moment.box)
    if image is None or region is None:
        return None
    if moment.outlined:
        x1, y1, x2, y2 = moment.outlined
        scale = image.shape[1] / region.width, image.shape[0] / region.height
        one, other = (
            (round((x - region.x) * scale[0]), round((y - region.y) * scale[1]))
            for x, y in ((x1, y1), (x2, y2))
        )
        cv2.rectangle(image, one, other, _OUTLINE, _OUTLINE_PIXELS)
    encoded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not encoded:
        return None
    return Picture(data.tobytes(), image.shape[1], image.shape[0])
