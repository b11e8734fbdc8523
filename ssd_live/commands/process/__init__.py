"""`process`: annotate videos and images, and write the detections."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from ssd_live.commands.options import Backend, Classes, Model, Precision, Threshold
from ssd_live.modelfile.catalogue import DEFAULT_MODEL


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `process`."""

    HELP: ClassVar[str] = (
        "Annotate every frame of videos and images, in order, and write the detections."
    )

    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Videos, images, folders or wildcards, or their addresses in storage, such as "
            "s3://BUCKET/FOLDER; - is the standard input.",
        ),
    ]
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File for the annotated copy; a folder if there are several inputs; may be in "
            "storage; - is the standard output.",
        ),
    ] = None
    detections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the detections to this .jsonl, .json (COCO), .csv or .txt (MOT) file; - "
            "writes JSON lines to the standard output.",
        ),
    ] = None
    track: Annotated[
        Literal["off", "live", "two-pass"] | None,
        typer.Option(
            help="Follow objects and give them ids: live decides at each frame; two-pass also "
            "looks ahead, which finds more and fills gaps. Default: off, or two-pass with --every "
            "auto, --tiles auto or --zones.",
        ),
    ] = None
    tracks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a table with one row for each track to this .csv file; needs --track.",
        ),
    ] = None
    zones: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Count the objects that cross lines and stay in areas, and ignore masks; the "
            "window makes such files. Follows objects.",
        ),
    ] = None
    counts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write a table with one row for each count; needs --zones.",
        ),
    ] = None
    redact: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Hide objects of these classes in the copy, such as person,face. Follows objects, "
            "draws nothing, and carries no metadata and no subtitles.",
        ),
    ] = ""
    redact_style: Annotated[
        Literal["solid", "pixelate", "blur"],
        typer.Option(help="How objects are hidden; only solid cannot be undone at all."),
    ] = "solid"
    redact_margin: Annotated[
        float,
        typer.Option(
            min=0,
            max=2,
            metavar="SHARE",
            help="How much a hidden region is larger than the box at each side, as a share of it.",
        ),
    ] = 0.2
    redact_sound: Annotated[
        Literal["keep", "remove"],
        typer.Option(help="Whether a redacted copy has the sound of its source."),
    ] = "keep"
    doubts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write a table of the moments that a person should check; needs --redact.",
        ),
    ] = None
    review: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="With --redact and one video: if FILE does not exist, write what would be hidden "
            "to it, and no copy; if it does, write the copy by it. The window reviews it between.",
        ),
    ] = None
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Try rules, such as that a person is in an area for 3 s, and say how often each "
            "would have fired; needs --zones.",
        ),
    ] = None
    events: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write a table with one row for each event of the rules; needs --rules.",
        ),
    ] = None
    recorded_at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="When the videos begin, such as 2026-11-29T18:00, for the hours and days of "
            "rules and for the log; without it, these do not matter.",
        ),
    ] = ""
    index: Annotated[
        bool,
        typer.Option(
            "--index",
            help="Add the objects to the index, where `index search` finds them again; needs "
            "--detections FILE.jsonl. Follows objects.",
        ),
    ] = False
    no_video: Annotated[bool, typer.Option("--no-video", help="Write no annotated copy.")] = False
    model: Model = DEFAULT_MODEL
    backend: Backend = "auto"
    precision: Precision = "auto"
    threshold: Threshold = None
    classes: Classes = ""
    codec: Annotated[
        Literal["h264", "hevc", "av1", "vp9", "mjpeg", "ffv1"] | None,
        typer.Option(
            help="Codec of the annotated video: h264 by default, av1 for .webm, or vp9 where "
            "these cannot be encoded. A hardware encoder is used if it works."
        ),
    ] = None
    crf: Annotated[
        int | None,
        typer.Option(
            help="Quality on the codec's own scale; a lower value looks better, but makes larger "
            "files."
        ),
    ] = None
    preset: Annotated[
        Literal["slow", "balanced", "fast", "fastest"],
        typer.Option(help="Encoder preset: a slower one makes smaller files of the same quality."),
    ] = "fast"
    max_frames: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop after N frames of each input.")
    ] = None
    start: Annotated[
        float, typer.Option(min=0, metavar="S", help="Start at second S of each video.")
    ] = 0.0
    duration: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Process only S seconds of each video.")
    ] = None
    every: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Detect on every Nth frame, or where something moves (auto); the frames between "
            "show the tracks, or only the corners of the last boxes.",
        ),
    ] = "1"
    tiles: Annotated[
        str,
        typer.Option(
            metavar="off|N|auto",
            help="Look for small objects in N overlapping tiles of each frame too (2 to 16), or in "
            "at most two of them, where something moves (auto). Inference takes N + 1 times as "
            "long, or at most three times.",
        ),
    ] = "off"
    region: Annotated[
        str,
        typer.Option(
            metavar="X,Y,W,H",
            help="Detect only inside this region: left, top, width and height in pixels.",
        ),
    ] = ""
    labels: Annotated[
        Literal["full", "class", "none"],
        typer.Option(help="Text on each box: class and score (full), class, or none."),
    ] = "full"
    line_width: Annotated[
        int,
        typer.Option(min=1, max=8, metavar="N", help="Width of the boxes' lines; 2 is usual."),
    ] = 2
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace existing files; process finished inputs again."),
    ] = False
    hardware_decoding: Annotated[
        bool,
        typer.Option(
            "--hardware-decoding",
            help="Decode on a GPU if its pixels are exactly those of the CPU.",
        ),
    ] = False
    jobs: Annotated[
        int,
        typer.Option(
            min=0,
            max=256,
            metavar="N",
            help="Process N inputs at the same time; 0 chooses N by the number of CPU cores.",
        ),
    ] = 0
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write a summary to FILE, or to the standard output if FILE is left out.",
        ),
    ] = None
    runner: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Where to run: local is this machine, ray a Ray cluster."),
    ] = "local"
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Address of the Ray cluster; default: RAY_ADDRESS, or else a local cluster.",
        ),
    ] = None

    @property
    def tables(self) -> dict[str, Path]:
        """The tables to write, by their names."""
        named = {name: getattr(self, name) for name in ("tracks", "counts", "events", "doubts")}
        return {name: path for name, path in named.items() if path is not None}

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.process.run import run

        run(self)
