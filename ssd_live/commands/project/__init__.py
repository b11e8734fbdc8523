"""`project new`, `show`, `add`, `label`, `train`, `judge` and `use`: teach your own objects."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ssd_live.commands.options import Json

# The model from which trainings start, and whose detections are suggestions.
BASE_MODEL = "ssd300-mobilenetv2-oid"
_FOLDER_HELP = "Folder of the project."

Folder = Annotated[Path, typer.Argument(metavar="PROJECT", help=_FOLDER_HELP)]
Version = Annotated[
    int | None,
    typer.Option("--version", metavar="N", min=1, help="Number of a version; default: the last."),
]


@dataclass(frozen=True)
class NewRequest:
    """The arguments and options of one call of `project new`."""

    HELP: ClassVar[str] = "Make a project: a folder for images, labels and detectors."

    folder: Annotated[Path, typer.Argument(metavar="PROJECT", help="The new folder.")]
    classes: Annotated[
        str, typer.Option("--classes", metavar="A,B", help="The objects to find, for example Mug.")
    ]
    name: Annotated[
        str,
        typer.Option(help="Name of the project and its detector; default: that of the folder."),
    ] = ""

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.run import make

        make(self)


@dataclass(frozen=True)
class ShowRequest:
    """The arguments and options of one call of `project show`."""

    HELP: ClassVar[str] = "Show what is in a project: images, objects and versions."

    folder: Folder
    as_json: Json = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.run import show

        show(self)


@dataclass(frozen=True)
class AddRequest:
    """The arguments and options of one call of `project add`."""

    HELP: ClassVar[str] = (
        "Add images to a project: image files, folders, frames of videos, or data sets (VOC, "
        "COCO or YOLO) with their labels. Near-duplicates are left out."
    )

    folder: Folder
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help="Images, folders, videos or data sets.")
    ]
    every: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.0, help="Of a video, take a frame every SECONDS."),
    ] = 1.0
    start: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.0, help="Begin so far into a video.")
    ] = 0.0
    count: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="Add at most N frames of a video.")
    ] = 200
    unsure: Annotated[
        bool,
        typer.Option(
            "--unsure",
            help="Of each --every seconds of a video, take the frame of which --model is the most "
            "unsure, and none if it is sure.",
        ),
    ] = False
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="Model for --unsure; default: the version in use, or else the bundled model.",
        ),
    ] = ""
    split: Annotated[str, typer.Option(help="Part of a data set, for example train.")] = ""
    keep_near: Annotated[bool, typer.Option("--keep-near", help="Add near-duplicates too.")] = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.run import add

        add(self)


@dataclass(frozen=True)
class LabelRequest:
    """The arguments and options of one call of `project label`."""

    HELP: ClassVar[str] = (
        "Label images of a project from a script: with the labels of another program, with "
        "suggestions of a model, or as images with nothing to find. Change its classes."
    )

    folder: Folder
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Take the labels of a COCO file, whose images have the same file names.",
        ),
    ] = None
    suggest: Annotated[
        bool,
        typer.Option(
            "--suggest", help="Suggest boxes in the images that are not labelled, with --model."
        ),
    ] = False
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="Model that suggests; default: the version in use, or else the bundled model.",
        ),
    ] = ""
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Suggest boxes with at least this score.")
    ] = 0.3
    carry: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Follow the objects of these images (their file names) through their videos, and "
            "suggest the boxes in the images after them.",
        ),
    ] = None
    accept: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            min=0.0,
            max=1.0,
            help="Accept suggestions with at least this score, drop the others, and count the "
            "images as labelled.",
        ),
    ] = None
    nothing: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="These images (their file names) have nothing to find."),
    ] = None
    remove: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Delete these images (their file names)."),
    ] = None
    add_class: Annotated[str | None, typer.Option(metavar="NAME", help="Add a class.")] = None
    rename: Annotated[
        str | None, typer.Option(metavar="OLD=NEW", help="Give a class another name.")
    ] = None
    merge: Annotated[
        str | None,
        typer.Option(metavar="OLD=NEW", help="Make objects of OLD objects of the class NEW."),
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.run import label

        label(self)


@dataclass(frozen=True)
class TrainRequest:
    """The arguments and options of one call of `project train`."""

    HELP: ClassVar[str] = (
        "Train a detector on the labelled images of a project, judge it on images that it has "
        "not seen, and keep it as a new version (needs PyTorch). Ctrl-C pauses; the next call goes "
        "on."
    )

    folder: Folder
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="Number of batches; default: by the number of images."
        ),
    ] = None
    snapshot: Annotated[
        Path | None,
        typer.Option(
            hidden=True, help="Labels that the window has written while it has the project open."
        ),
    ] = None
    fit_boxes: Annotated[
        bool,
        typer.Option(
            "--fit-boxes", help="Fit the default boxes of SSD to the shapes of the labelled boxes."
        ),
    ] = False
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget a paused training, and begin with all labels.")
    ] = False
    finish: Annotated[
        bool, typer.Option("--finish", help="Learn no more; keep what a paused training learned.")
    ] = False
    device: Annotated[
        str, typer.Option(help="Device: cpu, cuda, cuda:1 ...; default: the GPU if there is one.")
    ] = ""

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.train import run

        run(self)


@dataclass(frozen=True)
class JudgeRequest:
    """The arguments and options of one call of `project judge`."""

    HELP: ClassVar[str] = (
        "Judge a version of a project beside the detector in use, on images that the project "
        "keeps for judging."
    )

    folder: Folder
    version: Version = None
    mistakes: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for an image of each mistake."),
    ] = None
    as_json: Json = False

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.judge import run

        run(self)


@dataclass(frozen=True)
class UseRequest:
    """The arguments and options of one call of `project use`."""

    HELP: ClassVar[str] = (
        "Make a version of a project the model that other commands and the window offer under the "
        "name of the project, or go back to the version before."
    )

    folder: Folder
    version: Version = None
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the version that was in use before.")
    ] = False
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Make the INT8 version of it too, which takes minutes (needs NNCF)."
        ),
    ] = False
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the version to FILE (.onnx) only, for another machine."
        ),
    ] = None

    def run(self) -> None:
        """Run the command with these arguments and options."""
        from ssd_live.commands.project.use import run

        run(self)
