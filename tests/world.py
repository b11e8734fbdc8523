"""A made world of moving objects, whose true ids are known, for testing trackers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.tracking.appearance import BINS

CLASSES = ("person", "car", "vehicle")
THRESHOLDS = (0.4, 0.4, 0.4)


@dataclass(frozen=True)
class Thing:
    """An object: `centre` gives its place in pixels at a time in seconds, `size` its (w, h)."""

    centre: Callable[[float], tuple[float, float]]
    size: tuple[float, float] = (40.0, 90.0)
    begin: float = 0.0
    end: float = float("inf")
    class_id: int = 0
    look: int = 0

    def box(self, time: float) -> NDArray[np.float32]:
        x, y = self.centre(time)
        width, height = self.size
        return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], np.float32)


def walking(x: float, y: float, vx: float = 0.0, vy: float = 0.0, **other: object) -> Thing:
    """An object that moves evenly, from (x, y) in pixels at time 0, in pixels per second."""
    return Thing(lambda time: (x + vx * time, y + vy * time), **other)  # type: ignore[arg-type]


@dataclass(frozen=True)
class World:
    """Things that are seen with noise. `seen` says whether thing n is found at a time."""

    things: Sequence[Thing]
    noise: float = 1.0
    seen: Callable[[int, float], bool] = lambda number, time: True
    score: float = 0.6
    seed: int = 0
    ghosts: float = 0.0
    frame: tuple[float, float] = field(default=(1280.0, 720.0))

    def at(self, time: float) -> tuple[Detections, NDArray[np.float32], list[int]]:
        """Return the detections, their colour histograms and the numbers of the true things.

        The noise depends on the time only, so that it is the same at every frame rate.
        """
        random = np.random.default_rng((self.seed, round(time * 1e6)))
        boxes, class_ids, numbers, looks = [], [], [], []
        for number, thing in enumerate(self.things):
            jitter = random.normal(0, self.noise, 4)
            if thing.begin <= time < thing.end and self.seen(number, time):
                boxes.append(thing.box(time) + jitter)
                class_ids.append(thing.class_id)
                numbers.append(number)
                looks.append(look_of(thing.look))
        if random.uniform() < self.ghosts:
            corner = random.uniform(0, 1, 2) * self.frame
            boxes.append(np.concatenate([corner, corner + random.uniform(30, 90, 2)]))
            class_ids.append(0)
            numbers.append(-1)
            looks.append(look_of(int(random.integers(50, 1000))))
        scores = (self.score + random.normal(0, 0.02, len(boxes))).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        found = Detections(
            np.array(boxes, np.float32).reshape(-1, 4)[order],
            scores[order],
            np.array(class_ids, np.int32)[order],
            CLASSES,
        )
        return (
            found,
            np.array(looks, np.float32).reshape(-1, BINS)[order],
            [numbers[index] for index in order],
        )

    def times(self, seconds: float, rate: float = 30.0) -> Iterator[float]:
        """Yield the times of the frames."""
        for index in range(round(seconds * rate)):
            yield index / rate

    def hidden(self, number: int, begin: float, end: float) -> "World":
        """Return the world with thing `number` not found from `begin` to `end`."""
        seen = self.seen
        return replace(
            self,
            seen=lambda n, time: seen(n, time) and not (n == number and begin <= time < end),
        )


def look_of(number: int) -> NDArray[np.float32]:
    """Return the colour histogram of things with this look, with the length 1."""
    look = np.random.default_rng(number).gamma(0.1, size=BINS)
    return (look / np.linalg.norm(look)).astype(np.float32)


def ids_of(found: Detections) -> list[int]:
    """Return the track ids of what is shown in a frame."""
    assert found.track_ids is not None
    return [int(track_id) for track_id in found.track_ids]


def owners(found: Detections, world: World, time: float) -> dict[int, int]:
    """Return {track id: number of the thing that its box shows}; ids on no thing are left out."""
    shown = {}
    for box, track_id in zip(found.boxes, ids_of(found), strict=True):
        overlaps = [_iou(box, thing.box(time)) for thing in world.things]
        if overlaps and max(overlaps) > 0.5:
            shown[track_id] = int(np.argmax(overlaps))
    return shown


def _iou(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    shared = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if shared.min() <= 0:
        return 0.0
    both = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()
    return float(shared.prod() / (both - shared.prod()))
