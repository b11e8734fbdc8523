"""Write images to a video file, one after the other."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace

from ssd_live.closing import Closing
from ssd_live.errors import OutputError, UsageError
from ssd_live.imaging.frame import frame_of
from ssd_live.imaging.pixels import Pixels
from ssd_live.system.atomic_files import reserve_part
from ssd_live.video.encoders import (
    CRF_RANGE,
    DEFAULT_CRF,
    Codec,
    choose_encoder,
    default_codec,
    keeping_thread_priority,
)
from ssd_live.video.writer import CONTAINERS


class VideoFile(Closing):
    """A video file at `path` that is made of images.

    Write images with `write`, in a `with` block. The images are in a part file beside `path` until
    the block ends without an error. Then it gets the name `path`, and replaces an existing file.
    `rate` is in frames per second, 0.01 to 1000. The ending of `path` is one of .mp4,
    .m4v, .mov, .mkv and .webm. `codec` is one of the codecs of the command `process`; None means
    H.264 where it can be encoded (AV1 for .webm), or else VP9. `crf` is the quality on the codec's
    own scale.

    Raises `OutputError` if the file cannot be written, if its ending is another one, or if the
    codec cannot be encoded, and `UsageError` if `rate` is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        rate: float = 25.0,
        *,
        codec: Codec | None = None,
        crf: int | None = None,
    ) -> None:
        self.path = Path(path)
        ending = self.path.suffix.lower()
        if ending not in CONTAINERS:
            raise OutputError(
                f"{self.path}: the file ending is not a video format; end the name in one of "
                f"{', '.join(CONTAINERS)}"
            )
        if not 0.01 <= rate <= 1000:
            raise UsageError(f"the rate {rate:g} is not between 0.01 and 1000 FPS; choose another")
        codec = codec or default_codec(webm=ending == ".webm")
        low, high = CRF_RANGE[codec]
        if crf is not None and not low <= crf <= high:
            raise UsageError(f"the crf {crf} is outside {codec}'s range {low} to {high}")
        self._encoder = choose_encoder(codec)
        self._options = self._encoder.options_for(DEFAULT_CRF[codec] if crf is None else crf)
        self._rate = Fraction(rate).limit_denominator(1001)
        self._part = reserve_part(self.path)
        self._container: Any = None
        self._stream: Any = None
        self._size = 0, 0
        self._closed = False
        self.frames = 0

    def write(self, image: Pixels) -> None:
        """Add an image (H, W, 3) uint8 BGR as the next frame.

        All images must have the size of the first one; an odd side is padded by one pixel. Raises
        `UsageError` if the image is not such an array or has another size, and `OutputError` if
        writing fails.
        """
        if self._closed:
            raise UsageError(f"{self.path}: the video is closed; open a new VideoFile")
        frame_of(image)
        height, width = image.shape[:2]
        try:
            if self._container is None:
                self._begin(width, height)
            if (width, height) != self._size:
                raise UsageError(
                    f"the image is {width} x {height} pixels, but the video is "
                    f"{self._size[0]} x {self._size[1]}; resize the image first"
                )
            if width % 2 or height % 2:
                image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            frame = frame.reformat(format=self._encoder.pixel_format)
            frame.pts, frame.time_base = self.frames, 1 / self._rate
            for packet in self._stream.encode(frame):
                self._mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"{self.path}: cannot be written ({_cause(error)})") from error
        self.frames += 1

    def _begin(self, width: int, height: int) -> None:
        self._size = width, height
        ending = self.path.suffix.lower()
        options = {"movflags": "+faststart"} if CONTAINERS[ending] in ("mp4", "mov") else {}
        self._container = av.open(
            f"file:{self._part}", "w", format=CONTAINERS[ending], options=options
        )
        self._stream = self._container.add_stream(
            self._encoder.name, rate=self._rate, options=self._options
        )
        context = self._stream.codec_context
        context.width, context.height = width + width % 2, height + height % 2
        context.pix_fmt = self._encoder.pixel_format
        # This is the matrix of `reformat`. Without it, players guess another one for large frames.
        context.colorspace = Colorspace.ITU601
        with keeping_thread_priority():
            context.open()

    def _mux(self, packet: Any) -> None:
        # libvpx gives packets no duration. Players of MP4 leave out a last frame without one.
        packet.duration = packet.duration or round(1 / (self._rate * packet.time_base))
        self._container.mux(packet)

    def close(self) -> None:
        """Finish the file and give it its name. A second call does nothing.

        A video without frames leaves no file. Raises `OutputError` if writing fails.
        """
        if self._closed:
            return
        self._closed = True
        if self._container is None:
            self._part.unlink(missing_ok=True)
            return
        try:
            for packet in self._stream.encode(None):
                self._mux(packet)
            self._container.close()
            self._part.replace(self.path)
        except (av.FFmpegError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise OutputError(f"{self.path}: cannot be written ({_cause(error)})") from error

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self.close()
            return
        if self._closed:
            return
        self._closed = True
        if self._container is not None:
            with contextlib.suppress(av.FFmpegError, OSError):
                self._container.close()
        self._part.unlink(missing_ok=True)


def _cause(error: av.FFmpegError | OSError) -> str:
    return (error.strerror or str(error)).lower()
