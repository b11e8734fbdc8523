"""Write a video so that a file with the final name is always complete.

The video is written to the temporary file `NAME.part.EXT`, the part file, which can be played
after its first second. At the end the frames in this file are counted, and it gets its final name.
"""

import contextlib
import errno
import math
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

import av
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from ssd_live.errors import OutputError
from ssd_live.imaging.frame import Frame
from ssd_live.system.atomic_files import rename_new, reserve_part
from ssd_live.system.standard_streams import STANDARD_OUTPUT
from ssd_live.video.encoders import (
    DEFAULT_PRESET,
    Codec,
    Preset,
    choose_encoder,
    keeping_thread_priority,
)
from ssd_live.video.reader import VideoReader
from ssd_live.video.remux import Routing, copy_packets, route_streams

# The container format for each file ending.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
# The part file plays even if the program is killed, except for its end. For this, an MP4 is written
# as fragments of a second, each with its own index, and Matroska as short clusters. A fragment does
# not wait for a stream that has no packet, such as subtitles: the copy at the end puts the packets
# of all streams in order.
_FRAGMENTS = {
    "movflags": "+delay_moov",
    "frag_duration": "1000000",
    "flush_packets": "1",
    "max_interleave_delta": "1000000",
}
_CLUSTERS = {"cluster_time_limit": "1000", "flush_packets": "1"}
_PART_OPTIONS = {"mp4": _FRAGMENTS, "mov": _FRAGMENTS, "matroska": _CLUSTERS, "webm": _CLUSTERS}
# A finished MP4 has one index at its beginning, so that all players can seek in it and browsers
# play it while it is still loading.
_FINAL_OPTIONS = {"movflags": "+faststart"}

# AVFMT_FLAG_AUTO_BSF: packets are changed to the form that the container needs.
_AUTO_BSF = 0x200000

# The x265 that comes with PyAV crashes on frames of 34 to 44 pixels, such as 34 x 34.
_SMALLEST_HEVC = 64
# x265 reads the decoding times of so few frames from memory that it has not filled. Such a short
# video is never reordered, so the presentation times are used instead.
_FRAMES_IN_ORDER = 2


# What a copy may take from its source besides the pictures.
Carried = Literal["sound", "subtitles", "metadata"]
EVERYTHING: tuple[Carried, ...] = ("sound", "subtitles", "metadata")
_KIND_OF_STREAM: dict[str, Carried] = {"audio": "sound", "subtitle": "subtitles"}
# The headers of these codecs hold texts such as the artist and a comment, and are copied with the
# sound.
_SOUND_WITH_TEXTS = ("vorbis", "flac", "speex")


@dataclass(frozen=True)
class Quality:
    """A codec with its quality and effort.

    `crf` is the constant rate factor on the codec's own scale. A smaller value gives better quality
    and a larger file. `preset` says how much work the encoder does to make the file smaller.
    """

    codec: Codec
    crf: int
    preset: Preset = DEFAULT_PRESET


