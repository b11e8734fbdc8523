"""`live`: show detections live in a window, or run in the terminal."""

import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssd_live import __version__
from ssd_live.analytics.rules import RuleBook, read_rules
from ssd_live.analytics.zones import check_classes, read_zones
from ssd_live.commands.interrupts import note_signal
from ssd_live.commands.live import Request
from ssd_live.commands.options import names_in, tiles_in
from ssd_live.commands.progress import notify
from ssd_live.errors import CancelledError, OutputError, SsdLiveError, UsageError
from ssd_live.live.request import LiveRequest, Overrides
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.results.tables import check_table
from ssd_live.system.paths import assets_folder
from ssd_live.system.signals import on_signals
from ssd_live.system.standard_streams import is_standard_output
from ssd_live.video.sources import SourceOptions, SourceSpec, parse_source
from ssd_live.video.sources.parse import parse_size

_LINE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_LEFT_BEHIND_SECONDS = 0.5
_MOST_SOURCES = 64
_SAMPLE = assets_folder() / "media" / "bikes.mp4"


def run(request: Request) -> int:
    """Run `live` until the window closes or Ctrl-C is pressed, and return the exit code.

    The options are checked first. Raises `UsageError` if an option is not valid, and another
    `SsdLiveError` if a source, the model or an output cannot be used.
    """
    checked = _checked(request)
    if not request.no_window:
        from ssd_live.gui import platform

        platform.prepare()
        from ssd_live.gui import app

        code = app.run(checked)
    else:
        code = _run_in_terminal(checked)
    _leave_nothing_behind(code)
    return code


def _checked(request: Request) -> LiveRequest:
    classes = names_in(request.classes)
    camera = _first_camera() if not request.sources else None
    sources = [_numbered(parse_source(text)) for text in request.sources or ()] or [
        camera or parse_source(str(_SAMPLE))
    ]
    if len(sources) > _MOST_SOURCES:
        raise UsageError(
            f"{len(sources)} sources are more than fit into the window; give at most "
            f"{_MOST_SOURCES}"
        )
    if request.model is not None or request.threshold is not None or classes:
        from ssd_live.detection.filter import detection_filter

        detection_filter(
            find_model(request.model or DEFAULT_MODEL).metadata, request.threshold, classes
        )
    if request.record is not None:
        if len(sources) > 1:
            raise UsageError(
                "--record works with one source only; record each source from the window (key R), "
                "or run `live` once for each source"
            )
        if request.record.suffix.lower() != ".mkv":
            raise UsageError(
                f"{request.record}: a recording is a Matroska file, which stays readable after a "
                "crash; end the name in .mkv"
            )
        if request.record.exists():
            raise OutputError(f"{request.record}: exists already; choose another name")
    if request.detections:
        _check_detections(request)
    if request.save_power and request.track is False:
        raise UsageError("--save-power follows objects; leave out --no-track")
    redact = None if request.redact is None else _redacted(request)
    if request.index and request.track is False:
        raise UsageError("--index follows objects; leave out --no-track")
    if request.index and request.no_window and request.record is None:
        raise UsageError("--index is for a recording; add --record FILE.mkv")
    _check_zones(request, len(sources))
    zones = None if request.zones is None else read_zones(request.zones)
    book = RuleBook()
    if zones is not None:
        # The window may use another model, which the settings name, and another one later.
        seen = None
        if request.no_window:
            seen = find_model(request.model or DEFAULT_MODEL).metadata.classes
            check_classes(zones, seen)
        if request.rules is not None:
            book = read_rules(request.rules, zones, seen)
    if request.tiles == "auto" and request.track is False:
        raise UsageError("--tiles auto follows objects; leave out --no-track")
    if request.screenshot is not None and request.no_window:
        raise UsageError("--screenshot needs the window; leave out --no-window")
    return LiveRequest(
        sources=tuple(sources),
        options=SourceOptions(parse_size(request.size) if request.size else None, request.rate),
        model=request.model,
        backend=request.backend,
        precision=request.precision,
        overrides=Overrides(request.threshold, classes),
        record=request.record,
        full_screen=request.full_screen,
        exit_after=request.exit_after,
        screenshot=request.screenshot,
        stats=request.json_file or request.stats,
        detections=request.detections,
        # What lies between two detections comes from the tracks.
        track=True
        if request.save_power or request.tiles == "auto" or request.zones or request.index
        else request.track,
        save_power=request.save_power,
        tiles=None if request.tiles is None else tiles_in(request.tiles),
        zones=zones,
        counts=request.counts,
        book=book,
        rules_file=request.rules,
        events=request.events,
        index=request.index,
        redact=redact,
        redact_style=request.redact_style,
        is_default=not request.sources,
        no_camera=not request.sources and camera is None,
    )


