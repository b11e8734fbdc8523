"""Take the packets and the decoded frames out of a video file, and note what is damaged in it."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from ssd_live.errors import MediaError
from ssd_live.system import machine
from ssd_live.video.containers import open_input
from ssd_live.video.hardware import Accelerator

# Only local files may be opened, so that a playlist cannot make the program use the network.
OPEN_OPTIONS = {"protocol_whitelist": "file,crypto,data"}
# The duration in the header and the end of the last packet differ slightly, because of rounding and
# because streams have different lengths. A larger difference means that the file is incomplete.
_END_TOLERANCE_SECONDS = 0.5
# Decoding this many pixels takes about as long as one inference (docs/benchmarks-log.md).
_PIXELS_OF_AN_INFERENCE = 1_500_000


@dataclass
class DamageReport:
    """What was found wrong with a file since it was opened.

    `damaged_places` counts the places that could not be decoded, and `last_error` is FFmpeg's error
    at the last of them. `concealed_frames` counts the frames of which the decoder guessed a damaged
    part. `resized_frames` counts the frames whose size differed from the first frame's.
    `last_end` is the latest end of a packet, in seconds. `reached_end` is whether the file was read
    to its end.
    """

    damaged_places: int = 0
    last_error: av.FFmpegError | None = None
    concealed_frames: int = 0
    resized_frames: int = 0
    last_end: float = 0.0
    reached_end: bool = False

    def note_error(self, error: av.FFmpegError) -> None:
        """Count a place that could not be decoded."""
        self.damaged_places += 1
        self.last_error = error

    def note_packet(self, packet: av.Packet) -> None:
        """Count a packet that is marked as damaged, and note where the packet ends."""
        if packet.is_corrupt:
            self.damaged_places += 1
        seconds = seconds_of(packet)
        if seconds is not None:
            self.last_end = max(
                self.last_end, seconds + float((packet.duration or 0) * packet.time_base)
            )

    def shortfall(self, promised_end: float | None) -> str:
        """Return a description of what is missing from the file, or an empty string.

        `promised_end` is the end in the file's header, in seconds, or None if it has none.
        """
        if self.damaged_places:
            return (
                f"{self.damaged_places} damaged "
                f"{'place' if self.damaged_places == 1 else 'places'} could not be decoded"
            )
        if (
            self.reached_end
            and promised_end is not None
            and self.last_end < promised_end - _END_TOLERANCE_SECONDS
        ):
            return f"the file ends after {self.last_end:.1f} s of its {promised_end:.1f} s"
        return ""


class Demuxer:
    """An open video file, which yields its packets and the decoded frames of its video stream.

    `container` is PyAV's container, and `video` is the stream that is decoded: the first video
    stream that is not a cover image. `damage` says what is wrong with the part that was read.
    `has_begun` is whether reading has begun.

    `accelerator` is the hardware that decodes. If it is None, threads on `cores` CPU cores decode
    (0: all cores of the machine). If these cores are `shared` with inference, only the part of them
    that decoding needs is used.

    Raises `MediaError` if the file cannot be opened, if it has no video stream, or if FFmpeg does
    not know its codec.
    """

    def __init__(
        self, path: Path, *, cores: int, shared: bool, accelerator: Accelerator | None = None
    ) -> None:
        self._path, self._cores, self._shared = path, cores, shared
        self.damage = DamageReport()
        self.has_begun = False
        self.container = _open(path, accelerator)
        try:
            self.video = _video_stream(self.container, path)
            self._use_cores()
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def reopened(self, accelerator: Accelerator | None) -> "Demuxer":
        """Close the file, open it again, and return the new demuxer at its beginning.

        `accelerator` is the hardware that decodes from now on, or None. Raises `MediaError` if the
        file can no longer be opened.
        """
        self.close()
        return Demuxer(self._path, cores=self._cores, shared=self._shared, accelerator=accelerator)

    def seek(self, pts: int) -> None:
        """Move to the last key frame at or before a time, in units of the video's time base.

        A file whose format cannot seek stays at the beginning.
        """
        with contextlib.suppress(av.FFmpegError):
            self.container.seek(pts, stream=self.video)

    def items(self) -> Iterator[av.VideoFrame | av.Packet]:
        """Yield the video's frames and the packets of all other streams, in the order of the file.

        All streams are read, because the end of the longest stream is the end of the file.
        """
        self.has_begun = True
        packets = self.container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self.damage.note_error(error)
                yield from self._decode(None)
                return
            if packet is None:
                return
            if packet.stream.index == self.video.index:
                self.damage.note_packet(packet)
                yield from self._decode(packet)
            elif packet.dts is not None or packet.pts is not None:
                self.damage.note_packet(packet)
                yield packet

    def header_end(self) -> float | None:
        """Return the end time in the file's header, in seconds, or None if the header has none."""
        if not self.container.duration:
            return None
        return ((self.container.start_time or 0) + self.container.duration) / av.time_base

    def _decode(self, packet: av.Packet | None) -> Iterator[av.VideoFrame]:
        try:
            yield from self.video.codec_context.decode(packet)
        except av.FFmpegError as error:
            self.damage.note_error(error)

    def _use_cores(self) -> None:
        """Set the number of threads with which the CPU decodes."""
        context = self.video.codec_context
        self.video.thread_type, context.thread_count = "AUTO", self._cores
        if self._shared:
            pixels = context.width * context.height
            context.thread_count = (
                math.ceil(
                    (self._cores or machine.available_cores())
                    * pixels
                    / (pixels + _PIXELS_OF_AN_INFERENCE)
                )
                or 1
            )


def seconds_of(packet: av.Packet) -> float | None:
    """Return the packet's presentation or else decoding time in seconds, or None without both."""
    moment = packet.pts if packet.pts is not None else packet.dts
    return None if moment is None or packet.time_base is None else float(moment * packet.time_base)


def _open(path: Path, accelerator: Accelerator | None) -> InputContainer:
    try:
        if not path.exists():
            raise MediaError(f"{path}: there is no such file; check the path")
        if not path.is_file():
            raise MediaError(f"{path}: is not a regular file; give a video or image file")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; copy it again or give another file")
        with path.open("rb"):
            pass
        return open_input(
            f"file:{path}",
            options=OPEN_OPTIONS,
            hwaccel=accelerator.hwaccel if accelerator else None,
        )
    except av.error.InvalidDataError as error:
        raise MediaError(
            f"{path}: is not a video that FFmpeg can read, or its index is missing; copy it again "
            "or give another file"
        ) from error
    except MediaError:
        raise
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path}: cannot be opened ({(error.strerror or str(error)).lower()}); check the path "
            "and the permissions of the file"
        ) from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first video stream that is not a cover image.

    Raises `MediaError` if there is none, or if FFmpeg does not know its codec.
    """
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not moving:
        raise MediaError(f"{path}: the file has no video stream; give a video or image file")
    if moving[0].codec_context is None:
        raise MediaError(f"{path}: this FFmpeg does not know its codec; convert it to H.264 first")
    return moving[0]
