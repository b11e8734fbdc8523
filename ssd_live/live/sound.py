"""Play the sound of a file in step with its video."""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ssd_live.errors import MediaError
from ssd_live.video.sound import CHANNELS, RATE, Samples, SoundTrack

if TYPE_CHECKING:
    import miniaudio

_logger = logging.getLogger(__name__)
# The sound may be so far from the video, in seconds, before it jumps to the right place. Most
# people do not notice less.
_LARGEST_DRIFT = 0.15
# So much sound is decoded ahead, and so long the thread waits for something to do.
_AHEAD_SECONDS, _WAIT_SECONDS = 0.5, 0.05
_PERIOD_MILLISECONDS = 40
# What the device has taken is heard 80 ms later (measured with PulseAudio), and a frame is shown
# about 30 ms after it was read. Of the sound, so much more is therefore taken.
_DEVICE_SECONDS = 0.05


class SoundDevice(Protocol):
    """A loudspeaker. It takes sound between `start` and `stop`."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


# Gives the next N samples (N, 2) int16 to a device; called in a thread of the device.
Pull = Callable[[int], Samples]
# Opens the loudspeaker of the system, or returns None if there is none.
OpenDevice = Callable[[Pull], SoundDevice | None]


class SoundPlayer:
    """Plays the sound of one file at a time, in a thread that begins with the first sound.

    Call `follow` at least five times a second. `volume` is 0 to 1, and `is_muted` silences it.
    """

    def __init__(self, open_device: "OpenDevice | None" = None) -> None:
        self._open_device = open_device or system_device
        self.volume, self.is_muted = 1.0, False
        self._changed = threading.Condition()
        self._is_closed = False
        self._file: tuple[Path, float] | None = None
        # The position of the video, and when it was told.
        self._position, self._told_at = 0.0, 0.0
        self._plays = False
        self._has_sound = False
        self._buffer = _Buffer(self)
        self._thread: threading.Thread | None = None

    @property
    def has_sound(self) -> bool:
        """Whether the file has sound and there is a loudspeaker, as far as is known by now."""
        return self._has_sound

    def follow(self, file: tuple[Path, float] | None, position: float, *, plays: bool) -> None:
        """Play the sound of `file` at a position of its video, in seconds, or be silent.

        `file` is the path of the file and the time of its first frame in seconds, or None if the
        video is none of a file. It is silent if `plays` is false.
        """
        if file is None and self._thread is None:
            return
        with self._changed:
            self._file, self._plays = file, plays
            if position != self._position or not plays:
                self._position, self._told_at = position, time.monotonic()
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sound", daemon=True)
            self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """End the sound and its thread, and wait at most so long for that."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        file: tuple[Path, float] | None = None
        track: SoundTrack | None = None
        device: SoundDevice | None = None
        parts: Iterator[tuple[float, Samples]] = iter(())
        is_started = False
        try:
            while True:
                with self._changed:
                    self._changed.wait(_WAIT_SECONDS)
                    if self._is_closed:
                        return
                    wanted, plays = self._file, self._plays
                    position = self._position + (time.monotonic() - self._told_at) * plays
                if wanted != file:
                    self._has_sound = False
                    self._buffer.clear()
                    if track is not None:
                        track.close()
                    file, track, parts = wanted, _opened(wanted), iter(())
                    if track is not None and device is None:
                        device = self._open_device(self._buffer.pull)
                    self._has_sound = track is not None and device is not None
                if track is None or device is None:
                    continue
                if plays != is_started:
                    (device.start if plays else device.stop)()
                    is_started = plays
                if plays:
                    heard = self._buffer.time - _DEVICE_SECONDS
                    if not self._buffer.is_set or abs(heard - position) > _LARGEST_DRIFT:
                        begin = position + _DEVICE_SECONDS
                        parts = track.read(begin)
                        self._buffer.restart(begin)
                    self._buffer.fill(parts)
        finally:
            if device is not None:
                device.close()
            if track is not None:
                track.close()


