"""`eval`: measure the average precision of a model file on the backend that runs it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from ssd_live.commands.options import ResultsFile


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `eval`."""

    HELP: ClassVar[str] = (
        "Measure the average precision of a model file on the backend that runs it."
    )

    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL [OTHER]",
            help="Model name or model file, or two of them to compare. With --tracking: files of "
            "tracks, MOT text (.txt) or .jsonl.",
        ),
    ]
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Labelled images: VOC, COCO or YOLO. With --tracking: labels as MOT text.",
        ),
    ]
    tracking: Annotated[
        bool,
        typer.Option(
            "--tracking", help="Measure files of tracks: MOTA, IDF1 and HOTA (needs trackeval)."
        ),
    ] = False
    split: Annotated[str, typer.Option(help="Part of the data, for example test or val2017.")] = ""
    backend: Annotated[
        str, typer.Option(help="Backend, or two to compare, for example openvino,onnxruntime.")
    ] = "auto"
    precision: Annotated[
        str,
        typer.Option(
            help="auto, fp32, fp16, bf16 or int8; or two to compare, for example fp32,bf16."
        ),
    ] = "auto"
    metric: Annotated[
        Literal["voc07", "voc", "coco"],
        typer.Option(
            help="Rule for average precision. voc07: mean precision at 11 recall values; voc: area "
            "under the curve, as VOC does since 2010; coco: mean over IoU thresholds from 0.50 to "
            "0.95."
        ),
    ] = "voc"
    json_file: ResultsFile = None
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write one image that shows the images with most mistakes."
        ),
    ] = None
    plots: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Plot precision over recall (.png, .svg, .pdf)."),
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        if self.tracking:
            from ssd_live.commands.evaluate import tracking

            tracking.run(self)
            return
        from ssd_live.commands.evaluate.run import run

        run(self)
