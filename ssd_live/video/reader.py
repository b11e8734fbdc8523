"""Read video files: every frame, upright and with its exact time.

The packets of the other streams can be read along with the frames.
"""

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.stream import Stream

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.gpu_frame import GpuFrame
from ssd_live.imaging.planes import as_yuv420p, matrix_of, orientation_of, planes_of, upright
from ssd_live.system import machine
from ssd_live.system.standard_streams import STANDARD_INPUT
from ssd_live.video.containers import OPEN_OPTIONS, open_file, video_stream
from ssd_live.video.hardware import Accelerator, kept_on_gpu, working_accelerator
from ssd_live.video.info import describe, sample_aspect_ratio

# The duration in the header and the end of the last packet differ slightly, because of rounding and
# because streams have different lengths. A larger difference means that the file is incomplete.
_END_TOLERANCE_SECONDS = 0.5
# Decoding this many pixels takes about as long as one inference (docs/benchmarks-log.md).
_PIXELS_OF_AN_INFERENCE = 1_500_000
_SEEK_BACK_SECONDS = (2.0, 10.0)
# How many packets of other streams are kept in memory until the first frame is decoded. If there
# are more, the file is opened again instead.
MOST_AHEAD = 1000


@dataclass
class DamageReport:
    """A report of what is wrong with a video file, for the part that was read since it was opened.

    `damaged_places` counts the places that could not be decoded. `last_error` is the last error
    that FFmpeg raised, or None. `concealed_frames` counts the frames with a damaged part that the
    decoder had to guess. `resized_frames` counts the frames that differ in size from the first
    frame. `last_end` is the time in seconds at which the packets read so far end. `reached_end` is
    whether the file was read to its end.
    """

    damaged_places: int = 0
    last_error: av.FFmpegError | None = None
    concealed_frames: int = 0
    resized_frames: int = 0
    last_end: float = 0.0
    reached_end: bool = False

    def note_error(self, error: av.FFmpegError) -> None:
        """Count a place that could not be decoded, and keep FFmpeg's error as `last_error`."""
        self.damaged_places += 1
        self.last_error = error

    def note_packet(self, packet: av.Packet) -> None:
        """Update `last_end`, and count a damaged place if the packet is marked as damaged."""
        if packet.is_corrupt:
            self.damaged_places += 1
        seconds = _seconds_of(packet)
        if seconds is not None:
            self.last_end = max(
                self.last_end, seconds + float((packet.duration or 0) * packet.time_base)
            )

    def shortfall(self, promised_end: float | None) -> str:
        """Return a text that says what is missing from the file, or an empty string if nothing is.

        `promised_end` is the end time in the file's header, in seconds, or None if the header has
        no end time.
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
            return (
                f"the file ends after {self.last_end:.1f} s, but its header says "
                f"{promised_end:.1f} s"
            )
        return ""


class Demuxer:
    """An open video file, split into the decoded frames of its video and its other packets.

    `container` is PyAV's container, and `video` is the stream that is decoded: the first video
    stream that is not a cover image. `damage` says what is wrong with the part that was read.
    `has_begun` is whether `items` has begun to read the file.

    `accelerator` is the hardware that decodes. If it is None, the CPU decodes, and `cores` is the
    number of its cores to use (0: all cores of the machine). If `shared` is true, inference uses
    the same cores, so decoding uses only as many of them as it needs.

    Raises `MediaError` if the file cannot be opened, if it has no video stream, or if FFmpeg does
    not know its codec.
    """

    def __init__(
        self, path: Path, *, cores: int, shared: bool, accelerator: Accelerator | None = None
    ) -> None:
        self._path, self._cores, self._shared = path, cores, shared
        self.damage = DamageReport()
        self.has_begun = False
        self.container = open_file(path, accelerator.hwaccel if accelerator else None)
        try:
            self.video = video_stream(self.container, path)
            self._use_cores()
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def reopened(self, accelerator: Accelerator | None) -> "Demuxer":
        """Close the file, and return a new demuxer that starts at the beginning of the file.

        `accelerator` is the hardware that decodes from now on, or None. Raises `MediaError` if the
        file can no longer be opened.
        """
        self.close()
        return Demuxer(self._path, cores=self._cores, shared=self._shared, accelerator=accelerator)

    def seek(self, pts: int) -> None:
        """Move to the last key frame at or before `pts`, a time in units of the video's time base.

        In some formats (MPEG-TS) the new position may be later than `pts`. If the format cannot
        seek, the position does not change.
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
        """Return the time in seconds at which the file ends according to its header.

        Return None if the header gives no duration.
        """
        if not self.container.duration:
            return None
        return ((self.container.start_time or 0) + self.container.duration) / av.time_base

    def _decode(self, packet: av.Packet | None) -> Iterator[av.VideoFrame]:
        try:
            yield from self.video.codec_context.decode(packet)
        except av.FFmpegError as error:
            self.damage.note_error(error)

    def _use_cores(self) -> None:
        """Set the number of threads with which the CPU decodes.

        The number depends on the number of cores that may be used and, if inference uses the same
        cores, also on the frame size.
        """
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


