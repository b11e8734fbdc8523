"""Video files: every frame, upright, with its exact time, and the packets of the other streams
between them.
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

# Only local files: a playlist must not make the program fetch from the network.
_OPEN_OPTIONS = {"protocol_whitelist": "file,crypto,data"}
# A header's duration and the last packet's end differ by rounding and by streams of unequal length,
# not by more than this.
_END_TOLERANCE_SECONDS = 0.5
_SEEK_BACK_SECONDS = (2.0, 10.0)
# Packets of sound that are kept until the first picture is there; of more, the file is opened again
# instead.
_MOST_AHEAD = 1000
# To decode so many takes about as long as to find things in one frame (docs/benchmarks.md).
_PIXELS_OF_AN_INFERENCE = 1_500_000


class VideoReader:
    """A video file: a with-block. `info` is known at once; iterate over `read` for its content.

    After reading, `shortfall` says in words what the file promised but did not hold, or is empty;
    `concealed_frames` counts the frames of which a damaged part was guessed by the decoder,
    `resized_frames` those that were not of the first one's size, as all given are. With `hardware`
    it is decoded by hardware, if `accelerator` then says so; else by threads for `cores` (0: all
    the machine's), or for the part of them that decoding needs where they are `shared` with
    inference: more only stand in its way. Raises `MediaError` for what cannot be read as video.
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
        self._container.close()

    @property
    def accelerator(self) -> str:
        """FFmpeg's name of the hardware that decodes; empty where the processor does."""
        return self._accelerator.name if self._accelerator else ""

    @property
    def other_streams(self) -> list[Stream]:
        """Every stream but the video that is read."""
        return [stream for stream in self._container.streams if stream.index != self._video.index]

    @property
    def container(self) -> InputContainer:
        return self._container

    @property
    def colour(self) -> tuple[int, int, int, int]:
        """The video's range, matrix, primaries and transfer characteristic, in FFmpeg's (H.273's)
        numbers.
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
        """What is missing after reading to the end: packets that could not be decoded, or an end
        before its time.
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
            return f"the file ends after {self._end:.1f} s of {self._promised_end:.1f} s"
        return ""

    def read(
        self, others: Collection[int] = (), start: float = 0.0, duration: float | None = None
    ) -> Iterator[Frame | av.Packet]:
        """Frames in presentation order, and the packets of the streams with these indices as they
        stand in the file.

        `start` and `duration` are seconds from the video's first frame; frames outside, and packets
        of other streams before, are left out.
        """
        # Picture times have only the precision of the time base.
        first = self._start_seconds + start - float(self.info.time_base) / 2
        last = float("inf") if duration is None else first + duration
        index = decoded = 0
        for item in self._items_from(start) if start > 0 else self._unread:
            if isinstance(item, av.Packet):
                if item.stream.index not in others:
                    continue
                # A decoder's run-in stands before time zero: from the beginning on, everything goes
                # along.
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
        """Time of the video's first frame in units of its time base."""
        return self._start_pts

    def _look_ahead(self) -> av.VideoFrame:
        """The first picture. What is read on the way to it comes again with `read`, but where that
        is too much to keep. Raises `MediaError`.
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
            f"{self.path}: has no picture that can be decoded{detail}; the file is damaged or not "
            "a video"
        )

    def _items_from(self, start: float) -> Iterator[av.VideoFrame | av.Packet]:
        """From the last key frame at or before a time on. Some formats (MPEG-TS) seek behind it;
        then it is tried from farther back.
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
        """The video's frames, and the packets of all other streams: the file's end is where its
        longest one ends.
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
        """Convert a decoded frame. `decoded` counts those before it: it gives a frame without a
        time its time.
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
        """Go back to the beginning, for another `read`. Raises `MediaError`."""
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
        """To the last key frame at or before this time after the first frame; formats that cannot
        seek stay at the beginning.
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
        if not self._container.duration:
            return None
        return ((self._container.start_time or 0) + self._container.duration) / av.time_base


def _open(path: Path, accelerator: Accelerator | None = None) -> InputContainer:
    try:
        if not path.exists():
            raise MediaError(f"{path}: there is no such file; check the path")
        if not path.is_file():
            raise MediaError(f"{path}: is not a regular file; give a video or an image")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; copy it again")
        with path.open("rb"):
            pass
        return open_input(
            f"file:{path}",
            options=_OPEN_OPTIONS,
            hwaccel=accelerator.hwaccel if accelerator else None,
        )
    except av.error.InvalidDataError as error:
        raise MediaError(
            f"{path}: is not a video that FFmpeg can read, or its index is missing; check the file"
        ) from error
    except MediaError:
        raise
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path}: cannot be opened ({(error.strerror or str(error)).lower()}); check the file "
            "and its permissions"
        ) from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The best video stream that is not a cover picture."""
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not moving:
        raise MediaError(f"{path}: has no video stream; give a video or an image")
    if moving[0].codec_context is None:
        raise MediaError(f"{path}: its codec is unknown to this FFmpeg; convert the file first")
    return moving[0]


def _seconds(packet: av.Packet) -> float | None:
    moment = packet.pts if packet.pts is not None else packet.dts
    return None if moment is None or packet.time_base is None else float(moment * packet.time_base)
