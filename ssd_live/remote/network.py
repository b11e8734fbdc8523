"""The contract of a loaded network for the live pipeline."""

from collections.abc import Callable
from dataclasses import dataclass

from ssd_live.backends.base import Backend
from ssd_live.detection.filter import DetectionFilter


@dataclass(frozen=True)
class LiveModel:
    """A backend that is ready to run, and the filter that makes detections of its outputs.

    The filter accepts all detections of the model; each view filters them further. `input_size` is
    (width, height) in pixels. `kill` releases a thread that waits for outputs that never come; it
    may be called from any thread.
    """

    backend: Backend
    input_size: tuple[int, int]
    accept_all: DetectionFilter
    name: str
    kill: Callable[[], None] = lambda: None
