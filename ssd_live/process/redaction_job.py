"""Process one input so that objects of some classes do not show in its copy."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ssd_live.detections import Detections
from ssd_live.errors import BackendError, CancelledError, IncompleteError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.image_files import read_image, write_image
from ssd_live.imaging.redaction import Hider
from ssd_live.pipeline.batch import Counters
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.pipeline.in_flight import FrameDetections
from ssd_live.process.frame_stages import TrackedFrames
from ssd_live.process.job import Job, LoadedModel, ProcessOptions, share_of
from ssd_live.process.plan import Task
from ssd_live.process.redaction import (
    CoveredFrames,
    RedactionOptions,
    Redactor,
    doubt_record,
    united,
)
from ssd_live.process.report import Report
from ssd_live.process.review import ReviewFile
from ssd_live.results.records import JsonlWriter, LogPaths, Record
from ssd_live.results.spool import Spool, SpooledFrame
from ssd_live.system.atomic_files import sha256
from ssd_live.system.standard_streams import STANDARD_INPUT, STANDARD_OUTPUT
from ssd_live.tracking.coverage import Coverage, Doubt, covered
from ssd_live.tracking.options import TrackingOptions
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import VideoWriter


def job_for(
    task: Task,
    engine: LoadedModel,
    settings: ProcessOptions,
    log: LogPaths | None,
    cancellation: Cancellation | None = None,
) -> Job:
    """Return the job for one task, of the kind that `settings` ask for; see `Job`."""
    kind = Job if settings.redaction is None else RedactionJob
    return kind(task, engine, settings, log, cancellation)


class RedactionJob(Job):
    """A job that hides objects in the copy of its input; see `Job`.

    A video is read once for each model, and once more to write it, because what must be hidden in a
    frame is known only when later frames were seen. Until then nothing of the video is kept but
    boxes. The detections that are written are the regions that are hidden.
    """

    @property
    def _engines(self) -> tuple[LoadedModel, ...]:
        return (self._engine, *self._engine.others)

    @property
    def _redaction(self) -> RedactionOptions:
        redaction = self._settings.redaction
        assert redaction is not None
        return redaction

    @property
    def _more_header(self) -> Record:
        """How objects are hidden, and the classes of all models, one after another."""
        classes: list[str] = []
        categories: list[int] = []
        models: list[Record] = []
        for engine in self._engines:
            config = engine.config
            first = max(categories) + 1 if categories else 0
            classes += config.wanted.classes
            categories += [first + number for number in config.model.metadata.category_ids]
            models.append({"model": config.model.name, "model_sha256": config.model.sha256})
        redaction = self._redaction
        return {
            "classes": classes,
            "category_ids": categories,
            "redaction": {
                "classes": list(redaction.classes),
                "style": redaction.style,
                "margin": redaction.margin,
                "models": models,
            },
        }

    def _run_image(self) -> None:
        frame = read_image(self._task.source)
        self._check_region(frame.width, frame.height)
        size = frame.width, frame.height
        with ExitStack() as stack:
            log = self._open_log(stack, {"width": size[0], "height": size[1], "time_base": None})
            parts: list[Detections] = []
            doubts: list[Doubt] = []
            for engine in self._engines:
                tracking = _tracking_of(engine)
                found = tracking.of_image(self._found_in(frame, engine))
                parts.append(covered(found, size, self._redaction.margin))
                doubts += [
                    Doubt(0.0, 0.0, each.name, 0, "low score")
                    for each in found
                    if each.score < tracking.thresholds[each.class_id]
                ]
            hidden = united(parts, [0] * len(parts))
            self.report.doubts = len(doubts)
            records = [doubt_record(doubt) for doubt in doubts]
            self._count(FrameDetections(frame, hidden), log, doubts=records)
            self.report.detected_frames += 1
            picture = frame.planes[0].copy()
            Hider(self._redaction.style).hide((picture,), hidden.boxes)
            assert self._task.output is not None
            write_image(self._task.output, picture)
            if log is not None:
                log.finish()

    def _found_in(self, frame: Frame, engine: LoadedModel) -> Detections:
        """Return what a model finds in an image; raises `CancelledError` if the work is stopped."""
        found: list[Detections] = []

        def sink(item: FrameDetections | av.Packet) -> None:
            assert isinstance(item, FrameDetections)
            found.append(item.detections)

        inference = self._inference(engine)
        self._run_pipeline(iter([frame]), inference, sink, lambda _: None, pixels=False)
        if not found:
            raise CancelledError(f"stopped before {self._task.source} was processed")
        return found[0]

    def _run_video(self, on_progress: Callable[[Counters], None]) -> None:
        if self._task.source == STANDARD_INPUT:
            raise UsageError(
                "--redact reads the video more than once, which the standard input cannot; give a "
                "file"
            )
        review = self._redaction.review
        if review is not None and review.exists():
            self._write_reviewed(ReviewFile(review), on_progress)
            return
        # The last reading is for the copy.
        readings = len(self._engines) + (review is None)
        read = 0
        spools: list[Spool] = []
        doubts: list[Doubt] = []
        # The ids of the tracks of each model follow those of the models before it.
        first_ids: list[int] = []
        with ExitStack() as stack:
            for engine in self._engines:
                spool = stack.enter_context(Spool())
                first_ids.append(max(self.report.tracks, default=0))
                with ExitStack() as reading:
                    reader = self._open_reader(reading, engine)
                    if not spools:
                        self._try_writer(reader)
                        self._try_log()
                    share = share_of(on_progress, read, readings)
                    doubts += self._search(reader, engine, spool, first_ids[-1], share)
                    if self._cancellation.is_stopped:
                        raise CancelledError(
                            f"stopped before a frame of {self._task.source} was written"
                        )
                    if not self.report.frames:
                        self._end(reader, None, None)
                    shortfall, time_base = reader.shortfall, reader.info.time_base
                    size = _size_of(reader)
                spools.append(spool)
                read += self.report.frames
            self.report.doubts = len(doubts)
            hidden = HiddenFrames(self._task, self._engines, spools, first_ids, doubts)
            if review is not None:
                if shortfall:
                    raise IncompleteError(
                        f"{self._task.source}: {shortfall}; review an undamaged copy of this file"
                    )
                self._write_review(hidden, review, size, time_base)
                return
            reader = self._open_reader(stack)
            writer = self._open_writer(stack, reader)
            assert writer is not None
            log = self._open_log(stack, _size_of(reader))
            self._hide(reader, writer, log, hidden, share_of(on_progress, read, readings))
            self._end(reader, writer, log)

    def _write_review(
        self, hidden: "HiddenFrames", review: Path, size: Record, time_base: Fraction
    ) -> None:
        """Write what will be hidden to a file. `size` describes the source as in a header."""
        # The lines need the times of the frames, and not their pixels.
        pixels = (np.empty((1, 1, 3), np.uint8),)
        with JsonlWriter(LogPaths(review, review), self._review_header(size)) as lines:
            for index, (pts, found, doubts) in enumerate(hidden.rest(time_base)):
                frame = Frame(pixels, index=index, pts=pts, time=float(pts * time_base))
                lines.add(frame, found, doubts=doubts)
            lines.finish()

    def _review_header(self, size: Record) -> Record:
        """The header of a review, by which it is known whether it is of this video."""
        header = self._header(size)
        # The style may still change; what is hidden does not depend on it.
        redaction = {key: its for key, its in header["redaction"].items() if key != "style"}
        with self._task.source.open("rb") as file:
            ends = file.read(_END_BYTES)
            size_bytes = file.seek(0, os.SEEK_END)
            file.seek(max(size_bytes - _END_BYTES, 0))
            ends += file.read()
        its = {"redaction": redaction, "source_bytes": size_bytes, "source_ends": sha256(ends)}
        return {**header, **its}

    def _write_reviewed(self, review: ReviewFile, on_progress: Callable[[Counters], None]) -> None:
        """Write the copy, and hide in it what the review says."""
        with ExitStack() as stack:
            reader = self._open_reader(stack)
            expected = self._review_header(_size_of(reader))
            for key in _REVIEW_KEYS:
                if review.header.get(key) != expected.get(key):
                    raise UsageError(
                        f"{review.path}: is the review of another video, or of other options; "
                        "delete it to make it anew, or give another file"
                    )
            writer = self._open_writer(stack, reader)
            assert writer is not None
            log = self._open_log(stack, _size_of(reader))
            self._hide(reader, writer, log, review, on_progress)
            self._end(reader, writer, log)

    def _try_log(self) -> None:
        """Raise `OutputError` if the detections cannot be written, as `_try_writer` does."""
        if self._log_place is not None and self._log_place.final != STANDARD_OUTPUT:
            with ExitStack() as tried:
                self._open_log(tried, {})

    def _search(
        self,
        reader: VideoReader,
        engine: LoadedModel,
        spool: Spool,
        first_id: int,
        on_progress: Callable[[Counters], None],
    ) -> list[Doubt]:
        """Put what must be hidden in each frame into `spool`, and return the doubtful moments.

        Ids of tracks are counted from `first_id` on in the doubts and in the report, but from 0 on
        in the spool.
        """
        tracking = _tracking_of(engine)
        # The first model alone says on how many frames inference ran.
        report = self.report if engine is self._engine else Report(stages=self.report.stages)
        tracked = TrackedFrames(tracking, report)
        coverage = Coverage(
            tracking.classes,
            tracking.thresholds,
            (reader.info.width, reader.info.height),
            self._redaction.margin,
        )
        frames = CoveredFrames(coverage, spool)

        def keep(finished: Sequence[FrameDetections]) -> None:
            for item in finished:
                its = item.detections
                assert its.track_ids is not None
                ids = (its.track_ids + first_id).tolist()
                self.report.tracks.update(zip(ids, its.names, strict=True))
                frames.add(item)

        def sink(item: FrameDetections | av.Packet) -> None:
            assert isinstance(item, FrameDetections)
            keep(tracked.add(item))

        source = self._wanted_items(reader, set())
        self._run_pipeline(source, self._inference(engine), sink, on_progress, pixels=False)
        keep(tracked.finish())
        frames.finish()
        return [doubt.renumbered(first_id) for doubt in coverage.doubts]

    def _hide(
        self,
        reader: VideoReader,
        writer: VideoWriter,
        log: JsonlWriter | None,
        hidden: "HiddenFrames | ReviewFile",
        on_progress: Callable[[Counters], None],
    ) -> None:
        """Write the frames of `reader` to `writer`, without what is hidden."""
        redact = Redactor(self.report, self._redaction.style)

        def sink(item: FrameDetections | av.Packet) -> None:
            if isinstance(item, av.Packet):
                writer.write_packet(item)
                return
            found, doubts = hidden.of(item.frame)
            redact(item.frame, found, writer)
            self._count(FrameDetections(item.frame, found), log, doubts=doubts)

        items = self._wanted_items(reader, writer.carried_streams)
        self._run_pipeline(items, None, sink, on_progress, pixels=True)


# What must be the same when a copy is written by a review.
_REVIEW_KEYS = (
    *("source", "source_bytes", "source_ends", "width", "height", "time_base"),
    *("redaction", "threshold", "tiles"),
)
# So many bytes at the begin and at the end of a video tell it from others.
_END_BYTES = 1_000_000


class HiddenFrames:
    """What is hidden in the frames of one video, which are asked for in order.

    `spools` hold what each of the `engines` found in the video of `task`, and `first_ids` the
    number that is added to the ids of its tracks. `doubts` are the doubtful moments.
    """

    def __init__(
        self,
        task: Task,
        engines: Sequence[LoadedModel],
        spools: Sequence[Spool],
        first_ids: Sequence[int],
        doubts: Sequence[Doubt],
    ) -> None:
        self._task = task
        self._classes = [engine.config.wanted.classes for engine in engines]
        self._spools, self._first_ids = spools, first_ids
        self._doubts = deque(sorted(doubts, key=lambda doubt: (doubt.begin, doubt.track_id)))

    def of(self, frame: Frame) -> tuple[Detections, list[Record]]:
        """Return what is hidden in the next frame, and the doubtful moments that begin in it.

        Raises `BackendError` if this is not the frame in which objects were searched for. It would
        otherwise be written with its objects in plain sight.
        """
        known = self._next()
        if known is None or any(each.pts != frame.pts for each in known):
            raise self._other_frames()
        return united([each.found for each in known], self._first_ids), self._begun(frame.time)

    def rest(self, time_base: Fraction) -> Iterator[tuple[int, Detections, list[Record]]]:
        """Yield the pts of each further frame, and what `of` returns for it.

        Raises `BackendError` if the models saw different frames.
        """
        while (known := self._next()) is not None:
            pts = known[0].pts
            if any(each.pts != pts for each in known):
                raise self._other_frames()
            found = united([each.found for each in known], self._first_ids)
            yield pts, found, self._begun(float(pts * time_base))

    def _next(self) -> list[SpooledFrame] | None:
        """Return what each model found in the next frame, or None at the end of one of them."""
        known = [
            spool.next(classes) for spool, classes in zip(self._spools, self._classes, strict=True)
        ]
        there = [each for each in known if each is not None]
        return there if len(there) == len(known) else None

    def _begun(self, time: float) -> list[Record]:
        begun = []
        while self._doubts and self._doubts[0].begin <= time:
            begun.append(doubt_record(self._doubts.popleft()))
        return begun

    def _other_frames(self) -> BackendError:
        return BackendError(
            f"{self._task.source}: the file gave other frames when it was read again; do not "
            "change it meanwhile"
        )


def _size_of(reader: VideoReader) -> Record:
    info = reader.info
    return {"width": info.width, "height": info.height, "time_base": str(info.time_base)}


def _tracking_of(engine: LoadedModel) -> TrackingOptions:
    tracking = engine.config.tracking
    assert tracking is not None
    return tracking