def _redacted(request: Request) -> tuple[str, ...]:
    """Return the classes to hide. Raises `UsageError` if the model does not have one of them.

    A model that only the settings of the window name is not checked here.
    """
    names = tuple(name.strip() for name in names_in(request.redact or ""))
    if "" in names:
        raise UsageError(f"--redact {request.redact!r} has an empty name; give classes like A,B")
    if not request.no_window and request.model is None:
        return names
    model = find_model(request.model or DEFAULT_MODEL)
    known = {name.casefold() for name in model.metadata.classes}
    for name in names:
        if name.casefold() not in known:
            raise UsageError(
                f"--redact: {model.name} has no class {name!r}; it has "
                f"{', '.join(model.metadata.classes)}; for faces, take --model blazeface-256"
            )
    return names


def _check_zones(request: Request, sources: int) -> None:
    for name in ("counts", "events", "rules"):
        if getattr(request, name) is not None and request.zones is None:
            raise UsageError(f"--{name} needs --zones; add a zones file")
    for name, path in (("counts", request.counts), ("events", request.events)):
        if path is None:
            continue
        if not request.no_window:
            raise UsageError(f"--{name} is for --no-window; leave it out in the window")
        check_table(name, path)
        if path.exists():
            raise OutputError(f"{path}: exists already; choose another name")
    if request.events is not None and request.rules is None:
        raise UsageError("--events needs --rules; add a rules file")
    if request.zones is not None:
        if sources != 1:
            raise UsageError("--zones works with one source only; run `live` once for each source")
        if request.track is False:
            raise UsageError("--zones follows objects; leave out --no-track")


def _check_detections(request: Request) -> None:
    path = Path(request.detections)
    if request.record is not None:
        raise UsageError("--record writes the detections too; leave out --detections")
    if not request.no_window:
        raise UsageError(
            "--detections is for --no-window; in the window, a recording writes the detections"
        )
    if is_standard_output(path):
        return
    if path.suffix.lower() != ".jsonl":
        raise UsageError(f"{path}: detections are JSON lines here; end the name in .jsonl")
    if path.exists():
        raise OutputError(f"{path}: exists already; choose another name")


def _numbered(source: SourceSpec) -> SourceSpec:
    """Return `source`. If its address is the name of a camera, replace it with the camera's number.

    Raises `MediaError` if no camera has this name.
    """
    if source.kind != "camera" or source.address.isdecimal():
        return source
    from ssd_live.video.sources.camera import find_camera

    return replace(source, address=str(find_camera(source.address)))


def _first_camera() -> SourceSpec | None:
    from ssd_live.video.sources.camera import cameras

    found = cameras()
    return parse_source(str(found[0].index)) if found else None


