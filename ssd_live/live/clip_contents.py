"""What a clip is made of: frames that are encoded, or packets that are copied."""

import contextlib
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import av

from ssd_live.analytics.zone_drawing import CountedZones
from ssd_live.detections import Detections
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.imaging.planes import copied
from ssd_live.live.frame_ring import FrameRing, KeptFrame
from ssd_live.live.outputs import BoxDrawer
from ssd_live.live.packet_ring import Connection, KeptPacket, PacketRing, kept_packet
from ssd_live.pipeline.live import LiveFrame
from ssd_live.video.containers import open_file
from ssd_live.video.cut import cut
from ssd_live.video.recording import RecordingWriter, growing_matroska

# So many frames wait to be encoded; if there are more, the newest are lost.
_MOST_WAITING = 3000
# A file that lags behind its times by more than this was paused.
_PAUSE_SECONDS = 0.2
# The last frame belongs to a part of a file too.
_TINY_SECONDS = 1e-3


class ClipContent(Protocol):
    """The pictures of a clip from the time `begin` on, and how they are written.

    They are kept from its making on, and wait to be written. `begin` is a time of capture on the
    monotonic clock, in seconds. `frames` is how many frames were written, and `lost` how many were
    lost, because too many waited. The methods are called in one thread, in this order.
    """

    begin: float
    frames: int
    lost: int

    def open(self, part: Path) -> None:
        """Say where to write; the file is made by the first `write_next`."""

    def write_next(self, seconds: float, is_over: Callable[[float], bool]) -> bool | None:
        """Write the next item, or return None if none comes within so many seconds.

        `is_over` returns whether the clip ends before a time of capture. Return False, without
        writing, if the clip ends before the item, or cannot go on with it.
        """
        ...

    def finish(self) -> None:
        """Complete the file. At least one frame was written."""

    def abandon(self) -> None:
        """Close the file after an error, and keep what was written."""

    def close(self) -> None:
        """Take no more."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is drawn on the frames of a clip.

    `visible` returns the detections of a frame, or None for none; `style` is how they are drawn.
    `counted` returns the zones that are drawn too, or None.
    """

    visible: Callable[[LiveFrame], Detections | None]
    style: BoxStyle
    counted: Callable[[], CountedZones | None] = lambda: None


class Sound(Protocol):
    """The sound of a source. `template` is one of its stream, or None if there is no sound."""

    @property
    def template(self) -> Any: ...

    def until(self, frame: Frame, begin: float) -> list[av.Packet]:
        """Return what is heard up to a frame, and was not returned before.

        The times of the packets count from `begin`, a time on the monotonic clock, in seconds.
        """
        ...

    def close(self) -> None:
        """Take no more."""


class FrameContent:
    """The frames of `ring` from `begin` on, encoded, with `sound`, if there is any.

    This is a `ClipContent`.
    """

    def __init__(
        self, ring: FrameRing, begin: float, drawing: Drawing, sound: Sound | None = None
    ) -> None:
        self.begin = begin
        self.frames = self.lost = 0
        self._ring, self._drawing = ring, drawing
        self._boxes = BoxDrawer()
        self._last = -1
        self._frames: queue.Queue[KeptFrame] = queue.Queue(_MOST_WAITING)
        ring.follow(begin, self._take)
        self._sound = sound
        self._writer: RecordingWriter | None = None

    def open(self, part: Path) -> None:
        template = None if self._sound is None else self._sound.template
        self._writer = RecordingWriter(part, template)

    def write_next(self, seconds: float, is_over: Callable[[float], bool]) -> bool | None:
        assert self._writer is not None
        try:
            kept = self._frames.get(timeout=seconds)
        except queue.Empty:
            if self.frames:
                self._writer.keep_going()
            return None
        if is_over(kept.captured_at):
            return False
        self._write(self._writer, kept.live_frame())
        return True

    def finish(self) -> None:
        assert self._writer is not None
        self._writer.close()

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abandon()

    def close(self) -> None:
        self._ring.leave(self._take)
        if self._sound is not None:
            self._sound.close()

    def _take(self, frame: KeptFrame) -> None:
        try:
            self._frames.put_nowait(frame)
        except queue.Full:
            self.lost += 1

    def _write(self, writer: RecordingWriter, live_frame: LiveFrame) -> None:
        captured_at, drawing = live_frame.frame.captured_at, self._drawing
        if not self.frames:
            # The first frame is at time 0.
            self.begin = captured_at
        milliseconds = round(1000 * (captured_at - self.begin))
        if milliseconds <= self._last:
            return
        picture, found = copied(live_frame.frame), drawing.visible(live_frame)
        self._boxes.draw(picture, live_frame, found, drawing.style, drawing.counted())
        writer.add(picture, milliseconds)
        self.frames, self._last = self.frames + 1, milliseconds
        if self._sound is not None:
            for packet in self._sound.until(live_frame.frame, self.begin):
                writer.add_sound(packet)


