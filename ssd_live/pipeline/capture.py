"""The capture thread: open one source, read it at its pace and reconnect when it disappears."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

import cv2
import numpy as np

from ssd_live.errors import AddressError, MissingPackageError, SsdLiveError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.pipeline.counters import Durations
from ssd_live.video.sources import (
    PacketListener,
    PacketSource,
    Source,
    SourceInfo,
    SourceOptions,
    SourcePacket,
    SourceSpec,
    open_source,
)
from ssd_live.video.sources.pace import Pacer

# After these errors, trying again makes no sense if the source never gave a frame.
_HOPELESS = (AddressError, MissingPackageError, UsageError)
# Growing waits between attempts to reconnect. They are short, so that a source that returns is
# shown again within 2 s.
_PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.6)
_OLD_READER_SECONDS = 2.0
_GUESSED_RATE = 25.0
# How far to seek back to find the previous frame. Times that differ by less than `_SAME_SECONDS`
# are equal.
_BACK_SECONDS = (2.0, 15.0)
_SAME_SECONDS = 1e-4


class Phase(StrEnum):
    """One of the phases of a capture; it says what the capture is doing now."""

    OPENING = "opening"
    PLAYING = "playing"
    PAUSED = "paused"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True)
class CaptureState:
    """The state of a capture at one moment.

    `spec` describes the source. `info` holds the properties of the source, or is None before the
    source was opened. `position` is the time of the newest frame, in seconds since the beginning of
    the source. `error_message` is the message of the last error. It is empty before the first error
    and while the source is open. `attempts` counts the errors since the source was last open.
    """

    phase: Phase
    spec: SourceSpec
    info: SourceInfo | None = None
    position: float = 0.0
    error_message: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class CaptureOptions:
    """The options for playing a source.

    `source` holds the options with which the source is opened, such as its size and frame rate. If
    `loop` is true, playing starts again from the beginning when the source ends. If `mirror` is
    true, left and right are flipped. If `paused` is true, the capture starts paused.
    """

    source: SourceOptions = field(default_factory=SourceOptions)
    loop: bool = True
    mirror: bool = False
    paused: bool = False


@dataclass(frozen=True)
class Play:
    """An order to the capture thread: read the next frame and deliver it when it is due."""


@dataclass(frozen=True)
class Step:
    """An order to the capture thread: deliver one frame without waiting until it is due.

    `frames` is 1 for the next frame, or -N for the frame that is N frames before the current one.
    """

    frames: int


@dataclass(frozen=True)
class Seek:
    """An order to the capture thread: jump to a time and deliver the frame there without waiting.

    `seconds` is the time since the beginning of the source.
    """

    seconds: float


class Capture:
    """One source, read in a thread of its own.

    The thread calls `deliver` with every frame and with a bool, which is true if the frame must not
    be shown because a live source is paused. It calls `packet_listener`, if there is one, with
    every packet of a live source that gives its packets.

    A read that never returns blocks no other thread, because `retire` does not wait. A retired
    capture delivers nothing more and closes its source as soon as it can. `after` is an earlier
    capture of a camera, or None. The new capture waits for the end of the earlier one, at most two
    seconds, because a camera can be opened only once.
    """

    def __init__(
        self,
        spec: SourceSpec,
        options: CaptureOptions,
        deliver: Callable[[Frame, bool], None],
        after: "Capture | None" = None,
    ) -> None:
        self._spec = spec
        self._options = options
        self._deliver = deliver
        self._after = after
        self._changed = threading.Condition()
        self._retired = False
        self._paused = options.paused
        self._loop = options.loop
        self._mirror = options.mirror
        self._speed = 1.0
        self._steps = 0
        self._seek_to: float | None = None
        self._state = CaptureState(Phase.OPENING, spec)
        self._count = 0
        # A source that gives no more frames must not be restarted forever.
        self._count_at_end = 0
        self.reading = Durations()
        self.packet_listener: PacketListener | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    @property
    def state(self) -> CaptureState:
        """A snapshot of what the capture is doing."""
        return self._state

    @property
    def options(self) -> CaptureOptions:
        """The options with which a new capture plays the source as this one does now."""
        return replace(self._options, loop=self._loop, mirror=self._mirror, paused=False)

    @property
    def is_paused(self) -> bool:
        """Whether the capture was told to pause. This may be true while the source is lost."""
        return self._paused

    @property
    def is_looping(self) -> bool:
        """Whether the source starts again from the beginning when it ends."""
        return self._loop

    def start(self) -> None:
        """Start the thread that reads the source."""
        self._thread.start()

    def retire(self) -> None:
        """Stop delivering frames and begin to end the thread, without waiting for its end."""
        with self._changed:
            self._retired = True
            self._changed.notify_all()

    def join(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the thread to end; return whether it ended.

        The thread cannot end while a read of its source blocks.
        """
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def pause(self) -> None:
        """Pause at the frame that is shown now."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()

    def play(self) -> None:
        """Continue after a pause; start from the beginning if the end was reached."""
        with self._changed:
            self._paused = False
            if self._state.phase is Phase.ENDED:
                self._seek_to = 0.0
            self._changed.notify_all()

    def step(self, frames: int) -> None:
        """Pause, and go `frames` frames forward, or back if the number is negative.

        A source that cannot seek does not go back.
        """
        with self._changed:
            self._paused = True
            self._steps += frames
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Jump to a time, in seconds since the beginning of the source.

        A paused capture stays paused there. A source that cannot seek ignores the jump.
        """
        with self._changed:
            self._seek_to = max(seconds, 0.0)
            self._changed.notify_all()

    def set_loop(self, loop: bool) -> None:
        """Set whether the source starts again from the beginning when it ends."""
        with self._changed:
            self._loop = loop

    @property
    def speed(self) -> float:
        """How many times as fast as its frame times say the source is played."""
        return self._speed

    def set_speed(self, speed: float) -> None:
        """Play `speed` times as fast as the frame times say. A live source ignores this."""
        self._speed = speed

    def set_mirror(self, mirror: bool) -> None:
        """Set whether left and right of the frames are flipped."""
        self._mirror = mirror

    def _run(self) -> None:
        if self._after is not None:
            self._after.join(_OLD_READER_SECONDS)
            self._after = None
        attempts = 0
        while not self._retired:
            is_hopeless = False
            try:
                with open_source(self._spec, self._options.source) as source:
                    attempts = 0
                    self._play(source)
                return
            except SsdLiveError as error:
                message = str(error)
                # A server that gave frames before may only be starting again.
                is_hopeless = isinstance(error, _HOPELESS) and self._state.info is None
            except (
                Exception
            ) as error:  # an error in a driver or library must not end the thread silently
                message = (
                    f"{self._spec.title}: {type(error).__name__}: "
                    f"{next(iter(str(error).splitlines()), 'no message')}; choose another source"
                )
            if not self._spec.returns or is_hopeless:
                self._set(phase=Phase.FAILED, error_message=message)
                return
            attempts += 1
            self._set(phase=Phase.RECONNECTING, error_message=message, attempts=attempts)
            with self._changed:
                self._changed.wait_for(
                    lambda: self._retired, _PAUSES_SECONDS[min(attempts, len(_PAUSES_SECONDS)) - 1]
                )

    def _play(self, source: Source) -> None:
        """Play an open source until this capture is retired.

        Raises `MediaError` if reading fails.
        """
        if isinstance(source, PacketSource) and source.info.is_live:
            source.packet_listener = self._note_packet
        pacer = Pacer()
        last_due = time.monotonic()
        self._set(phase=Phase.PLAYING, info=source.info, error_message="", attempts=0)
        while not self._retired:
            order = self._next_order(source.info)
            if order is None:
                continue
            if (target := self._target(source, order)) is not None:
                source.seek(target)
                pacer.restart()
            started = time.monotonic()
            frame = source.read()
            self.reading.add(time.monotonic() - started)
            if frame is None:
                self._end(source, last_due)
                pacer.restart()
                continue
            pacer.set_speed(1.0 if source.info.is_live else self._speed)
            last_due = (
                pacer.due(frame.time, time.monotonic()) if source.info.paced else time.monotonic()
            )
            plays = isinstance(order, Play)
            if plays and source.info.paced and not self._wait_until(last_due):
                # A command arrived during the wait. A frame that still waits does not count as
                # captured.
                if self._retired or self._seek_to is not None:
                    continue
                pacer.restart()
            self._hand_over(
                frame, source.info, held_back=plays and self._paused and source.info.is_live
            )

    def _next_order(self, info: SourceInfo) -> Play | Step | Seek | None:
        """Return the next order for the capture thread, or None if no frame is to be read now.

        Before it returns None for a paused or ended source, this method waits at most one second
        for a call of `play`, `pause`, `step`, `seek` or `retire`. The caller can thus call it in a
        loop.
        """
        with self._changed:
            seeking, self._seek_to = self._seek_to, None
            if seeking is not None and info.seekable:
                self._set(phase=Phase.PAUSED if self._paused else Phase.PLAYING)
                return Seek(seeking)
            if not self._paused and self._state.phase is not Phase.ENDED:
                if self._state.phase is Phase.PAUSED:
                    self._set(phase=Phase.PLAYING)
                self._steps = 0
                return None if self._retired else Play()
            if self._steps < 0 and not info.seekable:
                # The next frame of a live source would be a later one.
                self._steps = 0
            if self._steps:
                step = Step(1 if self._steps > 0 else self._steps)
                self._steps -= step.frames
                self._set(phase=Phase.PAUSED)
                return step
            if info.is_live and self._state.phase is not Phase.ENDED:
                # Reading must go on, because the frames in a camera's queue would become old. The
                # frames are dropped as paused.
                self._set(phase=Phase.PAUSED)
                return Play()
            if self._state.phase is not Phase.ENDED:
                self._set(phase=Phase.PAUSED)
            self._changed.wait(1.0)
            return None

    def _target(self, source: Source, order: Play | Step | Seek) -> float | None:
        """Return the time to which the source must seek for an order, or None if it must not seek.

        The time is in seconds since the beginning of the source.
        """
        match order:
            case Seek(seconds):
                return seconds
            case Step(frames) if frames < 0 and source.info.seekable:
                return _time_before(source, self._state.position, -frames)
        return None

    def _wait_until(self, due: float) -> bool:
        """Wait until `due` and return True, or return False early if the wait is interrupted.

        A seek, a pause, the end of a pause and `retire` interrupt the wait. `due` is in seconds on
        the monotonic clock.
        """
        with self._changed:
            paused = self._paused
            while not (self._retired or self._seek_to is not None or self._paused != paused):
                left = due - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
        return False

    def _end(self, source: Source, last_due: float) -> None:
        """Handle the end of the source: start again if the capture loops, or else stay at the end.

        A single image does not start again.

        The source starts again one frame period after `last_due`, the time at which the last frame
        was due, in seconds on the monotonic clock.
        """
        if self._loop and not self._paused:
            self._wait_until(last_due + 1 / (source.info.rate or _GUESSED_RATE))
        with self._changed:
            if self._seek_to is not None:
                return
            if (
                self._loop
                and source.info.seekable
                and not source.info.is_still
                and not self._paused
                and self._count > self._count_at_end
            ):
                self._seek_to = 0.0
                self._count_at_end = self._count
            else:
                self._set(phase=Phase.ENDED)

    def _hand_over(self, frame: Frame, info: SourceInfo, held_back: bool) -> None:
        if self._mirror and frame.pixel_format == "bgr24":
            frame = replace(frame, planes=(np.asarray(cv2.flip(frame.planes[0], 1), np.uint8),))
        frame = replace(frame, index=self._count, captured_at=time.monotonic())
        self._count += 1
        self._set(position=max(frame.time - info.start, 0.0))
        with self._changed:
            if not self._retired:
                self._deliver(frame, held_back)

    def _note_packet(self, packet: SourcePacket) -> None:
        if self.packet_listener is not None and not self._retired:
            self.packet_listener(packet)

    def _set(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]


def _time_before(source: Source, position: float, steps: int) -> float:
    """Return the time of the frame that is `steps` frames before `position`, in seconds.

    The frame is found by seeking back and reading up to `position`. If fewer frames are before
    `position`, the result is the time of the first frame.
    """
    times: deque[float] = deque(maxlen=steps)
    for back in (*_BACK_SECONDS, position):
        times.clear()
        source.seek(max(position - back, 0.0))
        while (frame := source.read()) is not None and (
            time_of := max(frame.time - source.info.start, 0.0)
        ) < position - _SAME_SECONDS:
            times.append(time_of)
        if len(times) == steps or back >= position:
            break
    return times[0] if times else 0.0
