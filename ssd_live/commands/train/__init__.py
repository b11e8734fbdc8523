"""`train`: train a network from a recipe and write its model file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

NEEDS_PYTORCH = (
    "training needs PyTorch; run `pip install '.[train]'` (the README says how to get the CPU "
    "build)"
)


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `train`."""

    HELP: ClassVar[str] = "Train a network on your own labelled images (needs PyTorch)."

    recipe: Annotated[Path, typer.Argument(help="Recipe: a TOML file, as in recipes/.")]
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder or file to train on (VOC, COCO or YOLO)."),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for the checkpoints and the log."
        ),
    ] = None
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, for example train.steps=1000; may be repeated.",
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue exactly where the last run stopped.")
    ] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier model that has this name.")
    ] = False
    device: Annotated[
        str, typer.Option(help="Device: cpu, cuda, cuda:1 ...; default: the GPU if there is one.")
    ] = ""

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.train.run import run

        run(self)
