"""Define what the pipelines and the inference process agree on: the network contract."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssd_live.backends.base import Backend
from ssd_live.detection.filter import DetectionFilter
from ssd_live.imaging.frame import InputFit, Resize
from ssd_live.modelfile.metadata import Metadata

# The `count` of a reply that carries an error instead of detections.
FAILED = -1


@dataclass(frozen=True)
class ModelRequest:
    """The model, backend and precision that a user asks for.

    `model` is the name of a model or the path of a model file. `backend` and `precision` are values
    of the options `--backend` and `--precision`; `auto` lets the program choose.
    """

    model: str
    backend: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class ModelInfo:
    """The model that an inference process loaded, and the backend choice that runs it.

    `sha256` is the hash of the model file, and `description` the text of `Backend.description`.
    `may_improve` is whether measuring may find a faster backend choice. `measured_ms` is the
    latency of the choice that was measured on this machine, or 0 if it was not measured.
    `measured_at` is when that was, in seconds since 1970.
    """

    metadata: Metadata
    sha256: str
    backend: str
    device: str
    precision: str
    description: str
    may_improve: bool = False
    measured_ms: float = 0.0
    measured_at: float = 0.0


@dataclass(frozen=True)
class LiveModel:
    """A backend that is ready to run, and the filter that makes detections of its outputs.

    `accept_all` is the filter. It accepts all detections of the model, and each view filters them
    further. `input_size` is (width, height) in pixels. `name` is the model's name. `kill` ends the
    inference process, so that a thread that waits for outputs gets an error. Any thread may call
    it. `thresholds` are the display thresholds of the classes, by which a tracker judges scores.
    `resize` says how a frame becomes a network input.
    """

    backend: Backend
    input_size: tuple[int, int]
    accept_all: DetectionFilter
    name: str
    kill: Callable[[], None] = lambda: None
    thresholds: tuple[float, ...] = ()
    resize: Resize = "stretch, linear"

    @property
    def input_fit(self) -> InputFit:
        """How frames become network inputs."""
        return InputFit(self.input_size, self.resize)


def reply_type(rows: int) -> np.dtype[Any]:
    """Return the NumPy dtype of the reply to one image, in little-endian order.

    `rows` is the highest number of detections per image. The field `count` is the number of
    detections; they are the first `count` rows of `boxes`, `scores` and `classes`. If `count` is
    `FAILED`, the other fields are unspecified, and a line of JSON with the error follows.
    """
    return np.dtype(
        [
            ("count", "<i4"),
            ("boxes", "<f4", (rows, 4)),
            ("scores", "<f4", (rows,)),
            ("classes", "<i4", (rows,)),
        ]
    )
