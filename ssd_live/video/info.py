"""What a video says of itself."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself, upright. `frames` and `duration` (seconds) are None where the
    container does not say.
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