class PacketSound:
    """The sound of the newest connection of a network stream, which ends with the connection."""

    def __init__(self, ring: PacketRing) -> None:
        self._ring = ring
        self._waiting: queue.SimpleQueue[KeptPacket] = queue.SimpleQueue()
        self._next: KeptPacket | None = None
        self._connection, earlier = ring.follow(self._waiting.put)
        # They come before what has come meanwhile.
        self._earlier = iter(earlier)

    @property
    def template(self) -> Any:
        """A template of the stream, or None if there is no sound."""
        return None if self._connection is None else self._connection.sound

    def until(self, frame: Frame, begin: float) -> list[av.Packet]:
        end, packets = frame.captured_at, list[av.Packet]()
        if self._connection is None or self.template is None:
            return packets
        offset = self._connection.offset
        while True:
            self._next = self._next or self._following()
            if self._next is None or self._next.shown + offset >= end:
                return packets
            if self._next.shown + offset >= begin:
                packets.append(self._next.copy(offset - begin))
            self._next = None

    def close(self) -> None:
        self._ring.leave(self._waiting.put)

    def _following(self) -> KeptPacket | None:
        """Return the next packet of the sound, or None if there is none yet."""
        with contextlib.suppress(queue.Empty):
            while (kept := next(self._earlier, None) or self._waiting.get_nowait()) is not None:
                if not kept.is_video and kept.connection is self._connection:
                    return kept
        return None


