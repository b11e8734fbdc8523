"""`explain`: show how SSD finds the objects in one image, as an image and as text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import Model, Threshold
from ssd_live.modelfile.catalogue import DEFAULT_MODEL


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `explain`."""

    HELP: ClassVar[str] = (
        "Draw the default boxes, the feature map behind each detection, and which default boxes "
        "match which object (needs PyTorch)."
    )

    image: Annotated[Path, typer.Argument(help="Image to explain.")]
    ground_truth: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Objects in the image: VOC .xml, YOLO .txt or COCO .json."),
    ] = None
    model: Model = DEFAULT_MODEL
    threshold: Threshold = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Image to write; default: IMAGE-explained.png.",
        ),
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.explain.run import run

        run(self)
