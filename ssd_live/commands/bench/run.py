"""`bench`: measure FPS, latency and the cost of each stage."""

import math
import shlex
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table as RichTable

from ssd_live.bench.clip import pattern_clip
from ssd_live.bench.compare import Change, changes, differences
from ssd_live.bench.plot import plot
from ssd_live.bench.records import KINDS, Kind, Report
from ssd_live.bench.run import Bench, Plan, Subject
from ssd_live.bench.state import load_average
from ssd_live.bench.tables import Table, as_html, comparison, headline, tables
from ssd_live.commands.bench import PrecisionChoice, Request
from ssd_live.commands.interrupts import cancelled_at_once
from ssd_live.commands.progress import notify
from ssd_live.errors import DataError, UsageError
from ssd_live.imaging.plotting import check_plot
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.selection.choose import choose
from ssd_live.system.atomic_files import atomic_write, check_writable
from ssd_live.system.paths import assets_folder, printable, resolve
from ssd_live.video.reader import VideoReader
from ssd_live.video.sources import parse_source

_MOST_STREAMS, _MOST_BATCH = 64, 256
_SAMPLE = assets_folder() / "media" / "bikes.mp4"
# Tables that go to a file need not fit a terminal.
_FILE_COLUMNS = 200


def run(request: Request) -> None:
    """Measure as `request` says, print the tables, and write the requested files.

    Everything that can be checked is checked before anything is measured. Raises `UsageError` if an
    option is not valid, `CancelledError` on Ctrl-C, and another `SsdLiveError` if a file cannot be
    read or written or a measurement fails.
    """
    load = load_average()
    if not math.isfinite(request.seconds):
        raise UsageError(f"--seconds {request.seconds} is not a duration; give a number of seconds")
    earlier = _earlier(request.compare) if request.compare else None
    batches, streams = (
        _numbers("--batch", request.batch, _MOST_BATCH),
        _numbers("--streams", request.streams, _MOST_STREAMS),
    )
    kinds = _kinds(request.kinds)
    _check_outputs(request)
    with ExitStack() as stack:
        stack.enter_context(cancelled_at_once("interrupted; nothing was written"))
        clip = _clip(request.source, stack)
        if clip is None and kinds == ("end to end",):
            raise UsageError(
                f"{request.source} cannot be measured end to end, because it is not a video; give "
                "a video file, or `pattern` for the test pattern, with --source"
            )
        subjects = _subjects(request)
        name = "the sample clip" if request.source is None else printable(request.source)
        program = Path(sys.argv[0]).name
        command = printable(
            shlex.join(
                [
                    *(("python", "-m", "ssd_live") if program == "__main__.py" else (program,)),
                    *sys.argv[1:],
                ]
            )
        )
        report = Bench(
            Plan(subjects, clip, name, batches, streams, kinds, request.seconds, command, load),
            notify,
        ).run()
    changed = changes(earlier, report) if earlier else []
    print(headline(report))
    for table in tables(report):
        _print_table(table)
    if earlier is not None:
        _print_changes(changed, differences(earlier, report))
    for line in report.warnings:
        print(f"warning: {line}")
    if request.json_file is not None:
        with atomic_write(request.json_file) as file:
            file.write(report.model_dump_json(indent=1).encode() + b"\n")
    if request.html is not None:
        with atomic_write(request.html) as file:
            file.write(as_html(report, changed).encode())
    if request.plot is not None:
        plot(report, request.plot)


def _check_outputs(request: Request) -> None:
    """Check that every output can be written.

    Raises `UsageError` if an output would overwrite another output or an input, `OutputError` if an
    output cannot be written, and `MissingPackageError` if a package for the plot is missing.
    """
    sources = [Path(text) for text in (request.source, *_models(request)) if text]
    taken = {resolve(path) for path in (_SAMPLE, request.compare, *sources) if path is not None}
    for path in (request.json_file, request.html, request.plot):
        if path is None:
            continue
        check_writable(path)
        if resolve(path) in taken:
            raise UsageError(
                f"{path}: this command already reads or writes this file; give another name"
            )
        taken.add(resolve(path))
    if request.plot is not None:
        check_plot(request.plot)


