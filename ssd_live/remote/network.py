"""Define the loaded network that a live pipeline uses."""

from collections.abc import Callable
from dataclasses import dataclass

from ssd_live.backends.base import Backend
from ssd_live.detection.filter import DetectionFilter


@dataclass(frozen=True)
class LiveModel:
    """A backend that is ready to run, and the filter that makes detections of its outputs.

    `accept_all` is the filter. It accepts all detections of the model, and each view filters them
    further. `input_size` is (width, height) in pixels. `name` is the model's name. `kill` ends the
    wait of a thread for outputs that never come. It may be called from any thread.
    """

    backend: Backend
    input_size: tuple[int, int]
    accept_all: DetectionFilter
    name: str
    kill: Callable[[], None] = lambda: None
