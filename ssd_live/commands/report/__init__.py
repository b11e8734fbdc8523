"""`report`: make one HTML page of the detections that `process` or a recording wrote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import Overwrite


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `report`."""

    HELP: ClassVar[str] = (
        "Make one HTML page of a .jsonl file of detections: how many objects, when, where, and "
        "their pictures. The page needs no other file and no network."
    )

    log: Annotated[
        Path,
        typer.Argument(metavar="RESULT", help="Detections as .jsonl, from process or a recording."),
    ]
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Page to write; default: RESULT.html."),
    ] = None
    video: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="The video that was processed, if it is neither beside RESULT nor in the current "
            "folder. May be given several times.",
        ),
    ] = None
    title: Annotated[str, typer.Option(help="Title of the page.")] = ""
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Show pictures of the video.")
    ] = True
    overwrite: Overwrite = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.report.run import run

        run(self)
