"""`export`: write a model file with an agreement sample."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import Overwrite


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `export`."""

    HELP: ClassVar[str] = "Export a trained network as one ONNX model file (needs PyTorch)."

    name: Annotated[str, typer.Argument(help="Name of a trained model.")]
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Model file to write; default: NAME.onnx."
        ),
    ] = None
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Video, image or folder; some of its frames are stored to compare backends.",
        ),
    ] = None
    overwrite: Overwrite = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.export.run import run

        run(self)
