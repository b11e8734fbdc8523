"""Write the video of a live recording.

The file can be played even if the program crashes. The encoder settings are chosen so that encoding
keeps up with the live source.
"""

import contextlib
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.frame import PictureType

from ssd_live.video.encoder_tuning import live_options
from ssd_live.video.encoders import choose_encoder, default_codec, keeping_thread_priority

_TIME_BASE = Fraction(1, 1000)
# Matroska writes a cluster to disk when it is complete. A crash thus loses at most one cluster of
# 500 ms. Frequent key frames let players start anywhere in the rest.
_CLUSTER_OPTIONS = {"cluster_time_limit": "500", "flush_packets": "1"}
_KEY_FRAME_INTERVAL = 30
# The first frames show how fast frames arrive and how much work it is to encode them. If frames
# arrive slowly, recording starts with fewer of them after `_FIRST_SECONDS`.
_FIRST_PICTURES = 6
_FIRST_SECONDS = 0.5


def growing_matroska(path: Path) -> OutputContainer:
    """Return a new Matroska file at `path` that can be played before it is complete."""
    return av.open(f"file:{path}", "w", format="matroska", options=_CLUSTER_OPTIONS)


class RecordingWriter:
    """A writer of a live recording: it writes frames to a Matroska file at `path`.

    The frames must be in the format yuv420p and have even sides. All frames are written at the size
    of the first one. `sound` is a template of the stream of the sound, or None if there is none.
    The methods other than `abandon` raise `OutputError`, `av.FFmpegError` or `OSError` if writing
    fails.
    """

    def __init__(self, path: Path, sound: Stream | None = None) -> None:
        self._path = path
        self._sound_template = sound
        self._sound: Any = None
        self._first_sound: list[av.Packet] = []
        self._container: Any = None
        self._stream: Any = None
        self._size: tuple[int, int] | None = None
        self._first: list[av.VideoFrame] = []
        self._begins_at = 0.0

    def add(self, picture: av.VideoFrame, milliseconds: int) -> None:
        """Add the next frame, whose time is `milliseconds` after the beginning of the recording.

        A frame of another size than the first one is resized.
        """
        if self._size is None:
            self._size = picture.width, picture.height
            self._begins_at = time.monotonic() + _FIRST_SECONDS
        if (picture.width, picture.height) != self._size:
            picture = picture.reformat(*self._size)
        picture.pts, picture.time_base, picture.pict_type = (
            milliseconds,
            _TIME_BASE,
            PictureType.NONE,
        )
        if self._stream is not None:
            self._encode(picture)
            return
        self._first.append(picture)
        self.keep_going()

    def add_sound(self, packet: av.Packet) -> None:
        """Add a packet of the sound, whose times count from the beginning of the recording."""
        if self._stream is None:
            self._first_sound.append(packet)
        else:
            packet.stream = self._sound
            self._container.mux(packet)

    def keep_going(self) -> None:
        """Create the file and write the frames that are held back, if it is time to begin.

        The first frames are held back until there are `_FIRST_PICTURES` of them, or
        `_FIRST_SECONDS` have passed. They show how fast frames arrive and how long one takes to
        encode. Nothing happens once the file exists. Call this method regularly, also while no
        frames arrive.
        """
        if self._first and (
            len(self._first) == _FIRST_PICTURES or time.monotonic() > self._begins_at
        ):
            self._begin()

    def close(self) -> None:
        """Write all remaining frames and close the file. Call it only after at least one `add`."""
        if self._first:
            self._begin()
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def abandon(self) -> None:
        """Close the file after an error, and keep the frames that were written so far.

        This method raises no error, because the caller already reports the error that ended the
        recording.
        """
        with contextlib.suppress(Exception):
            if self._first:
                self._begin()
        with contextlib.suppress(av.FFmpegError, OSError):
            if self._container is not None:
                self._container.close()

    def _begin(self) -> None:
        pictures, self._first = self._first, []
        first, last = pictures[0], pictures[-1]
        encoder = choose_encoder(default_codec())
        interval = float((last.pts - first.pts) * _TIME_BASE) / max(len(pictures) - 1, 1)  # type: ignore[operator]
        options = live_options(encoder, pictures, interval)
        self._container = growing_matroska(self._path)
        stream = self._container.add_stream(encoder.name, rate=Fraction(30), options=options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = (
            first.width,
            first.height,
            encoder.pixel_format,
        )
        context.time_base = stream.time_base = _TIME_BASE
        context.gop_size = _KEY_FRAME_INTERVAL
        context.color_range, context.colorspace = first.color_range, first.colorspace
        with keeping_thread_priority():
            context.open()
        if self._sound_template is not None:
            self._sound = self._container.add_stream_from_template(
                self._sound_template, opaque=True
            )
        self._stream = stream
        for picture in pictures:
            self._encode(picture)
        for packet in self._first_sound:
            self.add_sound(packet)
        self._first_sound.clear()

    def _encode(self, picture: av.VideoFrame) -> None:
        for packet in self._stream.encode(picture):
            self._container.mux(packet)
