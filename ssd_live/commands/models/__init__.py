"""`models list`, `info`, `pull` and `import`: show models, and make models from weights."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ssd_live.commands.options import Json, names_in


def list_models(as_json: Json = False) -> None:
    """List the models by name."""
    from ssd_live.commands.models.run import show_list

    show_list(as_json)


def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="Name or file of the model.")],
    as_json: Json = False,
) -> None:
    """Show everything about one model."""
    from ssd_live.commands.models.run import show_info

    show_info(name, as_json)


def pull_model(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of the weights: ssd300-vgg16-coco or ssdlite320-mobilenetv3-large-coco."
        ),
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing model.")
    ] = False,
) -> None:
    """Download published weights and make a model from them (needs PyTorch)."""
    from ssd_live.commands.models.weights import pull

    pull(name, overwrite)


def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Weights of a torchvision SSD, ssd.pytorch or lufficc/SSD: .pth, .pt or "
            ".safetensors.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the new model; default: the file's name.")
    ] = None,
    classes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Class names without the background; not needed for VOC and COCO."
        ),
    ] = "",
    preset: Annotated[
        Literal["voc", "coco"] | None,
        typer.Option(
            help="Default boxes of the weights; default: those that their code base uses for such "
            "weights."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the model that has this name.")
    ] = False,
) -> None:
    """Make a model from a weight file; no code in the file is run (needs PyTorch)."""
    from ssd_live.commands.models.weights import import_file

    import_file(file, name, names_in(classes), overwrite, preset)
