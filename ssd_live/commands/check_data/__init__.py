"""`check-data`: find errors in labelled images and draw a contact sheet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `check-data`."""

    HELP: ClassVar[str] = (
        "Find errors in labelled images, and draw a contact sheet of the images with their boxes "
        "and a class histogram."
    )

    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Labelled images: a VOC, COCO or YOLO folder, or a COCO JSON file."
        ),
    ]
    split: Annotated[
        str, typer.Option(help="Part of the data, for example trainval or val2017.")
    ] = ""
    classes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Expected class names; labels of other classes are reported."
        ),
    ] = ""
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write all findings to FILE, or to the standard output if FILE is left out.",
        ),
    ] = None
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Contact sheet to write; default: check-DIR.png."),
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.check_data.run import run

        run(self)
