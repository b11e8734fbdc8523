"""A video file, at its own pace."""

from collections.abc import Iterator
from pathlib import Path

import av

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.video.reader import VideoReader
from ssd_live.video.sources.base import SourceInfo


class FileSource(Closing):
    """Reads a `VideoReader`, from wherever it is told."""

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
        try:
            frame = next(self._frames, None)
        except av.FFmpegError as error:
            raise MediaError(
                f"{self._path}: reading failed ({error.strerror or error}); check the file"
            ) from error
        assert frame is None or isinstance(frame, Frame)
        return frame

    def seek(self, seconds: float) -> None:
        # A decoder that has reached the end takes nothing more, and not every format finds its
        # beginning again: open anew.
        self._reader.restart()
        self._frames = self._reader.read(start=max(seconds, 0.0))

    def close(self) -> None:
        self._reader.close()
