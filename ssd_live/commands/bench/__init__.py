"""`bench`: measure FPS, latency and the cost of each stage."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import BACKEND_HELP


class PrecisionChoice(StrEnum):
    """The values of `--precision`, as an enum, because Typer accepts no list of a `Literal`."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"
    int8 = "int8"


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `bench`."""

    HELP: ClassVar[str] = (
        "Measure frames per second (FPS), latency and the cost of each stage on this machine."
    )

    source: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|pattern|synthetic",
            help="Source to measure: a file, a test pattern (for example pattern:1920x1080), or "
            "synthetic (no video); default: the sample clip.",
        ),
    ] = None
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="Model name or model file; repeat to measure several models."
        ),
    ] = None
    backends: Annotated[list[str] | None, typer.Option("--backend", help=BACKEND_HELP)] = None
    precisions: Annotated[
        list[PrecisionChoice] | None,
        typer.Option("--precision", help="Precision; repeat to compare several."),
    ] = None
    batch: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Batch sizes at which to measure the network alone, for example 1,4,8.",
        ),
    ] = "1"
    streams: Annotated[
        str,
        typer.Option(
            metavar="N,N,...",
            help="Numbers of inputs to process end to end at the same time, each in its own "
            "process, for example 1,2,4.",
        ),
    ] = "1"
    kinds: Annotated[
        str,
        typer.Option(
            metavar="network,detector,end-to-end", help="What to measure: all, or some of these."
        ),
    ] = "all"
    seconds: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=600,
            help="Longest time for one measurement, in seconds; a measurement ends earlier when "
            "its result is certain.",
        ),
    ] = 3.0
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write all measurements to FILE, or to the standard output if FILE is left out.",
        ),
    ] = None
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Plot the measurements as bars.")
    ] = None
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a report as one HTML file.")
    ] = None
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Show what changed since OLD.json.")
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.bench.run import run

        run(self)
