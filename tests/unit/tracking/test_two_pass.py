"""Tracking with knowledge of what comes later, against made worlds whose true ids are known."""

import gc
import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest

from ssd_live.detections import Detections, no_detections
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.two_pass import DELAY_SECONDS, TwoPassTracker
from tests.world import CLASSES, THRESHOLDS, World, ids_of, owners, walking

CROWD = World(
    [
        walking(100, 200, 40, 5, look=1),
        walking(700, 220, -45, 5, look=2),
        walking(300, 500, 30, -20, look=3),
        walking(900, 400, -10, 15, look=4, class_id=1, size=(120, 70)),
    ],
    noise=1.5,
    ghosts=0.2,
)


def _tracker() -> TwoPassTracker:
    return TwoPassTracker(CLASSES, CandidateFilter(THRESHOLDS), THRESHOLDS)


def _run(
    world: World, times: Iterable[float], every: int = 1, *, looks: bool = True
) -> list[tuple[float, Detections]]:
    times = list(times)
    tracker, shown = _tracker(), []
    for index, time in enumerate(times):
        found, its_looks, _ = world.at(time)
        seen = None if index % every else found
        shown += tracker.add(time, seen, its_looks if looks else None)
    shown += tracker.finish()
    assert len(shown) == len(times)
    for found in shown:
        assert len(set(ids_of(found))) == len(found)
        assert (np.diff(found.scores) <= 0).all()
    return list(zip(times, shown, strict=True))


def _ids(world: World, shown: list[tuple[float, Detections]]) -> list[set[int]]:
    """Return the ids that each thing had."""
    ids: list[set[int]] = [set() for _ in world.things]
    for time, found in shown:
        for track_id, number in owners(found, world, time).items():
            ids[number].add(track_id)
    return ids


