"""Scripts for a made world: objects whose crossings and times in areas are known."""

import itertools
import math
import random as python_random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ssd_live.analytics.zones import Zone
from tests.world import Thing, World

SIZE = (1280, 720)
LINE = Zone("gate", "line", ((0.5, 0.1), (0.5, 0.9)))
AREA = Zone("yard", "area", ((0.62, 0.3), (0.95, 0.3), (0.95, 0.95), (0.62, 0.95)))
# The picture is seen from the top of the line: its right is the left of the picture.
_LINE_X = 640.0


T = TypeVar("T")


@dataclass(frozen=True)
class Path:
    """A path of feet through (time, x, y), straight between them, in seconds and pixels."""

    points: tuple[tuple[float, float, float], ...]

    def at(self, time: float) -> tuple[float, float]:
        times, xs, ys = zip(*self.points, strict=True)
        return float(np.interp(time, times, xs)), float(np.interp(time, times, ys))

    @property
    def begin(self) -> float:
        return self.points[0][0]

    @property
    def end(self) -> float:
        return self.points[-1][0]

    def crossings(self) -> tuple[int, int]:
        """How often the path goes in and out through the line. Standing on it is no crossing."""
        went = [0, 0]
        side = 0
        for (_, x, _), (_, next_x, next_y) in itertools.pairwise(self.points):
            for at in (x, next_x):
                new = int(np.sign(round(at - _LINE_X, 3)))
                if new and side and new != side and 72 <= next_y <= 648:
                    went[0 if new < 0 else 1] += 1
                side = new or side
        return went[0], went[1]

    def visits(self) -> list[float]:
        """The times in the area, in seconds, from a close look at the path."""
        times = np.arange(self.begin, self.end, 0.002)
        its_times, *places = zip(*self.points, strict=True)
        xs, ys = (np.interp(times, its_times, place) for place in places)
        inside = (xs > 0.62 * 1280) & (xs < 0.95 * 1280) & (ys > 0.3 * 720) & (ys < 0.95 * 720)
        bounds = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
        return [0.002 * (end - begin) for begin, end in bounds.reshape(-1, 2)]


@dataclass(frozen=True)
class Script:
    """A world and its truth: crossings in and out, and the times in the area."""

    world: World
    paths: tuple[Path, ...]
    seconds: float

    @property
    def crossings(self) -> tuple[int, int]:
        each = [path.crossings() for path in self.paths]
        return sum(went_in for went_in, _ in each), sum(went_out for _, went_out in each)

    @property
    def visits(self) -> list[float]:
        return [visit for path in self.paths for visit in path.visits()]


def script(seed: int) -> Script:
    """Make a script with people who cross the line, turn round, stand on it, or walk past it.

    Some visit the area, some come in at the edge, two walk together, and some are hidden for a
    while, also on the line.
    """
    random = np.random.default_rng(seed)
    paths: list[Path] = []
    hidden: list[tuple[int, float, float]] = []
    # Each has a row of the picture, so that they meet rarely; the pair walks side by side.
    rows = list(random.permutation([210.0, 300.0, 390.0, 480.0, 570.0]))
    kinds = ["cross", "return", "stand", "stand back", "visit", "edge", "pair", "hidden", "past"]
    time = 0.5
    for kind in random.permutation(kinds)[: int(random.integers(4, 8))]:
        begin = time + float(random.uniform(0, 2))
        time += float(random.uniform(0.5, 2.5))
        row = rows[len(paths) % len(rows)]
        speed = float(random.uniform(60, 160))
        left, right = float(random.uniform(120, 400)), float(random.uniform(860, 1150))
        if random.uniform() < 0.5 and kind != "visit":
            left, right = right, left
        made = _paths(str(kind), begin, left, right, row, speed, random)
        if kind == "hidden":
            middle = begin + abs(_LINE_X - left) / speed
            hidden.append((len(paths), middle - 0.5, middle + float(random.uniform(0.2, 0.9))))
        paths += made
    things = [
        Thing(
            _centre(path, 90.0),
            size=(36.0, 90.0),
            begin=path.begin,
            end=path.end,
            look=100 * seed + number,
        )
        for number, path in enumerate(paths)
    ]
    # One detection in twenty is missing, and there are some false ones.
    world = World(
        things,
        noise=1.5,
        seen=lambda number, at: (
            python_random.Random(f"{seed} {number} {round(at * 1e4)}").random() > 0.05
        ),
        ghosts=0.02,
        seed=seed,
    )
    for number, begin, end in hidden:
        world = world.hidden(number, begin, end)
    return Script(world, tuple(paths), max(path.end for path in paths) + 1.0)


def _centre(path: Path, height: float) -> Callable[[float], tuple[float, float]]:
    def centre(time: float) -> tuple[float, float]:
        x, y = path.at(time)
        return x, y - height / 2

    return centre


def _paths(
    kind: str,
    begin: float,
    left: float,
    right: float,
    row: float,
    speed: float,
    random: np.random.Generator,
) -> list[Path]:
    """Return the paths of one kind; they begin at x = `left`, in the row with this y."""

    def walk(*xs: float, y: float = row, waits: Sequence[float] = ()) -> Path:
        """Walk from x to x; `waits` are the seconds to stand at each but the first."""
        points, time = [(begin, xs[0], y)], begin
        for number, (x, to) in enumerate(itertools.pairwise(xs)):
            time += abs(to - x) / speed
            points.append((time, to, y))
            if number < len(waits) and waits[number]:
                time += waits[number]
                points.append((time, to, y))
        return Path(tuple(points))

    ahead = math.copysign(1.0, right - left)
    wait = float(random.uniform(1.5, 4.0))
    match kind:
        case "cross" | "hidden":
            return [walk(left, right)]
        case "return":
            return [walk(left, _LINE_X + ahead * float(random.uniform(60, 150)), left)]
        case "stand":
            return [walk(left, _LINE_X, right, waits=[wait])]
        case "stand back":
            return [walk(left, _LINE_X, left, waits=[wait])]
        case "visit":
            inside = float(random.uniform(900, 1100))
            return [walk(left, inside, left, waits=[wait])]
        case "edge":
            outer = 0.0 if left < _LINE_X else 1280.0
            return [walk(outer, right)]
        case "pair":
            return [walk(left, right), walk(left + 20, right + 20, y=row + 40)]
        case _:
            # Below the end of the line.
            return [walk(left, right, y=690.0)]


def dropped(frames: Sequence[T], seed: int) -> list[T]:
    """Leave out a third of the frames, at random."""
    random = np.random.default_rng(seed)
    return [frame for frame in frames if random.uniform() > 1 / 3]