class FileSound:
    """The sound of the video file `path` while its frames are played, up to a jump back in it.

    The file is opened when `template` is first read. A file that cannot be read has no sound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packets: Iterator[KeptPacket] = iter(())
        self._next: KeptPacket | None = None
        # The time of the last frame in the file, and what to add to get that on the clock.
        self._last = -1.0
        self._offset = 0.0
        self._container: Any = None
        self._connection: Connection | None = None

    @property
    def template(self) -> Any:
        """A template of the stream, or None if there is no sound."""
        if self._connection is None:
            with contextlib.suppress(MediaError, av.FFmpegError, OSError):
                self._container = open_file(self._path)
                self._connection = Connection(self._container, self._container.streams.video[0])
        return None if self._connection is None else self._connection.sound

    def until(self, frame: Frame, begin: float) -> list[av.Packet]:
        if self._container is None or self.template is None:
            return []
        offset = frame.captured_at - frame.time
        if self._last < 0:
            self._offset, self._packets = offset, self._from(frame.time)
        elif frame.time < self._last:
            self.close()
            return []
        elif abs(offset - self._offset) > _PAUSE_SECONDS:
            # The file was paused, or plays at another speed.
            self._offset = max(offset, self._offset)
        self._last = frame.time
        packets = []
        with contextlib.suppress(av.FFmpegError):
            while (kept := self._next or next(self._packets, None)) is not None:
                self._next = kept
                if kept.shown >= frame.time:
                    break
                packets.append(kept.copy(self._offset - begin))
                self._next = None
        return packets

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _from(self, begin: float) -> Iterator[KeptPacket]:
        """Yield the packets of the sound from a time of the file on, in seconds."""
        assert self._connection is not None
        with contextlib.suppress(av.FFmpegError):
            self._container.seek(max(round((begin - 1) * av.time_base), 0))
        for packet in self._container.demux(audio=0):
            for its, is_video in self._connection.packets(packet) if packet.size else ():
                kept = kept_packet(its, self._connection, is_video, True, 0.0)
                if kept is not None and kept.shown >= begin:
                    yield kept


class FileContent:
    """A part of the video file `path`, which is copied with its sound at the end of the clip.

    It begins at the last key frame before the frame that `ring` has at `begin`, and ends at once
    if the file is played from an earlier place. This is a `ClipContent`.
    """

    def __init__(self, ring: FrameRing, begin: float, path: Path) -> None:
        self.begin = begin
        self.frames = self.lost = 0
        self._ring, self._path = ring, path
        self._times: queue.SimpleQueue[tuple[float, float]] = queue.SimpleQueue()
        self._first = self._last = -1.0
        self._part = Path()
        ring.follow(begin, self._take)

    def open(self, part: Path) -> None:
        self._part = part

    def write_next(self, seconds: float, is_over: Callable[[float], bool]) -> bool | None:
        try:
            captured_at, time = self._times.get(timeout=seconds)
        except queue.Empty:
            return None
        if is_over(captured_at) or time < self._last:
            return False
        if not self.frames:
            self._first = time
        self._last = time
        self.frames += 1
        return True

    def finish(self) -> None:
        self._part.unlink()
        cut(self._path, self._part, self._first, self._last + _TINY_SECONDS)

    def abandon(self) -> None:
        """There is nothing to keep: nothing was written."""

    def close(self) -> None:
        self._ring.leave(self._take)

    def _take(self, frame: KeptFrame) -> None:
        self._times.put((frame.captured_at, frame.kept.frame.time))


class PacketContent:
    """The packets of `ring` from the last key frame before `begin` on, copied with their sound.

    If the source is opened again and has the same properties, the clip goes on with its next key
    frame, and ends otherwise. This is a `ClipContent`.
    """

    def __init__(self, ring: PacketRing, begin: float) -> None:
        self.begin = begin
        self.frames = self.lost = 0
        self._ring = ring
        self._packets: queue.SimpleQueue[KeptPacket] = queue.SimpleQueue()
        self._connection: Connection | None = None
        # What to add to the times of the connection to get those of the clip, in seconds.
        self._shift = 0.0
        self._first_shown = 0.0
        # Of the video, and of the sound.
        self._last_dts: dict[bool, int] = {}
        self._part = Path()
        self._container: Any = None
        self._targets: dict[bool, Any] = {}
        _, earlier = ring.follow(self._packets.put)
        keys = [number for number, kept in enumerate(earlier) if kept.is_key]
        early = [
            number
            for number in keys
            if earlier[number].shown + earlier[number].connection.offset <= begin
        ]
        self._earlier = earlier[(early or keys or [0])[-1 if early else 0] :]
        self._earlier.reverse()

    def open(self, part: Path) -> None:
        self._part = part

    def write_next(self, seconds: float, is_over: Callable[[float], bool]) -> bool | None:
        if self._earlier:
            kept = self._earlier.pop()
        else:
            try:
                kept = self._packets.get(timeout=seconds)
            except queue.Empty:
                return None
        if is_over(kept.captured_at):
            return False
        if kept.connection is not self._connection:
            if not kept.is_key:
                return True
            if not self._join(kept):
                return False
        self._write(kept)
        return True

    def finish(self) -> None:
        self._container.close()

    def abandon(self) -> None:
        with contextlib.suppress(av.FFmpegError, OSError):
            if self._container is not None:
                self._container.close()

    def close(self) -> None:
        self._ring.leave(self._packets.put)

    def _join(self, kept: KeptPacket) -> bool:
        """Go on with a key frame of another connection, or return False if that is impossible."""
        connection, earlier = kept.connection, self._connection
        if earlier is None:
            self._container = growing_matroska(self._part)
            for is_video, template in ((True, connection.video), (False, connection.sound)):
                if template is not None:
                    target = self._container.add_stream_from_template(template, opaque=True)
                    self._targets[is_video] = target
            self.begin = kept.shown + connection.offset
        elif not connection.continues(earlier):
            return False
        self._connection, self._first_shown = connection, kept.shown
        self._shift = connection.offset - self.begin
        return True

    def _write(self, kept: KeptPacket) -> None:
        # Pictures before an open key frame need some that are not copied.
        if kept.shown < self._first_shown or kept.is_video not in self._targets:
            return
        packet = kept.copy(self._shift)
        assert packet.pts is not None
        assert packet.dts is not None
        packet.dts = max(packet.dts, self._last_dts.get(kept.is_video, packet.dts - 1) + 1)
        if packet.pts < packet.dts:
            # The clock of a source that was opened again may be a little behind.
            packet.pts = packet.dts
        self._last_dts[kept.is_video] = packet.dts
        packet.stream = self._targets[kept.is_video]
        self._container.mux(packet)
        self.frames += kept.is_video
