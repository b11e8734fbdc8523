"""Keep the last packets of a network camera, so that a clip can be copied instead of encoded."""

import contextlib
import io
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.stream import Stream

from ssd_live.video.sources import SourcePacket

# Of a stream with more, older packets are forgotten, so there are fewer seconds.
MOST_BYTES = 200_000_000
# Packets are kept for so much longer than asked for, because an event is noticed a little later.
_SLACK_SECONDS = 1.0
_TIME_BASE = Fraction(1, 1_000_000)
# Pictures are never further out of order than this.
_REORDER_SECONDS = 1.0
# The clock of a camera may be wrong by this share. It is far more than quartz clocks are.
_DRIFT = 1e-3


class Connection:
    """The video and the sound of a source, from its opening until it is opened again.

    `video` and `sound` are templates of streams in a Matroska file, which stay valid when the
    source is closed. `video` is None if Matroska does not hold it, and `sound` if there is none.
    `offset` is what to add to a time of the source, in seconds, to get the one on the monotonic
    clock.
    """

    def __init__(self, source: Any, video: Stream) -> None:
        self.source = source
        self.offset = float("inf")
        self._updated_at = 0.0
        self._video_index = video.index
        sound = next(iter(source.streams.audio), None)
        self._sound_index = None if sound is None else sound.index
        self._decoded = None
        container: Any = av.open(io.BytesIO(), "w", format="matroska")
        self.video = _template(container, video)
        self.sound = None if sound is None else _template(container, sound)
        if sound is not None and self.sound is None:
            with contextlib.suppress(av.FFmpegError, ValueError):
                self._decoded = _DecodedSound(container, sound)
                self.sound = self._decoded.template

    def packets(self, packet: av.Packet) -> list[tuple[av.Packet, bool]]:
        """Return what a packet becomes in a file, and whether that belongs to the video.

        This is the packet itself, if its stream is copied.
        """
        if packet.stream_index == self._video_index and self.video is not None:
            return [(packet, True)]
        if packet.stream_index != self._sound_index or self.sound is None:
            return []
        its = [packet] if self._decoded is None else self._decoded.packets(packet)
        return [(each, False) for each in its]

    def note_time(self, seconds: float, arrival: float) -> None:
        """Take the time of a packet of the video into the offset.

        The packet with the smallest delay decides, because others were held up on their way.
        """
        drifted = self.offset + _DRIFT * (arrival - self._updated_at)
        self.offset, self._updated_at = min(drifted, arrival - seconds), arrival

    def continues(self, other: "Connection") -> bool:
        """Return whether packets of this connection can follow those of another one in a file."""
        return _kind_of(self.video) == _kind_of(other.video)


class _DecodedSound:
    """Sound that Matroska does not hold, such as that of many cameras (G.711), as plain samples.

    `template` is a template of the stream in the file. Raises `av.FFmpegError` or `ValueError` if
    it cannot be decoded.
    """

    def __init__(self, container: Any, sound: Any) -> None:
        context = sound.codec_context
        rate, layout = context.sample_rate, context.layout.name
        self._decoder: Any = av.CodecContext.create(context.name, "r")
        self._decoder.sample_rate, self._decoder.layout = rate, layout
        self._resampler = av.AudioResampler("s16", layout, rate)
        self.template = container.add_stream("pcm_s16le", rate=rate, layout=layout)

    def packets(self, packet: av.Packet) -> list[av.Packet]:
        """Return the samples of a packet as packets of the file, or nothing if it is damaged."""
        packets = []
        with contextlib.suppress(av.FFmpegError):
            for frame in self._decoder.decode(packet):
                for samples in self._resampler.resample(frame):
                    its = av.Packet(samples.to_ndarray().tobytes())
                    its.time_base, its.is_keyframe = packet.time_base, True
                    its.pts = its.dts = packet.pts
                    packets.append(its)
        return packets


@dataclass(frozen=True, eq=False)
class KeptPacket:
    """A packet of the video or the sound of a connection, as it is written to a file.

    `seconds` is the time of the source at which it is decoded, and `shown` that at which it is
    shown. `captured_at` is the time on the monotonic clock at which it came, in seconds.
    """

    packet: av.Packet
    connection: Connection
    is_video: bool
    seconds: float
    shown: float
    captured_at: float

    @property
    def is_key(self) -> bool:
        """Whether a video can begin with it."""
        return self.is_video and self.packet.is_keyframe

    def copy(self, shift: float) -> av.Packet:
        """Return a copy with times that are later by `shift` seconds."""
        source = self.packet
        copy = av.Packet(bytes(source))
        # The time base of the source can be too coarse for times of arrival.
        copy.time_base, copy.is_keyframe = _TIME_BASE, source.is_keyframe
        if source.duration and source.time_base is not None:
            copy.duration = round(source.duration * source.time_base / _TIME_BASE)
        copy.pts = round((self.shown + shift) / _TIME_BASE)
        copy.dts = round((self.seconds + shift) / _TIME_BASE)
        return copy


