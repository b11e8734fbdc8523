"""Play the sound of a file in step with its video."""

import contextlib
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
# The sound may be so far from the video, in seconds, before it jumps to the right place.
_LARGEST_DRIFT = 0.15
# So much sound is decoded ahead, and so long the thread waits for something to do.
_AHEAD_SECONDS, _WAIT_SECONDS = 0.5, 0.05
# A loudspeaker that takes nothing for so long is opened again.
_DEAD_SECONDS = 2.0
_PERIOD_MILLISECONDS = 40
# What the device takes is heard 80 ms later (measured with PulseAudio), and a frame is shown about
# 30 ms after it was read. The device therefore takes the sound of so many seconds later.
_DEVICE_SECONDS = 0.05


class SoundDevice(Protocol):
    """A loudspeaker. It takes sound between `start` and `stop`."""

    def start(self) -> None:
        """Begin to take sound."""

    def stop(self) -> None:
        """Take no more sound."""

    def close(self) -> None:
        """Free the loudspeaker."""


# Gives the next N samples (N, 2) int16 to a device; called in a thread of the device.
Pull = Callable[[int], Samples]
# Opens the loudspeaker of the system, or returns None if there is none.
OpenDevice = Callable[[Pull], SoundDevice | None]


class SoundPlayer:
    """Plays the sound of one file at a time, in a thread that begins with the first sound.

    Call `follow` at least five times a second. `volume` is 0 to 1, and `is_muted` silences it.
    `open_device` opens the loudspeaker; None is that of the system.
    """

    def __init__(self, open_device: OpenDevice | None = None) -> None:
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
            if file != self._file or position != self._position or not plays:
                self._position, self._told_at = position, time.monotonic()
            self._file, self._plays = file, plays
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
        output = _Output(self._open_device, self._buffer)
        try:
            while True:
                with self._changed:
                    self._changed.wait(_WAIT_SECONDS)
                    if self._is_closed:
                        return
                    wanted, plays = self._file, self._plays
                    position = self._position + (time.monotonic() - self._told_at) * plays
                try:
                    output.change(wanted)
                    output.play(position, plays=plays)
                except Exception as error:  # an error of a driver must not end the sound for ever
                    _logger.warning("the sound of the file ends: %s", error)
                    output.give_up()
                self._has_sound = output.has_sound
        finally:
            output.close()


class _Output:
    """The file whose sound is played, and the loudspeaker; for the thread of a player."""

    def __init__(self, open_device: OpenDevice, buffer: "_Buffer") -> None:
        self._open_device, self._buffer = open_device, buffer
        self._file: tuple[Path, float] | None = None
        self._track: SoundTrack | None = None
        self._device: SoundDevice | None = None
        self._parts: Iterator[tuple[float, Samples]] = iter(())
        self._is_started = False
        self._begun_at = 0.0

    @property
    def has_sound(self) -> bool:
        """Whether there is sound, and a loudspeaker."""
        return self._track is not None and self._device is not None

    def change(self, file: tuple[Path, float] | None) -> None:
        """Play the sound of another file from now on."""
        if file == self._file:
            return
        self._forget_track()
        self._file, self._track = file, _opened(file)
        if self._track is not None and self._device is None:
            self._device = self._open_device(self._buffer.pull)

    def play(self, position: float, *, plays: bool) -> None:
        """Let the loudspeaker take the sound at a position of the video, in seconds."""
        device, track = self._device, self._track
        if device is None:
            return
        plays = plays and track is not None
        if plays != self._is_started:
            (device.start if plays else device.stop)()
            self._is_started, self._begun_at = plays, time.monotonic()
        if not plays or track is None:
            return
        if not self._buffer.is_set or (
            self._buffer.is_taken
            and abs(self._buffer.time - _DEVICE_SECONDS - position) > _LARGEST_DRIFT
        ):
            begin = position + _DEVICE_SECONDS
            self._parts = track.read(begin)
            self._buffer.restart(begin)
        self._buffer.fill(self._parts)
        if time.monotonic() - max(self._buffer.taken_at, self._begun_at) > _DEAD_SECONDS:
            # A loudspeaker that was unplugged takes nothing.
            self._close_device()
            self._device = self._open_device(self._buffer.pull)

    def give_up(self) -> None:
        """Play nothing until the file changes."""
        with contextlib.suppress(Exception):
            self._close_device()
        self._forget_track()

    def close(self) -> None:
        """Close the file and free the loudspeaker."""
        self.give_up()

    def _close_device(self) -> None:
        device, self._device, self._is_started = self._device, None, False
        if device is not None:
            device.close()

    def _forget_track(self) -> None:
        track, self._track = self._track, None
        self._parts = iter(())
        self._buffer.clear()
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
        # Whether there is such a time, and whether the device has taken something since then.
        self.is_set = self.is_taken = False
        # When the device took something, on the monotonic clock.
        self.taken_at = 0.0

    def clear(self) -> None:
        """Forget all sound."""
        with self._lock:
            self._parts.clear()
            self.is_set = self.is_taken = False

    def restart(self, seconds: float) -> None:
        """Forget all sound, and let the device take what comes at a time next."""
        with self._lock:
            self._parts.clear()
            self.time, self.is_set, self.is_taken = seconds, True, False

    def fill(self, parts: Iterator[tuple[float, Samples]]) -> None:
        """Decode until there is enough for a while."""
        while True:
            with self._lock:
                end = self._parts[-1][0] if self._parts else self.time
                if end >= self.time + _AHEAD_SECONDS:
                    return
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
            self.is_taken, self.taken_at = True, time.monotonic()
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
