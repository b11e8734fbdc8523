"""What must be hidden, in a made world whose truth is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.coverage import EXTENSION_SECONDS, Coverage, Doubt, covered, grown_boxes
from ssd_live.tracking.two_pass import TwoPassTracker
from tests.world import CLASSES, THRESHOLDS, Thing, World, walking

FRAME = (1280, 720)
RATE = 25.0
MARGIN = 0.2


def _covered(
    world: World,
    seconds: float,
    margin: float = MARGIN,
    every: int = 1,
    rate: float = RATE,
) -> tuple[dict[float, Detections], list[Doubt]]:
    """What is hidden in each frame of a world that is tracked in two passes, and the doubts."""
    tracker = TwoPassTracker(CLASSES, CandidateFilter(THRESHOLDS), (0.2, 0.2, 0.2), 0.0, 0.1)
    coverage = Coverage(CLASSES, THRESHOLDS, FRAME, margin)
    times = list(world.times(seconds, rate))
    tracked: list[Detections] = []
    for index, time in enumerate(times):
        found, looks, _ = world.at(time)
        is_seen = index % every == 0
        tracked += tracker.add(time, found if is_seen else None, looks if is_seen else None)
    tracked += tracker.finish()
    hidden: list[Detections] = []
    for index, (time, found) in enumerate(zip(times, tracked, strict=True)):
        hidden += coverage.add(time, found, inferred=index % every == 0)
    hidden += coverage.finish()
    return dict(zip(times, hidden, strict=True)), coverage.doubts


def _share_hidden(found: Detections, box: NDArray[np.float32]) -> float:
    """The share of the part of a box in the frame that is hidden."""
    mask = np.zeros(FRAME[::-1], bool)
    for x1, y1, x2, y2 in found.boxes:
        mask[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    x1, y1, x2, y2 = (
        box.clip(0, np.array([*FRAME, *FRAME], np.float32)).round().astype(int).tolist()
    )
    return float(mask[y1:y2, x1:x2].mean()) if x2 > x1 and y2 > y1 else 1.0


def _row(*rows: tuple[int, tuple[float, float, float, float], float, bool]) -> Detections:
    """Tracks of one frame: (id, box, score, observed)."""
    return Detections(
        np.array([box for _, box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, _, score, _ in rows], np.float32),
        np.zeros(len(rows), np.int32),
        CLASSES,
        np.array([track_id for track_id, _, _, _ in rows], np.int64),
        np.array([observed for _, _, _, observed in rows], bool),
    )


@pytest.mark.parametrize("every", [1, 3])
def test_nothing_shows_between_the_first_and_the_last_detection(every: int) -> None:
    """One object is not found for over a second, and one goes to and fro."""
    turning = Thing(lambda time: (400 + 120 * math.sin(1.5 * time), 500.0))
    world = World([walking(100, 200, 90, 20), turning]).hidden(0, 2.0, 3.2)
    hidden, _ = _covered(world, 6.0, every=every)
    for time, found in hidden.items():
        for thing in world.things:
            assert _share_hidden(found, thing.box(time)) > 0.995, time


def test_an_object_is_hidden_shortly_before_it_is_found_and_after_it_is_lost() -> None:
    """It walks in at the left edge, and the network finds it only when it is well inside."""
    thing = walking(-20, 300, 120)
    world = World([thing]).hidden(0, 0.0, 0.6).hidden(0, 3.0, 9.0)
    hidden, _ = _covered(world, 4.0)
    for time, found in hidden.items():
        share = _share_hidden(found, thing.box(time))
        if 0.6 - EXTENSION_SECONDS <= time <= 2.96 + EXTENSION_SECONDS:
            assert share > 0.995, time
        elif time > 3.4:
            assert len(found) == 0


def test_what_is_carried_on_is_not_observed_and_has_the_id_of_its_track() -> None:
    coverage = Coverage(CLASSES, THRESHOLDS, FRAME, 0.0)
    hidden = []
    for index in range(40):
        rows = [(7, (100 + 2 * index, 100, 150 + 2 * index, 200), 0.6, True)]
        found = _row(*rows) if 15 <= index < 20 else _row()
        hidden += coverage.add(index / 25, found)
    hidden += coverage.finish()
    ids = [[] if each.track_ids is None else each.track_ids.tolist() for each in hidden]
    shown = [index for index, its in enumerate(ids) if its == [7]]
    # 0.3 s are 7.5 frames.
    assert shown == list(range(15 - 7, 20 + 7))
    for index in shown:
        observed = hidden[index].observed
        assert observed is not None
        assert observed.tolist() == [15 <= index < 20]
    # Seven frames before, it was 14 pixels further left, and is hidden from there on.
    assert hidden[8].boxes[0].tolist() == pytest.approx([116, 100, 180, 200], abs=0.01)
    assert hidden[26].boxes[0].tolist() == pytest.approx([138, 100, 202, 200], abs=0.01)


def test_a_fast_box_is_joined_with_those_beside_it() -> None:
    coverage = Coverage(CLASSES, THRESHOLDS, FRAME, 0.0)
    hidden = []
    for index in range(3):
        left = 100.0 + 60 * index
        hidden += coverage.add(index / 25, _row((1, (left, 100, left + 50, 150), 0.9, True)))
    hidden += coverage.finish()
    assert hidden[1].boxes[0].tolist() == [100, 100, 270, 150]
    assert [doubt.why for doubt in coverage.doubts] == ["fast motion"]
    assert coverage.doubts[0].begin == 0
    assert coverage.doubts[0].end == pytest.approx(0.08)


def test_margins_end_at_the_frame_and_what_is_outside_is_left_out() -> None:
    found = _row(
        (1, (0, 100, 100, 200), 0.5, True),
        (2, (1300, 0, 1400, 50), 0.9, True),
        (3, (600, 300, 700, 500), 0.7, True),
    )
    hidden = covered(found, FRAME, 0.1)
    assert hidden.track_ids is not None
    assert hidden.track_ids.tolist() == [3, 1]
    assert hidden.boxes.tolist() == [[590, 280, 710, 520], [0, 90, 110, 210]]
    assert grown_boxes(found.boxes, 0.0).tolist() == found.boxes.tolist()


@pytest.mark.parametrize("delay", [0.04, 0.2, 1.0])
def test_every_frame_comes_back_once_in_order_at_any_rate(delay: float) -> None:
    coverage = Coverage(CLASSES, THRESHOLDS, FRAME, 0.0)
    hidden = []
    for index in range(30):
        hidden += coverage.add(
            index * delay, _row((index + 1, (index * 10, 0, index * 10 + 5, 50), 0.5, True))
        )
    hidden += coverage.finish()
    assert len(hidden) == 30
    for index, found in enumerate(hidden):
        assert found.track_ids is not None
        assert index + 1 in found.track_ids.tolist()


def test_all_tracks_end_where_the_time_goes_back() -> None:
    coverage = Coverage(CLASSES, THRESHOLDS, FRAME, 0.0)
    hidden = []
    for time in (0.0, 0.04, 0.08, 0.0, 0.04):
        hidden += coverage.add(time, _row((1, (100, 100, 150, 150), 0.5, True)))
    assert len(hidden) == 3
    assert len(hidden + coverage.finish()) == 5


def test_doubtful_moments_are_told_with_their_reasons() -> None:
    """Object 0 stays and is found all the time; 1 comes and goes in the middle of the picture, and
    is not found for a second; 2 walks in and out at the edges.
    """
    world = World(
        [
            walking(200, 600),
            walking(600, 300, 20, begin=2.0, end=9.0),
            walking(-120, 100, 200, begin=0.6, end=7.0),
        ],
        noise=0.3,
    ).hidden(1, 5.0, 6.0)
    _, doubts = _covered(world, 12.0, margin=0.2)
    found = {(doubt.why, doubt.class_name) for doubt in doubts}
    assert found == {
        ("begins inside", "person"),
        ("gap filled", "person"),
        ("ends inside", "person"),
    }
    assert len({doubt.track_id for doubt in doubts}) == 1
    times = {doubt.why: (doubt.begin, doubt.end) for doubt in doubts}
    assert times["begins inside"] == pytest.approx((1.7, 2.0))
    assert times["gap filled"] == pytest.approx((4.96, 6.0))
    assert times["ends inside"] == pytest.approx((8.96, 9.26))


def test_a_weak_track_is_one_doubtful_moment_unless_a_strong_one_hides_it() -> None:
    weak = (1, (100.0, 100.0, 150.0, 200.0), 0.25, True)
    strong = (2, (90.0, 90.0, 160.0, 210.0), 0.8, True)
    for rows, expected in (((weak,), ["low score"]), ((weak, strong), [])):
        coverage = Coverage(CLASSES, THRESHOLDS, FRAME, 0.0)
        for index in range(60):
            its = rows if 20 <= index < 40 else ()
            coverage.add(index / 25, _row(*its))
        coverage.finish()
        assert [doubt.why for doubt in coverage.doubts if doubt.track_id == 1] == expected
    assert Doubt(0, 1, "person", 3, "low score").renumbered(4).track_id == 7


def test_a_hidden_track_stays_hidden_although_its_score_falls() -> None:
    """Without `stays`, the last part of the track would not be shown."""
    thing = walking(300, 300, 10)
    shown = {}
    for stays in (0.0, 1.0):
        tracker = TwoPassTracker(CLASSES, CandidateFilter(THRESHOLDS), (0.3,) * 3, stays)
        world = World([thing])
        frames: list[Detections] = []
        for time in world.times(60, 10):
            found, looks, _ = world.at(time)
            if time > 8:
                found = Detections(
                    found.boxes, found.scores * 0 + np.float32(0.15), found.class_ids, CLASSES
                )
            frames += tracker.add(time, found, looks)
        frames += tracker.finish()
        shown[stays] = sum(len(found) == 1 for found in frames)
    assert shown[0.0] == 600
    assert shown[1.0] < 600
