"""Measure the index: how long searches of a million objects take, and what a recording costs.

python -m tools.bench_index [--tracks N]
"""

import argparse
import functools
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.index.collect import NewSource, minute_of_day
from ssd_live.index.database import Index
from ssd_live.index.query import Query, count, search
from ssd_live.live.recording_index import RecordingIndex

_TRACKS_OF_A_SOURCE = 1000
_CLASSES = ("Person", "Car", "Cat", "Dog", "Bag")
_ZONES = tuple(f"Zone {number}" for number in range(5))
_BEGIN = 1.7e9
_ROUNDS = 5
# A recording: so many seconds of so many frames a second with so many objects.
_SECONDS, _RATE, _OBJECTS = 60, 30, 6


def fill(index: Index, tracks: int) -> None:
    """Write so many random tracks to the index."""
    chance = random.Random(1)
    rows, visits = [], []
    with index.writing() as database:
        classes = [index.number_of("class", name) for name in _CLASSES]
        zones = [index.number_of("zone", name) for name in _ZONES]
        for source in range(1, tracks // _TRACKS_OF_A_SOURCE + 1):
            database.execute(
                "INSERT INTO sources (name, kind, log, video, width, height, recorded_at, "
                "seconds, is_complete, added_at) VALUES (?, 'recording', ?, '', 640, 360, ?, 3600, "
                "1, 0)",
                (f"camera {source}", f"{source}.jsonl", _BEGIN + 3600 * source),
            )
        for row in range(1, tracks + 1):
            source, number = divmod(row - 1, _TRACKS_OF_A_SOURCE)
            begin = 3.6 * number
            clock = _BEGIN + 3600 * (source + 1) + begin
            searched = (
                clock,
                chance.choice((*classes, *[classes[0]] * 4)),
                minute_of_day(clock),
                chance.expovariate(0.1),
                1 << chance.randrange(11) | 1 << chance.randrange(11),
                chance.randrange(1, 9),
                source + 1,
            )
            rows.append((row, number, begin, *searched))
            visits += [(zone, row, *searched) for zone in zones if chance.random() < 0.1]
        database.executemany(
            "INSERT INTO tracks (id, track_id, begin, clock, class, minute, seconds, colours, "
            "together, source, score) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0.5)",
            rows,
        )
        database.executemany(
            "INSERT INTO visits (place, track, clock, class, minute, seconds, colours, together, "
            "source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            visits,
        )


def queries() -> dict[str, Query]:
    """Return searches of every kind."""
    return {
        "everything": Query(),
        "a class": Query(classes=("Cat",)),
        "a zone": Query(places=("Zone 1",)),
        "five zones": Query(places=_ZONES),
        "a time of day": Query(minutes=(1320, 360)),
        "two colours": Query(colours=("red", "blue")),
        "one hour": Query(begin=_BEGIN + 300 * 3600, end=_BEGIN + 301 * 3600),
        "a source": Query(sources=(1,)),
        "at least 30 s": Query(seconds=(30.0, None)),
        "something rare": Query(
            ("Cat",), (), (), None, None, (600, 610), (30.0, None), ("red",), 8
        ),
        "nothing": Query(seconds=(80_000.0, None)),
        "all at once": Query(
            ("Person", "Car"), ("Zone 1", "Zone 2"), (), _BEGIN, None, (480, 1020), (5.0, 60.0)
        ),
    }


def milliseconds(work: Callable[[], object]) -> float:
    """Return the shortest time of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        work()
        best = min(best, 1000 * (time.perf_counter() - started))
    return best


def recording_cost(path: Path) -> float:
    """Return the share of one core that a recording in real time spends on the index."""
    boxes = np.array([(100 * n, 50, 100 * n + 80, 250) for n in range(_OBJECTS)], np.float32)
    picture = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    source = NewSource("x", "recording", path, path, 1280, 720, time.time())
    began = resource.getrusage(resource.RUSAGE_SELF)
    writer = RecordingIndex(path, source, print)
    for number in range(_SECONDS * _RATE):
        at = number / _RATE
        # Everybody is seen for ten seconds.
        ids = np.arange(_OBJECTS) + 1 + _OBJECTS * int(at / 10)
        found = Detections(
            boxes,
            np.full(_OBJECTS, 0.8, np.float32),
            np.zeros(_OBJECTS, np.int32),
            _CLASSES,
            ids.astype(np.int64),
            np.full(_OBJECTS, True),
        )
        writer.add(at, Frame((picture,), time=at), found)
        if number % _RATE == _RATE - 1:
            # A shorter second: the index writes once in it all the same.
            time.sleep(1.05)
    writer.close(30.0, (path, path))
    ended = resource.getrusage(resource.RUSAGE_SELF)
    spent = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    return spent / _SECONDS


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    tracks = parser.parse_args().tracks
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.db"
        with Index(path) as index:
            fill(index, tracks)
        size = path.stat().st_size / 1e6
        started = time.perf_counter()
        index = Index(path)
        print(f"{tracks:,} tracks, {size:.0f} MB; opened and checked in", end=" ")
        print(f"{time.perf_counter() - started:.2f} s")
        print(f"{'search':16} {'first page':>10} {'count':>10} {'found':>10}")
        for name, query in queries().items():
            page = milliseconds(functools.partial(search, index, query))
            counted = milliseconds(functools.partial(count, index, query))
            print(f"{name:16} {page:7.1f} ms {counted:7.1f} ms {count(index, query):10,}")
        index.close()
        cost = recording_cost(Path(folder) / "recording.db")
        print(f"a recording of {_OBJECTS} objects at {_RATE} FPS, 720p: {cost:.2%} of a core")


if __name__ == "__main__":
    main()
