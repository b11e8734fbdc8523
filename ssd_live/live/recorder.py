"""Record the shown frames to a video that is playable even if the program is killed."""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ssd_live import __version__
from ssd_live.analytics.counting import CountRecord
from ssd_live.analytics.zone_drawing import CountedZones
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections, no_detections
from ssd_live.errors import OutputError, SsdLiveError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.imaging.planes import copied
from ssd_live.index.collect import NewSource
from ssd_live.live.outputs import BoxDrawer
from ssd_live.live.recording_index import RecordingIndex
from ssd_live.live.zone_watch import LiveCount, LiveEvent
from ssd_live.pipeline.live import LiveFrame
from ssd_live.reporting.log import count_of, event_of
from ssd_live.results.counts import count_dict
from ssd_live.results.events import event_dict
from ssd_live.results.records import JsonlWriter, LogPaths, Record
from ssd_live.system.atomic_files import os_error_text, rename_new, reserve_part
from ssd_live.system.paths import resolve
from ssd_live.video.recording import RecordingWriter

# The queue holds half a second of frames at 30 FPS, so that a disk may stall for that long.
_QUEUE_FRAMES = 15
_FLUSH_SECONDS = 0.5
_POLL_SECONDS = 0.1
# Counts and events that wait for a frame; many come at once when a scene ends.
_MOST_NEWS = 1000
# The index is written in a thread of its own, whose end may be awaited for so long.
_INDEX_SECONDS = 2.0


@dataclass(frozen=True)
class RecordingPlan:
    """The settings of one recording.

    `path` is the path of the video file. `shown` returns the current display filter, or None if no
    model is loaded; only detections that pass this filter are recorded. If `boxes` is true, these
    detections are also drawn onto the video, in the style that `style` returns. `header` is called
    at the first frame. It returns the header line of the detections file, which describes the
    source and the model. `index` is the file of the index in which the objects are found again, or
    None; `notify` gets a line if it cannot be written. `counted` returns the zones that are drawn
    with the boxes, or None.
    """

    path: Path
    boxes: bool
    shown: Callable[[], DetectionFilter | None]
    style: Callable[[], BoxStyle]
    header: Callable[[], Record]
    index: Path | None = None
    notify: Callable[[str], None] = lambda _: None
    counted: Callable[[], CountedZones | None] = lambda: None


@dataclass(frozen=True)
class Recorded:
    """The result of a recording that has ended.

    `path` is the path of the video. `detections` is the path of the file with the detections as
    JSON lines. `frames` is the number of recorded frames. `lost` is the number of frames that were
    not recorded because they came faster than they could be written. `seconds` is the time from the
    first recorded frame to the last. `error_message` says which error ended the recording; it is ""
    if there was none.
    """

    path: Path
    detections: Path
    frames: int
    lost: int
    seconds: float
    error_message: str = ""