class VideoReader:
    """A reader of one video file.

    Use it in a `with` block, or call `close`. Iterate over `read` for the frames. All frames have
    the size of the first one. `shortfall`, `concealed_frames` and `resized_frames` say what was
    wrong with the part of the file that was read since the constructor or `restart` opened it.

    `info` holds the properties of the video. `start_pts` is the time of the first frame in units of
    the video's time base. `interlaced` says whether the first frame is interlaced.
    `sample_aspect_ratio` is the width of a pixel of the upright frame divided by its height.

    If `hardware` is true, the reader tries to decode with hardware; `accelerator` says whether it
    does. If an NVIDIA GPU then decodes the video to NV12 and its frames are stored upright, the
    reader calls `keep_on_gpu` with the first frame in GPU memory and the same frame decoded by the
    CPU. If the function returns true, `read` yields `GpuFrame` objects, and `keeps_on_gpu` is true.
    If `keep_on_gpu` is None, `read` never yields such objects.

    Without `hardware`, the CPU decodes, and `cores` is the number of its cores to use (0: all cores
    of the machine). If `shared` is true, inference uses the same cores. Decoding then uses only as
    many of them as it needs, because more threads would slow down inference.

    Raises `MediaError` if the file cannot be read as a video.
    """

    def __init__(
        self,
        path: Path,
        *,
        hardware: bool = False,
        keep_on_gpu: Callable[[GpuFrame, Frame], bool] | None = None,
        cores: int = 0,
        shared: bool = False,
    ) -> None:
        self.path = path
        self.keeps_on_gpu = False
        self._accelerator: Accelerator | None = None
        self._demuxer = Demuxer(path, cores=cores, shared=shared)
        self._unread = self._demuxer.items()
        try:
            self._first = self._look_ahead()
        except BaseException:
            self.close()
            raise
        first, video = self._first, self._demuxer.video
        self._turn = orientation_of(first)
        self._stored_size = (first.width, first.height)
        self.info = describe(path, self.container, video, first, self._turn)
        self.start_pts = first.pts if first.pts is not None else video.start_time or 0
        self._start_seconds = float(self.start_pts * self.info.time_base)
        self.interlaced = bool(first.interlaced_frame)
        self.sample_aspect_ratio = sample_aspect_ratio(video, self._turn)
        self._promised_end = self._demuxer.header_end()
        if hardware:
            found = working_accelerator(path, OPEN_OPTIONS, video.index, first)
            if keep_on_gpu and found is not None and found.name == "cuda" and self._turn.is_upright:
                kept = kept_on_gpu(path, OPEN_OPTIONS, video.index)
                if kept is not None and keep_on_gpu(
                    self._in_gpu_memory(kept[1], 0), self._frame(first, 0, 0)
                ):
                    self.keeps_on_gpu, found = True, kept[0]
            self._accelerator = found
            self.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._demuxer.close()

    def restart(self) -> None:
        """Open the file again, so that the next `read` starts at its beginning.

        Raises `MediaError` if the file can no longer be opened.
        """
        self._demuxer = self._demuxer.reopened(self._accelerator)
        self._unread = self._demuxer.items()

    @property
    def accelerator(self) -> str:
        """FFmpeg's name of the hardware that decodes, or an empty string if the CPU decodes."""
        return self._accelerator.name if self._accelerator else ""

    @property
    def other_streams(self) -> list[Stream]:
        """All streams of the file except the video stream that is read."""
        index = self._demuxer.video.index
        return [stream for stream in self.container.streams if stream.index != index]

    @property
    def container(self) -> InputContainer:
        """PyAV's container of the open file."""
        return self._demuxer.container

    @property
    def colour(self) -> tuple[int, int, int, int]:
        """The (range, matrix, primaries, transfer characteristic) of the frames' colours.

        The range is a value of FFmpeg's AVColorRange. The other three are codes of ITU-T H.273.
        """
        context = self._demuxer.video.codec_context
        shown = as_yuv420p(self._first, *self._stored_size)
        return (
            int(shown.color_range),
            int(shown.colorspace),
            int(context.color_primaries),
            int(context.color_trc),
        )

    @property
    def shortfall(self) -> str:
        """A text that says what is missing from the file, or an empty string if nothing is.

        It says how many places could not be decoded or, after reading to the end, that the file
        ends earlier than its header says.
        """
        return self._demuxer.damage.shortfall(self._promised_end)

    @property
    def concealed_frames(self) -> int:
        """The number of frames with a damaged part, which the decoder had to guess."""
        return self._demuxer.damage.concealed_frames

    @property
    def resized_frames(self) -> int:
        """The number of frames that were resized, because they differ in size from the first."""
        return self._demuxer.damage.resized_frames

    def read(
        self, others: Collection[int] = (), start: float = 0.0, duration: float | None = None
    ) -> Iterator[Frame | av.Packet]:
        """Yield the frames in presentation order, and the packets of other streams between them.

        `others` are the indices of these streams in the file. Their packets come in the order of
        the file. `start` is in seconds after the video's first frame. `duration` is in seconds, or
        None to read to the end. Frames and packets outside this time range are left out.
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
                seconds = _seconds_of(item)
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
        self._demuxer.damage.reached_end = True

    def other_packets(self, others: Collection[int]) -> Iterator[av.Packet]:
        """Yield the packets of other streams alone, without decoding the video.

        `others` are the indices of these streams. Call `restart` first, because the packets before
        the first frame were read when the file was opened.
        """
        streams = [stream for stream in self.other_streams if stream.index in others]
        for packet in self.container.demux(streams) if streams else ():
            if packet.dts is not None or packet.pts is not None:
                yield packet

    def key_times(self, wanted: Sequence[float]) -> list[float]:
        """Return the times of the last key frames at or before some times.

        All times are in seconds after the first frame. The result is sorted, and has each time only
        once; a time for which the file gives no key frame is left out. Nothing is decoded. Raises
        `MediaError` if the file cannot be opened again.
        """
        found: set[float] = set()
        for seconds in wanted:
            self.restart()
            self._demuxer.seek(self.start_pts + int(seconds / self.info.time_base))
            with contextlib.suppress(av.FFmpegError):
                for packet in self.container.demux(self._demuxer.video):
                    if packet.pts is None:
                        break
                    if packet.is_keyframe:
                        found.add(float((packet.pts - self.start_pts) * self.info.time_base))
                        break
        return sorted(found)

    def _look_ahead(self) -> av.VideoFrame:
        """Return the first frame of the file; `read` yields this frame again.

        The packets before the first frame are kept for `read`. If there are `MOST_AHEAD` packets or
        more, they are not kept. The file is then opened again, so that `read` starts at its
        beginning. Raises `MediaError` if the file has no frame that can be decoded.
        """
        ahead: list[av.VideoFrame | av.Packet] = []
        items = self._unread
        for count, item in enumerate(items):
            if isinstance(item, av.VideoFrame):
                if count < MOST_AHEAD:
                    self._unread = chain(ahead, (item,), items)
                else:
                    self.restart()
                return item
            if count < MOST_AHEAD:
                ahead.append(item)
        if self.path == STANDARD_INPUT:
            raise MediaError(
                f"{self.path}: no frame can be decoded; it is damaged, not a video, or an MP4 with "
                "its index at the end, which cannot be read from a pipe: give the file itself then"
            )
        error = self._demuxer.damage.last_error
        detail = f" ({error!s})" if error else ""
        raise MediaError(
            f"{self.path}: no frame can be decoded{detail}; the file is damaged or not a video, so "
            "give another file"
        )

    def _items_from(self, start: float) -> Iterator[av.VideoFrame | av.Packet]:
        """Yield all frames and packets from the last key frame at or before `start` on.

        `start` is in seconds after the first frame. In some formats (MPEG-TS) a seek ends at a
        frame after `start`. In that case the reader seeks again to an earlier time. If this does
        not help either, it reads the file from its beginning.
        """
        wanted = (self._start_seconds + start) / float(self.info.time_base) + 0.5
        for back in (0.0, *_SEEK_BACK_SECONDS):
            if self._demuxer.has_begun:
                self.restart()
            seconds = max(start - back, 0.0)
            self._demuxer.seek(self.start_pts + int(seconds / self.info.time_base))
            items = self._demuxer.items()
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
        yield from self._demuxer.items()

    def _frame(self, native: av.VideoFrame, index: int, decoded: int) -> Frame:
        """Return the decoded FFmpeg frame `native` as an upright `Frame` with the number `index`.

        `decoded` is the number of frames decoded before this frame. If the frame has no time, its
        time is computed from that number and the frame rate.
        """
        damage = self._demuxer.damage
        damage.concealed_frames += native.is_corrupt
        if native.pts is None:
            native.pts = self.start_pts + round(decoded / (self.info.rate * self.info.time_base))
        damage.resized_frames += (native.width, native.height) != self._stored_size
        if self.keeps_on_gpu:
            return self._in_gpu_memory(native, index)
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

    def _in_gpu_memory(self, native: av.VideoFrame, index: int) -> GpuFrame:
        pts = int(native.pts or 0)
        return GpuFrame(
            (),
            "yuv420p",
            matrix_of(native),
            index,
            pts,
            float(pts * self.info.time_base),
            native=native,
            size=self._stored_size,
        )


def _seconds_of(packet: av.Packet) -> float | None:
    """Return the time in seconds at which a packet is presented.

    If the packet has no presentation time, return its decoding time. Return None if it has neither.
    """
    moment = packet.pts if packet.pts is not None else packet.dts
    return None if moment is None or packet.time_base is None else float(moment * packet.time_base)
