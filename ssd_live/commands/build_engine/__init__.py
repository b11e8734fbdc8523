"""`build`: build a TensorRT engine from a model and keep it in the engine store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from ssd_live.commands.options import ModelArgument


@dataclass(frozen=True)
class Request:
    """The arguments and options of one call of the command `build`."""

    HELP: ClassVar[str] = "Build a TensorRT engine from a model."

    name: ModelArgument
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the engine; default: the engine store.",
        ),
    ] = None
    runtime: Annotated[
        Literal["tensorrt", "tensorrt-rtx"],
        typer.Option(help="Library to build with; tensorrt-rtx can also build without a GPU."),
    ] = "tensorrt-rtx"
    precision: Annotated[
        str,
        typer.Option(
            help="Precision of the engine: fp16 (NMS, softmax and decoding stay in fp32) or fp32."
        ),
    ] = "fp16"
    batch: Annotated[
        str,
        typer.Option(
            metavar="N|MIN,USUAL,MAX",
            help="Batch size, or the smallest, usual and largest batch size of the engine.",
        ),
    ] = "1,1,8"
    workspace: Annotated[
        int,
        typer.Option(
            min=0, metavar="MB", help="Most GPU memory to use while building, in MB; 0 for all."
        ),
    ] = 0
    targets: Annotated[
        str,
        typer.Option(
            metavar="sm86,sm89",
            help="GPU architectures to build for; default: the GPU of this machine.",
        ),
    ] = ""
    version_compatible: Annotated[
        bool,
        typer.Option(
            "--version-compatible",
            help="Build a slower engine that also runs on later versions of the library.",
        ),
    ] = False
    hardware_compatible: Annotated[
        bool,
        typer.Option(
            "--hardware-compatible",
            help="Build a slower engine that runs on all GPUs since Ampere.",
        ),
    ] = False
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Build again if the engine exists; use the engine even if its results disagree "
            "with fp32.",
        ),
    ] = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.build_engine.run import run

        run(self)
