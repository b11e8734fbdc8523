"""Write a clip of an event: the seconds before it, and those after it."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ssd_live.analytics.zone_drawing import CountedZones
from ssd_live.closing import Closing
from ssd_live.detections import Detections
from ssd_live.errors import OutputError, SsdLiveError
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.imaging.planes import copied
from ssd_live.live.frame_ring import FrameRing, KeptFrame
from ssd_live.live.outputs import BoxDrawer
from ssd_live.pipeline.live import LiveFrame
from ssd_live.system.atomic_files import os_error_text, rename_new, reserve_part
from ssd_live.video.recording import RecordingWriter

_LONGEST_SECONDS = 600.0
# So many frames wait to be encoded; if there are more, the newest are lost.
_MOST_WAITING = 3000
_POLL_SECONDS = 0.1
# If the source gives no more frames, the clip ends so long after its last moment.
PATIENCE_SECONDS = 2.0


class ClipFrames(Closing):
    """The frames of a ring from `begin` on, which wait until they are written.

    `begin` is a time of capture on the monotonic clock, in seconds. `lost` is how many frames were
    lost, because too many waited.
    """

    def __init__(self, ring: FrameRing, begin: float) -> None:
        self.begin = begin
        self.lost = 0
        self._ring = ring
        self._frames: queue.Queue[KeptFrame] = queue.Queue(_MOST_WAITING)
        ring.follow(begin, self._take)

    def next(self, seconds: float) -> KeptFrame | None:
        """Return the next frame, or None if none comes within so many seconds."""
        try:
            return self._frames.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Take no more frames."""
        self._ring.leave(self._take)

    def _take(self, frame: KeptFrame) -> None:
        try:
            self._frames.put_nowait(frame)
        except queue.Full:
            self.lost += 1


class Clip:
    """A clip that is written in a thread of its own, as a part file until it is complete.

    It has all `frames` up to `end`, a time of capture on the monotonic clock, in seconds; the
    frames are closed at its end. `visible` returns what is drawn on a frame, or None for nothing;
    `style` is how, and `counted` returns the zones that are drawn too, or None. `on_end` is called
    in that thread with the clip and an error message, which is "" if there was none. Raises
    `OutputError` if `path`, which ends in .mkv, cannot be written.
    """

    def __init__(
        self,
        path: Path,
        frames: ClipFrames,
        end: float,
        visible: Callable[[LiveFrame], Detections | None],
        style: BoxStyle,
        on_end: Callable[["Clip", str], None],
        counted: Callable[[], CountedZones | None] = lambda: None,
    ) -> None:
        self.path = path
        self._waiting, self._begin, self._end = frames, frames.begin, end
        self._visible, self._style, self._on_end = visible, style, on_end
        self._counted = counted
        self._lock = threading.Lock()
        self._is_stopped = self._is_over = False
        self.frames = 0
        self._part = reserve_part(path)
        self._writer = RecordingWriter(self._part)
        self._boxes = BoxDrawer()
        self._last = -1
        self._thread = threading.Thread(target=self._run, name="clip", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many frames were lost, because writing was too slow."""
        return self._waiting.lost

    @property
    def paths(self) -> tuple[Path, Path]:
        """The path of the clip, and that of its part file."""
        return self.path, self._part

    def extend(self, end: float) -> bool:
        """Let the clip go on until `end`, but for 10 minutes at most; return whether it can."""
        with self._lock:
            if self._is_over or end - self._begin > _LONGEST_SECONDS:
                return False
            self._end = max(self._end, end)
            return True

    def stop(self) -> None:
        """Let the clip end now; return at once."""
        self._is_stopped = True

    def join(self, seconds: float) -> None:
        """Wait at most so long until the clip is complete."""
        self._thread.join(seconds)

    def _run(self) -> None:
        message = ""
        try:
            try:
                self._write_frames()
            finally:
                self._waiting.close()
            if not self.frames:
                raise OutputError("the source gave no frame")
            self._writer.close()
            rename_new(self._part, self.path)
        except Exception as error:  # whatever the error is, it must be told
            self._writer.abandon()
            is_system = isinstance(error, OSError) and not isinstance(error, SsdLiveError)
            detail = os_error_text(error) if is_system else str(error)  # type: ignore[arg-type]
            message = f"{self.path}: the clip cannot be written ({detail})"
            with contextlib.suppress(OSError):
                if not self._part.stat().st_size:
                    self._part.unlink()
        self._on_end(self, message)

    def _write_frames(self) -> None:
        while True:
            frame = self._waiting.next(_POLL_SECONDS)
            if frame is None:
                if self._is_stopped or self._ends_before(time.monotonic() - PATIENCE_SECONDS):
                    return
                if self.frames:
                    self._writer.keep_going()
                continue
            if self._ends_before(frame.captured_at):
                return
            self._write(frame.live_frame())

    def _ends_before(self, moment: float) -> bool:
        """Return whether the clip ends before a moment. If it does, it cannot be extended."""
        with self._lock:
            self._is_over = self._end < moment
            return self._is_over

    def _write(self, live_frame: LiveFrame) -> None:
        if not self.frames:
            # The first frame is at time 0.
            self._begin = live_frame.frame.captured_at
        milliseconds = round(1000 * (live_frame.frame.captured_at - self._begin))
        if milliseconds <= self._last:
            return
        picture = copied(live_frame.frame)
        found = self._visible(live_frame)
        self._boxes.draw(picture, live_frame, found, self._style, self._counted())
        self._writer.add(picture, milliseconds)
        self.frames, self._last = self.frames + 1, milliseconds
