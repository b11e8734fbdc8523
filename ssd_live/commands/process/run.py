"""`process`: annotate videos and images, and write the detections."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ssd_live.analytics.rules import read_rules
from ssd_live.analytics.zones import Zone, check_classes, read_zones
from ssd_live.commands.interrupts import cancelled_at_once, ends_in_order
from ssd_live.commands.options import names_in, tiles_in, time_in
from ssd_live.commands.process import Request
from ssd_live.commands.process.redact import models_that_see, redaction_filter, redaction_of
from ssd_live.commands.process.stream import is_streamed, run_streamed, streamed_task
from ssd_live.commands.progress import TerminalProgress, has_listener, notify
from ssd_live.detection.filter import DetectionFilter, detection_filter, for_tracking
from ssd_live.errors import CancelledError, IncompleteError, OutputError, UsageError
from ssd_live.imaging.frame import Region
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Plan, Task, make_plan
from ssd_live.process.report import Report
from ssd_live.process.run import BatchRunner, RunSummary, check_places, objects_text
from ssd_live.process.workers import Worker, load_engine, local_workers, own_this_process
from ssd_live.selection.choice import batch_for, batch_for_video, parse_constraint
from ssd_live.selection.choose import Decision, decide
from ssd_live.selection.measure import measured
from ssd_live.system import machine
from ssd_live.system.atomic_files import atomic_write, check_writable
from ssd_live.system.paths import printable
from ssd_live.tracking.options import TrackingOptions
from ssd_live.video.encoders import (
    CRF_RANGE,
    DEFAULT_CRF,
    DEFAULT_PRESET,
    Codec,
    default_codec,
    software_encoder,
)
from ssd_live.video.writer import Quality

# One year. A longer time is certainly a mistake.
_LONGEST_SECONDS = 365 * 24 * 3600.0


# One input keeps about this many cores busy, because decoding, inference and encoding overlap.
_CORES_FOR_ONE = 4
# After a run of at least this length, it is worth measuring which backend is the fastest.
LONG_SECONDS = 30.0
# A run that is this many times as fast as what was measured shows that the measurement is wrong.
_CONTRADICTION = 1.5
# WebM can hold only these of the offered codecs (webmproject.org, "WebM Container Guidelines").
_WEBM_CODECS: tuple[Codec, ...] = ("av1", "vp9")


def run(request: Request) -> None:
    """Process all inputs and print a summary.

    Everything that can be checked is checked before a model is loaded. Raises `UsageError` if an
    option is not valid, `CancelledError` if the user stopped the work, `IncompleteError` if an
    input failed, and another `SsdLiveError` if a file or the model cannot be used.
    """
    settings = _settings(request)
    if request.ray_address is not None and request.runner != "ray":
        raise UsageError("--ray-address is for --runner ray; give both or neither")
    if request.json_file is not None:
        check_writable(request.json_file)
    if settings.redaction is not None:
        request = replace(request, track="two-pass")
    task = streamed_task(request) if is_streamed(request) else None
    plan = _plan(request) if task is None else Plan((task,), None)
    needing = [name for name in ("every", "tiles") if getattr(request, name) == "auto"]
    needing = [f"--{name} auto" for name in needing] + ["--zones"] * (request.zones is not None)
    needing += ["--index"] * request.index
    if request.track is None:
        request = replace(request, track="two-pass" if needing else "off")
    if request.track == "off" and needing:
        raise UsageError(f"{needing[0]} needs tracking; give --track two-pass or --track live")
    if request.counts is not None and request.zones is None:
        raise UsageError("--counts needs --zones; add a zones file")
    if request.rules is not None and request.zones is None:
        raise UsageError("--rules needs --zones; add a zones file")
    if request.events is not None and request.rules is None:
        raise UsageError("--events needs --rules; add a rules file")
    if request.recorded_at and request.rules is None and request.detections is None:
        raise UsageError("--recorded-at needs --rules or --detections; add one of them")
    is_log = request.detections is not None and request.detections.suffix.lower() == ".jsonl"
    if request.index and (task is not None or not is_log):
        raise UsageError("--index needs --detections FILE.jsonl, and inputs that are files")
    stored = next((task for task in plan.tasks if task.is_stored), None)
    if stored is not None and (request.index or request.review is not None):
        raise UsageError(
            f"--{'index' if request.index else 'review'} needs inputs and outputs on this machine; "
            f"copy {stored.source_text if stored.source_address else stored.output_text} first"
        )
    recorded_at = time_in("--recorded-at", request.recorded_at)
    zones = () if request.zones is None else read_zones(request.zones)
    if request.tracks is not None and request.track == "off":
        raise UsageError("--tracks needs --track two-pass or --track live; add one of them")
    config, decision = _config(request, settings, plan, zones)
    if request.rules is not None:
        rules = read_rules(request.rules, zones, config.wanted.classes).rules
        config = replace(config, rules=rules)
    config = replace(config, recorded_at=recorded_at)
    if request.review is not None:
        _review(request, plan, config, settings)
        return
    if task is not None:
        report = run_streamed(request, task, config, settings)
        if request.json_file is not None:
            _write_json(request, request.json_file, plan, report)
        for note in report.notes:
            notify(f"note: {note}")
        if request.every == "auto":
            notify(_detected_text(report))
        notify(f"{report.frames} frames in {report.seconds:.2f} s, {report.fps:.1f} FPS")
        return
    with ExitStack() as stack:
        workers = _workers(request, config, settings, plan.tasks, stack)
        own_this_process()
        cancellation = Cancellation()
        work = BatchRunner(
            plan,
            config,
            settings,
            workers,
            request.detections,
            overwrite=request.overwrite,
            tables=request.tables,
            cancellation=cancellation,
        )
        with (
            ends_in_order(cancellation.stop, "stopping ...", cancellation.abort),
            TerminalProgress() as progress,
        ):
            totals = work.run(progress)
    _print_summary(request, plan, totals)
    if request.json_file is not None:
        _write_json(request, request.json_file, plan, totals)
    if _is_worth_measuring(decision, totals, request):
        _measure_for_later(config.model, request)
    if totals.stopped:
        raise CancelledError(totals.failures[-1] if totals.failures else "stopped")
    if totals.failures:
        if len(plan.tasks) == 1:
            raise IncompleteError(totals.failures[0]) from totals.last_error
        for line in totals.failures:
            notify(f"error: {line}")
        raise IncompleteError(
            f"{len(totals.failures)} of {len(plan.tasks)} inputs failed, see the errors above; the "
            "others are done"
        ) from totals.last_error
    if request.index:
        _add_to_index(request, plan)


def _review(request: Request, plan: Plan, config: ModelConfig, settings: ProcessOptions) -> None:
    """Write what would be hidden for a review, or the copy after it."""
    review = request.review
    assert review is not None
    if len(plan.tasks) != 1 or plan.tasks[0].is_image or plan.folder is not None:
        raise UsageError("--review works with one video, and -o with the name of its copy")
    (task,) = plan.tasks
    assert task.output is not None
    if task.output.exists() and not request.overwrite:
        raise OutputError(
            f"{task.output}: exists already; give --overwrite to replace it, or another name"
        )
    is_new = not review.exists()
    if is_new:
        check_writable(review)
    report = run_streamed(request, task, config, settings)
    for note in report.notes:
        notify(f"note: {note}")
    if is_new:
        moments = "1 moment" if report.doubts == 1 else f"{report.doubts} moments"
        print(f"review: {review}, {moments} to check; run this again to write the copy")
    else:
        print(f"written: {task.output} ({task.output.stat().st_size / 1e6:.1f} MB)")


def _add_to_index(request: Request, plan: Plan) -> None:
    from ssd_live.commands.index.run import opened
    from ssd_live.index.add import add_log

    assert request.detections is not None
    # The input shows what a redacted copy hides.
    videos = {
        printable(task.name): task.output if request.redact else task.source for task in plan.tasks
    }
    with opened() as index:
        added = add_log(
            index, request.detections, video_of=lambda its: videos.get(its.source), progress=notify
        )
    for note in added.notes:
        notify(f"note: {note}")
    print(f"added to the index: {added}")


def _config(
    request: Request, settings: ProcessOptions, plan: Plan, zones: tuple[Zone, ...]
) -> tuple[ModelConfig, Decision]:
    """Return the models and how they are run, and why the first one is run so."""
    found: list[tuple[ModelFile, TrackingOptions | None, DetectionFilter]] = []
    if settings.redaction is None:
        model = find_model(request.model)
        wanted = detection_filter(model.metadata, request.threshold, names_in(request.classes))
        tracking = None
        if request.track is not None and request.track != "off":
            tracking, wanted = for_tracking(request.track, model.metadata, wanted)
        found.append((model, tracking, wanted))
    else:
        for model, names in models_that_see(settings.redaction.classes, request.model):
            found.append((model, *redaction_filter(model.metadata, request.threshold, names)))
    decisions = [
        decide(model, request.backend, request.precision, workload="throughput", notify=notify)
        for model, _, _ in found
    ]
    # Images come one at a time, so a larger batch would be computed mostly for empty places. With
    # --every, the frames without inference would wait until the batch is full.
    in_batches = settings.every == 1 and not any(task.is_image for task in plan.tasks)
    configs = []
    for (model, tracking, wanted), decision in zip(found, decisions, strict=True):
        choice = decision.choice
        batch = batch_for_video(choice) if in_batches else batch_for(choice)
        configs.append(ModelConfig(model, choice, wanted, batch, tracking))
    check_classes(zones, found[0][0].metadata.classes)
    return replace(configs[0], zones=zones, others=tuple(configs[1:])), decisions[0]


def _is_worth_measuring(decision: Decision, totals: RunSummary, request: Request) -> bool:
    """Return whether later runs may be faster if the backends are measured now.

    Another program that started this command, such as the window, waits for its end and has a
    backend of its own in use.
    """
    if totals.stopped or totals.failures or totals.seconds < LONG_SECONDS:
        return False
    if request.runner != "local" or has_listener():
        return False
    if decision.measurement is not None:
        # If this run was much faster than measured, the machine was busy during the measurement.
        # Larger batches and frames without inference would be faster too.
        is_comparable = request.every == "1" and decision.choice.device == "CPU"
        return is_comparable and totals.fps > _CONTRADICTION * decision.measurement.throughput_fps
    return decision.may_improve


def _measure_for_later(model: ModelFile, request: Request) -> None:
    """Measure the backends and store what was measured. Ctrl-C ends this; it is not an error."""
    notify("measuring the backends, so that later runs take the fastest; Ctrl-C skips it")
    constraint = parse_constraint(request.backend, request.precision)
    try:
        with cancelled_at_once("skipped"):
            measured(model, notify, without_gpu=constraint.is_cpu_only, again=True)
    except CancelledError as skipped:
        notify(str(skipped))


def _workers(
    request: Request,
    config: ModelConfig,
    settings: ProcessOptions,
    tasks: Sequence[Task],
    stack: ExitStack,
) -> list[Worker]:
    """Return the workers that will process `tasks`; `stack` closes them.

    On this machine there are never more workers than tasks. Raises an `SsdLiveError` if
    the model cannot be loaded or the Ray cluster cannot be used.
    """
    if request.runner == "ray":
        from ssd_live.process.ray_workers import ray_workers

        return stack.enter_context(
            ray_workers(
                config,
                settings,
                request.jobs,
                tasks,
                request.ray_address,
                (request.backend, request.precision),
                notify,
            )
        )
    engine = load_engine(config, stack, notify=notify)
    count = request.jobs or max(machine.available_cores() // _CORES_FOR_ONE, 1)
    return stack.enter_context(local_workers(engine, settings, min(count, len(tasks))))


def _settings(request: Request) -> ProcessOptions:
    for name, seconds in (("--start", request.start), ("--duration", request.duration)):
        if seconds is not None and not seconds < _LONGEST_SECONDS:
            raise UsageError(
                f"{name} {seconds} is not a time in a video; give less than one year, in seconds"
            )
    codec = _codec(request)
    low, high = CRF_RANGE[codec]
    crf = DEFAULT_CRF[codec] if request.crf is None else request.crf
    if not low <= crf <= high:
        raise UsageError(
            f"--crf {crf} is outside {codec}'s range {low} to {high}; leave out --crf to use "
            f"{DEFAULT_CRF[codec]}"
        )
    if request.preset != DEFAULT_PRESET and not software_encoder(codec).presets:
        raise UsageError(f"--preset {request.preset}: {codec} has no presets; leave out --preset")
    return ProcessOptions(
        Quality(codec, crf, request.preset),
        _every(request.every),
        _region(request.region),
        request.start,
        request.duration,
        request.max_frames,
        request.hardware_decoding,
        tiles_in(request.tiles),
        BoxStyle(request.labels, request.line_width),
        redaction_of(request),
    )


def _every(text: str) -> int:
    """Return the number of `--every`, or 0 for "auto"."""
    if text == "auto":
        return 0
    if not text.isdecimal() or not int(text):
        raise UsageError(f"--every {text!r} must be a whole number from 1 on, or auto")
    return int(text)


def _codec(request: Request) -> Codec:
    """Return the requested codec, or the default codec for the ending of the output.

    Raises `UsageError` if the output is a WebM file, which cannot hold the requested codec.
    """
    is_webm = not request.no_video and (request.output or "").lower().endswith(".webm")
    if request.codec is None:
        return default_codec(webm=is_webm)
    if is_webm and request.codec not in _WEBM_CODECS:
        raise UsageError(
            f"{request.output}: WebM cannot hold {request.codec}; leave out --codec, or end the "
            "name in .mp4 or .mkv"
        )
    return request.codec


def _region(text: str) -> Region | None:
    if not text:
        return None
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--region {text!r} must be four whole numbers X,Y,W,H: left, top, width and height "
            "in pixels"
        ) from None
    if x < 0 or y < 0 or width < 2 or height < 2:
        raise UsageError(
            f"--region {text!r} must lie inside the frame and be at least 2 x 2 pixels"
        )
    return Region(x, y, width, height)


def _plan(request: Request) -> Plan:
    if request.output is None and not request.no_video:
        raise UsageError(
            "there is no output; name a file or folder for the annotated copy with -o OUT, or give "
            "--no-video to write only detections"
        )
    plan = make_plan(request.inputs, None if request.no_video else request.output, _codec(request))
    check_places(plan, request.detections, request.tables, overwrite=request.overwrite)
    return plan


def _track_counts(totals: RunSummary | Report) -> dict[str, int]:
    tracks = totals.tracks if isinstance(totals, RunSummary) else Counter(totals.tracks.values())
    return dict(tracks)


def _zone_counts(totals: RunSummary | Report) -> dict[str, dict[str, Any]]:
    """Return for each zone how many objects of each class went in or out, entered or left."""
    found: dict[str, dict[str, Any]] = {}
    for (zone, what, name), count in sorted(totals.counts.items()):
        found.setdefault(zone, {}).setdefault(what, {})[name] = count
    for zone, seconds in totals.zone_seconds.items():
        found[zone]["seconds"] = round(seconds, 3)
    return found


def _event_counts(totals: RunSummary | Report) -> dict[str, dict[str, int]]:
    """Return for each rule how often it would have fired, and how often it was suppressed."""
    found: dict[str, dict[str, int]] = {}
    for (rule, why), count in sorted(totals.events.items()):
        found.setdefault(rule, {})[why or "fired"] = count
    return found


def _zone_lines(totals: RunSummary) -> list[str]:
    """Return one line for each zone in which something was counted."""
    lines = []
    for zone, counts in _zone_counts(totals).items():
        seconds = counts.pop("seconds", None)
        parts = [f"{objects_text(Counter(by_class))} {what}" for what, by_class in counts.items()]
        if seconds is not None:
            visits = sum(counts["left"].values())
            parts.append(f"{seconds / visits:.1f} s inside on average")
        lines.append(f"{zone}: {'; '.join(parts)}")
    return lines


def _event_lines(totals: RunSummary) -> list[str]:
    """Return one line for each rule that noticed something."""
    lines = []
    for rule in sorted({rule for rule, _ in totals.events}):
        told = totals.events[rule, ""]
        not_told = {why: n for (its, why), n in totals.events.items() if its == rule and why}
        why_not = ", ".join(f"{n} for {why}" for why, n in sorted(not_told.items()))
        times = "once" if told == 1 else f"{told} times"
        lines.append(
            f"{rule}: would have fired {times}" + (f"; suppressed: {why_not}" if why_not else "")
        )
    return lines


def _detected_counts(totals: RunSummary | Report) -> dict[str, int]:
    return {
        "detected_frames": totals.detected_frames,
        "checked_detections": totals.checked,
        "missed_detections": totals.missed,
    }


def _write_json(request: Request, path: Path, plan: Plan, totals: RunSummary | Report) -> None:
    """Write what `_print_summary` prints, and the outcome of each input, as JSON."""
    outcomes = totals.outcomes if isinstance(totals, RunSummary) else []
    answer = {
        "frames": totals.frames,
        "seconds": round(totals.seconds, 3),
        "fps": round(totals.fps, 2),
        "objects": dict(totals.objects),
        **({} if request.track == "off" else {"tracks": _track_counts(totals)}),
        **({} if request.every != "auto" else _detected_counts(totals)),
        **({} if request.zones is None else {"zones": _zone_counts(totals)}),
        **({} if request.rules is None else {"events": _event_counts(totals)}),
        **({"doubtful_moments": totals.doubts} if request.redact else {}),
        "stages_seconds": {stage: round(value, 3) for stage, value in totals.stages.items()},
        "inputs": [asdict(outcome) for outcome in outcomes]
        or [{"input": task.source_text, "output": task.output_text} for task in plan.tasks],
        "detections": str(totals.detections or "") if isinstance(totals, RunSummary) else "",
        "failures": totals.failures if isinstance(totals, RunSummary) else [],
        "notes": totals.notes,
    }
    with atomic_write(path) as file:
        file.write(json.dumps(answer, indent=1, ensure_ascii=False).encode(errors="replace"))
        file.write(b"\n")


def _detected_text(totals: RunSummary | Report) -> str:
    """Say on how many frames objects were detected, and what was found of the same objects."""
    share = f"detected on {totals.detected_frames / max(totals.frames, 1):.0%} of the frames"
    if not totals.checked:
        return f"{share}; too few objects to tell what was missed"
    same = 1 - totals.missed / totals.checked
    return f"{share}; {same:.1%} of the same found, on a sample of {totals.checked} detections"


def _doubts_text(totals: RunSummary) -> str:
    """Say how many moments a person should check, and where they are listed."""
    moments = "1 doubtful moment" if totals.doubts == 1 else f"{totals.doubts} doubtful moments"
    if "doubts" not in totals.tables:
        return f"{moments}; --doubts FILE.csv lists them"
    return f"{moments}, see {totals.tables['doubts']}"


def _print_summary(request: Request, plan: Plan, totals: RunSummary) -> None:
    for note in totals.notes:
        notify(f"note: {note}")
    outputs = [task for task in plan.tasks if task.output is not None]
    done = sum(outcome.status == "done" for outcome in totals.outcomes)
    skipped = sum(outcome.status == "skipped" for outcome in totals.outcomes)
    if plan.folder is not None:
        print(
            f"{done} of {len(plan.tasks)} inputs "
            f"done{f', {skipped} finished before' if skipped else ''}: {plan.folder_text}"
        )
    elif outputs and done:
        (task,) = outputs
        assert task.output is not None
        size = "" if task.output_address else f" ({task.output.stat().st_size / 1e6:.1f} MB)"
        print(f"written: {task.output_text}{size}")
    if totals.detections is not None:
        print(f"detections: {totals.detections}")
    for name, path in totals.tables.items():
        if name != "doubts":
            print(f"{name}: {path}")
    if totals.summary is not None:
        place = str(totals.summary)
        if plan.folder_address:
            place = f"{plan.folder_text.rstrip('/')}/{totals.summary.name}"
        print(f"summary: {place}")
    if not totals.frames:
        return
    print(f"objects: {objects_text(totals.objects) or 'none'}")
    if totals.tracks:
        print(f"distinct objects: {objects_text(totals.tracks)}")
    # Of an input that is not finished, the moments are not known.
    if request.redact and done:
        print(_doubts_text(totals))
    for line in (*_zone_lines(totals), *_event_lines(totals)):
        print(line)
    if request.every == "auto":
        print(_detected_text(totals))
    work = sum(totals.stages.values())
    print(
        "time: "
        + ", ".join(f"{stage} {seconds / work:.0%}" for stage, seconds in totals.stages.items())
    )
    started = time.time() - machine.seconds_since_start()
    first = (
        ""
        if totals.first_done_at is None
        else f", the first {totals.first_done_at - started:.1f} s after the start"
    )
    print(f"{totals.frames} frames in {totals.seconds:.2f} s{first}")
    print(f"{totals.fps:.1f} FPS")
