"""`reproduce voc07`: print the paper's PASCAL VOC 2007 results beside those of this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from ssd_live.commands.options import Backend, ResultsFile


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `reproduce`."""

    HELP: ClassVar[str] = (
        "Print the paper's results beside the results of the given models on this machine."
    )

    experiment: Annotated[
        Literal["voc07"], typer.Argument(help="voc07: the paper's table on PASCAL VOC 2007.")
    ]
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", help="SSD300 or SSD512 model, by name or file; may be repeated."
        ),
    ] = None
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder VOC2007 with the test images; default: data/VOCdevkit/VOC2007.",
        ),
    ] = None
    backend: Backend = "auto"
    json_file: ResultsFile = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.reproduce.run import run

        run(self)
