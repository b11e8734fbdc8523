"""Define `LiveSource`, one source of a session with its pipeline and its recording."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssd_live.analytics.zones import Zone
from ssd_live.closing import Closing
from ssd_live.detection.filter import DetectionFilter
from ssd_live.errors import UsageError
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live.heat_map import LiveHeatMap
from ssd_live.live.recorder import Recorded, Recorder, RecordingPlan
from ssd_live.live.seen_objects import SeenObjects
from ssd_live.live.zone_watch import ZoneWatch
from ssd_live.pipeline.capture import CaptureOptions, Phase
from ssd_live.pipeline.counters import Durations, FrameCounts, total
from ssd_live.pipeline.live import LiveFrame, LivePipeline
from ssd_live.remote.network import ModelInfo
from ssd_live.results.records import Record
from ssd_live.video.sources import SourceSpec

_RECORDER_SECONDS = 2.0


@dataclass
class ActiveModel:
    """The model whose detections are shown now, and which of them are shown in which style.

    `loaded` and `filter` are None before the first model is loaded.
    """

    loaded: ModelInfo | None = None
    filter: DetectionFilter | None = None
    style: BoxStyle = field(default_factory=BoxStyle)


class LiveSource(Closing):
    """One source of a live session, with its pipeline and its recording.

    `pipeline` reads the source, runs inference and renders the frames. `in_use` is the model that
    all sources of the session use. `recorded` is called in the recording thread when a recording
    has ended. `index` is the file of the index in which the objects of recordings are found again,
    or None; it holds for the next recording. `notify` gets a line if it cannot be written.

    `seen_objects` lists the objects that were followed, `zone_watch` counts objects at the zones of
    the source, and `heat_map` adds up where they stood. `close` waits for the end of all threads,
    and `stop` does not wait.
    """

    def __init__(
        self,
        pipeline: LivePipeline,
        in_use: ActiveModel,
        recorded: Callable[[Recorded], None],
        index: Path | None = None,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.pipeline = pipeline
        self.index, self._notify = index, notify
        self._in_use = in_use
        self._tell_recorded = recorded
        self._spec: SourceSpec | None = None
        self._after_start: FrameCounts | None = None
        self._recorder: Recorder | None = None
        self._ending: list[Recorder] = []
        self.seen_objects = SeenObjects()
        self.zone_watch = ZoneWatch()
        self.heat_map = LiveHeatMap()
        pipeline.detections_listener = self._note

    def open(self, spec: SourceSpec, options: CaptureOptions) -> None:
        """Switch to the source `spec`, played as `options` say; a recording in progress ends."""
        if self._spec is not None:
            self.stop_recording()
        self._spec = spec
        self.pipeline.open(spec, options)
        self.seen_objects.clear()
        self.zone_watch.clear()
        self.heat_map.clear()

    def _note(self, live_frame: LiveFrame) -> None:
        """Take what is shown of a frame into the lists, counts and sums of this source."""
        found, shown = live_frame.detections, self._in_use.filter
        if found is None or shown is None or found.classes != shown.classes:
            return
        visible = shown.of(found)
        for its in (self.seen_objects, self.zone_watch, self.heat_map):
            its.note(live_frame, visible)

    @property
    def spec(self) -> SourceSpec | None:
        """The source that is open, or None."""
        return self._spec

    def set_zones(self, zones: Sequence[Zone]) -> None:
        """Count at these zones, also while the view is not visible. Objects must be tracked."""
        self.zone_watch.set_zones(zones)
        self.pipeline.masks = tuple(zone for zone in zones if zone.kind == "mask")
        self.pipeline.always_infers = any(zone.kind != "mask" for zone in zones)

    def reopen(self) -> None:
        """Open the source again as it was played last, if there is one."""
        capture = self.pipeline.capture
        if self._spec is not None and capture is not None:
            self.open(self._spec, capture.options)

    def repeat_still(self) -> None:
        """Read the source again if it is a single image, for example to infer it anew."""
        capture = self.pipeline.capture
        if capture is not None and capture.state.info is not None and capture.state.info.is_still:
            capture.seek(0.0)

    def show_again(self) -> None:
        """Read the present frame again if no other one comes by itself: of an image, or a pause."""
        capture, state = self.pipeline.capture, self.pipeline.state
        if capture is None or state is None or state.info is None:
            return
        if state.info.is_still:
            capture.seek(0.0)
        elif state.phase is Phase.PAUSED and state.info.seekable:
            capture.seek(state.position)

    def close_source(self) -> None:
        """Close the source; a recording in progress ends. `open` can open another one."""
        self.stop_recording()
        self._spec = None
        self.pipeline.close_source()
        self.seen_objects.clear()
        self.set_zones(())
        self.zone_watch.clear()
        self.heat_map.clear()

    @property
    def recorder(self) -> Recorder | None:
        """The recorder of the recording in progress, or None."""
        return self._recorder

    def start_recording(self, path: Path, *, boxes: bool) -> None:
        """Start to record the frames of this source to the Matroska file `path`.

        If `boxes` is true, the boxes are drawn onto the video. Raises `OutputError` if the file
        cannot be written, and `UsageError` if a recording is already in progress.
        """
        if self._recorder is not None:
            raise UsageError("a recording is already in progress; stop it first")
        recorder = Recorder(
            RecordingPlan(
                path,
                boxes,
                lambda: self._in_use.filter,
                lambda: self._in_use.style,
                self._header,
                self.index,
                self._notify,
                self.zone_watch.counted,
            ),
            self._recorded,
        )
        self._recorder = recorder
        self.zone_watch.listen(recorder.note)
        self.pipeline.listen(recorder.offer)

    def _header(self) -> Record:
        """Return the header line of the detections file.

        It describes the source and the model in use.
        """
        state, loaded, shown = self.pipeline.state, self._in_use.loaded, self._in_use.filter
        info, zones = state.info if state else None, self.zone_watch.zones
        return {
            "source": state.spec.title if state else "",
            "width": info.width if info else None,
            "height": info.height if info else None,
            "time_base": "1/1000",
            "model": loaded.metadata.name if loaded else None,
            "model_sha256": loaded.sha256 if loaded else None,
            "backend": loaded.backend if loaded else None,
            "precision": loaded.precision if loaded else None,
            **(shown.header if shown else {"threshold": None}),
            **({"tracking": "live"} if self.pipeline.tracks_objects else {}),
            **({"zones": [zone.to_dict() for zone in zones]} if zones else {}),
            "classes": list(loaded.metadata.classes) if loaded else [],
            "category_ids": list(loaded.metadata.category_ids) if loaded else [],
        }

    def stop_recording(self) -> None:
        """Begin to end the recording in progress, if there is one; return at once."""
        recorder = self._recorder
        self._forget_recorder()
        if recorder is not None:
            recorder.stop()
            self._ending = [*(earlier for earlier in self._ending if not earlier.join(0)), recorder]

    def _forget_recorder(self) -> None:
        if self._recorder is not None:
            self.pipeline.unlisten(self._recorder.offer)
            self.zone_watch.unlisten(self._recorder.note)
        self._recorder = None

    def _recorded(self, recorded: Recorded) -> None:
        if self._recorder is not None and self._recorder.path == recorded.path:
            self._forget_recorder()
        self._tell_recorded(recorded)

    def tick(self) -> None:
        """Begin the steady frame counts, which leave out the slow start of the session.

        They count from the first call on; later calls have no effect.
        """
        self._after_start = self._after_start or self.pipeline.frame_counter.counts()

    @property
    def steady(self) -> FrameCounts | None:
        """The frame counts since the first call of `tick`, or None before that call."""
        return (
            self.pipeline.frame_counter.counts().since(self._after_start)
            if self._after_start
            else None
        )

    def measured(self) -> "Measured":
        """Return a snapshot of the frame counts, rates and durations of this source."""
        pipeline = self.pipeline
        return Measured(
            pipeline.frame_counter.counts(),
            self.steady,
            {stage: rate.per_second() for stage, rate in pipeline.rates.items()},
            {stage: Durations.merged([taken]) for stage, taken in pipeline.durations.items()},
        )

    def numbers(self, measured: "Measured") -> dict[str, Any]:
        """Return `measured` with the title and the phase of this source, as a dictionary for JSON.

        `measured` is what the method `measured` returned.
        """
        state = self.pipeline.state
        return {
            "source": state.spec.title if state else None,
            "phase": state.phase.value if state else None,
            **measured.numbers(),
        }

    def stop(self) -> None:
        """Stop the recording and begin to end the pipeline, without waiting."""
        self.stop_recording()
        self.pipeline.stop()

    def close(self) -> None:
        """End all threads; wait at most two seconds for a recording to end."""
        self.stop()
        self.pipeline.close()
        for recorder in self._ending:
            recorder.join(_RECORDER_SECONDS)


@dataclass(frozen=True)
class Measured:
    """The measurements of one source, or of several sources together.

    `frame_counts` are the counts since the start of the session. `steady` holds the counts without
    the first seconds of the session; it is None during those seconds. `rates` maps the name of each
    stage to its events per second. `durations` maps the name of each stage, and "latency", to a
    histogram of durations in seconds.
    """

    frame_counts: FrameCounts
    steady: FrameCounts | None
    rates: dict[str, float]
    durations: dict[str, Durations]

    def numbers(self) -> dict[str, Any]:
        """Return the measurements as a dictionary for JSON, with durations in milliseconds."""
        durations = {stage: taken.milliseconds() for stage, taken in self.durations.items()}
        latency = durations.pop("latency")
        return {
            **counts(self.frame_counts),
            "after_start": counts(self.steady) if self.steady else None,
            "fps": {stage: round(rate, 2) for stage, rate in self.rates.items()},
            "latency_ms": latency,
            "stages_ms": durations,
        }


def together(each: Sequence[Measured]) -> Measured:
    """Return the measurements of several sources as if they were those of one source.

    `each` has at least one element. Counts and rates are added up, and the histograms of the
    durations are merged. `steady` is None if it is None for any of the sources.
    """
    steady = [one.steady for one in each if one.steady]
    return Measured(
        total(one.frame_counts for one in each),
        total(steady) if len(steady) == len(each) else None,
        {stage: sum(one.rates[stage] for one in each) for stage in each[0].rates},
        {
            stage: Durations.merged(one.durations[stage] for one in each)
            for stage in each[0].durations
        },
    )


def counts(frame_counts: FrameCounts) -> dict[str, Any]:
    """Return `frame_counts`, with the number of frames in flight, as a dictionary for JSON."""
    return {
        "captured": frame_counts.captured,
        "shown": frame_counts.shown,
        "inferred": frame_counts.inferred,
        "failed": frame_counts.failed,
        "dropped": frame_counts.dropped,
        "in_flight": frame_counts.in_flight,
    }
