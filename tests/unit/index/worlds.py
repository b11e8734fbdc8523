"""An index with made-up tracks."""

import random
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ssd_live.index.collect import NewSource, SourceWriter
from ssd_live.index.database import Index
from ssd_live.reporting.log import Count, Event, Found, LogFrame

BOX = (100.0, 50.0, 140.0, 130.0)
EVENING = datetime(2026, 11, 28, 17, 30).timestamp()


def source(name: str = "cam", recorded_at: float | None = EVENING, **more: object) -> NewSource:
    values: dict[str, object] = {
        "kind": "recording",
        "log": Path(f"/r/{name}.jsonl"),
        "video": Path(f"/r/{name}.mkv"),
        "width": 640,
        "height": 272,
        **more,
    }
    return NewSource(name=name, recorded_at=recorded_at, **values)  # type: ignore[arg-type]


def found(track_id: int, name: str = "person", score: float = 0.5) -> Found:
    return Found(name, score, BOX, track_id, is_observed=True)


def count(
    track_id: int,
    zone: str = "Door",
    kind: str = "entered",
    time: float = 0.0,
    seconds: float = 0.0,
) -> Count:
    return Count(time, zone, kind, "", "person", track_id, seconds, "", BOX, time)


def event(track_id: int, rule: str = "Stays", time: float = 0.0) -> Event:
    return Event(rule, "Door", "person", track_id, 1)


@dataclass(frozen=True)
class Known:
    """What is known of a track that was added."""

    key: tuple[str, int]
    class_name: str
    clock: float | None
    seconds: float
    places: dict[str, float]
    together: int


def fill(index: Index, seed: int, sources: int = 6, tracks: int = 40) -> list[Known]:
    """Add random tracks, and return them."""
    chance, known = random.Random(seed), []
    for number in range(sources):
        name = f"cam {number}"
        recorded_at = None if number == 0 else EVENING + chance.randrange(200_000)
        writer = SourceWriter(index, source(name, recorded_at))
        for track_id in range(1, tracks + 1):
            class_name = chance.choice(("person", "person", "car", "dog"))
            # The tracks come one after the other, so that it is simple who is seen together.
            begin, seconds = 100.0 * track_id, float(chance.randrange(40))
            together, places = chance.randrange(1, 4), {}
            others = [found(1000 * track_id + k, class_name) for k in range(1, together)]
            writer.add(LogFrame(begin, (found(track_id, class_name),), ()))
            counts = []
            for place in ("Door", "Yard"):
                if chance.random() < 0.4:
                    places[place] = seconds / 2
                    counts += [
                        count(track_id, place),
                        count(track_id, place, "left", 0, seconds / 2),
                    ]
            events: tuple[Event, ...] = ()
            if chance.random() < 0.3:
                places["Stays"], events = seconds, (event(track_id),)
            last = (found(track_id, class_name), *others)
            writer.add(LogFrame(begin + seconds, last, tuple(counts), events))
            clock = None if recorded_at is None else recorded_at + begin
            known.append(Known((name, track_id), class_name, clock, seconds, places, together))
            for one in others:
                assert one.track_id is not None
                late = None if clock is None else clock + seconds
                known.append(Known((name, one.track_id), class_name, late, 0.0, {}, together))
            writer.flush()
        writer.finish()
    return known
