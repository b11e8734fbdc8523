"""Decode the sound of a video file, from any time on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.video.containers import open_file

RATE, CHANNELS = 48_000, 2
Samples = NDArray[np.int16]

# A seek goes back so far, because the sound of a time may come earlier in the file than its video.
_BACK_SECONDS = 0.5


class SoundTrack(Closing):
    """The sound of the video file `path`, as 16-bit stereo at 48 kHz.

    `start` is the time of the first frame of the video in the file, in seconds; the times here
    count from it. Only one thread may use a track. Raises `MediaError` if the file cannot be read
    or has no sound.
    """

    def __init__(self, path: Path, start: float) -> None:
        self._path, self._start = path, start
        self._container = open_file(path)
        if not self._container.streams.audio:
            self._container.close()
            raise MediaError(f"{path}: has no sound; play another file")

    def read(self, seconds: float) -> Iterator[tuple[float, Samples]]:
        """Yield the sound from a time on, in parts: the time of a part, and its samples (N, 2).

        Parts of the file that cannot be decoded are left out. Call this method again only when the
        iterator of the call before is not used any more.
        """
        # What follows an error of the file cannot be read.
        with contextlib.suppress(av.FFmpegError, OSError, ValueError, MediaError):
            self._go_to(seconds + self._start - _BACK_SECONDS)
            for time, samples in self._decoded():
                early = max(round((seconds - time) * RATE), 0)
                if early < len(samples):
                    yield time + early / RATE, samples[early:]

    def _go_to(self, seconds: float) -> None:
        """Continue at a time of the file, or before it."""
        target = round(seconds * av.time_base)
        with contextlib.suppress(av.FFmpegError, OSError):
            if target > (self._container.start_time or 0):
                self._container.seek(target, backward=True)
                return
        # Some formats cannot seek to their beginning.
        self._container.close()
        self._container = open_file(self._path)

    def _decoded(self) -> Iterator[tuple[float, Samples]]:
        resampler, kind = None, None
        for packet in self._container.demux(self._container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue
            for frame in frames:
                # Television changes between stereo and mono in one stream.
                if (frame.format.name, frame.layout.name, frame.sample_rate) != kind:
                    kind = frame.format.name, frame.layout.name, frame.sample_rate
                    resampler = AudioResampler(format="s16", layout="stereo", rate=RATE)
                assert resampler is not None
                for part in resampler.resample(frame):
                    if part.pts is not None and part.time_base is not None:
                        time = float(part.pts * part.time_base) - self._start
                        yield time, cast(Samples, part.to_ndarray()).reshape(-1, CHANNELS)

    def close(self) -> None:
        """Close the file."""
        self._container.close()