def _subjects(request: Request) -> tuple[Subject, ...]:
    """Return every combination of model, backend and precision to measure.

    If several combinations lead to the same model, backend and precision, only the first one is
    returned.
    """
    found: dict[tuple[str, str], Subject] = {}
    for name in _models(request):
        model = find_model(name)
        for backend in request.backends or ["auto"]:
            for precision in request.precisions or [PrecisionChoice.auto]:
                choice = choose(
                    model,
                    backend,
                    precision.value,
                    workload="throughput",
                    measure=True,
                    notify=notify,
                )
                found.setdefault((model.sha256, str(choice)), Subject(model, choice))
    return tuple(found.values())


def _models(request: Request) -> list[str]:
    return request.models or [DEFAULT_MODEL]


def _clip(source: str | None, stack: ExitStack) -> Path | None:
    """Return the video file to measure, or None if `source` is `synthetic`.

    If `source` is None, return the sample clip. If it is a test pattern, encode the pattern to a
    temporary file, which is removed when `stack` is closed. Raises `UsageError` if the source is
    not a file, `pattern` or `synthetic`, and `MediaError` if the file cannot be read.
    """
    if source is None:
        return _SAMPLE
    if source == "synthetic":
        return None
    spec = parse_source(source)
    if spec.kind == "pattern":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ssd_live-")))
        notify("encoding the test pattern ...")
        return pattern_clip(spec, folder / "pattern.mp4")
    if spec.kind != "file":
        raise UsageError(
            f"{source}: only a file, pattern (pattern:1920x1080) or synthetic can be measured; "
            "for a camera use `live --no-window`"
        )
    path = Path(spec.address)
    # Open the file now, so that a bad file is reported before anything is measured.
    with VideoReader(path):
        return path


def _numbers(option: str, text: str, most: int) -> tuple[int, ...]:
    try:
        values = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        values = ()
    if not values or not all(1 <= value <= most for value in values):
        raise UsageError(f"{option} {text!r} must be numbers from 1 to {most}, for example 1,4,8")
    return values


def _kinds(text: str) -> tuple[Kind, ...]:
    wanted = {part.strip().replace("-", " ") for part in text.split(",")}
    if text != "all" and not wanted <= set(KINDS):
        raise UsageError(
            f"--kinds {text!r} must be all, or some of "
            f"{', '.join(kind.replace(' ', '-') for kind in KINDS)}, with commas between them"
        )
    return tuple(kind for kind in KINDS if text == "all" or kind in wanted)


def _earlier(path: Path) -> Report:
    """Read the JSON file `path`, and return the report of an earlier `bench` that it contains.

    Raises `DataError` if the file cannot be read or does not contain such a report.
    """
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({(error.strerror or str(error)).lower()}); give a file that "
            "`bench --json` wrote"
        ) from error
    except (ValidationError, RecursionError) as error:
        raise DataError(
            f"{path}: is not a report of this version of `bench`; make a new one with "
            "`bench --json`"
        ) from error


def _print_changes(changed: list[Change], different: list[str]) -> None:
    for line in different:
        print(f"note: {line}")
    if changed:
        _print_table(comparison(changed))
    else:
        print("note: no measurement of the earlier run was repeated, so nothing can be compared")


def _print_table(table: Table) -> None:
    print(f"\n{table.title}")
    console = Console(
        width=None if sys.stdout.isatty() else _FILE_COLUMNS,
        highlight=False,
        emoji=False,
        markup=False,
    )
    shown = RichTable(box=None, pad_edge=False)
    for name in table.columns:
        is_number = name in table.numbers
        # In a narrow terminal, long words continue on the next line, so that nothing is cut.
        shown.add_column(
            name, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold"
        )
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)
