"""A loaded network, as the pipeline uses it."""

from collections.abc import Callable
from dataclasses import dataclass

from ssd_live.backends.base import Backend
from ssd_live.detection.filter import DetectionFilter


@dataclass(frozen=True)
class LiveModel:
    """A backend ready to run, with what turns its outputs into detections: all that the model
    gives; views filter.

    `kill` frees a thread that waits for an answer which does not come; it may be called from any.
    """

    backend: Backend
    input_size: tuple[int, int]
    accept_all: DetectionFilter
    name: str
    kill: Callable[[], None] = lambda: None
