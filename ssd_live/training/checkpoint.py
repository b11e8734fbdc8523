"""Checkpoints: everything that a run needs to go on exactly, saved whole or not at all."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssd_live.errors import ModelFileError
from ssd_live.system.atomic_files import atomic_write

_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """`step` is how many batches were learned from; `recipe` what the run is, as JSON; `best` the
    best validation figure so far.
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


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Raises `OutputError`; an earlier file under that name stays then."""
    # By way of memory: of a full disk, torch.save tells nothing that could be understood.
    content = io.BytesIO()
    torch.save({"version": _VERSION, **vars(checkpoint)}, content)
    with atomic_write(path) as file:
        file.write(content.getbuffer())


def load(path: Path) -> Checkpoint:
    """Nothing in the file is executed. Raises `ModelFileError`."""
    if not path.is_file():
        raise ModelFileError(
            f"{path}: there is no checkpoint to go on from; leave out --resume to begin"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("version") != _VERSION:
            raise ModelFileError(
                f"{path}: is a checkpoint of another version of ssd_live; train again, or use "
                "that version"
            )
        return Checkpoint(**content)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path}: holds more than a checkpoint, which is never run; give one made by `train`"
        ) from error
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise ModelFileError(
            f"{path}: is no checkpoint that can be read; give one made by `train`"
        ) from error