class Recorder:
    """A recorder that takes frames from any thread and writes them in a thread of its own.

    The recorder starts at once and ends after `stop` or at the first error. It writes a Matroska
    video with the capture times, and the detections as JSON lines. Both files are part files (with
    `.part` in their names) until the recording has ended without an error. The first frame sets the
    size; later frames are scaled to this size.

    `plan` says what to record. `on_end` is called in the recording thread when the recording has
    ended. The constructor raises `OutputError` if the path does not end in .mkv, if one of the two
    files exists already, or if the video cannot be written.
    """

    def __init__(self, plan: RecordingPlan, on_end: Callable[[Recorded], None]) -> None:
        if plan.path.suffix.lower() != ".mkv":
            raise OutputError(
                f"{plan.path}: a recording is a Matroska file, which stays readable after a "
                "crash; end the name in .mkv"
            )
        for path in (plan.path, plan.path.with_suffix(".jsonl")):
            if path.exists():
                raise OutputError(f"{path}: the file exists already; choose another name")
        self._plan = plan
        self._on_end = on_end
        self._frames: queue.Queue[LiveFrame] = queue.Queue(_QUEUE_FRAMES)
        self._stop = threading.Event()
        self._part = reserve_part(plan.path)
        self._log: JsonlWriter | None = None
        self._writer = RecordingWriter(self._part)
        self._boxes = BoxDrawer()
        self._index: RecordingIndex | None = None
        # What the zones and rules have noticed since the last frame that was written.
        self._news: deque[LiveCount | LiveEvent] = deque(maxlen=_MOST_NEWS)
        self._started: float | None = None
        self._last_pts = -1
        self.frames = self.lost = 0
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        """The path that the video gets when it is finished."""
        return self._plan.path

    @property
    def first_frame_at(self) -> float | None:
        """The capture time of the first recorded frame, on the monotonic clock, or None."""
        return self._started

    @property
    def is_full(self) -> bool:
        """Whether the queue is full, so that a frame offered now would be lost."""
        return self._frames.full()

    def offer(self, live_frame: LiveFrame) -> None:
        """Put a frame into the queue without waiting, or count it as lost.

        A frame is lost if the queue is full.
        """
        try:
            self._frames.put_nowait(live_frame)
        except queue.Full:
            self.lost += 1

    def note(self, news: LiveCount | LiveEvent) -> None:
        """Write a count or an event with the next frame."""
        self._news.append(news)

    def stop(self) -> None:
        """Begin to end the recording, and return at once.

        The recording thread then writes the waiting frames, closes both files and gives them their
        final names.
        """
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the recording thread to end.

        Return whether it has ended.
        """
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        message = ""
        try:
            self._record()
            self._finish()
        except Exception as error:  # whatever the error is, it must be reported
            detail = (
                os_error_text(error)
                if isinstance(error, OSError) and not isinstance(error, SsdLiveError)
                else str(error)
            )
            self._abandon()
            left = (
                f"the frames so far are in {self._part.name}, which you can play"
                if self._part.exists()
                else "nothing was written; start a new recording"
            )
            message = f"{self._plan.path}: the recording ended with an error ({detail}); {left}"
        seconds = max(self._last_pts, 0) / 1000
        self._on_end(
            Recorded(
                self._plan.path,
                self._plan.path.with_suffix(".jsonl"),
                self.frames,
                self.lost,
                seconds,
                message,
            )
        )

    def _record(self) -> None:
        flushed = time.monotonic()
        while True:
            try:
                live_frame = self._frames.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._stop.is_set():
                    return
                self._writer.keep_going()
                continue
            self._write(live_frame)
            if time.monotonic() - flushed >= _FLUSH_SECONDS:
                if self._log is not None:
                    self._log.flush()
                flushed = time.monotonic()

    def _write(self, live_frame: LiveFrame) -> None:
        picture = copied(live_frame.frame)
        if self._log is None:
            self._started = live_frame.frame.captured_at
            self._begin(live_frame)
        assert self._log is not None
        assert self._started is not None
        pts = round((live_frame.frame.captured_at - self._started) * 1000)
        if pts <= self._last_pts:
            return
        self._last_pts = pts
        found = self._visible(live_frame)
        if self._plan.boxes:
            style, counted = self._plan.style(), self._plan.counted()
            self._boxes.draw(picture, live_frame, found, style, counted)
        self._writer.add(picture, pts)
        placed: Frame = replace(live_frame.frame, index=self.frames, pts=pts, time=pts / 1000)
        shift = placed.time - live_frame.frame.time
        news = [self._news.popleft() for _ in range(len(self._news))]
        counts = [count_dict(_moved(one, shift)) for one in news if isinstance(one, LiveCount)]
        events = [event_dict(one.event) for one in news if isinstance(one, LiveEvent)]
        self._log.add(
            placed,
            found if found is not None else no_detections(),
            stale=live_frame.stale,
            counts=counts,
            events=events,
        )
        # With every frame shown, all boxes are those of the frame before.
        if self._index is not None and found is not None:
            self._index.add(
                placed.time,
                live_frame.frame,
                found,
                tuple(count_of(one, placed.time) for one in counts),
                tuple(event_of(one) for one in events if "suppressed" not in one),
            )
        self.frames += 1

    def _begin(self, live_frame: LiveFrame) -> None:
        """Begin the log, and the part of the index, with the first frame."""
        frame, path = live_frame.frame, self._plan.path.with_suffix(".jsonl")
        recorded_at = time.time() - (time.monotonic() - frame.captured_at)
        header = {
            **self._plan.header(),
            "kind": "recording",
            "recorded_at": round(recorded_at, 3),
            "version": __version__,
        }
        self._log = JsonlWriter(LogPaths(path, path), header)
        if self._plan.index is not None:
            source = NewSource(
                header["source"],
                "recording",
                resolve(self._log.part),
                resolve(self._part),
                frame.width,
                frame.height,
                recorded_at,
                is_own=True,
            )
            self._index = RecordingIndex(self._plan.index, source, self._plan.notify)

    def _visible(self, live_frame: LiveFrame) -> Detections | None:
        shown = self._plan.shown()
        if (
            live_frame.detections is None
            or shown is None
            or tuple(live_frame.detections.classes) != shown.classes
        ):
            return None
        return shown.of(live_frame.detections)

    def _finish(self) -> None:
        if self._log is None:
            raise OutputError("the source gave no frame; check that it plays")
        self._writer.close()
        self._log.close_part()
        # The video comes last: while it is a part file, `_abandon` knows that there is one.
        rename_new(self._log.part, self._plan.path.with_suffix(".jsonl"))
        rename_new(self._part, self._plan.path)
        video = resolve(self._plan.path)
        self._close_index((video.with_suffix(".jsonl"), video))

    def _close_index(self, files: tuple[Path, Path] | None) -> None:
        if self._index is not None:
            self._index.close(_INDEX_SECONDS, files)

    def _abandon(self) -> None:
        """Close the part files after an error, and delete both if the video is empty."""
        self._close_index(None)
        self._writer.abandon()
        # The end must be reported even if the failing disk raises another error here.
        with contextlib.suppress(SsdLiveError, OSError):
            is_empty = not self._part.exists() or not self._part.stat().st_size
            if is_empty:
                self._part.unlink(missing_ok=True)
            if self._log is not None and is_empty:
                self._log.discard()
            elif self._log is not None:
                self._log.close_part()


def _moved(count: LiveCount, shift: float) -> CountRecord:
    """Return the record of a count with its time so many seconds later."""
    record = count.record
    return replace(record, time=record.time + shift, noticed_at=record.noticed_at + shift)
