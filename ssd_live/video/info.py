"""Define `VideoInfo`, the properties of a video."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class VideoInfo:
    """The properties of a video, as its container gives them.

    `width` and `height` are in pixels of the upright frame. `time_base` is the unit of the frame
    times in seconds, `rate` is in frames per second, and `duration` is in seconds. `frames` is the
    number of frames. `frames` and `duration` are None if the container does not give them. `codec`
    and `pixel_format` are FFmpeg's names.
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