class _Terminal:
    """A live session without a window, which prints frame rates and latencies to the terminal.

    The session uses the same pipeline as a session with a window. A frame counts as shown when the
    session takes it from the pipeline.
    """

    def __init__(self, request: LiveRequest) -> None:
        self._request = request
        self._wake = threading.Event()
        self._failure: SsdLiveError | None = None
        self._stop = False

    def run(self) -> int:
        """Run until Ctrl-C, the time limit or the failure of all sources. Return the exit code.

        The exit code is 130 if there is a time limit and Ctrl-C came first, otherwise 0. Raises
        `SsdLiveError` if the model cannot be loaded, the recording fails, a source fails before its
        first frame, or the measurements cannot be written.
        """
        from ssd_live.index.database import index_path
        from ssd_live.live.display_filter import DisplayFilters
        from ssd_live.live.outputs import write_numbers
        from ssd_live.live.session import LiveSession, SessionEvents
        from ssd_live.pipeline.capture import CaptureOptions
        from ssd_live.pipeline.picture import Viewport
        from ssd_live.settings import Settings

        request = self._request
        events = SessionEvents(
            self._wake.set, notify, self._loaded, self._load_failed, notify, self._recorded
        )
        shown = DisplayFilters(Settings(), request.overrides)
        with (
            LiveSession(
                events,
                shown,
                streams=len(request.sources),
                track=bool(request.track),
                save_power=bool(request.save_power),
                tiles=request.tiles or 0,
                index=index_path() if request.index else None,
            ) as session,
            on_signals(lambda number, _: self._interrupt(number)),
        ):
            self._session = session
            session.redact(request.redact or (), request.redact_style or "solid")
            session.load(request.model_request(DEFAULT_MODEL, "auto", "auto"))
            for stream, source, cap in zip(
                session.streams, request.sources, request.rate_caps, strict=True
            ):
                stream.pipeline.cap_rate(cap)
                stream.open(source, CaptureOptions(request.options))
                # A small viewport is enough, because nobody sees the frames. With it, the pipeline
                # has the same stages as with a window.
                stream.pipeline.set_viewport(Viewport(320, 320))
            session.stream.set_zones(request.zones or ())
            with self._detections(session), self._counts(session), self._events(session):
                self._loop(session)
            numbers = session.numbers()
        numbers = session.settled(numbers)
        if request.stats is not None:
            write_numbers(request.stats, numbers)
        source_failure = self._source_failure(session)
        failure = self._failure
        if failure is None and source_failure is None:
            failure = self._never_recorded(any_frames=bool(numbers["captured"]))
        if failure is not None:
            raise failure
        if numbers["captured"]:
            for each in numbers.get("streams", []):
                print(f"{each['source']}: {', '.join(_summary(each, numbers['seconds']))}")
            print(*_summary(numbers, numbers["seconds"]), sep="\n")
        if source_failure is not None:
            raise source_failure
        return 130 if self._interrupted else 0

    @contextlib.contextmanager
    def _detections(self, session: Any) -> Iterator[None]:
        """Write the detections of every inferred frame in the with-block, if the user wants them.

        The threads of several sources write one after the other. If writing fails, the session
        ends with the error.
        """
        from ssd_live.results.records import JsonlWriter, LogPaths, StreamedLines

        wanted = self._request.detections
        if not wanted:
            yield
            return
        sources = [source.title for source in self._request.sources]
        header = {"sources": sources, "version": __version__}
        path, lock, is_over = Path(wanted), threading.Lock(), False
        with (
            StreamedLines(header)
            if is_standard_output(path)
            else JsonlWriter(LogPaths(path, path), header)
        ) as lines:

            def write(title: str, live_frame: Any) -> None:
                found = session.visible(live_frame.detections)
                if found is None or live_frame.stale:
                    return
                try:
                    with lock:
                        if is_over:
                            return
                        lines.add(live_frame.frame, found, source=title if len(sources) > 1 else "")
                except SsdLiveError as error:
                    self._failure = error
                    self._wake.set()

            listeners = [functools.partial(write, title) for title in sources]
            for stream, listener in zip(session.streams, listeners, strict=True):
                stream.pipeline.listen(listener)
            try:
                yield
            finally:
                for stream, listener in zip(session.streams, listeners, strict=True):
                    stream.pipeline.unlisten(listener)
                with lock:
                    is_over = True
                    lines.finish()

    @contextlib.contextmanager
    def _counts(self, session: Any) -> Iterator[None]:
        """Write each count in the with-block to the table that the user wants.

        Each row is handed to the system at once. If writing fails, the session ends with the error.
        """
        from ssd_live.live.zone_watch import LiveCount
        from ssd_live.results.counts import COLUMNS, count_dict, count_row
        from ssd_live.results.growing_table import GrowingTable, clock_text

        path, watch = self._request.counts, session.stream.zone_watch
        if path is None:
            yield
            return
        title = self._request.sources[0].title
        with GrowingTable(path, (*COLUMNS, "clock")) as table:

            def write(news: Any) -> None:
                if isinstance(news, LiveCount):
                    row = count_row(title, count_dict(news.record))
                    self._add(table, (*row, clock_text(news.clock)))

            watch.listen(write)
            try:
                yield
            finally:
                watch.finish()
                watch.unlisten(write)

    @contextlib.contextmanager
    def _events(self, session: Any) -> Iterator[None]:
        """Tell each event of the rules in the with-block, and start its actions."""
        from ssd_live.live.rule_watch import RuleWatch, event_text
        from ssd_live.results.events import COLUMNS, event_dict, event_row
        from ssd_live.results.growing_table import GrowingTable, clock_text

        request = self._request
        if request.rules_file is None:
            yield
            return
        title = request.sources[0].title
        with contextlib.ExitStack() as stack:
            table = request.events and stack.enter_context(
                GrowingTable(request.events, (*COLUMNS, "clock", "files"))
            )

            def write(live_event: Any, files: list[Path]) -> None:
                event = live_event.event
                if not event.why_not:
                    notify(event_text(live_event))
                if table:
                    row = event_row(title, event.time, event_dict(event))
                    clock, names = clock_text(live_event.clock), "\n".join(map(str, files))
                    self._add(table, (*row, clock, names))

            stack.enter_context(
                RuleWatch(
                    session, session.stream, title, request.book, request.rules_file, write, notify
                )
            )
            yield

    def _add(self, table: Any, row: tuple[Any, ...]) -> None:
        """Add a row to a table. If that fails, the session ends with the error."""
        try:
            table.add(row)
        except SsdLiveError as error:
            self._failure = error
            self._wake.set()

    def _source_failure(self, session: Any) -> SsdLiveError | None:
        """Return the error of a source that failed before its first frame, or None."""
        for stream in session.streams:
            state, counts = stream.pipeline.state, stream.pipeline.frame_counter.counts()
            if state is not None and state.error_message and not counts.captured:
                return SsdLiveError(state.error_message)
        return None

    def _never_recorded(self, *, any_frames: bool) -> SsdLiveError | None:
        """Return an error if the requested recording never started, otherwise None.

        `any_frames` is whether a source gave a frame.
        """
        if self._request.record is None or self._recorded_once:
            return None
        why = "the model was still loading" if any_frames else "no frame came in this time"
        kind = CancelledError if self._was_stopped else OutputError
        return kind(
            f"{self._request.record}: nothing was recorded, because {why}; let the command run for "
            "longer"
        )

    _interrupted = _recorded_once = _was_stopped = False

    def _loop(self, session: Any) -> None:
        from ssd_live.pipeline.capture import Phase

        started = last = time.monotonic()
        messages = [""] * len(session.streams)
        while not self._stop and self._failure is None:
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
            for stream in session.streams:
                picture = stream.pipeline.picture()
                if picture is not None:
                    stream.pipeline.painted(picture)
            session.tick()
            now = time.monotonic()
            states = [stream.pipeline.state for stream in session.streams]
            failed = [state.phase is Phase.FAILED for state in states]
            for index, state in enumerate(states):
                # When all sources have failed, the command ends and prints their error then.
                message = state.error_message
                if message and message != messages[index] and not all(failed):
                    notify(message)
                messages[index] = message
            if all(failed) or (
                self._request.exit_after is not None and now - started >= self._request.exit_after
            ):
                return
            if now - last >= _LINE_SECONDS:
                last = now
                self._line(session)

    def _line(self, session: Any) -> None:
        numbers = session.numbers()
        for each in numbers.get("streams", [numbers]):
            rates = ", ".join(f"{stage} {rate:.1f} FPS" for stage, rate in each["fps"].items())
            dropped = (
                ", ".join(f"{count} {cause}" for cause, count in each["dropped"].items()) or "none"
            )
            whose = f"{each['source']}: " if each is not numbers else ""
            notify(
                f"{whose}{rates}; latency p50 {each['latency_ms']['p50']:.1f} ms, p99 "
                f"{each['latency_ms']['p99']:.1f} ms; dropped: {dropped}"
            )

    def _loaded(self, model_request: Any, loaded: Any) -> None:
        notify(f"{loaded.metadata.name} on {loaded.description}")
        if self._request.record is not None and not self._recorded_once:
            self._recorded_once = True
            try:
                self._session.stream.start_recording(self._request.record, boxes=True)
            except SsdLiveError as error:
                self._failure = error
                self._wake.set()

    def _load_failed(self, model_request: Any, error: SsdLiveError) -> None:
        self._failure = error
        self._wake.set()

    def _recorded(self, recorded: Any) -> None:
        if recorded.error_message:
            self._failure = OutputError(recorded.error_message)
            self._wake.set()
            return
        notify(recording_summary(recorded))

    def _interrupt(self, number: int) -> None:
        note_signal(number)
        self._interrupted = self._request.exit_after is not None
        self._stop = self._was_stopped = True


