"""The stages between inference and the outputs of `process`: tracking and drawing."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import av

from ssd_live.analytics.counting import CountRecord, ZoneCounter
from ssd_live.analytics.rules import Event, Rule, RuleWatcher
from ssd_live.analytics.zone_drawing import CountedZones, ZoneDrawer
from ssd_live.analytics.zones import Zone, unmasked
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
    """Frames on their way through a tracker. Its seconds are added to `report.stages`.

    What stands in one of the `masks` is left out; `size` is the (width, height) of the frames in
    pixels.
    """

    def __init__(
        self,
        tracking: TrackingOptions,
        report: Report,
        masks: Sequence[Zone] = (),
        size: tuple[int, int] = (0, 0),
    ) -> None:
        self._masks, self._size = masks, size
        self._tracker = tracking.tracker()
        self._report = report
        # Frames, what a check found, and whether inference ran.
        self._waiting: deque[tuple[Frame, Detections | None, bool]] = deque()
        self._tracking = tracking

    def add(self, item: FrameDetections) -> list[FrameDetections]:
        """Add the next frame, and return those that are finished, with their objects."""
        if self._masks:
            item = self._unmasked(item)
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

    def _unmasked(self, item: FrameDetections) -> FrameDetections:
        """Return the frame without what stands in a mask."""
        kept = unmasked(item.detections.boxes, self._masks, self._size)
        check = item.check
        return replace(
            item,
            detections=item.detections.where(kept),
            looks=None if item.looks is None else item.looks[kept],
            check=check and check.where(unmasked(check.boxes, self._masks, self._size)),
        )

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


class Noticed(NamedTuple):
    """A frame with the counts that were noticed in it, and the events of rules."""

    item: FrameDetections
    counts: list[CountRecord]
    events: list[Event]


class CountedFrames:
    """Frames on their way past a counter, which counts the objects at the `zones`.

    The `rules` are tried too. `recorded_at` is the time of day of the time 0 of the video, in
    seconds since 1970, or None; hours and days then do not matter.

    `size` is the (width, height) of the frames in pixels; the frames themselves may have no pixels.
    The counts are added to `report`. A frame is handed on with what was noticed in it when the next
    one has come, because at the end of the video all objects leave, in the last frame.
    """

    def __init__(
        self,
        zones: Sequence[Zone],
        size: tuple[int, int],
        report: Report,
        rules: Sequence[Rule] = (),
        recorded_at: float | None = None,
    ) -> None:
        self._report = report
        self._counter = ZoneCounter(zones, size)
        self._rules = RuleWatcher(rules)
        self._recorded_at = recorded_at
        self._held: Noticed | None = None

    def add(self, item: FrameDetections) -> list[Noticed]:
        """Add the next frame, and return the one before it, if there is one."""
        time = item.frame.time
        counts = self._counter.update(time, item.detections)
        clock = None if self._recorded_at is None else self._recorded_at + time
        events = self._rules.update(time, self._counter, counts, clock)
        earlier, self._held = self._held, Noticed(item, counts, events)
        return [] if earlier is None else [self._noted(earlier)]

    def finish(self) -> list[Noticed]:
        """Return the last frame, in which all objects leave."""
        if self._held is None:
            return []
        item, counts, events = self._held
        return [self._noted(Noticed(item, [*counts, *self._counter.finish()], events))]

    def _noted(self, noticed: Noticed) -> Noticed:
        self._report.events.update((event.rule, event.why_not) for event in noticed.events)
        for record in noticed.counts:
            what = record.direction or record.kind
            self._report.counts[record.zone, what, record.class_name] += 1
            if record.kind == "left":
                seconds = self._report.zone_seconds
                seconds[record.zone] = seconds.get(record.zone, 0.0) + record.seconds
        return noticed


class Annotator:
    """A callable that draws the boxes on a frame and writes the frame to the output video.

    With `zones`, they are drawn too, with their counts so far. It adds the seconds that drawing and
    encoding take to `report.stages`.
    """

    def __init__(self, report: Report, style: BoxStyle, zones: Sequence[Zone] = ()) -> None:
        self._report = report
        self._style = style
        self._overlay: Overlay | None = None
        self._marks = Marks()
        self._zones = tuple(zone for zone in zones if zone.kind != "mask")
        self._counter: ZoneCounter | None = None
        self._drawer = ZoneDrawer()

    def __call__(self, item: FrameDetections, writer: VideoWriter) -> None:
        started = time.perf_counter()
        frame = item.frame
        marked = self._marks.of(item.detections, inferred=item.inferred)
        if len(item.detections) or self._zones:
            frame = writable(frame)
            if self._overlay is None:
                size = (item.frame.width, item.frame.height)
                self._overlay = Overlay(size, frame.pixel_format, frame.matrix, self._style)
            picture = frame.native
            assert isinstance(picture, av.VideoFrame)
            planes = planes_of(picture)
            counted = self._counted(item) if self._zones else None
            if counted is not None:
                self._drawer.draw(self._overlay, planes, counted)
            self._overlay.draw(planes, item.detections, stale=item.stale, marked=marked)
            if counted is not None:
                self._drawer.draw_labels(self._overlay, planes, counted)
        else:
            frame = even_sided(frame)
        drawn = time.perf_counter()
        writer.write(frame)
        stages = self._report.stages
        stages["draw"] = stages.get("draw", 0.0) + drawn - started
        stages["encode"] = stages.get("encode", 0.0) + time.perf_counter() - drawn

    def _counted(self, item: FrameDetections) -> CountedZones:
        """Return the zones with their counts so far."""
        if self._counter is None:
            self._counter = ZoneCounter(self._zones, (item.frame.width, item.frame.height))
        self._counter.update(item.frame.time, item.detections)
        return CountedZones(self._zones, self._counter.counts)
