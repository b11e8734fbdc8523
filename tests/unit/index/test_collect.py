"""What the index has of the frames of a source."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.errors import OutputError
from ssd_live.index.collect import SourceWriter
from ssd_live.index.database import Index
from ssd_live.index.delete import delete_sources, delete_tracks
from ssd_live.index.query import Query, picture_of, places_of, search, sources
from ssd_live.reporting.log import Found, LogFrame
from tests.unit.index.worlds import BOX, EVENING, count, event, found, source

RED = np.full((80, 40, 3), (30, 20, 220), np.uint8)
BLUE = np.full((80, 40, 3), (220, 60, 20), np.uint8)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index.db") as its:
        yield its


def test_a_track_grows_until_the_end(index: Index) -> None:
    writer = SourceWriter(index, source())
    for number in range(3):
        writer.add(LogFrame(2.0 + number, (found(7, score=0.2 * (number + 1)),), ()))
        writer.flush()
        (track,) = search(index, Query())
        assert (track.begin, track.seconds) == (2.0, float(number))
    writer.finish()
    (track,) = search(index, Query())
    assert (track.track_id, track.class_name, track.clock) == (7, "person", EVENING + 2.0)
    assert track.score == pytest.approx(0.4)
    (its,) = sources(index)
    assert (its.number, its.seconds, its.tracks, its.is_complete) == (writer.number, 2.0, 1, True)


def test_a_source_without_tracks_is_not_written(index: Index) -> None:
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (Found("person", 0.5, BOX, None, is_observed=True),), (count(9),)))
    writer.finish()
    assert sources(index) == []


def test_times_in_zones_add_up_and_lines_have_the_time_of_the_track(index: Index) -> None:
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (found(1),), (count(1, "Yard"), count(1, "Gate", "crossed"))))
    writer.add(LogFrame(3.0, (found(1),), (count(1, "Yard", "left", 3.0, 3.0),)))
    writer.add(LogFrame(5.0, (found(1),), (count(1, "Yard", "left", 5.0, 1.5),), (event(1),)))
    # A count of somebody who was not seen changes nothing.
    writer.add(LogFrame(8.0, (found(1),), (count(99, "Yard"),)))
    writer.finish()
    (track,) = search(index, Query())
    assert places_of(index, track.row) == ["Gate", "Stays", "Yard"]
    for place, seconds in (("Yard", 4.5), ("Gate", 8.0), ("Stays", 8.0)):
        assert search(index, Query(places=(place,), seconds=(seconds, seconds)))
        assert not search(index, Query(places=(place,), seconds=(seconds + 0.1, None)))
    with index.reading() as database:
        assert database.execute("SELECT count(*) FROM counts").fetchone() == (5,)
        assert database.execute("SELECT track_id FROM events").fetchall() == [(1,)]


def test_the_newest_picture_is_kept_with_its_colours(index: Index) -> None:
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (found(1), found(2)), ()), {1: RED})
    writer.flush()
    assert [track.track_id for track in search(index, Query(colours=("red",)))] == [1]
    writer.add(LogFrame(1.0, (found(1), found(2)), ()), {1: BLUE})
    writer.finish()
    assert search(index, Query(colours=("red",))) == []
    (track,) = search(index, Query(colours=("blue",)))
    assert (track.track_id, track.best_time, track.together) == (1, 1.0, 2)
    jpeg = picture_of(index, track.row)
    assert jpeg is not None
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert np.abs(shown.astype(int) - BLUE).max() < 12


def test_what_was_deleted_does_not_come_back(index: Index) -> None:
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (found(1), found(2)), (count(1, "Yard"),)))
    writer.flush()
    rows = {track.track_id: track.row for track in search(index, Query())}
    delete_tracks(index, [rows[1]])
    writer.add(LogFrame(1.0, (found(1), found(2), found(3)), (count(1, "Yard"),)), {1: RED})
    writer.flush()
    assert {track.track_id for track in search(index, Query())} == {2, 3}
    assert search(index, Query(places=("Yard",))) == []
    assert writer.number is not None
    delete_sources(index, [writer.number])
    writer.add(LogFrame(2.0, (found(2), found(4)), ()))
    writer.finish()
    assert (search(index, Query()), sources(index)) == ([], [])


def test_a_write_that_fails_is_done_later(index: Index) -> None:
    """Nothing of a track is taken for written before it is."""
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (found(1),), ()), {1: RED})
    with index.reading() as database:
        database.execute("ALTER TABLE visits RENAME TO gone")
        writer.add(LogFrame(1.0, (found(1),), (count(1, "Yard"),)))
        with pytest.raises(OutputError):
            writer.flush()
        database.execute("ALTER TABLE gone RENAME TO visits")
    writer.finish()
    (track,) = search(index, Query(places=("Yard",)))
    assert (track.seconds, track.colours) == (1.0, ("red",))
    assert picture_of(index, track.row) is not None


def test_a_time_without_a_date_is_no_time_of_day(index: Index) -> None:
    writer = SourceWriter(index, source(recorded_at=1e15))
    writer.add(LogFrame(0.0, (found(1),), ()))
    writer.finish()
    assert search(index, Query(minutes=(0, 1439))) == []


def test_who_is_long_gone_is_forgotten(index: Index) -> None:
    writer = SourceWriter(index, source())
    writer.add(LogFrame(0.0, (found(1),), ()))
    writer.flush()
    writer.add(LogFrame(200.0, (found(2),), ()))
    writer.flush()
    writer.add(LogFrame(201.0, (found(1),), ()))
    writer.finish()
    assert [track.track_id for track in search(index, Query())] == [1, 2, 1]