@pytest.mark.parametrize("looks", [True, False])
@pytest.mark.parametrize(("rate", "every"), [(30, 1), (30, 3), (10, 1), (10, 2), (60, 7)])
def test_each_thing_is_there_in_every_frame_with_one_id(
    rate: float, every: int, looks: bool
) -> None:
    shown = _run(CROWD, CROWD.times(12, rate), every, looks=looks)
    ids = _ids(CROWD, shown)
    assert all(len(its) == 1 for its in ids), ids
    assert len(set.union(*ids)) == 4
    last = every * ((len(shown) - 1) // every)
    for time, found in shown[: last + 1]:
        assert len(owners(found, CROWD, time)) == 4


def test_false_detections_are_not_shown() -> None:
    shown = _run(CROWD, CROWD.times(12))
    assert {len(found) for _, found in shown} == {4}


def test_gaps_are_filled_and_marked() -> None:
    world = World([walking(100, 200, 60, look=1)], noise=1.0).hidden(0, 3.0, 5.5)
    for time, found in _run(world, world.times(9)):
        assert found.observed is not None
        assert ids_of(found) == [1]
        assert found.observed.tolist() == [not 3.0 <= time < 5.5]
        assert abs(found.boxes[0] - world.things[0].box(time)).max() < 4


def test_an_object_is_shown_from_its_first_detection_to_its_last() -> None:
    world = World([walking(100, 200, 60, look=1, begin=1.0, end=4.0)])
    shown = [time for time, found in _run(world, world.times(8)) if len(found)]
    assert shown[0] == 1.0
    assert shown[-1] == pytest.approx(4.0 - 1 / 30)


def test_boxes_are_smoothed_both_ways() -> None:
    """Noise falls to less than half, and there is no lag."""
    world = World([walking(300, 300, 50, 10, look=1)], noise=4.0)
    shown = [pair for pair in _run(world, world.times(12)) if 1 < pair[0] < 11]
    errors = np.array([found.boxes[0] - world.things[0].box(time) for time, found in shown])
    assert errors.std() < 2.0
    assert abs(errors.mean(0)).max() < 0.5


def test_a_weak_moment_of_a_sure_track_is_kept() -> None:
    """The score of every second detection is under the threshold, that of the track is over it."""
    tracker = _tracker()
    strong, weak = World([CROWD.things[0]]), World([CROWD.things[0]], score=0.25)
    shown = []
    for index, time in enumerate(strong.times(12)):
        shown += tracker.add(time, *(weak if index % 2 else strong).at(time)[:2])
    shown += tracker.finish()
    assert all(len(found) == 1 and found.scores[0] > 0.4 for found in shown)


def test_the_rest_of_a_split_file_goes_on_with_other_ids() -> None:
    """As in a file of two recordings, whose times begin again."""
    tracker, shown = _tracker(), []
    for _ in range(2):
        for time in CROWD.times(8):
            shown += tracker.add(time, *CROWD.at(time)[:2])
    shown += tracker.finish()
    assert len(shown) == 480
    first, second = (
        {i for found in half for i in ids_of(found)} for half in (shown[:240], shown[240:])
    )
    assert first == {1, 2, 3, 4}
    assert second == {5, 6, 7, 8}


def test_ids_count_the_shown_objects_in_the_order_of_their_begin() -> None:
    things = [
        walking(100.0 + 100 * n, 200.0, begin=float(n), end=n + 8.0, look=n) for n in range(5)
    ]
    world = World(things, ghosts=0.2)
    assert _ids(world, _run(world, world.times(14))) == [{1}, {2}, {3}, {4}, {5}]


def test_frames_come_back_after_the_stated_delay_at_most() -> None:
    tracker, came = _tracker(), 0
    for index, time in enumerate(CROWD.times(30)):
        came += len(tracker.add(time, *CROWD.at(time)[:2]))
        assert index + 1 - came <= 30 * (DELAY_SECONDS + 2) + 2


def test_two_that_cross_keep_their_ids() -> None:
    world = World(
        [walking(100, 300, 80, look=1), walking(740, 310, -80, look=2, size=(42, 92))], noise=1.0
    ).hidden(1, 3.2, 4.9)
    assert [len(its) for its in _ids(world, _run(world, world.times(9)))] == [1, 1]


def test_a_clock_that_stands_still_needs_bounded_memory() -> None:
    tracker, came = _tracker(), 0
    found = World([CROWD.things[0]]).at(0.0)[0]
    for _ in range(10000):
        came += len(tracker.add(1.0, found))
    assert 10000 - came <= 4097
    assert came + len(tracker.finish()) == 10000


def test_hours_need_no_more_memory_than_minutes() -> None:
    """Ten hours at a frame each ten seconds, with things that come and go all the time."""
    things = [
        walking(100.0 + 300 * (n % 4), 200.0, look=n, begin=600.0 * n, end=600.0 * n + 300)
        for n in range(60)
    ]
    world, tracker = World(things), _tracker()

    def hour(number: int) -> int:
        for index in range(360):
            time = 3600.0 * number + 10 * index
            tracker.add(time, *world.at(time)[:2])
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    used = [hour(number) for number in range(10)]
    tracemalloc.stop()
    assert max(used[2:]) < used[1] + 50_000


def test_nothing_at_all_gives_frames_without_objects() -> None:
    tracker = _tracker()
    shown = [its for second in range(100) for its in tracker.add(second, no_detections(CLASSES))]
    shown += tracker.finish()
    assert [len(found) for found in shown] == [0] * 100
    assert _tracker().finish() == []


@pytest.mark.parametrize(("rate", "every"), [(25, 100), (25, 250), (0.2, 1), (0.1, 1)])
def test_detections_that_are_seconds_apart_make_one_track(rate: float, every: int) -> None:
    world = World([walking(300, 300, look=1)])
    shown = _run(world, (index / rate for index in range(12 * every)), every)
    last = every * 11
    assert {i for _, found in shown for i in ids_of(found)} == {1}
    assert all(len(found) == 1 for _, found in shown[: last + 1])