class _Buffer:
    """Decoded sound that the device has not taken yet."""

    def __init__(self, player: SoundPlayer) -> None:
        self._player = player
        self._lock = threading.Lock()
        self._parts: deque[tuple[float, Samples]] = deque()
        # The time of the next sample that the device takes.
        self.time = 0.0
        self.is_set = False

    def clear(self) -> None:
        """Forget all sound."""
        with self._lock:
            self._parts.clear()
            self.is_set = False

    def restart(self, seconds: float) -> None:
        """Forget all sound, and let the device take what comes at a time next."""
        with self._lock:
            self._parts.clear()
            self.time, self.is_set = seconds, True

    def fill(self, parts: Iterator[tuple[float, Samples]]) -> None:
        """Decode until there is enough for a while."""
        while not self._parts or self._parts[-1][0] < self.time + _AHEAD_SECONDS:
            part = next(parts, None)
            if part is None:
                return
            with self._lock:
                self._parts.append(part)

    def pull(self, count: int) -> Samples:
        """Return the next `count` samples (count, 2); what is missing is silence."""
        taken = np.zeros((count, CHANNELS), np.int16)
        with self._lock:
            begin, self.time = self.time, self.time + count / RATE
            while self._parts and self._parts[0][0] < self.time:
                first, samples = self._parts[0]
                place = round((first - begin) * RATE)
                source, target = max(-place, 0), max(place, 0)
                length = min(len(samples) - source, count - target)
                if length > 0:
                    taken[target : target + length] = samples[source : source + length]
                if place + len(samples) > count:
                    break
                self._parts.popleft()
        volume = 0.0 if self._player.is_muted else self._player.volume
        return taken if volume == 1 else (taken * np.float32(volume)).astype(np.int16)


def _opened(file: tuple[Path, float] | None) -> SoundTrack | None:
    if file is None:
        return None
    try:
        return SoundTrack(*file)
    except MediaError:
        # Most videos without sound are no error to anybody.
        return None


class MiniaudioDevice:
    """A loudspeaker, through one of the `backends` of miniaudio.

    Raises `miniaudio.MiniaudioError` if none of them has a device.
    """

    def __init__(self, pull: Pull, backends: Sequence["miniaudio.Backend"]) -> None:
        import miniaudio

        self._pull = pull
        self._device = miniaudio.PlaybackDevice(
            miniaudio.SampleFormat.SIGNED16,
            CHANNELS,
            RATE,
            _PERIOD_MILLISECONDS,
            backends=list(backends),
            app_name="ssd_live",
        )

    def start(self) -> None:
        """Begin to take sound."""
        stream = self._stream()
        next(stream)
        self._device.start(stream)

    def stop(self) -> None:
        """Take no more sound."""
        self._device.stop()

    def close(self) -> None:
        """Free the loudspeaker."""
        self._device.close()

    def _stream(self) -> Generator[bytes, int, None]:
        count = yield b""
        while True:
            count = yield self._pull(count).tobytes()


def system_device(pull: Pull) -> SoundDevice | None:
    """Return the loudspeaker of the system, or None if there is none."""
    try:
        import miniaudio
    except ImportError:
        _logger.info("there is no sound, because miniaudio is not installed")
        return None
    backends = {
        "darwin": (miniaudio.Backend.COREAUDIO,),
        "win32": (miniaudio.Backend.WASAPI, miniaudio.Backend.DSOUND),
    }.get(sys.platform, (miniaudio.Backend.PULSEAUDIO,))
    if any(Path("/dev/snd").glob("pcmC*p")):
        # Without such a device, ALSA writes thirty lines to the terminal.
        backends = (*backends, miniaudio.Backend.ALSA)
    try:
        return MiniaudioDevice(pull, backends)
    except miniaudio.MiniaudioError as error:
        _logger.info("there is no loudspeaker: %s", error)
        return None