class PacketRing:
    """The packets of the last `seconds` of one source, and those that come.

    It begins with a key frame, so it may have more than asked for. Any thread may call the methods.
    Only one calls `add`, which does not wait.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds + _SLACK_SECONDS
        self._lock = threading.Lock()
        self._kept: deque[KeptPacket] = deque()
        self._bytes = 0
        # When the key frames came that are kept.
        self._keys: deque[float] = deque()
        self._connection: Connection | None = None
        self._listeners: list[Callable[[KeptPacket], None]] = []

    @property
    def connection(self) -> Connection | None:
        """The newest connection, or None if there is no packet of one yet."""
        return self._connection

    @property
    def can_copy(self) -> bool:
        """Whether a clip can be copied now: a key frame is there, and Matroska holds the video."""
        connection = self._connection
        return bool(self._keys and connection is not None and connection.video is not None)

    def add(self, source_packet: SourcePacket) -> None:
        """Add the newest packet of a source, and forget those that are too old.

        If the source has no times of its own, the time of arrival counts.
        """
        arrival = source_packet.arrived_at
        for kept in self._kept_of(source_packet):
            with self._lock:
                self._kept.append(kept)
                self._bytes += kept.packet.size
                if kept.is_key:
                    self._keys.append(arrival)
                self._forget(arrival - self._seconds)
                for listener in self._listeners:
                    listener(kept)

    def clear(self) -> None:
        """Forget all packets. A clip can be copied again from the next key frame on.

        The next packet begins a new connection, so that a clip that goes on waits for a key frame.
        """
        if self._connection is None:
            return
        with self._lock:
            self._connection = None
            self._forget_all()

    def follow(
        self, listener: Callable[[KeptPacket], None]
    ) -> tuple[Connection | None, list[KeptPacket]]:
        """Call `listener` with each new packet; return the newest connection and its kept packets.

        The listener must not wait.
        """
        with self._lock:
            self._listeners.append(listener)
            return self._connection, list(self._kept)

    def leave(self, listener: Callable[[KeptPacket], None]) -> None:
        """Call `listener` no more."""
        with self._lock:
            self._listeners.remove(listener)

    def _kept_of(self, source_packet: SourcePacket) -> list[KeptPacket]:
        packet, arrival = source_packet.packet, source_packet.arrived_at
        container: Any = packet.stream.container
        connection = self._connection
        if connection is None or connection.source is not container:
            if packet.stream.type != "video":
                return []
            connection = Connection(container, packet.stream)
            with self._lock:
                # What came before cannot be in one clip with what comes now.
                self._connection = connection
                self._forget_all()
        if not packet.size:
            return []
        return [
            kept
            for its, is_video in connection.packets(packet)
            if (kept := kept_packet(its, connection, is_video, source_packet.has_times, arrival))
        ]

    def _forget_all(self) -> None:
        self._kept.clear()
        self._keys.clear()
        self._bytes = 0

    def _forget(self, before: float) -> None:
        """Forget the packets before the last key frame that is old enough to begin with."""
        while len(self._keys) > 1 and self._keys[1] <= before:
            self._forget_to_next_key()
        while self._bytes > MOST_BYTES and self._kept:
            self._forget_to_next_key()

    def _forget_to_next_key(self) -> None:
        """Forget all packets up to the second key frame that is kept."""
        if self._keys:
            self._keys.popleft()
        until = self._keys[0] if self._keys else float("inf")
        while self._kept and (self._kept[0].captured_at < until or not self._kept[0].is_key):
            self._bytes -= self._kept.popleft().packet.size


def kept_packet(
    packet: av.Packet, connection: Connection, is_video: bool, has_times: bool, arrival: float
) -> KeptPacket | None:
    """Return a packet with its times in seconds, or None if it should have some and has not."""
    if not has_times:
        seconds = shown = arrival
    elif packet.pts is None or packet.time_base is None:
        return None
    else:
        shown = float(packet.pts * packet.time_base)
        seconds = shown if packet.dts is None else float(packet.dts * packet.time_base)
    if is_video:
        connection.note_time(seconds, arrival)
        if packet.dts is None:
            # It does not say when it is decoded. This is early enough.
            seconds = shown - _REORDER_SECONDS
    return KeptPacket(packet, connection, is_video, seconds, shown, arrival)


def _template(container: Any, stream: Stream) -> Stream | None:
    """Return a copy of a stream for a Matroska file, or None if such files do not hold it."""
    try:
        # Without `opaque`, PyAV looks for an encoder with the name of the decoder.
        template: Stream = container.add_stream_from_template(stream, opaque=True)
    except (av.FFmpegError, ValueError):
        return None
    return template


def _kind_of(stream: Stream | None) -> tuple[object, ...]:
    if stream is None:
        return ()
    context: Any = stream.codec_context
    return context.name, context.width, context.height, context.extradata
