"""`report`: make one HTML page of the detections that `process` or a recording wrote."""

from datetime import datetime
from pathlib import Path

from ssd_live import __version__
from ssd_live.commands.progress import notify
from ssd_live.commands.report import Request
from ssd_live.errors import UsageError
from ssd_live.reporting.build import ReportOptions, make_report
from ssd_live.reporting.page import Imprint
from ssd_live.system.atomic_files import atomic_write, check_writable
from ssd_live.system.paths import resolve
from ssd_live.system.standard_streams import is_standard_output

_ENDINGS = (".html", ".htm")


def run(request: Request) -> None:
    """Write the page of the requested log.

    Raises `UsageError` if an option is not valid, and another `SsdLiveError` if the log, a video
    that was named, or the output cannot be used.
    """
    output = request.output or request.log.with_suffix(".html")
    videos = tuple(request.video or ())
    _check_output(output, (request.log, *videos), overwrite=request.overwrite)
    options = ReportOptions(
        Imprint(datetime.now().astimezone(), __version__, request.title),
        videos,
        request.pictures,
    )
    text = make_report(request.log, options, notify).encode()
    with atomic_write(output) as file:
        file.write(text)
    if not is_standard_output(output):
        print(f"report: {output}, {len(text) / 1e6:.1f} MB")


def _check_output(output: Path, inputs: tuple[Path, ...], *, overwrite: bool) -> None:
    """Raise `UsageError` or `OutputError` if the page cannot be written to `output`."""
    if is_standard_output(output):
        return
    if resolve(output) in map(resolve, inputs):
        raise UsageError(f"{output}: the page would overwrite an input; give another name with -o")
    if output.suffix.lower() not in _ENDINGS and not output.is_dir():
        raise UsageError(f"{output}: the page is HTML; end the name in .html")
    check_writable(output)
    if output.exists() and not overwrite:
        raise UsageError(f"{output}: exists; add --overwrite to replace it")
