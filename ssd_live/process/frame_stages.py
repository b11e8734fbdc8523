"""The stages between inference and the outputs of `process`: tracking and drawing."""

import time
from collections import deque

import av

from ssd_live.detections import Detections
from ssd_live.imaging.boxes import iou_matrix
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.overlay import BoxStyle, Overlay
from ssd_live.imaging.planes import even_sided, planes_of, writable
from ssd_live.pipeline.in_flight import FrameDetections
from ssd_live.process.report import Report
from ssd_live.tracking.marks import Marks
from ssd_live.tracking.options import TrackingOptions
from ssd_live.video.writer import VideoWriter

# A detection shows the object of a track if their boxes overlap so much.
_SAME_OBJECT_IOU = 0.5


class TrackedFrames:
    """Frames on their way through a tracker. Its seconds are added to `report.stages`."""

    def __init__(self, tracking: TrackingOptions, report: Report) -> None:
        self._tracker = tracking.tracker()
        self._report = report
        # Frames, what a check found, and whether inference ran.
        self._waiting: deque[tuple[Frame, Detections | None, bool]] = deque()
        self._tracking = tracking

    def add(self, item: FrameDetections) -> list[FrameDetections]:
        """Add the next frame, and return those that are finished, with their objects."""
        check = None if item.check is None else self._tracking.of_image(item.check)
        self._waiting.append((item.frame, check, not item.stale))
        self._report.detected_frames += not item.stale
        started = time.perf_counter()
        found = None if item.stale else item.detections
        finished = self._tracker.add(item.frame.time, found, item.looks)
        return self._finished(finished, started)

    def finish(self) -> list[FrameDetections]:
        """Return all other frames."""
        started = time.perf_counter()
        return self._finished(self._tracker.finish(), started)

    def _finished(self, objects: list[Detections], started: float) -> list[FrameDetections]:
        stages = self._report.stages
        stages["track"] = stages.get("track", 0.0) + time.perf_counter() - started
        return [self._checked(found) for found in objects]

    def _checked(self, found: Detections) -> FrameDetections:
        """Return the oldest frame with its objects, after a check if it is one for checks."""
        frame, check, inferred = self._waiting.popleft()
        if check is not None:
            self._report.checked += len(check)
            if len(check) and len(found):
                same = iou_matrix(check.boxes, found.boxes).max(1) >= _SAME_OBJECT_IOU
                self._report.missed += len(check) - int(same.sum())
            else:
                self._report.missed += len(check)
        return FrameDetections(frame, found, inferred=inferred)


class Annotator:
    """A callable that draws the boxes on a frame and writes the frame to the output video.

    It adds the seconds that drawing and encoding take to `report.stages`.
    """

    def __init__(self, report: Report, style: BoxStyle) -> None:
        self._report = report
        self._style = style
        self._overlay: Overlay | None = None
        self._marks = Marks()

    def __call__(self, item: FrameDetections, writer: VideoWriter) -> None:
        started = time.perf_counter()
        frame = item.frame
        marked = self._marks.of(item.detections, inferred=item.inferred)
        if len(item.detections):
            frame = writable(frame)
            if self._overlay is None:
                size = (item.frame.width, item.frame.height)
                self._overlay = Overlay(size, frame.pixel_format, frame.matrix, self._style)
            picture = frame.native
            assert isinstance(picture, av.VideoFrame)
            self._overlay.draw(planes_of(picture), item.detections, stale=item.stale, marked=marked)
        else:
            frame = even_sided(frame)
        drawn = time.perf_counter()
        writer.write(frame)
        stages = self._report.stages
        stages["draw"] = stages.get("draw", 0.0) + drawn - started
        stages["encode"] = stages.get("encode", 0.0) + time.perf_counter() - drawn
