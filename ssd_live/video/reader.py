"""Read video files: every frame, upright and with its exact time.

The packets of the other streams can be read along with the frames.
"""

from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Self

import av
from av.container import InputContainer
from av.stream import Stream

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import as_yuv420p, matrix_of, orientation_of, planes_of, upright
from ssd_live.video.demuxer import OPEN_OPTIONS, Demuxer, seconds_of
from ssd_live.video.hardware import Accelerator, working_accelerator
from ssd_live.video.info import VideoInfo

_SEEK_BACK_SECONDS = (2.0, 10.0)
# How many packets of other streams are kept in memory until the first frame is decoded. If there
# are more, the file is opened again instead.
MOST_AHEAD = 1000


class VideoReader:
    """A reader of one video file.

    Use it in a `with` block, or call `close`. Iterate over `read` for the frames. All frames have
    the size of the first one. `shortfall`, `concealed_frames` and `resized_frames` say what was
    wrong with the part of the file that was read since it was last opened.

    These are available at once: `info`; `start_pts`, the time of the video's first frame in units
    of its time base; `interlaced`, whether the first frame is interlaced; and
    `sample_aspect_ratio`, the width of an upright pixel divided by its height.

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
        self.info = self._describe()
        self.start_pts = first.pts if first.pts is not None else video.start_time or 0
        self._start_seconds = float(self.start_pts * self.info.time_base)
        self.interlaced = bool(first.interlaced_frame)
        self.sample_aspect_ratio = self._sample_aspect_ratio()
        self._promised_end = self._demuxer.header_end()
        if hardware:
            self._accelerator = working_accelerator(path, OPEN_OPTIONS, video.index, first)
            self.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._demuxer.close()

    def restart(self) -> None:
        """Open the file again at its beginning, for another `read`.

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
        """A description of what is missing from the file, or an empty string.

        It says how many places could not be decoded or, after reading to the end, that the file
        ends earlier than its header says.
        """
        return self._demuxer.damage.shortfall(self._promised_end)

    @property
    def concealed_frames(self) -> int:
        """The number of frames of which the decoder had to guess a damaged part."""
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
                seconds = seconds_of(item)
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

    def _look_ahead(self) -> av.VideoFrame:
        """Return the first frame, which `read` will still yield.

        The packets before the first frame are kept for `read`. If there are more than `MOST_AHEAD`,
        the file is opened again instead. Raises `MediaError` if the file has no frame that can be
        decoded.
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
        error = self._demuxer.damage.last_error
        detail = f" ({error!s})" if error else ""
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
        """Return a decoded FFmpeg frame as an upright `Frame` with the number `index`.

        `decoded` is the number of frames decoded before this frame. A frame without a time gets its
        time from that number.
        """
        damage = self._demuxer.damage
        damage.concealed_frames += native.is_corrupt
        if native.pts is None:
            native.pts = self.start_pts + round(decoded / (self.info.rate * self.info.time_base))
        damage.resized_frames += (native.width, native.height) != self._stored_size
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

    def _describe(self) -> VideoInfo:
        frame, stream, container = self._first, self._demuxer.video, self.container
        rate = stream.average_rate or stream.base_rate or stream.guessed_rate or Fraction(25)
        time_base = stream.time_base or 1 / Fraction(rate)
        width, height = (
            (frame.height, frame.width) if self._turn.transpose else (frame.width, frame.height)
        )
        duration = container.duration / av.time_base if container.duration else None
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
        ratio = self._demuxer.video.sample_aspect_ratio
        if not ratio:
            return Fraction(1)
        return 1 / ratio if self._turn.transpose else Fraction(ratio)
