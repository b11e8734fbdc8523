"""Take single frames out of a video file."""

from pathlib import Path

import numpy as np

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.video.reader import VideoReader

# Times in logs are rounded to a thousandth of a second.
_ROUNDING_SECONDS = 0.001


def still_at(video: Path, time: float) -> Pixels:
    """Return the frame of a video at a time in seconds, or the next one, as BGR (h, w, 3) uint8.

    Raises `MediaError` if the video cannot be read or has no such frame.
    """
    with VideoReader(video) as reader:
        first = float(reader.start_pts * reader.info.time_base)
        for frame in reader.read(start=max(time - first - _ROUNDING_SECONDS, 0.0)):
            assert isinstance(frame, Frame)
            # The decoder may use the memory again.
            return np.array(frame.resized((frame.width, frame.height)), np.uint8)
    raise MediaError(f"{video}: has no frame at {time:.1f} s; give the video that was processed")
