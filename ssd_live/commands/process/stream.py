"""`process` with the standard input or output, as one program of a pipe."""

from contextlib import ExitStack
from pathlib import Path

from ssd_live.commands.interrupts import ends_in_order
from ssd_live.commands.process import Request
from ssd_live.commands.progress import TerminalProgress, notify
from ssd_live.errors import UsageError
from ssd_live.pipeline.batch import Counters
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.job import ModelConfig, ProcessOptions
from ssd_live.process.plan import Plan, Task, make_plan
from ssd_live.process.redaction_job import job_for
from ssd_live.process.report import Report
from ssd_live.process.resume_log import Outcome
from ssd_live.process.run import check_places
from ssd_live.process.storage import is_address, shown
from ssd_live.process.workers import load_engine, own_this_process
from ssd_live.results.records import LogPaths
from ssd_live.system.standard_streams import STANDARD_INPUT, STANDARD_OUTPUT, STREAM, StandardInput


def is_streamed(request: Request) -> bool:
    """Return whether the standard input or output is an input or an output."""
    places = (*request.inputs, request.output, request.detections)
    return any(str(place) == STREAM for place in places)


def streamed_task(request: Request) -> Task:
    """Return the one task of a call with standard streams.

    Raises `UsageError` if there are several inputs or two outputs for the standard output, if a
    format is not possible, or if an option does not fit.
    """
    if len(request.inputs) != 1:
        raise UsageError("the standard input or output (-) works with one input; give only one")
    if request.runner != "local":
        raise UsageError(
            "the standard input or output (-) works without --runner ray; leave it out"
        )
    for name in request.tables:
        raise UsageError(
            f"--{name} does not work with the standard input or output (-); give files, or take "
            f"the {name} from the JSON lines"
        )
    if request.inputs == [STREAM] and request.start:
        raise UsageError("one cannot seek in the standard input; leave out --start")
    for text in (*request.inputs, request.output or ""):
        if is_address(text):
            raise UsageError(
                f"{shown(text)}: storage does not work with the standard input or output (-); give "
                "files of this machine"
            )
    to_output = [str(place) == STREAM for place in (request.output, request.detections)]
    if all(to_output):
        raise UsageError(
            "the video and the detections cannot both go to the standard output; give a file for "
            "one of them"
        )
    if request.no_video or request.output is None:
        if request.detections is None:
            raise UsageError("there is no output; name one with -o or --detections")
        return _task(request, None)
    if to_output[0]:
        return _task(request, STANDARD_OUTPUT)
    output = Path(request.output)
    if request.inputs == [STREAM]:
        if output.is_dir() or not output.suffix:
            raise UsageError(f"{output}: is not the name of a video; end it in .mp4 or .mkv")
        return _task(request, output)
    return make_plan(request.inputs, request.output, "h264").tasks[0]


def _task(request: Request, output: Path | None) -> Task:
    (text,) = request.inputs
    if text == STREAM:
        return Task(STANDARD_INPUT, Path("standard input"), output)
    (task,) = make_plan([text], None, "h264").tasks
    if task.is_image and output is not None:
        raise UsageError(f"{text}: an image cannot go to the standard output; give a video")
    return Task(task.source, task.name, output)


def run_streamed(
    request: Request, task: Task, config: ModelConfig, settings: ProcessOptions
) -> Report:
    """Process the task, and return the report.

    Raises what `Job.run` raises, `OutputError` if a file exists that must not be replaced, and
    `UsageError` if the name of the detections file does not end in `.jsonl`.
    """
    place = request.detections
    log = None
    if place is not None and str(place) == STREAM:
        log = LogPaths(STANDARD_OUTPUT, STANDARD_OUTPUT)
    elif place is not None:
        if place.suffix.lower() != ".jsonl":
            raise UsageError(f"{place}: detections of a stream are JSON lines; end it in .jsonl")
        check_places(Plan((task,), None), place, overwrite=request.overwrite)
        log = LogPaths(place, place)
    with ExitStack() as stack:
        engine = load_engine(config, stack, notify=notify)
        own_this_process()
        cancellation = Cancellation()
        job = job_for(task, engine, settings, log, cancellation)
        with (
            ends_in_order(cancellation.stop, "stopping ...", cancellation.abort),
            cancellation.calls(StandardInput.stop),
            TerminalProgress() as progress,
        ):
            progress.begin(task, 1, 1)

            def tell(counters: Counters) -> None:
                progress.advance(task, counters.done, job.frames_expected)

            report = job.run(tell)
            progress.end(task, Outcome(str(task.source), "", "done", report.frames), report)
    return report
