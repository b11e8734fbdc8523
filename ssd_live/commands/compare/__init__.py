"""`compare`: measure the average precision and the speed of several detectors side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from ssd_live.commands.options import ResultsFile


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `compare`."""

    HELP: ClassVar[str] = (
        "Measure the average precision and the speed of several detectors on the same images. A "
        "detector is a model of ssd_live, or an ONNX file of torchvision (Faster R-CNN, "
        "RetinaNet), RT-DETR, D-FINE or YOLOX."
    )

    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL ...", help="Model names, model files or ONNX files."),
    ]
    data: Annotated[Path, typer.Option(metavar="DIR", help="Labelled images: VOC, COCO or YOLO.")]
    split: Annotated[str, typer.Option(help="Part of the data, for example test or val2017.")] = ""
    classes: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Class names of the detectors of other projects, in their order: coco, voc, or "
            "names separated by commas.",
        ),
    ] = "coco"
    backend: Annotated[
        str,
        typer.Option(
            help="Backend of the models of ssd_live; the other detectors run on ONNX Runtime."
        ),
    ] = "auto"
    precision: Annotated[
        str, typer.Option(help="Precision of the models of ssd_live: auto, fp32, fp16, bf16, int8.")
    ] = "auto"
    metric: Annotated[
        Literal["voc07", "voc", "coco"],
        typer.Option(help="Rule for average precision, as in eval."),
    ] = "voc"
    json_file: ResultsFile = None
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plot average precision over speed (.png, .svg, .pdf)."),
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.compare.run import run

        run(self)
