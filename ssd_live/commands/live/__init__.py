"""`live`: show detections live in a window, or run in the terminal."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from ssd_live.commands.options import BACKEND_HELP, MODEL_HELP, Classes, PrecisionName, Threshold


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `live`."""

    HELP: ClassVar[str] = (
        "Show detections live, in a window or in the terminal. Several sources are shown side by "
        "side. Without SOURCE, open the first webcam, or the sample clip if there is no webcam."
    )

    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Camera number or name, file, rtsp:// or http:// address, folder of images, "
            "screen (this screen), screen:window=TITLE (a window) or pattern (a test pattern).",
        ),
    ] = None
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help=MODEL_HELP),
    ] = None
    backend: Annotated[str | None, typer.Option(help=BACKEND_HELP)] = None
    precision: Annotated[PrecisionName | None, typer.Option(help="Precision of the backend.")] = (
        None
    )
    threshold: Threshold = None
    classes: Classes = ""
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Record the video to this .mkv file, and the detections to a file beside it; the "
            "recording starts when the model is loaded.",
        ),
    ] = None
    detections: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="With --no-window: write the detections of each frame as JSON lines to this new "
            ".jsonl file, or to the standard output (-).",
        ),
    ] = ""
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="The same as --stats; without FILE, to the standard output.",
        ),
    ] = None
    track: Annotated[
        bool | None,
        typer.Option(
            "--track/--no-track",
            help="Follow objects and give them ids. Default: as last time in the window, else off.",
        ),
    ] = None
    save_power: Annotated[
        bool | None,
        typer.Option(
            "--save-power/--no-save-power",
            help="Detect only where something moves, and follow objects between. Default: as last "
            "time in the window, else off.",
        ),
    ] = None
    zones: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Count the objects of one source that cross lines and stay in areas, and ignore "
            "masks; follows objects. The window keeps the zones of each source by itself.",
        ),
    ] = None
    counts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="With --no-window: write each count to this new file as it comes; needs --zones.",
        ),
    ] = None
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Tell what these rules name as it happens, and start their actions; needs "
            "--zones.",
        ),
    ] = None
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="With --no-window: write each event of the rules to this new file as it comes; "
            "needs --rules.",
        ),
    ] = None
    redact: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Hide objects of these classes of the model in everything that is shown, recorded "
            "and kept. Default: as last time in the window, else nothing.",
        ),
    ] = None
    redact_style: Annotated[
        Literal["solid", "pixelate", "blur"] | None,
        typer.Option(help="How objects are hidden; only solid cannot be undone at all."),
    ] = None
    index: Annotated[
        bool | None,
        typer.Option(
            "--index/--no-index",
            help="Add the objects of a recording to the index, where `index search` finds them "
            "again. Default: as last time in the window, else off.",
        ),
    ] = None
    tiles: Annotated[
        str | None,
        typer.Option(
            metavar="off|N|auto",
            help="Look for small objects in N overlapping tiles of each frame too (2 to 16), or in "
            "at most two of them, where something moves, and follow objects (auto). Default: as "
            "last time in the window, else off.",
        ),
    ] = None
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Frame size to request from a camera or pattern.")
    ] = ""
    rate: Annotated[
        float | None,
        typer.Option(
            "--fps",
            min=0.01,
            max=1000,
            metavar="N",
            help="Frames per second to request from a source.",
        ),
    ] = None
    full_screen: Annotated[
        bool, typer.Option("--full-screen", help="Show only the video, on the full screen.")
    ] = False
    no_window: Annotated[
        bool,
        typer.Option(
            "--no-window", help="Open no window; print frame rates and latencies in the terminal."
        ),
    ] = False
    exit_after: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop after this many seconds.")
    ] = None
    screenshot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save a screenshot of the window at the end (.png)."),
    ] = None
    stats: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all measurements at the end (.json).")
    ] = None

    def run(self) -> int:
        """Run the command with these arguments and options, and return its exit code."""
        from ssd_live.commands.live.run import run

        return run(self)
