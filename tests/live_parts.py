"""What stands in for a network and for a window in the tests of live pictures."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.detection.filter import DetectionFilter
from ssd_live.errors import BackendError
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.live import LivePipeline
from ssd_live.pipeline.picture import Picture, Viewport
from ssd_live.remote.network import LiveModel
from tests.waiting import LIMIT_SECONDS, wait_until

SIDE = 8
VIEW = Viewport(32, 32)
# One each in: the slot before the network, the network, the slot before the renderer, the renderer,
# its picture, the view, and the hands of capture; and three that were just replaced and are not yet
# counted.
MOST_IN_FLIGHT = 10


class MemoryBackend(Closing):
    """Finds one thing a picture, whose left edge tells the picture's mean brightness; `seconds`
    slow, and held up while `gate` is closed.

    `begun` is told the number of each picture, from 1, as soon as the network takes it. The
    answers' memory is used again, as the contract allows. `submit` number `dies_at` and all later
    ones fail.
    """

    slots = 1
    description = "memory"

    def __init__(
        self,
        seconds: float = 0.0,
        dies_at: int | None = None,
        begun: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.seconds = seconds
        self.dies_at = dies_at
        self.begun = begun
        self.gate = threading.Event()
        self.gate.set()
        self.submitted = 0
        self.closed = 0
        self.users: set[str] = set()
        self._outputs = Outputs(
            np.zeros((1, 1), np.int32),
            np.zeros((1, 3, 4), np.float32),
            np.zeros((1, 3), np.float32),
            np.zeros((1, 3), np.int32),
        )

    def submit(self, images: Pixels) -> "MemoryPending":
        assert not self.closed, "a closed backend was used"
        self.users.add(threading.current_thread().name)
        self.submitted += 1
        self.begun(self.submitted)
        if self.dies_at is not None and self.submitted >= self.dies_at:
            raise BackendError("the network died; choose another backend")
        for array in self._outputs:
            array.fill(-1)
        return MemoryPending(self, images, self._outputs)

    def share(self) -> None:
        return None

    def close(self) -> None:
        self.closed += 1


@dataclass
class MemoryPending:
    backend: MemoryBackend
    images: Pixels
    outputs: Outputs

    def result(self, timeout: float | None = None) -> Outputs:
        assert self.backend.gate.wait(LIMIT_SECONDS)
        if self.backend.seconds:
            time.sleep(self.backend.seconds)
        self.outputs.num_detections[:] = 1
        self.outputs.boxes[0, 0] = brightness(self.images[0]), 0, 1, 1
        self.outputs.scores[0, 0], self.outputs.classes[0, 0] = 0.9, 0
        return self.outputs


def brightness(image: Pixels) -> float:
    """What the memory backend finds in a picture of the network's size, 0..1."""
    return float(np.float32(image.mean() / 256))


def network_of(backend: MemoryBackend, name: str = "memory") -> LiveModel:
    return LiveModel(
        backend, (SIDE, SIDE), DetectionFilter(("thing",), 0.0, np.array([True])), name
    )


@dataclass
class Painter:
    """A view: fetches pictures when it is told to and paints them, and remembers what it
    painted.
    """

    painted: list[Picture] = field(default_factory=list)

    def paint(self, pipeline: LivePipeline) -> Picture | None:
        """The newest picture, if there is one."""
        picture = pipeline.picture()
        if picture is not None:
            self.painted.append(picture)
            pipeline.painted(picture)
        return picture

    def paint_next(self, pipeline: LivePipeline) -> Picture:
        """Wait for a picture and paint it."""
        before = len(self.painted)
        wait_until(
            lambda: self.paint(pipeline) is not None and len(self.painted) > before,
            what="a picture to paint",
        )
        return self.painted[-1]

    def paint_many(self, pipeline: LivePipeline, count: int) -> list[Picture]:
        return [self.paint_next(pipeline) for _ in range(count)]

    @property
    def frames(self) -> int:
        """How many different frames were painted."""
        return len({picture.number for picture in self.painted})


def check_account(pipeline: LivePipeline) -> None:
    """Of a running pipeline: no frame is counted twice, and no more are on their way than there is
    room for.
    """
    frame_counts = pipeline.frame_counter.counts()
    assert 0 <= frame_counts.in_flight <= MOST_IN_FLIGHT, frame_counts


def check_closed(pipeline: LivePipeline) -> None:
    """Of a closed pipeline: every frame has its fate."""
    frame_counts = pipeline.frame_counter.counts()
    assert frame_counts.captured > 0
    assert frame_counts.captured == frame_counts.shown + frame_counts.failed + sum(
        frame_counts.dropped.values()
    ), frame_counts
