"""Keep the last seconds of a live source, so that a clip can begin before its event."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.closing import Closing
from ssd_live.imaging.pixels import YuvMatrix
from ssd_live.pipeline.live import LiveFrame

# Frames are kept as they are, which costs nothing, until they take so much memory. From then on,
# the oldest BGR frames become yuv420p, which has half the size and is what a clip is encoded from;
# this takes 0.4 ms for a frame of 1280 x 720. If that is not small enough, the oldest frames become
# JPEG files, which takes about 3 ms.
RAW_BYTES = 300_000_000
SMALL_BYTES = 500_000_000
_JPEG_QUALITY = 95
# Frames are kept for so much longer than asked for, because an event is noticed a little later.
_SLACK_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class KeptFrame:
    """A frame in the ring; its pixels are in `jpeg` if that is not None.

    `nbytes` is how much memory it takes.
    """

    kept: LiveFrame
    nbytes: int
    jpeg: NDArray[np.uint8] | None = None

    @property
    def captured_at(self) -> float:
        """The time of capture on the monotonic clock, in seconds."""
        return self.kept.frame.captured_at

    def compressed(self) -> "KeptFrame":
        """Return the frame as JPEG."""
        parameters = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        encoded, data = cv2.imencode(".jpg", self.kept.frame.bgr(), parameters)
        if not encoded:
            return self
        frame = replace(self.kept.frame, planes=(), native=None)
        return KeptFrame(replace(self.kept, frame=frame), data.nbytes, np.asarray(data, np.uint8))

    def halved(self) -> "KeptFrame":
        """Return a BGR frame with even sides as yuv420p."""
        frame = self.kept.frame
        width, height = frame.width, frame.height
        whole = np.asarray(cv2.cvtColor(frame.planes[0], cv2.COLOR_BGR2YUV_I420), np.uint8)
        chroma = whole[height:].reshape(2, height // 2, width // 2)
        planes = whole[:height], chroma[0], chroma[1]
        frame = replace(
            frame, planes=planes, pixel_format="yuv420p", matrix=YuvMatrix(), native=None
        )
        return KeptFrame(replace(self.kept, frame=frame), whole.nbytes)

    def live_frame(self) -> LiveFrame:
        """Return the frame with its pixels."""
        if self.jpeg is None:
            return self.kept
        picture = np.asarray(cv2.imdecode(self.jpeg, cv2.IMREAD_COLOR), np.uint8)
        frame = replace(self.kept.frame, planes=(picture,), pixel_format="bgr24")
        return replace(self.kept, frame=frame)


class FrameRing(Closing):
    """The frames of the last `seconds` of one source, and those that come.

    Any thread may call the methods. Only one calls `add`, which does not wait. About 800 MB are
    kept at most, so of very large frames there are fewer seconds.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds + _SLACK_SECONDS
        self._changed = threading.Condition()
        self._raw: deque[KeptFrame] = deque()
        # All of these are older than those in `_raw`.
        self._small: deque[KeptFrame] = deque()
        self._raw_bytes = self._small_bytes = 0
        self._listeners: list[Callable[[KeptFrame], None]] = []
        self._is_closed = False
        self._thread = threading.Thread(target=self._compress, name="clip frames", daemon=True)
        self._thread.start()

    def add(self, live_frame: LiveFrame) -> None:
        """Add the newest frame, and forget those that are too old."""
        newest = KeptFrame(live_frame, live_frame.frame.nbytes)
        with self._changed:
            if self._is_closed:
                return
            self._raw.append(newest)
            self._raw_bytes += newest.nbytes
            before = newest.captured_at - self._seconds
            while self._small and (
                self._small[0].captured_at < before or self._small_bytes > SMALL_BYTES
            ):
                self._small_bytes -= self._small.popleft().nbytes
            # If making them small is too slow, the oldest frames are lost instead.
            while self._raw[0].captured_at < before or self._raw_bytes > 2 * RAW_BYTES:
                self._raw_bytes -= self._raw.popleft().nbytes
            if self._raw_bytes > RAW_BYTES:
                self._changed.notify_all()
            for listener in self._listeners:
                listener(newest)

    @property
    def raw_frames(self) -> int:
        """The number of frames that are kept as they came."""
        return len(self._raw)

    @property
    def is_followed(self) -> bool:
        """Whether somebody gets each new frame."""
        return bool(self._listeners)

    def clear(self) -> None:
        """Forget all frames."""
        with self._changed:
            self._forget_all()

    def follow(self, since: float, listener: Callable[[KeptFrame], None]) -> None:
        """Call `listener` with each frame from `since` on, first the kept ones, then each new one.

        `since` is a time of capture on the monotonic clock, in seconds. The listener must not wait.
        """
        with self._changed:
            for frame in (*self._small, *self._raw):
                if frame.captured_at >= since:
                    listener(frame)
            self._listeners.append(listener)

    def leave(self, listener: Callable[[KeptFrame], None]) -> None:
        """Call `listener` no more."""
        with self._changed:
            self._listeners.remove(listener)

    def close(self) -> None:
        """Forget all frames, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._forget_all()
            self._changed.notify_all()
        self._thread.join()

    def _forget_all(self) -> None:
        self._raw.clear()
        self._small.clear()
        self._raw_bytes = self._small_bytes = 0

    def _compress(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._raw_bytes > RAW_BYTES)
                if self._is_closed:
                    return
                oldest, newest, count = self._raw[0], self._raw[-1], len(self._raw)
            # So many bytes would all frames take as yuv420p.
            span = max(newest.captured_at - oldest.captured_at, 1e-3)
            needed = oldest.nbytes / 2 * count / span * self._seconds
            frame = oldest.kept.frame
            is_even = not (frame.width % 2 or frame.height % 2)
            can_halve = frame.pixel_format == "bgr24" and is_even and needed <= SMALL_BYTES
            smaller = oldest.halved() if can_halve else oldest.compressed()
            with self._changed:
                # It may have been forgotten meanwhile.
                if self._raw and self._raw[0] is oldest:
                    self._raw.popleft()
                    self._raw_bytes -= oldest.nbytes
                    self._small.append(smaller)
                    self._small_bytes += smaller.nbytes