def recording_summary(recorded: Any) -> str:
    """Return a line of text about `recorded`, a recording that ended without an error."""
    lost = f" ({recorded.lost} lost because writing was too slow)" if recorded.lost else ""
    return f"recorded {recorded.frames} frames, {recorded.seconds:.1f} s: {recorded.path}{lost}"


def _summary(numbers: dict[str, Any], seconds: float) -> list[str]:
    latency, dropped = numbers["latency_ms"], sum(numbers["dropped"].values())
    return [
        f"{numbers['captured']} frames captured, {numbers['shown']} shown, {numbers['inferred']} "
        f"inferred, {dropped} dropped",
        f"latency p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms, p99 "
        f"{latency['p99']:.1f} ms",
        f"{numbers['shown'] / max(seconds, 1e-6):.1f} FPS",
    ]


def _run_in_terminal(request: LiveRequest) -> int:
    return _Terminal(request).run()


def _leave_nothing_behind(code: int) -> None:
    """Wait until the capture threads have ended, but at most half a second.

    If one is still running then, end the process with the exit code `code`. A source that never
    responds blocks its thread, and such a thread must not keep the program running.
    """
    ends = time.monotonic() + _LEFT_BEHIND_SECONDS
    while any(thread.name == "capture" for thread in threading.enumerate()):
        if time.monotonic() > ends:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        time.sleep(0.01)
