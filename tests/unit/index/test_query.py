"""Searches, held against a search that looks at each track in turn."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ssd_live.errors import UsageError
from ssd_live.index.collect import SourceWriter
from ssd_live.index.database import Index
from ssd_live.index.query import (
    Query,
    count,
    names,
    picture_of,
    places_of,
    search,
    search_all,
    sources,
    tracks_of_rows,
)
from ssd_live.reporting.log import LogFrame
from tests.unit.index.worlds import EVENING, Known, fill, found, source


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index.db") as its:
        yield its


def _keys(index: Index, query: Query, by_number: dict[int, str]) -> list[tuple[str, int]]:
    return [(by_number[track.source], track.track_id) for track in search_all(index, query)]


def _fits(known: Known, query: Query, numbers: dict[str, int]) -> bool:
    if query.places:
        dwells = [known.places[place] for place in query.places if place in known.places]
        least, most = query.seconds
        if not any(least <= dwell and (most is None or dwell <= most) for dwell in dwells):
            return False
    else:
        least, most = query.seconds
        if known.seconds < least or (most is not None and known.seconds > most):
            return False
    if query.minutes is not None:
        if known.clock is None:
            return False
        local = datetime.fromtimestamp(known.clock)
        minute, (begin, end) = 60 * local.hour + local.minute, query.minutes
        if not (begin <= minute <= end if begin <= end else minute >= begin or minute <= end):
            return False
    clock = known.clock
    return (
        (not query.classes or known.class_name in query.classes)
        and (not query.sources or numbers[known.key[0]] in query.sources)
        and (query.begin is None or (clock is not None and clock >= query.begin))
        and (query.end is None or (clock is not None and clock < query.end))
        and known.together >= query.together
    )


def _random_query(chance: random.Random) -> Query:
    query = Query()
    if chance.random() < 0.5:
        query = replace(query, classes=tuple(chance.sample(("person", "car", "dog"), 2)))
    if chance.random() < 0.5:
        wanted = chance.sample(("Door", "Yard", "Stays"), chance.randrange(1, 4))
        query = replace(query, places=tuple(wanted))
    if chance.random() < 0.3:
        query = replace(query, sources=tuple(chance.sample(range(1, 7), 3)))
    if chance.random() < 0.3:
        query = replace(query, begin=EVENING + chance.randrange(100_000))
    if chance.random() < 0.3:
        query = replace(query, end=EVENING + chance.randrange(100_000, 200_000))
    if chance.random() < 0.4:
        query = replace(query, minutes=(chance.randrange(1440), chance.randrange(1440)))
    if chance.random() < 0.4:
        query = replace(query, seconds=(chance.randrange(10), chance.choice((None, 20.0))))
    return replace(query, together=chance.randrange(1, 4)) if chance.random() < 0.4 else query


@pytest.mark.parametrize("seed", range(3))
def test_a_search_finds_what_fits(index: Index, seed: int) -> None:
    known = fill(index, seed)
    by_number = {its.number: its.name for its in sources(index)}
    numbers = {name: number for number, name in by_number.items()}
    chance, found_any = random.Random(seed), 0
    for _ in range(150):
        query = _random_query(chance)
        expected = [its for its in known if _fits(its, query, numbers)]
        keys = _keys(index, query, by_number)
        assert len(keys) == len(set(keys))
        assert set(keys) == {its.key for its in expected}
        assert count(index, query) == len(expected)
        found_any += bool(expected)
    assert found_any > 50


def test_the_newest_come_first_and_pages_follow_each_other(index: Index) -> None:
    fill(index, 1)
    for query in (Query(), Query(places=("Door", "Stays"))):
        whole = list(search_all(index, query))
        clocks = [track.clock or 0.0 for track in whole]
        assert clocks == sorted(clocks, reverse=True)
        paged, after = [], None
        while page := search(index, query, 7, after):
            paged += page
            after = page[-1]
        assert paged == whole
        assert tracks_of_rows(index, [track.row for track in whole[:5]]) == whole[:5]


def test_what_a_track_says(index: Index) -> None:
    fill(index, 2, sources=2, tracks=20)
    assert names(index, "zone") == ["Door", "Yard"]
    assert names(index, "rule") == ["Stays"]
    assert {"person", "car", "dog"} >= set(names(index, "class"))
    (newest, *_) = search(index, Query(), 1)
    assert newest.box == (100.0, 50.0, 140.0, 130.0)
    assert picture_of(index, newest.row) is None
    with_place = search(index, Query(places=("Yard",)), 1)[0]
    assert "Yard" in places_of(index, with_place.row)
    first, second = sources(index)
    assert (first.name, second.name) == ("cam 1", "cam 0")
    assert first.is_complete
    assert first.recorded_at is not None
    assert first.ended_at == first.recorded_at + first.seconds
    assert second.ended_at == second.added_at
    assert first.playable is None


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (Query(classes=("cat",)), "the index has no class 'cat'; it has: person"),
        (Query(places=("Gate",)), "no zone or rule 'Gate'; it has: none"),
        (Query(colours=("mauve",)), "'mauve' is not a colour; choose of black, white"),
    ],
)
def test_a_name_that_is_not_there_is_told(index: Index, query: Query, text: str) -> None:
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (found(1),), ()))
    writer.finish()
    for look in (search, count):
        with pytest.raises(UsageError, match=text):
            look(index, query)