class VideoWriter:
    """A writer of an annotated copy of the video that a `VideoReader` reads.

    The copy has the same size, the same frame times and the same other streams. `carried` says
    which of them; without "metadata", no text of the source and no stream of an unknown kind is in
    the copy, and nothing is said about streams that are left out. `shift_pts` is subtracted from
    all frame times, in units of the video's time base. Until `finish`, the video is in a part file
    beside `path`, with `.part` in its name.

    If `encoded` is given, it is a video stream of an open file, the first of several with parts of
    the copy that were encoded before. Then `write_encoded` takes their packets in place of frames.

    One thread must write all frames in order. `cores` is the number of CPU cores for which the
    encoder x264 starts its own threads (0: all cores of the machine). `notes` are lines for the
    user about everything that could not be kept unchanged. Use the writer in a `with` block, which
    deletes the part file if the video was not finished.

    Raises `OutputError` if the file cannot be written. The constructor already raises it if the
    file name, the codec or the frame size is not possible.
    """

    def __init__(
        self,
        path: Path,
        reader: VideoReader,
        quality: Quality,
        *,
        shift_pts: int = 0,
        cores: int = 0,
        carried: Collection[Carried] = EVERYTHING,
        encoded: VideoStream | None = None,
    ) -> None:
        self.path = path
        self._replaces = path.exists()
        self.frames = 0
        self._shift = shift_pts
        self._time_base = reader.info.time_base
        self._last_pts: int | None = None
        self._closed = False
        self._timecode: tuple[str, Fraction] | None = None
        encoder = choose_encoder(quality.codec)
        self._pixel_format = encoder.pixel_format
        self._is_stream = path == STANDARD_OUTPUT
        if self._is_stream:
            self._format, self.part = "matroska", path
            target = "pipe:1"
        elif path.suffix.lower() not in CONTAINERS:
            raise OutputError(
                f"{path}: the file ending is not a video format; end the name in one of "
                f"{', '.join(CONTAINERS)}"
            )
        else:
            self._format = CONTAINERS[path.suffix.lower()]
            self.part = reserve_part(path)
            target = f"file:{self.part}"
        self._container: OutputContainer = av.open(
            target,
            "w",
            format=self._format,
            container_options=_PART_OPTIONS[self._format],
        )
        try:
            self._is_encoded = encoded is not None
            if encoded is not None:
                # Without `opaque`, PyAV looks for an encoder with the name of the decoder.
                self._stream = self._container.add_stream_from_template(encoded, opaque=True)
                self._stream.codec_context.framerate = reader.info.rate
                self._routing = self._routed(reader, carried)
            else:
                self._stream = self._add_video(
                    encoder.name, reader, encoder.options_for(quality.crf, quality.preset), cores
                )
                self._routing = self._routed(reader, carried)
                self._open_encoder(quality.codec, reader)
            self._container.start_encoding()
            # Such as AAC of a transport stream, which `delay_moov` would otherwise refuse.
            self._container.flags |= _AUTO_BSF
        except (av.FFmpegError, ValueError) as error:
            self.discard()
            detail = str(error) if isinstance(error, ValueError) else _cause(error)
            raise OutputError(
                f"{path}: {quality.codec} cannot be written into this file ({detail}); choose "
                "another codec with --codec, or end the name in .mp4 or .mkv"
            ) from error
        self.notes = [*self._routing.notes, *self._padding_note(reader)]

    @property
    def carried_streams(self) -> set[int]:
        """The indices of the input streams whose packets `write_packet` accepts."""
        return set(self._routing.routes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.discard()

    def write(self, frame: Frame) -> None:
        """Encode one frame.

        `frame.native` must be an upright yuv420p FFmpeg frame with even sides. A frame that is not
        later than the previous frame is written one unit of the time base after the previous frame.
        Raises `OutputError` if writing fails.
        """
        picture = frame.native
        assert isinstance(picture, av.VideoFrame)
        if self._pixel_format != "yuv420p":
            # JPEG needs yuvj420p, which is the same format with the full range of values.
            picture = picture.reformat(format=self._pixel_format)
        pts = frame.pts - self._shift
        if self._last_pts is not None and pts <= self._last_pts:
            if not any("times" in note for note in self.notes):
                self.notes.append(
                    "some frames have times that are not later than the time of the frame before; "
                    "each of them is written with the next possible time"
                )
            pts = self._last_pts + 1
        self._last_pts = pts
        picture.pts, picture.time_base = pts, self._time_base
        # The encoder chooses its own key frames instead of repeating the source's.
        picture.pict_type = PictureType.NONE
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error
        self.frames += 1

    def write_encoded(self, packet: av.Packet) -> None:
        """Write a packet of a part that was encoded before; see the class.

        Its times must be those of the whole copy. Raises `OutputError` if writing fails.
        """
        packet.stream = self._stream
        try:
            self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error
        self.frames += 1

    def write_packet(self, packet: av.Packet) -> None:
        """Write a packet of an input stream whose index is in `carried_streams`.

        Raises `OutputError` if writing fails.
        """
        route = self._routing.routes[packet.stream.index]
        if self._shift:
            ticks = round(self._shift * self._time_base / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - ticks
            packet.dts = None if packet.dts is None else packet.dts - ticks
        try:
            for ready in route.packets(packet):
                self._container.mux(ready)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def finish(self, is_aborted: Callable[[], bool] = lambda: False) -> None:
        """Close the file, move its index to the front, count its frames and give it its final name.

        Only MP4 and QuickTime files have such an index. Moving it copies the file. If that is not
        possible, the file keeps an index for each second, and `notes` gets a line that says why. A
        file that already had the final name when the writer was created is replaced. Raises
        `OutputError` if writing fails, if the file does not have all frames, or if another program
        has made a file with the final name in the meantime. Raises `KeyboardInterrupt`, and leaves
        the part file, if `is_aborted` returns true while the index is being moved.
        """
        self.close_part()
        if self._is_stream:
            return
        if _PART_OPTIONS[self._format] is _FRAGMENTS:
            self._join_fragments(is_aborted)
        written = _count_frames(self.part)
        if written != self.frames:
            raise OutputError(
                f"{self.path}: the video is not complete, because {self.frames} frames were "
                f"encoded but {written} are in {self.part.name}; try again"
            )
        if self._replaces:
            self.part.replace(self.path)
            return
        try:
            rename_new(self.part, self.path)
        except FileExistsError:
            raise OutputError(
                f"{self.path}: another program made this file in the meantime; this result is "
                f"kept as {self.part}, which you can rename"
            ) from None

    def close_part(self) -> None:
        """Close the part file so that it can be played, and keep it under its `.part` name.

        Raises `OutputError` if writing fails.
        """
        if self._closed:
            return
        self._closed = True
        try:
            for packet in () if self._is_encoded else self._stream.encode(None):
                if self._stream.codec_context.name == "libx265" and self.frames <= _FRAMES_IN_ORDER:
                    packet.dts = packet.pts
                self._container.mux(packet)
            for route in self._routing.routes.values():
                for packet in route.packets(None):
                    self._container.mux(packet)
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _join_fragments(self, is_aborted: Callable[[], bool]) -> None:
        """Replace the part file by a copy with a single index at its beginning.

        If that is not possible, keep the part file as it is, which plays too, and add a note. The
        copy must leave as much free space as it takes, because other files may grow meanwhile.
        """
        why, copy = "there is too little free space to move it", None
        try:
            if shutil.disk_usage(self.part.parent).free >= 2 * self.part.stat().st_size:
                copy = reserve_part(self.path)
                copy_packets(
                    self.part, copy, self._format, _FINAL_OPTIONS, self._timecode, is_aborted
                )
                if _count_frames(copy) == self.frames:
                    copy.replace(self.part)
                    return
                why = "its copy was not complete"
        except KeyboardInterrupt:
            if copy is not None:
                _delete(copy)
            raise
        except (av.FFmpegError, OSError) as error:
            why = _cause(error)
        except (OutputError, ValueError) as error:
            why = str(error)
        if copy is not None:
            _delete(copy)
        self.notes.append(
            f"the index is not at the beginning of the file ({why}), so some players cannot seek "
            "in it"
        )

    def discard(self) -> None:
        """Close and delete the part file, unless `finish` or `close_part` was called before."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        _delete(self.part)

    def _routed(self, reader: VideoReader, carried: Collection[Carried]) -> Routing:
        """Add the other streams and the metadata that are carried, and return the routes."""
        streams = [
            stream
            for stream in reader.other_streams
            if _KIND_OF_STREAM.get(stream.type, "metadata") in carried
        ]
        if "metadata" in carried:
            self._container.metadata.update(self._metadata_of(reader))
            return route_streams(streams, self._container)
        routing = route_streams(streams, self._container, converted=_SOUND_WITH_TEXTS)
        for output in self._container.streams:
            output.metadata.clear()
        return routing

    def _metadata_of(self, reader: VideoReader) -> dict[str, str]:
        """Return the metadata of the input; in an MP4, the timecode is left for the copy."""
        metadata = dict(reader.container.metadata)
        if _PART_OPTIONS[self._format] is _FRAGMENTS:
            # Fragments with a timecode that FFmpeg cannot write do not play.
            for key in [key for key in metadata if key.lower() == "timecode"]:
                self._timecode = (metadata.pop(key), reader.info.rate)
        return metadata

    def _add_video(
        self, encoder: str, reader: VideoReader, options: dict[str, str], cores: int
    ) -> VideoStream:
        info = reader.info
        stream = self._container.add_stream(encoder, rate=info.rate, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = info.width + info.width % 2, info.height + info.height % 2
        context.pix_fmt = self._pixel_format
        context.time_base = info.time_base
        stream.time_base = info.time_base
        context.sample_aspect_ratio = reader.sample_aspect_ratio
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = (
            reader.colour
        )
        context.thread_type = "AUTO"
        if encoder == "libx264":
            # x264 itself starts 1.5 threads per core if it may use all cores. Other encoders have
            # other rules.
            context.thread_count = math.ceil(1.5 * cores)
            if reader.interlaced:
                context.flags |= (
                    0x20040000  # AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME
                )
        return stream

    def _open_encoder(self, codec: Codec, reader: VideoReader) -> None:
        context = self._stream.codec_context
        try:
            if codec == "hevc" and min(context.width, context.height) < _SMALLEST_HEVC:
                raise ValueError("x265 crashes on frames of this size")
            with keeping_thread_priority():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            self.discard()
            size = f"{context.width} x {context.height} at {float(reader.info.rate):g} FPS"
            raise OutputError(
                f"{self.path}: the encoder for {codec} does not accept {size}; choose another "
                "codec with --codec"
            ) from error

    def _padding_note(self, reader: VideoReader) -> list[str]:
        width, height = reader.info.width, reader.info.height
        if width % 2 == 0 and height % 2 == 0:
            return []
        return [
            f"the frame size {width} x {height} has an odd side, which 4:2:0 video cannot have; "
            f"frames are padded to {width + width % 2} x {height + height % 2}"
        ]

    def _failure(self, error: av.FFmpegError | OSError) -> OutputError:
        """Delete the part file, and return the error to raise after writing has failed."""
        self.discard()
        _delete(self.part)
        advice = (
            "free some space or choose another place"
            if error.errno == errno.ENOSPC
            else "choose another codec with --codec, or another place"
        )
        return OutputError(f"{self.path}: writing failed ({_cause(error)}); {advice}")


def _delete(file: Path) -> None:
    # PyAV keeps the file open if its end could not be written, so the deleted file would use disk
    # space until the program ends. An emptied file uses none.
    with contextlib.suppress(OSError):
        os.truncate(file, 0)
    with contextlib.suppress(OSError):
        file.unlink()


def _cause(error: av.FFmpegError | OSError) -> str:
    return (error.strerror or str(error)).lower()


def _count_frames(path: Path) -> int:
    """Return the number of video frames in a file.

    The number is taken from the file's index, or counted if there is no number in the index.
    """
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
