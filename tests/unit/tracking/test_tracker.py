"""Tracking live, against made worlds whose true ids are known."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssd_live.detections import Detections, no_detections
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.tracker import Tracker
from tests.world import CLASSES, THRESHOLDS, Thing, World, ids_of, owners, walking

CROWD = World(
    [
        walking(100, 200, 40, 5, look=1),
        walking(700, 220, -45, 5, look=2),
        walking(300, 500, 30, -20, look=3),
        walking(900, 400, -10, 15, look=4, class_id=1, size=(120, 70)),
        walking(600, 600, 0, 0, look=5),
    ],
    noise=1.5,
)


def _tracker() -> Tracker:
    return Tracker(CLASSES, CandidateFilter(THRESHOLDS))


def _run(
    world: World, times: Iterable[float], *, looks: bool = True, shift: float = 0.0
) -> list[tuple[float, Detections]]:
    """Track the world at these times, and return what is shown at each."""
    tracker, shown = _tracker(), []
    for time in times:
        found, its_looks, _ = world.at(time)
        tracked = tracker.update(time + shift, found, its_looks if looks else None)
        assert len(set(ids_of(tracked))) == len(tracked)
        shown.append((time, tracked))
    return shown


def _ids(world: World, shown: list[tuple[float, Detections]]) -> dict[int, list[int]]:
    """Return the ids that each thing had, in the order of time."""
    ids: dict[int, list[int]] = {number: [] for number in range(len(world.things))}
    for time, found in shown:
        for track_id, number in owners(found, world, time).items():
            if track_id not in ids[number]:
                ids[number].append(track_id)
    return ids


@pytest.mark.parametrize("looks", [True, False])
@pytest.mark.parametrize("rate", [5, 10, 30, 120])
def test_each_thing_keeps_its_id_at_any_rate(rate: float, looks: bool) -> None:
    shown = _run(CROWD, CROWD.times(8, rate), looks=looks)
    ids = _ids(CROWD, shown)
    assert all(len(its) == 1 for its in ids.values()), ids
    assert len({its[0] for its in ids.values()}) == 5


def test_frames_may_be_dropped_at_random() -> None:
    random = np.random.default_rng(5)
    times = [time for time in CROWD.times(8) if random.uniform() < 0.5]
    assert all(len(its) == 1 for its in _ids(CROWD, _run(CROWD, times)).values())


def test_the_time_of_the_first_frame_does_not_matter() -> None:
    for shift in (1e6, -50.0):
        here, there = (_run(CROWD, CROWD.times(3), shift=by) for by in (0.0, shift))
        for (_, one), (_, other) in zip(here, there, strict=True):
            assert ids_of(one) == ids_of(other)
            assert np.allclose(one.boxes, other.boxes, atol=0.5)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(random: object) -> None:
    straight, mixed = _tracker(), _tracker()
    for time in CROWD.times(1):
        found, looks, _ = CROWD.at(time)
        order = list(range(len(found)))
        random.shuffle(order)  # type: ignore[attr-defined]
        moved = Detections(found.boxes[order], found.scores[order], found.class_ids[order], CLASSES)
        one, other = straight.update(time, found, looks), mixed.update(time, moved, looks[order])
        assert ids_of(one) == ids_of(other)
        assert np.array_equal(one.boxes, other.boxes)


def test_an_object_is_shown_at_its_second_detection() -> None:
    shown = _run(CROWD, CROWD.times(1))
    assert len(shown[0][1]) == 0
    assert len(shown[1][1]) == 5


def test_what_is_seen_once_is_not_shown() -> None:
    world = World([Thing(lambda _: (100.0, 100.0), end=0.02)])
    assert all(len(found) == 0 for _, found in _run(world, world.times(1)))


def test_a_short_gap_is_bridged_and_marked() -> None:
    world = World([walking(100, 200, 60, look=1)], noise=0.5).hidden(0, 2.0, 2.3)
    for time, found in _run(world, world.times(4)):
        if time < 0.2:
            continue
        assert found.observed is not None
        assert ids_of(found) == [1]
        assert found.observed.tolist() == [not 2.0 <= time < 2.3]
        # The bridged box goes on with the object.
        assert abs(found.boxes[0] - world.things[0].box(time)).max() < 8


def test_a_long_gap_ends_what_is_shown_and_the_id_comes_back() -> None:
    world = World([walking(100, 200, 60, look=1)], noise=0.5).hidden(0, 2.0, 4.0)
    shown = _run(world, world.times(7))
    assert not any(len(found) for time, found in shown if 2.6 < time < 4.0)
    assert _ids(world, shown)[0] == [1]


def test_another_thing_in_the_same_place_gets_another_id() -> None:
    here = lambda _: (300.0, 300.0)  # noqa: E731
    world = World([Thing(here, end=2.0, look=1), Thing(here, begin=2.5, look=2, size=(41.0, 89.0))])
    ids = {i for _, found in _run(world, world.times(5)) for i in ids_of(found)}
    assert ids == {1, 2}


def test_ids_are_never_used_again() -> None:
    """Things come and go for an hour, each in a place of its own for two seconds."""
    things = [
        Thing(
            lambda _, n=n: (100.0 + 300 * (n % 4), 200.0),  # type: ignore[misc]
            begin=4.0 * n,
            end=4.0 * n + 2,
            look=n,
        )
        for n in range(60)
    ]
    world = World(things)
    seen: dict[int, int] = {}
    for time, found in _run(world, world.times(240, 10)):
        for track_id, number in owners(found, world, time).items():
            assert seen.setdefault(track_id, number) == number
    assert len(seen) == 60


def test_time_that_goes_back_ends_all_tracks() -> None:
    tracker = _tracker()
    for start in (0.0, 0.0):
        for time in CROWD.times(1):
            found, looks, _ = CROWD.at(time)
            tracked = tracker.update(start + time, found, looks)
    assert sorted(ids_of(tracked)) == [6, 7, 8, 9, 10]


def test_a_clock_that_stands_still_is_survived() -> None:
    tracker = _tracker()
    for time in CROWD.times(1):
        found, looks, _ = CROWD.at(time)
        tracked = tracker.update(3.0, found, looks)
    assert len(tracked) >= 5


def test_a_pause_does_not_move_things() -> None:
    """After an hour without frames, nothing is known any more, and the old boxes are gone."""
    tracker = _tracker()
    for time in CROWD.times(1):
        tracker.update(time, *CROWD.at(time)[:2])
    assert len(tracker.update(3600.0, no_detections(CLASSES))) == 0


def test_frames_without_inference_have_the_expected_boxes() -> None:
    world = World([walking(100, 200, 60, look=1)], noise=0.3)
    tracker = _tracker()
    for index, time in enumerate(world.times(3)):
        found, looks, _ = world.at(time)
        shown = tracker.update(time, None if index % 3 else found, looks)
        if time > 0.5:
            assert shown.observed is not None
            assert shown.observed.tolist() == [index % 3 == 0]
            assert abs(shown.boxes[0] - world.things[0].box(time)).max() < 4


def test_boxes_are_steadier_than_detections() -> None:
    world = World([walking(300, 300, look=1)], noise=3.0)
    found = [world.at(time)[0].boxes[0] for time in world.times(10)]
    shown = [its.boxes[0] for time, its in _run(world, world.times(10)) if time > 1]
    jumps, steady = (np.abs(np.diff(boxes, axis=0)).mean() for boxes in (found, shown))
    assert steady < 0.65 * jumps


def test_a_turn_is_followed_within_a_frame() -> None:
    """Two pixels a frame, back and forth: a box is never further behind than on the last frame."""

    def swinging(time: float) -> tuple[float, float]:
        return 300 + abs((60 * time) % 240 - 120), 300.0

    world = World([Thing(swinging, look=1)], noise=0.1)
    for time, found in _run(world, world.times(10)):
        if time > 1:
            assert abs(found.boxes[0] - world.things[0].box(time)).max() < 2.5


def test_the_class_is_decided_by_votes() -> None:
    """Every third detection takes the car for a vehicle."""
    car = walking(300, 300, 50, class_id=1, look=1)
    tracker = _tracker()
    world, wrong = World([car]), World([replace(car, class_id=2)])
    for index, time in enumerate(world.times(4)):
        found, looks, _ = (wrong if index % 3 == 2 else world).at(time)
        shown = tracker.update(time, found, looks)
        if index:
            assert shown.names == ["car"]
            assert ids_of(shown) == [1]


def test_two_that_cross_keep_their_ids_by_motion_and_colour() -> None:
    world = World(
        [walking(100, 300, 80, look=1), walking(740, 310, -80, look=2, size=(42, 92))], noise=1.0
    )
    # Where they overlap, only the one in front is found.
    shown = _run(world.hidden(1, 3.6, 4.4), world.times(8))
    assert [len(its) for its in _ids(world, shown).values()] == [1, 1]


def test_small_fast_things_are_followed_without_overlap() -> None:
    """A ball of 12 pixels moves 25 pixels a frame."""
    world = World([walking(50, 300, 750, 0, size=(12.0, 12.0), look=1)], noise=0.5)
    shown = _run(world, world.times(1.5))
    assert [len(found) for _, found in shown[3:]] == [1] * len(shown[3:])
    assert {i for _, found in shown for i in ids_of(found)} == {1}


def test_unsure_detections_continue_a_track_but_begin_none() -> None:
    strong, weak = World([CROWD.things[0]]), World([CROWD.things[0]], score=0.18)
    tracker = _tracker()
    for time in strong.times(1):
        assert len(tracker.update(time, *weak.at(time)[:2])) == 0
    for time in strong.times(1):
        tracker.update(1 + time, *strong.at(1 + time)[:2])
    for time in strong.times(1):
        shown = tracker.update(2 + time, *weak.at(2 + time)[:2])
        assert shown.observed is not None
        assert shown.observed.tolist() == [True]


def test_nothing_for_hours_and_bad_boxes_do_no_harm() -> None:
    tracker = _tracker()
    bad = Detections(
        np.array([[math.nan] * 4, [0, 0, math.inf, 5], [9, 9, 2, 2]], np.float32),
        np.full(3, 0.9, np.float32),
        np.zeros(3, np.int32),
        CLASSES,
    )
    for second in range(0, 36000, 60):
        assert len(tracker.update(float(second), no_detections(CLASSES))) == 0
        assert len(tracker.update(second + 0.5, bad)) == 0


def test_five_thousand_boxes_in_a_frame_are_survived() -> None:
    random = np.random.default_rng(0)
    tracker = _tracker()
    for index in range(3):
        corners = random.uniform(0, 1800, (5000, 2))
        boxes = np.concatenate([corners, corners + 20], 1).astype(np.float32)
        scores = np.sort(random.uniform(0.2, 1, 5000))[::-1].astype(np.float32)
        found = Detections(boxes, scores, random.integers(0, 3, 5000).astype(np.int32), CLASSES)
        shown = tracker.update(index / 30, found)
    assert len(shown) <= 3000
    assert len(set(ids_of(shown))) == len(shown)


def test_false_detections_get_no_ids() -> None:
    world = World([], ghosts=0.3)
    assert sum(len(found) for _, found in _run(world, world.times(20))) == 0


def test_a_pause_after_which_another_object_comes_is_survived() -> None:
    """The pause lies before a frame after which the oldest detections are forgotten."""
    tracker = _tracker()
    old, new = World([walking(100, 200, 10, look=1)]), World([walking(900, 500, 5, look=2)])
    for index in range(140):
        time = index / 25 + (3.0 if index >= 63 else 0.0)
        shown = tracker.update(time, *(new if index >= 63 else old).at(time)[:2])
    assert ids_of(shown) == [2]


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_a_time_lapse_is_survived(seconds: float) -> None:
    world = World([Thing(lambda _: (300.0, 300.0), look=1)])
    shown = [found for _, found in _run(world, (seconds * index for index in range(200)))]
    assert {i for found in shown for i in ids_of(found)} == {1}


@pytest.mark.parametrize("rate", [10, 30])
def test_who_stops_at_once_keeps_his_id(rate: float) -> None:
    """He is new where he stands, and still expected farther on."""
    stop = 2.0

    def centre(time: float) -> tuple[float, float]:
        return 200 + 170 * min(time, stop), 300.0

    for seed in range(20):
        world = World([Thing(centre, size=(36, 90), look=1)], seed=seed)
        ids = _ids(world, _run(world, world.times(6, rate)))
        assert ids == {0: [1]}, seed


def test_the_first_detection_of_a_track_is_told() -> None:
    world = World([walking(100, 300, 50)], noise=0.0)
    shown = _run(world, world.times(1.0, 10))
    first = next(found for _, found in shown if len(found))
    assert first.begins is not None
    assert first.begins[0].tolist() == pytest.approx([0.0, *world.things[0].box(0.0)])
    assert shown[-1][1].begins is not None
    assert shown[-1][1].begins[0, 0] == 0.0
