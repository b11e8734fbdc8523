"""Read video files: every frame, upright and with its exact time.

The packets of the other streams can be read along with the frames.
"""

import contextlib
import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import as_yuv420p, matrix_of, orientation_of, planes_of, upright
from ssd_live.system import machine
from ssd_live.video.containers import open_input
from ssd_live.video.hardware import Accelerator, working_accelerator
from ssd_live.video.info import VideoInfo

# Only local files may be opened, so that a playlist cannot make the program use the network.
_OPEN_OPTIONS = {"protocol_whitelist": "file,crypto,data"}
# The duration in the header and the end of the last packet differ slightly, because of rounding and
# because streams have different lengths. A larger difference means that the file is incomplete.
_END_TOLERANCE_SECONDS = 0.5
_SEEK_BACK_SECONDS = (2.0, 10.0)
# How many packets of other streams are kept in memory until the first frame is decoded. If there
# are more, the file is opened again instead.
_MOST_AHEAD = 1000
# Decoding this many pixels takes about as long as one inference (docs/benchmarks-log.md).
_PIXELS_OF_AN_INFERENCE = 1_500_000


class VideoReader:
    """A reader of one video file.

    Use it in a `with` block, or call `close`. `info` is available at once. Iterate over `read` for
    the frames.

    After reading, `shortfall` describes what is missing from the file, or is empty.
    `concealed_frames` counts the frames of which the decoder had to guess a damaged part.
    `resized_frames` counts the frames whose size differed from the first frame's. They are resized,
    so that all returned frames have the same size.

    If `hardware` is true, the reader tries to decode with hardware; `accelerator` says whether it
    does. Otherwise threads on `cores` CPU cores decode (0: all cores of the machine). If these
    cores are `shared` with inference, only the part of them that decoding needs is used, because
    more threads would slow down inference.

    Raises `MediaError` if the file cannot be read as a video.
    """

    def __init__(
        self, path: Path, *, hardware: bool = False, cores: int = 0, shared: bool = False
    ) -> None:
        self.path = path
        self._cores, self._shared = cores, shared
        self._accelerator: Accelerator | None = None
        self._unread: Iterator[av.VideoFrame | av.Packet]
        self._trouble: av.FFmpegError | None
        self._end: float
        self._container = _open(path)
        try:
            self._video = _video_stream(self._container, path)
            self._begin()
            self._first = self._look_ahead()
        except BaseException:
            self._container.close()
            raise
        self._turn = orientation_of(self._first)
        self._stored_size = (self._first.width, self._first.height)
        self.info = self._describe(self._first)
        self.interlaced = bool(self._first.interlaced_frame)
        self.sample_aspect_ratio = self._sample_aspect_ratio()
        self._promised_end = self._header_end()
        if hardware:
            self._accelerator = working_accelerator(
                path, _OPEN_OPTIONS, self._video.index, self._first
            )
            self.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def accelerator(self) -> str:
        """FFmpeg's name of the hardware that decodes, or an empty string if the CPU decodes."""
        return self._accelerator.name if self._accelerator else ""

    @property
    def other_streams(self) -> list[Stream]:
        """All streams of the file except the video stream that is read."""
        return [stream for stream in self._container.streams if stream.index != self._video.index]

    @property
    def container(self) -> InputContainer:
        """PyAV's container of the open file."""
        return self._container

    @property
    def colour(self) -> tuple[int, int, int, int]:
        """The (range, matrix, primaries, transfer characteristic) of the frames' colours.

        The range is a value of FFmpeg's AVColorRange. The other three are codes of ITU-T H.273.
        """
        context = self._video.codec_context
        shown = as_yuv420p(self._first, *self._stored_size)
        return (
            int(shown.color_range),
            int(shown.colorspace),
            int(context.color_primaries),
            int(context.color_trc),
        )

    @property
    def shortfall(self) -> str:
        """A description of what is missing from the file, or an empty string.

        It says how many places could not be decoded or, after reading to the end, that the file
        ends earlier than its header says.
        """
        if self._damaged:
            return (
                f"{self._damaged} damaged {'place' if self._damaged == 1 else 'places'} could "
                "not be decoded"
            )
        if (
            self._reached_end
            and self._promised_end is not None
            and self._end < self._promised_end - _END_TOLERANCE_SECONDS
        ):
            return f"the file ends after {self._end:.1f} s of its {self._promised_end:.1f} s"
        return ""

    def read(
        self, others: Collection[int] = (), start: float = 0.0, duration: float | None = None
    ) -> Iterator[Frame | av.Packet]:
        """Yield the frames in presentation order, and the packets of other streams between them.

        `others` are the indices of these streams in the file. Their packets come in the order of
        the file. `start` and `duration` are in seconds; `start` counts from the video's first
        frame. Frames and packets outside this time range are left out.
        """
        # Half a unit of the time base allows for the rounding of frame times.
        first = self._start_seconds + start - float(self.info.time_base) / 2
        last = float("inf") if duration is None else first + duration
        index = decoded = 0
        for item in self._items_from(start) if start > 0 else self._unread:
            if isinstance(item, av.Packet):
                if item.stream.index not in others:
                    continue
                # Packets before time zero prepare a decoder, so none is left out at the beginning.
                seconds = _seconds(item)
                if seconds is None or ((start == 0 or first <= seconds) and seconds < last):
                    yield item
                continue
            frame = self._frame(item, index, decoded)
            decoded += 1
            if frame.time < first:
                continue
            if frame.time >= last:
                return
            index += 1
            yield frame
        self._reached_end = True

    @property
    def start_pts(self) -> int:
        """The time of the video's first frame in units of its time base."""
        return self._start_pts

    def _look_ahead(self) -> av.VideoFrame:
        """Return the first frame, which `read` will still yield.

        The packets before the first frame are kept for `read`. If there are more than
        `_MOST_AHEAD`, the file is opened again instead. Raises `MediaError` if the file has no
        frame that can be decoded.
        """
        ahead: list[av.VideoFrame | av.Packet] = []
        items = self._unread
        for count, item in enumerate(items):
            if isinstance(item, av.VideoFrame):
                if count < _MOST_AHEAD:
                    self._unread = chain(ahead, (item,), items)
                else:
                    self.restart()
                return item
            if count < _MOST_AHEAD:
                ahead.append(item)
        detail = f" ({self._trouble!s})" if self._trouble else ""
        raise MediaError(
            f"{self.path}: no frame can be decoded{detail}; the file is damaged or not a video, so "
            "give another file"
        )

    def _items_from(self, start: float) -> Iterator[av.VideoFrame | av.Packet]:
        """Yield all frames and packets from the last key frame at or before `start` on.

        `start` is in seconds after the first frame. In some formats (MPEG-TS) a seek ends at a
        frame after `start`. In that case the reader seeks farther back, and at last to the
        beginning of the file.
        """
        wanted = (self._start_seconds + start) / float(self.info.time_base) + 0.5
        for back in (0.0, *_SEEK_BACK_SECONDS):
            if self._is_begun:
                self.restart()
            self._seek(max(start - back, 0.0))
            items = self._items()
            before: list[av.VideoFrame | av.Packet] = []
            for item in items:
                before.append(item)
                if isinstance(item, av.VideoFrame):
                    break
            first = before[-1] if before else None
            if isinstance(first, av.VideoFrame):
                if first.pts is None:
                    # Raw streams have no times: frames are counted from the beginning.
                    break
                if first.pts <= wanted:
                    yield from before
                    yield from items
                    return
        self.restart()
        yield from self._items()

    def _items(self) -> Iterator[av.VideoFrame | av.Packet]:
        """Yield the video's frames and the packets of all other streams, in the order of the file.

        All streams are read, because the end of the longest stream is the end of the file.
        """
        self._is_begun = True
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self._note_damage(error)
                yield from self._decode(None)
                return
            if packet is None:
                return
            if packet.stream.index == self._video.index:
                self._note_end(packet)
                yield from self._decode(packet)
            elif packet.dts is not None or packet.pts is not None:
                self._note_end(packet)
                yield packet

    def _decode(self, packet: av.Packet | None) -> Iterator[av.VideoFrame]:
        try:
            yield from self._video.codec_context.decode(packet)
        except av.FFmpegError as error:
            self._note_damage(error)

    def _note_damage(self, error: av.FFmpegError) -> None:
        self._damaged += 1
        self._trouble = error

    def _note_end(self, packet: av.Packet) -> None:
        if packet.is_corrupt:
            self._damaged += 1
        seconds = _seconds(packet)
        if seconds is not None:
            self._end = max(self._end, seconds + float((packet.duration or 0) * packet.time_base))

    def _frame(self, native: av.VideoFrame, index: int, decoded: int) -> Frame:
        """Return a decoded FFmpeg frame as an upright `Frame` with the number `index`.

        `decoded` is the number of frames decoded before this frame. A frame without a time gets its
        time from that number.
        """
        self.concealed_frames += native.is_corrupt
        if native.pts is None:
            native.pts = self._start_pts + round(decoded / (self.info.rate * self.info.time_base))
        self.resized_frames += (native.width, native.height) != self._stored_size
        picture = as_yuv420p(native, *self._stored_size)
        matrix = matrix_of(picture)
        turned = upright(picture, self._turn)
        pts = int(turned.pts or 0)
        return Frame(
            planes_of(turned),
            "yuv420p",
            matrix,
            index,
            pts,
            float(pts * self.info.time_base),
            native=turned,
        )

    def restart(self) -> None:
        """Open the file again at its beginning, for another `read`.

        Raises `MediaError` if the file can no longer be opened.
        """
        index = self._video.index
        self._container.close()
        self._container = _open(self.path, self._accelerator)
        self._video = self._container.streams[index]  # type: ignore[assignment]
        self._begin()

    def _begin(self) -> None:
        self._use_cores()
        self._damaged = self.concealed_frames = self.resized_frames = 0
        self._trouble = None
        self._end = 0.0
        self._reached_end = self._is_begun = False
        self._unread = self._items()

    def _use_cores(self) -> None:
        """Set the number of threads with which the CPU decodes."""
        context = self._video.codec_context
        self._video.thread_type, context.thread_count = "AUTO", self._cores
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

    def _seek(self, seconds: float) -> None:
        """Move to the last key frame at or before a time, in seconds after the first frame.

        A file whose format cannot seek stays at the beginning.
        """
        with contextlib.suppress(av.FFmpegError):
            self._container.seek(
                self._start_pts + int(seconds / self.info.time_base), stream=self._video
            )

    def _describe(self, frame: av.VideoFrame) -> VideoInfo:
        stream = self._video
        rate = stream.average_rate or stream.base_rate or stream.guessed_rate or Fraction(25)
        time_base = stream.time_base or 1 / Fraction(rate)
        self._start_pts = frame.pts if frame.pts is not None else stream.start_time or 0
        self._start_seconds = float(self._start_pts * time_base)
        width, height = (
            (frame.height, frame.width) if self._turn.transpose else (frame.width, frame.height)
        )
        duration = self._container.duration / av.time_base if self._container.duration else None
        frames = stream.frames or (round(duration * rate) if duration else None)
        return VideoInfo(
            self.path,
            width,
            height,
            Fraction(time_base),
            Fraction(rate),
            frames,
            duration,
            stream.codec_context.name,
            frame.format.name,
        )

    def _sample_aspect_ratio(self) -> Fraction:
        ratio = self._video.sample_aspect_ratio
        if not ratio:
            return Fraction(1)
        return 1 / ratio if self._turn.transpose else Fraction(ratio)

    def _header_end(self) -> float | None:
        """Return the end time in the file's header, in seconds, or None if the header has none."""
        if not self._container.duration:
            return None
        return ((self._container.start_time or 0) + self._container.duration) / av.time_base


def _open(path: Path, accelerator: Accelerator | None = None) -> InputContainer:
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
            options=_OPEN_OPTIONS,
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


def _seconds(packet: av.Packet) -> float | None:
    """Return the packet's presentation or else decoding time in seconds, or None without both."""
    moment = packet.pts if packet.pts is not None else packet.dts
    return None if moment is None or packet.time_base is None else float(moment * packet.time_base)
