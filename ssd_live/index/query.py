"""Search the index."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ssd_live.errors import UsageError
from ssd_live.imaging.colour_names import COLOUR_NAMES, bits_of, colours_in
from ssd_live.index.collect import SourceKind
from ssd_live.index.database import Index, path_in
from ssd_live.reporting.log import Box

# What a search gives at a time if the caller does not say otherwise.
PAGE = 200
_AT_ONCE = 500
NameKind = Literal["class", "zone", "rule"]


@dataclass(frozen=True)
class Query:
    """What is looked for; an empty field allows everything.

    `classes` are names, of which one must fit. `places` are names of zones and rules, of which the
    object must have met one. `sources` are numbers of sources. `begin` and `end` limit the time at
    which an object came, in seconds since 1970. `minutes` limit its local time of day: (from, to)
    in minutes from 0 to 1439, both included; a range such as (1320, 360) goes over midnight.
    `seconds` limit how long it was seen, or how long it was in the zone if `places` are given.
    `colours` are names out of `COLOUR_NAMES`, of which one must be a main colour of its picture.
    At least `together` objects of its class were seen at one time with it.
    """

    classes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    sources: tuple[int, ...] = ()
    begin: float | None = None
    end: float | None = None
    minutes: tuple[int, int] | None = None
    seconds: tuple[float, float | None] = (0.0, None)
    colours: tuple[str, ...] = ()
    together: int = 1


@dataclass(frozen=True)
class Source:
    """A source in the index; see `collect.NewSource`.

    `seconds` is from its first to its last frame. If it is not complete, the program ended before
    the source did, or still writes it. `tracks` is their number. `added_at` is when it was added,
    in seconds since 1970.
    """

    number: int
    name: str
    kind: SourceKind
    log: Path
    video: Path | None
    width: int
    height: int
    recorded_at: float | None
    seconds: float
    is_complete: bool
    tracks: int
    added_at: float

    @property
    def playable(self) -> Path | None:
        """The video if it can be opened now, or None."""
        return self.video if self.video is not None and is_file(self.video) else None

    @property
    def ended_at(self) -> float:
        """When it ended, in seconds since 1970; when it was added if that is not known."""
        return self.added_at if self.recorded_at is None else self.recorded_at + self.seconds


@dataclass(frozen=True)
class FoundTrack:
    """An object that was found; `row` is its number in the index.

    `begin` and `seconds` are in seconds of the source. `clock` is when it came, in seconds since
    1970, or None if that is not known. `colours` are the main colours of its picture, which shows
    the part `box` (x1, y1, x2, y2 in pixels) of the frame at `best_time`.
    """

    row: int
    source: int
    track_id: int
    class_name: str
    begin: float
    seconds: float
    clock: float | None
    score: float
    colours: tuple[str, ...]
    together: int
    best_time: float | None
    box: Box | None


def search(
    index: Index, query: Query, limit: int = PAGE, after: FoundTrack | None = None
) -> list[FoundTrack]:
    """Return at most `limit` objects that fit a query, the newest first.

    Those without a known time come last. If `after` is given, the result goes on after it. Raises
    `UsageError` if the query has a name that the index does not have.
    """
    with index.reading() as database:
        table, conditions = _conditions(database, query)
        row = "track" if table == "visits" else "id"
        if after is not None:
            conditions.add(f"(clock, {row}) < (?, ?)", after.clock or 0.0, after.row)
        # Each place is in order already. An object may have met several of them.
        places: Sequence[int | None] = conditions.places or [None]
        parts, values = [], []
        for place in places:
            where, its_values = conditions.of(place)
            parts.append(
                f"SELECT * FROM (SELECT clock, {row} AS row FROM {table} {where} "
                f"ORDER BY clock DESC, {row} DESC LIMIT ?)"
            )
            values += [*its_values, limit]
        rows = database.execute(
            f"{' UNION '.join(parts)} ORDER BY clock DESC, row DESC LIMIT ?", (*values, limit)
        ).fetchall()
    return tracks_of_rows(index, [number for _, number in rows])


def search_all(index: Index, query: Query) -> Iterator[FoundTrack]:
    """Yield everything that fits a query, in the order of `search`."""
    after = None
    while found := search(index, query, _AT_ONCE, after):
        yield from found
        after = found[-1]


def tracks_of_rows(index: Index, rows: Sequence[int]) -> list[FoundTrack]:
    """Return the objects with these numbers in the index, in this order; at most 32,766."""
    marks = ",".join("?" * len(rows))
    with index.reading() as database:
        found = database.execute(f"{_ALL_OF_A_TRACK} WHERE t.id IN ({marks})", rows).fetchall()
    by_row = {values[0]: _found(values) for values in found}
    return [by_row[row] for row in rows if row in by_row]


def count(index: Index, query: Query) -> int:
    """Return how many objects fit a query. Raises `UsageError` as `search` does."""
    with index.reading() as database:
        table, conditions = _conditions(database, query)
        where, values = conditions.of(*conditions.places)
        what = "count(DISTINCT track)" if table == "visits" else "count(*)"
        (number,) = database.execute(f"SELECT {what} FROM {table} {where}", values).fetchone()
    return int(number)


def picture_of(index: Index, row: int) -> bytes | None:
    """Return the picture of an object as a JPEG file, or None if there is none."""
    with index.reading() as database:
        found = database.execute(
            "SELECT jpeg FROM pictures.jpegs WHERE track = ?", (row,)
        ).fetchone()
    return None if found is None else bytes(found[0])


def names(index: Index, kind: NameKind) -> list[str]:
    """Return the names of this kind in the index, in alphabetical order."""
    with index.reading() as database:
        rows = database.execute("SELECT name FROM names WHERE kind = ? ORDER BY name", (kind,))
        return [name for (name,) in rows.fetchall()]


def places_of(index: Index, row: int) -> list[str]:
    """Return the names of the zones and rules that an object met, in alphabetical order."""
    with index.reading() as database:
        rows = database.execute(
            "SELECT n.name FROM visits v JOIN names n ON n.id = v.place WHERE v.track = ? ORDER BY "
            "n.name",
            (row,),
        )
        return [name for (name,) in rows.fetchall()]


def sources(index: Index) -> list[Source]:
    """Return all sources, the newest first."""
    with index.reading() as database:
        counts = dict(
            database.execute("SELECT source, count(*) FROM tracks GROUP BY source").fetchall()
        )
        rows = database.execute(
            "SELECT id, name, kind, log, video, width, height, recorded_at, seconds, is_complete, "
            "added_at FROM sources ORDER BY coalesce(recorded_at, 0) DESC, id DESC"
        ).fetchall()
    return [
        Source(
            number,
            name,
            kind,
            path_in(log) or Path(),
            path_in(video),
            width,
            height,
            recorded_at,
            seconds,
            bool(is_complete),
            counts.get(number, 0),
            added_at,
        )
        for (
            number,
            name,
            kind,
            log,
            video,
            width,
            height,
            recorded_at,
            seconds,
            is_complete,
            added_at,
        ) in rows
    ]


_ALL_OF_A_TRACK = (
    "SELECT t.id, t.source, t.track_id, n.name, t.begin, t.seconds, t.clock, t.score, t.colours, "
    "t.together, t.best_time, t.x1, t.y1, t.x2, t.y2 FROM tracks t JOIN names n ON n.id = t.class"
)


def is_file(path: Path) -> bool:
    """Return whether a file is there; false if its folder must not be looked into."""
    try:
        return path.is_file()
    except OSError:
        return False


@dataclass
class _Conditions:
    """The conditions of a query as SQL with their values; `places` are numbers of names."""

    places: list[int] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> None:
        self._texts.append(text)
        self._values.extend(values)

    def add_choice(self, column: str, numbers: Sequence[int]) -> None:
        self.add(f"{column} IN ({','.join('?' * len(numbers))})", *numbers)

    def of(self, *places: int | None) -> tuple[str, list[Any]]:
        """Return the SQL for these places, and its values; None stands for any."""
        wanted = [place for place in places if place is not None]
        texts = [f"place IN ({','.join('?' * len(wanted))})"] if wanted else []
        texts += self._texts
        return f"WHERE {' AND '.join(texts)}" if texts else "", [*wanted, *self._values]


def _conditions(database: sqlite3.Connection, query: Query) -> tuple[str, _Conditions]:
    """Return the table to search, and the conditions."""
    conditions = _Conditions()
    add = conditions.add
    if query.places:
        conditions.places = _known(database, ("zone", "rule"), query.places)
    if query.classes:
        conditions.add_choice("class", _known(database, ("class",), query.classes))
    if query.sources:
        conditions.add_choice("source", query.sources)
    if query.begin is not None:
        add("clock >= ?", query.begin)
    if query.end is not None:
        # The time 0 stands for one that is not known.
        add("clock < ? AND clock > 0", query.end)
    if query.minutes is not None:
        word = "AND" if query.minutes[0] <= query.minutes[1] else "OR"
        add(f"(minute >= ? {word} minute <= ?)", *query.minutes)
    least, most = query.seconds
    if least > 0:
        add("seconds >= ?", least)
    if most is not None:
        add("seconds <= ?", most)
    if query.colours:
        add("colours & ? != 0", _bits(query.colours))
    if query.together > 1:
        add("together >= ?", query.together)
    return "visits" if query.places else "tracks", conditions


def _known(
    database: sqlite3.Connection, kinds: Sequence[NameKind], wanted: Sequence[str]
) -> list[int]:
    marks = ",".join("?" * len(kinds))
    rows = database.execute(f"SELECT name, id FROM names WHERE kind IN ({marks})", kinds).fetchall()
    known = {name for name, _ in rows}
    for name in wanted:
        if name not in known:
            what = "class" if "class" in kinds else "zone or rule"
            has = ", ".join(sorted(known)) or "none"
            raise UsageError(f"the index has no {what} {name!r}; it has: {has}")
    return [number for name, number in rows if name in wanted]


def _bits(colours: Sequence[str]) -> int:
    try:
        return bits_of(colours)
    except KeyError as error:
        raise UsageError(
            f"{error.args[0]!r} is not a colour; choose of {', '.join(COLOUR_NAMES)}"
        ) from None


def _found(values: tuple[Any, ...]) -> FoundTrack:
    row, source, track_id, name, begin, seconds, clock, score, colours, together, best = values[:11]
    x1, y1, x2, y2 = values[11:]
    return FoundTrack(
        row,
        source,
        track_id,
        name,
        begin,
        seconds,
        clock or None,
        score,
        colours_in(colours),
        together,
        best,
        None if x1 is None else (x1, y1, x2, y2),
    )
