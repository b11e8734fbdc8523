"""Read from the index what happened in one video, to draw it over time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssd_live.index.database import Index
from ssd_live.index.query import Source, sources
from ssd_live.system.paths import resolve

# Of longer recordings, the tracks that were seen the longest are read.
MOST_TRACKS = 100_000
_MOST_MARKS = 20_000


@dataclass(frozen=True)
class Mark:
    """A moment: a count at a zone, or an event of a rule. `time` is in seconds of the source."""

    time: float
    name: str
    what: str


@dataclass(frozen=True, eq=False)
class Timeline:
    """What happened in a source.

    Track n is of class `classes[class_ids[n]]`, was seen from `begins[n]` to `ends[n]` (N,) float64
    in seconds of the source, and has the id `track_ids[n]`. The classes with the most tracks come
    first. `counts` and `events` are in order of time.
    """

    source: Source
    classes: tuple[str, ...]
    class_ids: NDArray[np.int64]
    track_ids: NDArray[np.int64]
    begins: NDArray[np.float64]
    ends: NDArray[np.float64]
    counts: tuple[Mark, ...]
    events: tuple[Mark, ...]


def timeline_of(index: Index, video: Path) -> Timeline | None:
    """Return what happened in a video file, as it was added last, or None if it was not added."""
    wanted = resolve(video)
    its = [source for source in sources(index) if source.playable == wanted]
    if not its:
        return None
    source = max(its, key=lambda one: one.added_at)
    with index.reading() as database:
        rows = database.execute(
            "SELECT t.track_id, n.name, t.begin, t.begin + t.seconds FROM tracks t JOIN names n ON "
            "n.id = t.class WHERE t.source = ? ORDER BY t.seconds DESC LIMIT ?",
            (source.number, MOST_TRACKS),
        ).fetchall()
        counts = database.execute(
            "SELECT c.time, n.name, CASE c.direction WHEN '' THEN c.kind ELSE c.direction END FROM "
            "counts c JOIN names n ON n.id = c.zone WHERE c.source = ? ORDER BY c.time LIMIT ?",
            (source.number, _MOST_MARKS),
        ).fetchall()
        events = database.execute(
            "SELECT e.time, n.name, e.class FROM events e JOIN names n ON n.id = e.rule WHERE "
            "e.source = ? ORDER BY e.time LIMIT ?",
            (source.number, _MOST_MARKS),
        ).fetchall()
    names = [row[1] for row in rows]
    classes = sorted(set(names), key=lambda name: (-names.count(name), name))
    numbers = {name: number for number, name in enumerate(classes)}
    return Timeline(
        source,
        tuple(classes),
        np.array([numbers[name] for name in names], np.int64),
        np.array([row[0] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.float64),
        tuple(Mark(*row) for row in counts),
        tuple(Mark(*row) for row in events),
    )
