"""`quantize`: make an INT8 version of a model, and keep it only if its detections agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import ModelArgument, Overwrite


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `quantize`."""

    HELP: ClassVar[str] = (
        "Make an INT8 version of a model, which takes some minutes; `auto` uses it where it is the "
        "fastest (needs NNCF)."
    )

    name: ModelArgument
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Images or video for the calibration, similar to what the model will see; "
            "default: the bundled photos and clip.",
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Model file to write; default: the file that `--precision int8` uses.",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Labelled images whose mAP decides which INT8 version is kept.",
        ),
    ] = None
    overwrite: Overwrite = False
    force: Annotated[
        bool,
        typer.Option("--force", help="Write the file even if its detections differ too much."),
    ] = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.quantize.run import run

        run(self)
