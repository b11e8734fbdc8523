"""Define `VideoInfo`, the properties of a video, and find them out."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ssd_live.imaging.planes import Orientation


@dataclass(frozen=True)
class VideoInfo:
    """The properties of a video.

    `path` is the path of its file. `width` and `height` are in pixels of the upright frame.
    `time_base` is the unit of the frame times in seconds, and `rate` is in frames per second.
    `duration` is in seconds, or None if the file does not give it. `frames` is the number of
    frames; if the file does not give it, `frames` is estimated from the duration, or None without a
    duration. `codec` and `pixel_format` are FFmpeg's names.
    """

    path: Path
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    frames: int | None
    duration: float | None
    codec: str
    pixel_format: str


def describe(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    turn: Orientation,
) -> VideoInfo:
    """Return the properties of a video.

    `path` is the path of the file, `container` is the open file, `stream` is its video stream, and
    `first` is the first decoded frame. `turn` is the orientation that makes this frame upright.
    """
    rate = stream.average_rate or stream.base_rate or stream.guessed_rate or Fraction(25)
    time_base = stream.time_base or 1 / Fraction(rate)
    width, height = (first.height, first.width) if turn.transpose else (first.width, first.height)
    duration = container.duration / av.time_base if container.duration else None
    frames = stream.frames or (round(duration * rate) if duration else None)
    return VideoInfo(
        path,
        width,
        height,
        Fraction(time_base),
        Fraction(rate),
        frames,
        duration,
        stream.codec_context.name,
        first.format.name,
    )


def sample_aspect_ratio(stream: VideoStream, turn: Orientation) -> Fraction:
    """Return the width of a pixel of the upright frame, divided by the height of the pixel.

    `turn` is the orientation that makes the frames of `stream` upright. The result is 1 if the
    stream does not give the shape of its pixels.
    """
    ratio = stream.sample_aspect_ratio
    if not ratio:
        return Fraction(1)
    return 1 / ratio if turn.transpose else Fraction(ratio)
