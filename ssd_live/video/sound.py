"""Decode the sound of a video file, from any time on."""

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
        self._start = start
        self._container = open_file(path)
        if not self._container.streams.audio:
            self._container.close()
            raise MediaError(f"{path}: has no sound; play another file")
        self._stream = self._container.streams.audio[0]

    def read(self, seconds: float) -> Iterator[tuple[float, Samples]]:
        """Yield the sound from a time on, in parts: the time of a part, and its samples (N, 2).

        Parts of the file that cannot be decoded are left out. Call this method again only when the
        iterator of the call before is not used any more.
        """
        before = seconds + self._start - _BACK_SECONDS
        try:
            self._container.seek(round(before * av.time_base), backward=True)
            for time, samples in self._decoded():
                early = max(round((seconds - time) * RATE), 0)
                if early < len(samples):
                    yield time + early / RATE, samples[early:]
        except (av.FFmpegError, OSError):
            # What follows cannot be read.
            return

    def _decoded(self) -> Iterator[tuple[float, Samples]]:
        resampler = AudioResampler(format="s16", layout="stereo", rate=RATE)
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue
            for frame in frames:
                for part in resampler.resample(frame):
                    if part.pts is not None and part.time_base is not None:
                        time = float(part.pts * part.time_base) - self._start
                        yield time, cast(Samples, part.to_ndarray()).reshape(-1, CHANNELS)

    def close(self) -> None:
        """Close the file."""
        self._container.close()
