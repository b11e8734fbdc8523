"""Process one input: read its frames, run inference on them, and write the results."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np

from ssd_live import __version__
from ssd_live.analytics.rules import Rule
from ssd_live.analytics.zones import Zone
from ssd_live.backends.base import Backend, GpuPictureBackend
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detection.tile_chooser import Tiles
from ssd_live.errors import BackendError, CancelledError, IncompleteError, OutputError, UsageError
from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.gpu_frame import GpuFrame
from ssd_live.imaging.image_files import read_image, write_image
from ssd_live.imaging.overlay import BoxStyle, Overlay
from ssd_live.modelfile.file import ModelFile
from ssd_live.pipeline.batch import BatchPipeline, Counters
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.pipeline.in_flight import FrameDetections, InferenceConfig
from ssd_live.process.frame_stages import Annotator, CountedFrames, Noticed, TrackedFrames
from ssd_live.process.plan import Task
from ssd_live.process.redaction import RedactionOptions
from ssd_live.process.report import Report
from ssd_live.results.counts import count_dict
from ssd_live.results.events import event_dict
from ssd_live.results.records import JsonlWriter, LogPaths, Record, StreamedLines
from ssd_live.results.spool import Spool
from ssd_live.selection.choice import BackendChoice
from ssd_live.system.machine import available_cores
from ssd_live.system.paths import printable
from ssd_live.system.standard_streams import STANDARD_INPUT, STANDARD_OUTPUT
from ssd_live.tracking.options import TrackingOptions
from ssd_live.video.info import VideoInfo
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import EVERYTHING, Quality, VideoWriter

# A generous estimate of compressed video in bits per pixel, to detect a full disk in advance.
_GUESSED_BITS_PER_PIXEL = {
    "h264": 0.08,
    "hevc": 0.06,
    "av1": 0.05,
    "vp9": 0.08,
    "mjpeg": 1.5,
    "ffv1": 6.0,
}

# One thread makes about 800 network inputs a second from 1080p frames; see docs/benchmarks-log.md.
_CORES_PER_RESIZE_THREAD, _MOST_RESIZE_THREADS = 4, 3


@dataclass(frozen=True)
class ModelConfig:
    """A model and how to run it.

    `choice` is the backend, device and precision. `wanted` is the filter that decides which
    detections are kept. `batch` is the number of images that the backend computes in one call.
    `tracking` says how objects are tracked and which tracks are shown, or is None. The filter then
    keeps the weaker detections too that help in tracking. `zones` are the lines, areas and masks of
    the inputs; they need tracking. `rules` are tried at them; `recorded_at` is the time of day of
    the time 0 of the inputs, in seconds since 1970, or None if it is not known. `others` are
    further models that see the same frames, of which only redaction makes use.
    """

    model: ModelFile
    choice: BackendChoice
    wanted: DetectionFilter
    batch: int = 1
    tracking: TrackingOptions | None = None
    zones: tuple[Zone, ...] = ()
    rules: tuple[Rule, ...] = ()
    recorded_at: float | None = None
    others: tuple["ModelConfig", ...] = ()


@dataclass(frozen=True)
class LoadedModel:
    """A model configuration with its loaded backend.

    `cores` is the number of CPU cores that decoding and encoding may use; 0 means all cores of the
    machine. `others` are the loaded models of `config.others`.
    """

    config: ModelConfig
    backend: Backend
    cores: int = 0
    others: tuple["LoadedModel", ...] = ()


@dataclass(frozen=True)
class ProcessOptions:
    """The options that say which part of each input is processed, and how the output is written.

    `quality` is the codec of the output video with its quality and preset. Inference runs on the
    first of every `every` frames (1: on all frames; 0: where something moves), and only on the
    pixels of `region` if it is given. `start` (counted from the first frame) and `duration` are in
    seconds; None as `duration` means up to the end. `max_frames` is the largest number of frames to
    process, or None for all. With `hardware_decoding`, a GPU decodes if it gives exactly the pixels
    that the CPU gives. `tiles` says in which tiles inference looks for small objects, besides the
    whole frame. `style` is the style of boxes and labels. `redaction` says how the objects are
    hidden instead, or is None.
    """

    quality: Quality
    every: int = 1
    region: Region | None = None
    start: float = 0.0
    duration: float | None = None
    max_frames: int | None = None
    hardware_decoding: bool = False
    tiles: Tiles = field(default=0, repr=False)
    style: BoxStyle = field(default=BoxStyle(), repr=False)
    redaction: RedactionOptions | None = field(default=None, repr=False)

    @property
    def key_text(self) -> str:
        """The text that stands for these settings in the keys of the resume log.

        It is the same text as in version 0.1.0, where this class was named `Settings`, so that
        inputs which that version finished are not processed again.
        """
        others = repr(self).replace(type(self).__name__, "Settings", 1)
        tiles = f" tiles={self.tiles}" if self.tiles else ""
        style = "" if self.style == BoxStyle() else f" {self.style}"
        redaction = "" if self.redaction is None else f" {self.redaction}"
        return f"{others}{tiles}{style}{redaction}"


class Job:
    """A job that processes one task, that is, one input file and its output file.

    `engine` is the loaded model. `settings` say which part of the input is processed and how the
    output is written. `log` holds the part path and the final path of the detections, or is None if
    they are not written. After `cancellation.stop`, the job reads no more of the input; frames that
    were already read are still processed and written.

    `frames_expected` is the number of frames to process, or None if it is not known. `report` holds
    the statistics so far.
    """

    def __init__(
        self,
        task: Task,
        engine: LoadedModel,
        settings: ProcessOptions,
        log: LogPaths | None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._task = task
        self._engine = engine
        if (span := task.span) is not None:
            settings = replace(settings, start=span.start, duration=span.duration)
        self._settings = settings
        self._log_place = log
        self._cancellation = cancellation or Cancellation()
        self.frames_expected: int | None = None
        self.report = Report()

    def run(self, on_progress: Callable[[Counters], None] = lambda _: None) -> Report:
        """Process the task and return the report.

        For a video, `on_progress` is called again and again with the counts so far.

        Raises `MediaError` if the input cannot be read, `OutputError` if an output cannot be
        written, `BackendError` if inference fails, and `UsageError` if the region or the time range
        does not fit the input. Raises `IncompleteError` if only a part of the input could be read,
        and `CancelledError` if `stop` of the cancellation ended the job early. After these two, the
        results so far stay in part files (`NAME.part.EXT`). Raises `KeyboardInterrupt` after
        `abort`.
        """
        started = time.perf_counter()
        try:
            if self._task.is_image:
                self._run_image()
            else:
                self._run_video(on_progress)
        finally:
            self.report.seconds = time.perf_counter() - started
        return self.report

    def _run_image(self) -> None:
        frame = read_image(self._task.source)
        self._check_region(frame.width, frame.height)
        info = {"width": frame.width, "height": frame.height, "time_base": None}
        with ExitStack() as stack:
            log = self._open_log(stack, info)
            overlay = Overlay((frame.width, frame.height), style=self._settings.style)
            tracking = self._engine.config.tracking

            def sink(item: FrameDetections | av.Packet) -> None:
                assert isinstance(item, FrameDetections)
                if tracking is not None:
                    item = replace(item, detections=tracking.of_image(item.detections))
                    self.report.detected_frames += 1
                self._count(item, log)
                if self._task.output is not None:
                    picture = frame.planes[0].copy()
                    overlay.draw((picture,), item.detections)
                    write_image(self._task.output, picture)

            self._run_pipeline(
                iter([frame]), self._inference(self._engine), sink, lambda _: None, pixels=False
            )
            if not self.report.frames:
                raise CancelledError(f"stopped before {self._task.source} was processed")
            if log is not None:
                log.finish()

    def _run_video(self, on_progress: Callable[[Counters], None]) -> None:
        tracking = self._engine.config.tracking
        with ExitStack() as stack:
            if tracking is None or tracking.form == "live" or self._task.output is None:
                reader = self._open_reader(
                    stack, self._engine if self._task.output is None else None
                )
                writer = self._open_writer(stack, reader)
                log = self._open_log(stack, _size(reader.info))
                self._infer(reader, writer, log, on_progress)
                self._end(reader, writer, log)
                return
            # What is drawn on a frame is known only when later frames were seen, and these would
            # need too much memory. The video is thus read twice.
            if self._task.source == STANDARD_INPUT:
                raise UsageError(
                    "--track two-pass reads the video twice, which the standard input cannot; give "
                    "a file, --track live, or --no-video"
                )
            spool = stack.enter_context(Spool())
            with ExitStack() as first:
                reader = self._open_reader(first, self._engine)
                self._try_writer(reader)
                log = self._open_log(stack, _size(reader.info))
                self._infer(reader, None, log, share_of(on_progress, 0, 2), spool)
                if self._cancellation.is_stopped or not self.report.frames:
                    self._end(reader, None, log)
            reader = self._open_reader(stack)
            writer = self._open_writer(stack, reader)
            assert writer is not None
            inferred = self.report.frames
            self._draw(reader, writer, spool, share_of(on_progress, inferred, 2))
            if self._cancellation.is_stopped and not self.report.frames:
                # No frame of the video was drawn yet, but all detections are known.
                self.report.frames, writer = inferred, None
            self._end(reader, writer, log)

    def _open_reader(self, stack: ExitStack, engine: LoadedModel | None = None) -> VideoReader:
        """Open the input. Its frames are for `engine`, or will be drawn on if that is None.

        Raises `UsageError` if the region does not lie inside the frames.
        """
        hardware = self._settings.hardware_decoding
        reader = stack.enter_context(
            VideoReader(
                self._task.source,
                hardware=hardware,
                keep_on_gpu=None if engine is None else self._reads_gpu_memory(engine),
                cores=self._engine.cores,
                # With few frames to infer, decoding is the work.
                shared=self._engine.config.choice.device == "CPU" and self._settings.every > 0,
            )
        )
        if hardware:
            by = reader.accelerator
            self.report.note(
                f"decoded by hardware ({by})"
                + ("; the frames stayed in GPU memory" if reader.keeps_on_gpu else "")
                if by
                else "no hardware here decodes this file correctly; the CPU decoded it"
            )
        self._check_region(reader.info.width, reader.info.height)
        self.frames_expected = self._expected(reader.info)
        return reader

    def _infer(
        self,
        reader: VideoReader,
        writer: VideoWriter | None,
        log: JsonlWriter | None,
        on_progress: Callable[[Counters], None],
        spool: Spool | None = None,
    ) -> None:
        """Run inference on the frames of `reader`, track objects if that is wanted, and write.

        The frames go to `writer`, and what was found to `log` and `spool`; each of them may be
        None.
        """
        tracking = self._engine.config.tracking
        zones = self._engine.config.zones
        masks = [zone for zone in zones if zone.kind == "mask"]
        size = reader.info.width, reader.info.height
        tracked = None if tracking is None else TrackedFrames(tracking, self.report, masks, size)
        config = self._engine.config
        counted = (
            CountedFrames(zones, size, self.report, config.rules, config.recorded_at)
            if zones
            else None
        )
        annotate = Annotator(self.report, self._settings.style, zones)

        def finish(item: FrameDetections) -> None:
            if counted is None:
                self._count(item, log)
            else:
                for noticed in counted.add(item):
                    self._count(noticed.item, log, noticed)
            if spool is not None:
                spool.add(item.detections, inferred=item.inferred)
            if writer is not None:
                annotate(item, writer)

        def sink(item: FrameDetections | av.Packet) -> None:
            if isinstance(item, av.Packet):
                assert writer is not None
                writer.write_packet(item)
            elif tracked is None:
                finish(item)
            else:
                for finished in tracked.add(item):
                    finish(finished)

        others = writer.carried_streams if writer else set()
        self._run_pipeline(
            self._wanted_items(reader, others),
            self._inference(self._engine),
            sink,
            on_progress,
            pixels=writer is not None,
        )
        if tracked is not None:
            for finished in tracked.finish():
                finish(finished)
        if counted is not None:
            for noticed in counted.finish():
                self._count(noticed.item, log, noticed)

    def _draw(
        self,
        reader: VideoReader,
        writer: VideoWriter,
        spool: Spool,
        on_progress: Callable[[Counters], None],
    ) -> None:
        """Draw what is in `spool` on the frames of `reader`, and write them to `writer`."""
        annotate = Annotator(self.report, self._settings.style, self._engine.config.zones)
        classes = self._engine.config.wanted.classes

        def sink(item: FrameDetections | av.Packet) -> None:
            if isinstance(item, av.Packet):
                writer.write_packet(item)
                return
            known = spool.next(classes)
            if known is None:
                raise BackendError(
                    f"{self._task.source}: the file gave more frames when it was read again; do "
                    "not change it meanwhile, or give --track live"
                )
            annotate(FrameDetections(item.frame, known.found, inferred=known.inferred), writer)

        items = self._wanted_items(reader, writer.carried_streams)
        self._run_pipeline(items, None, sink, on_progress, pixels=True)

    def _reads_gpu_memory(self, engine: LoadedModel) -> Callable[[GpuFrame, Frame], bool] | None:
        """Return a function that checks whether the backend of `engine` reads GPU memory rightly.

        It compares the network input that the backend makes from a frame in GPU memory with that
        of the same frame in CPU memory. Return None if the backend cannot read GPU memory, or if
        the model takes letterboxed frames, which backends cannot make.
        """
        backend, fit = engine.backend, engine.config.model.metadata.input_fit
        if not isinstance(backend, GpuPictureBackend) or not backend.takes_gpu_pictures:
            return None
        if fit.resize == "letterbox, linear":
            return None

        def is_right(on_gpu: GpuFrame, on_cpu: Frame) -> bool:
            try:
                found = backend.resized(on_gpu.picture())
            except BackendError as error:
                self.report.notes.append(f"frames cannot stay in GPU memory ({error})")
                return False
            return bool(np.abs(found.astype(np.int16) - fit.image(on_cpu)).max() <= 1)

        return is_right

    def _wanted_items(self, reader: VideoReader, others: set[int]) -> Iterator[Frame | av.Packet]:
        settings = self._settings
        for item in reader.read(others, settings.start, settings.duration):
            if (
                settings.max_frames is not None
                and isinstance(item, Frame)
                and item.index >= settings.max_frames
            ):
                return
            yield item

    def _inference(self, engine: LoadedModel) -> InferenceConfig:
        config, settings = engine.config, self._settings
        # Nothing moves in an image.
        is_still = settings.tiles == "auto" and self._task.is_image
        return InferenceConfig(
            engine.backend,
            config.model.metadata.input_size,
            config.wanted,
            settings.every,
            settings.region,
            config.batch,
            _resize_threads(config.choice.device, engine.cores),
            config.tracking is not None and not self._task.is_image,
            "natural" if is_still else settings.tiles,
            config.model.metadata.resize,
        )

    def _run_pipeline(
        self,
        source: Iterator[Frame | av.Packet],
        inference: InferenceConfig | None,
        sink: Callable[[FrameDetections | av.Packet], None],
        on_progress: Callable[[Counters], None],
        *,
        pixels: bool,
    ) -> None:
        pipeline = BatchPipeline(
            source, inference, sink, pixels=pixels, cancellation=self._cancellation
        )
        try:
            pipeline.run(on_progress)
        finally:
            counters = pipeline.counters
            self.report.frames = counters.done
            self.report.first_done_at = counters.first_done_at
            for stage, seconds in counters.seconds.items():
                self.report.stages[stage] = self.report.stages.get(stage, 0.0) + seconds

    def _end(
        self, reader: VideoReader, writer: VideoWriter | None, log: JsonlWriter | None
    ) -> None:
        """Finish the output files and give them their final names.

        `writer` writes the annotated video and `log` the detections; each of them may be None.
        `reader` has read the input. If the work was stopped, the outputs stay part files
        (`NAME.part.EXT`) and `CancelledError` is raised. If a part of the input could not be read,
        they stay part files too and `IncompleteError` is raised. Raises `UsageError` if there is no
        frame in the requested time range.
        """
        is_stopped = self._cancellation.is_stopped
        if is_stopped and not self.report.frames:
            raise CancelledError(f"stopped before a frame of {self._task.source} was processed")
        parts = (writer and writer.part, log and log.part)
        kept = [str(part) for part in parts if part and part != STANDARD_OUTPUT]
        where = f"; the results so far were kept in {' and '.join(kept)}" if kept else ""
        shortfall = reader.shortfall
        if is_stopped or shortfall:
            if writer is not None:
                writer.close_part()
            if log is not None:
                log.close_part()
        if is_stopped:
            raise CancelledError(f"stopped after {self.report.frames} frames{where}")
        if shortfall:
            raise IncompleteError(
                f"{self._task.source}: {shortfall}; {self.report.frames} frames were "
                f"processed{where}; process an undamaged copy of this file to get all frames"
            )
        if not self.report.frames:
            raise UsageError(
                f"{self._task.source}: there is no frame in the requested time range; check "
                "--start and --duration"
            )
        if reader.concealed_frames:
            self.report.notes.append(
                f"{reader.concealed_frames} frames are damaged in the source; the decoder guessed "
                "the missing pixels"
            )
        if reader.resized_frames:
            self.report.notes.append(
                f"{reader.resized_frames} frames have a different size in the source; they are "
                "scaled to the size of the first frame"
            )
        # Both files are closed before one of them gets its final name. A full disk thus leaves no
        # finished video of an input that failed.
        self._close_log(writer, log)
        if writer is not None:
            started = time.perf_counter()
            writer.finish(lambda: self._cancellation.is_aborted)
            self.report.stages["encode"] = (
                self.report.stages.get("encode", 0.0) + time.perf_counter() - started
            )
            self.report.notes += writer.notes
        if log is not None:
            log.finish()

    def _close_log(self, writer: VideoWriter | None, log: JsonlWriter | None) -> None:
        """Close the detections file.

        Raises `OutputError` if that fails. The video is then kept as its part file.
        """
        if log is None:
            return
        try:
            log.close_part()
        except OutputError as error:
            if writer is None:
                raise
            writer.close_part()
            raise OutputError(
                f"{error}; the video is in {writer.part}, which you can rename"
            ) from error

    def _count(
        self,
        item: FrameDetections,
        log: JsonlWriter | None,
        noticed: Noticed | None = None,
        doubts: Sequence[Record] = (),
    ) -> None:
        if item.stale:
            return
        found = item.detections
        self.report.objects.update(found.names)
        if found.track_ids is not None:
            self.report.tracks.update(zip(found.track_ids.tolist(), found.names, strict=True))
        if log is not None:
            counts = [count_dict(each) for each in noticed.counts] if noticed else ()
            events = [event_dict(each) for each in noticed.events] if noticed else ()
            found = item.detections
            log.add(item.frame, found, counts=counts, events=events, doubts=doubts)

    def _open_writer(self, stack: ExitStack, reader: VideoReader) -> VideoWriter | None:
        output, redaction = self._task.output, self._settings.redaction
        if output is None:
            return None
        if output != STANDARD_OUTPUT:
            _check_space(output, reader.info, self.frames_expected, self._settings.quality)
        shift = min(reader.start_pts, 0)
        is_part = self._task.span is not None
        if self._settings.start or is_part:
            shift = reader.start_pts + round(self._settings.start / reader.info.time_base)
        elif shift:
            seconds = float(shift * reader.info.time_base)
            self.report.notes.append(
                f"the source begins at {seconds:.3f} s; players skip times before zero, so the "
                "output begins at zero"
            )
        carried = EVERYTHING if redaction is None else redaction.carried
        return stack.enter_context(
            VideoWriter(
                output,
                reader,
                self._settings.quality,
                shift_pts=shift,
                cores=self._engine.cores,
                carried=() if is_part else carried,
            )
        )

    def _try_writer(self, reader: VideoReader) -> None:
        """Raise `OutputError` if the video cannot be written; hours later, that would be too late.

        Nothing is tried on the standard output, because it would get the beginning of a video.
        """
        if self._task.output != STANDARD_OUTPUT:
            with ExitStack() as tried:
                self._open_writer(tried, reader)

    def _open_log(self, stack: ExitStack, size: Record) -> JsonlWriter | None:
        if self._log_place is None:
            return None
        header = self._header(size)
        if self._log_place.final == STANDARD_OUTPUT:
            return stack.enter_context(StreamedLines(header))
        return stack.enter_context(JsonlWriter(self._log_place, header))

    def _header(self, size: Record) -> Record:
        """Return the header line of the detections; `size` describes the source."""
        config = self._engine.config
        return {
            "source": printable(self._task.name),
            **size,
            "model": config.model.name,
            "model_sha256": config.model.sha256,
            "backend": config.choice.backend,
            "precision": config.choice.precision,
            **config.wanted.header,
            **({} if config.tracking is None else config.tracking.header),
            **({"zones": [zone.to_dict() for zone in config.zones]} if config.zones else {}),
            **({"tiles": self._settings.tiles} if self._settings.tiles else {}),
            **({} if config.recorded_at is None else {"recorded_at": config.recorded_at}),
            "classes": list(config.wanted.classes),
            "category_ids": list(config.model.metadata.category_ids),
            "version": __version__,
            **self._more_header,
        }

    @property
    def _more_header(self) -> Record:
        """What another kind of job adds to the header of the detections, or replaces there."""
        return {}

    def _expected(self, info: VideoInfo) -> int | None:
        settings = self._settings
        frames = info.frames
        if frames is not None and not (settings.start == 0 and settings.duration is None):
            left = max(frames / float(info.rate) - settings.start, 0.0)
            frames = round(min(left, settings.duration or left) * info.rate)
        limits = [limit for limit in (frames, settings.max_frames) if limit is not None]
        return min(limits) if limits else None

    def _check_region(self, width: int, height: int) -> None:
        region = self._settings.region
        if region is not None and (
            region.x + region.width > width or region.y + region.height > height
        ):
            raise UsageError(
                f"--region {region.x},{region.y},{region.width},{region.height} reaches outside "
                f"{self._task.source.name}, "
                f"which is {width} x {height}; give a region inside it"
            )


def _resize_threads(device: str, cores: int) -> int:
    """Return how many threads make the network inputs, or 0 if the decode thread makes them.

    If `device` is the CPU, the result is 0: inference is the bottleneck, and the decode thread has
    the frame in its cache. For a GPU, more threads are used if there are enough cores, because the
    GPU can be faster than the decode thread. `cores` is the number of CPU cores to use, or 0 for
    all.
    """
    if device == "CPU":
        return 0
    return min((cores or available_cores()) // _CORES_PER_RESIZE_THREAD, _MOST_RESIZE_THREADS)


def _size(info: VideoInfo) -> Record:
    return {"width": info.width, "height": info.height, "time_base": str(info.time_base)}


def share_of(
    on_progress: Callable[[Counters], None], before: int, readings: int
) -> Callable[[Counters], None]:
    """Return `on_progress` for one of several `readings` of a video, which are equal shares of
    work.

    `before` is the number of frames that were done before, in all earlier readings together.
    """
    return lambda counters: on_progress(
        replace(counters, done=(before + counters.done) // readings)
    )


def _check_space(output: Path, info: VideoInfo, frames: int | None, quality: Quality) -> None:
    """Raise `OutputError` if the disk has less free space than the output video may need.

    The size of the video is estimated from `quality.codec`, the frame size in `info` and `frames`.
    `frames` is the expected number of frames, or None if it is not known.
    """
    folder = next((parent for parent in output.parents if parent.is_dir()), Path())
    needed = (frames or 1) * info.width * info.height * _GUESSED_BITS_PER_PIXEL[quality.codec] / 8
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"{output}: about {needed / 1e6:.1f} MB will be needed but only {free / 1e6:.1f} MB "
            "are free; free some space or choose another place"
        )
