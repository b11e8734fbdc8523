"""Measure what tracking costs for each frame.

usage: python tools/bench_tracking.py [--frames N]

Objects in a made world are tracked by both forms of tracking, and counted at two lines and two
areas. The table has the milliseconds of a
frame, for 20 and for 200 objects: the median of five parts of the run, and the last part beside the
first, which shows whether the cost grows.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from ssd_live.analytics.counting import ZoneCounter
from ssd_live.analytics.zones import Zone
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Region
from ssd_live.tracking.appearance import BINS, colour_histograms
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.tracker import Tracker
from ssd_live.tracking.two_pass import TwoPassTracker

_RATE, _PARTS = 30.0, 5
_WIDTH, _HEIGHT = 1920.0, 1080.0
# Frames are made in blocks, so that making them is not measured and needs little memory.
_BLOCK = 500

_ZONES = (
    Zone("a", "line", ((0.3, 0.0), (0.3, 1.0))),
    Zone("b", "line", ((0.0, 0.6), (1.0, 0.5))),
    Zone("c", "area", ((0.1, 0.1), (0.4, 0.1), (0.4, 0.9), (0.1, 0.9))),
    Zone("d", "area", ((0.5, 0.5), (0.9, 0.5), (0.7, 0.9))),
)

Seen = tuple[float, Detections, NDArray[np.float32]]


def _world(objects: int, frames: int) -> Iterator[Seen]:
    """Yield times, detections and colour histograms. One detection in twenty is missing."""
    random = np.random.default_rng(0)
    places = random.uniform(0, 1, (objects, 2)) * (_WIDTH, _HEIGHT)
    speeds = random.normal(0, 40, (objects, 2))
    sizes = random.uniform((20, 50), (40, 80), (objects, 2))
    looks = random.gamma(0.1, size=(objects, BINS))
    for index in range(frames):
        places = places + speeds / _RATE
        speeds = np.where((places < 0) | (places > (_WIDTH, _HEIGHT)), -speeds, speeds)
        centres = places + random.normal(0, 1.5, (objects, 2))
        scores = random.normal(0.6, 0.1, objects).clip(0.15, 1)
        seen = np.flatnonzero(random.uniform(size=objects) > 0.05)
        seen = seen[np.argsort(-scores[seen])]
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1)
        noisy = (looks[seen] + random.normal(0, 0.05, (len(seen), BINS))).clip(0)
        noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
        found = Detections(
            boxes[seen].astype(np.float32),
            scores[seen].astype(np.float32),
            np.zeros(len(seen), np.int32),
            ("person",),
        )
        yield index / _RATE, found, noisy.astype(np.float32)


def _with_ids(found: Detections) -> Detections:
    """Give the detections ids, by their sizes, which differ and stay."""
    ids = (1000 * (found.boxes[:, 2] - found.boxes[:, 0])).round().astype(np.int64)
    return replace(found, track_ids=ids, observed=np.full(len(found), True))


def _milliseconds(take: Callable[[Seen], object], objects: int, frames: int) -> list[float]:
    """Return the mean milliseconds of a frame in each part of the run."""
    spent = [0.0] * _PARTS
    world = _world(objects, frames)
    for begin in range(0, frames, _BLOCK):
        block = [next(world) for _ in range(min(_BLOCK, frames - begin))]
        started = time.perf_counter()
        for seen in block:
            take(seen)
        spent[begin * _PARTS // frames] += time.perf_counter() - started
    return [1000 * seconds * _PARTS / frames for seconds in spent]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=10_000, help="frames of each run")
    frames = parser.parse_args().frames
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    whole = Region(0, 0, round(_WIDTH), round(_HEIGHT))
    print(f"{'objects':>7}  {'part':<22} {'ms':>7}  last / first")
    for objects in (20, 200):
        candidates = CandidateFilter([0.4])
        live = Tracker(("person",), candidates)
        two_pass = TwoPassTracker(("person",), candidates, [0.4])
        counter = ZoneCounter(_ZONES, (whole.width, whole.height))
        rows: dict[str, Callable[[Seen], object]] = {
            "colour histograms": lambda seen: colour_histograms(image, seen[1].boxes, whole),
            "live": lambda seen, tracker=live: tracker.update(*seen),  # type: ignore[misc]
            "two-pass": lambda seen, tracker=two_pass: tracker.add(*seen),  # type: ignore[misc]
            "counting at four zones": lambda seen, counter=counter: counter.update(  # type: ignore[misc]
                seen[0], _with_ids(seen[1])
            ),
        }
        for name, take in rows.items():
            spent = _milliseconds(take, objects, frames)
            middle, growth = statistics.median(spent), spent[-1] / spent[0]
            print(f"{objects:7}  {name:<22} {middle:7.3f}  {growth:.2f}", flush=True)


if __name__ == "__main__":
    main()
