"""Save and load checkpoints, which hold everything that a run needs to continue exactly."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssd_live.errors import ModelFileError
from ssd_live.models.default_boxes import ShapeNumbers
from ssd_live.system.atomic_files import atomic_write

_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training run.

    `step` is the number of batches that the run has learned from. `model` holds the weights of the
    network, and `average` the averaged weights. `optimiser` is the state of SGD, and `scaler` that
    of the gradient scaler of float16. `average` and `scaler` are empty if the run does not use
    them. `random` is the state of PyTorch's random generator. `recipe` is the recipe of the run as
    JSON, and `classes` are the class names. `best` is the highest mean average precision of the
    validations so far, or minus infinity if there was none. `box_shapes` are the
    `SSDNetwork.fitted_shapes` of the network.
    """

    step: int
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    scaler: dict[str, Any]
    random: Tensor
    recipe: str
    classes: list[str]
    best: float
    box_shapes: ShapeNumbers = ()


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint to the file `path`, completely or not at all.

    Raises `OutputError` if the file cannot be written; then an earlier file of this name is kept.
    """
    # The content is made in memory first, because torch.save does not say clearly that a disk is
    # full.
    content = io.BytesIO()
    torch.save({"version": _VERSION, **vars(checkpoint)}, content)
    with atomic_write(path) as file:
        file.write(content.getbuffer())


def load(path: Path) -> Checkpoint:
    """Read and return the checkpoint in the file `path`. Code in the file is never run.

    Raises `ModelFileError` if the file is missing, is not a checkpoint, or is a checkpoint of
    another version.
    """
    if not path.is_file():
        raise ModelFileError(
            f"{path}: there is no checkpoint to resume from; leave out --resume to start a new run"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("version") != _VERSION:
            raise ModelFileError(
                f"{path}: is a checkpoint of another version of ssd_live; train again, or "
                "install that version"
            )
        return Checkpoint(**content)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path}: contains objects that do not belong in a checkpoint, and ssd_live never runs "
            "code from a file; give a checkpoint made by `train`"
        ) from error
    except ModelFileError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise ModelFileError(
            f"{path}: the checkpoint cannot be read; give a checkpoint made by `train`"
        ) from error
