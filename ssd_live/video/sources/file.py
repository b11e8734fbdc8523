"""Play a video file at its own frame rate."""

from collections.abc import Iterator
from pathlib import Path

import av

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.video.reader import VideoReader
from ssd_live.video.sources.base import SourceInfo


class FileSource(Closing):
    """A source that plays a video file and can seek in it.

    `path` is the path of the file. The constructor raises `MediaError` if the file cannot be read
    as a video.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._reader = VideoReader(self._path)
        info = self._reader.info
        self.info = SourceInfo(
            info.width,
            info.height,
            rate=float(info.rate),
            start=self._reader.start_pts * float(info.time_base),
            duration=info.duration or 0.0,
            paced=True,
            seekable=True,
            mode=info.codec,
        )
        self._frames: Iterator[Frame | av.Packet] = self._reader.read()

    def read(self) -> Frame | None:
        """Return the next frame, or None at the end. Raises `MediaError` if reading fails."""
        try:
            frame = next(self._frames, None)
        except av.FFmpegError as error:
            raise MediaError(
                f"{self._path}: reading failed ({error.strerror or error}); copy the file again "
                "or give another file"
            ) from error
        assert frame is None or isinstance(frame, Frame)
        return frame

    def seek(self, seconds: float) -> None:
        """Continue with the first frame at or after `seconds` from the beginning of the file."""
        # The file is opened again, because a decoder that has reached the end accepts no more
        # packets, and because some formats cannot seek back to the beginning.
        self._reader.restart()
        self._frames = self._reader.read(start=max(seconds, 0.0))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
