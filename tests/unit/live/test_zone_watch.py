"""Counting at the zones of a live source, and what a person says of the counts."""

import time

import numpy as np
import pytest

from ssd_live.analytics.counting import CountRecord, ZoneCounter
from ssd_live.analytics.zones import Zone
from ssd_live.detection.filter import DetectionFilter
from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.live.zone_watch import MOST_COUNTS, Audit, LiveCount, ZoneWatch
from ssd_live.pipeline.live import LiveFrame
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.options import TrackingOptions
from ssd_live.tracking.tracker import Tracker
from tests.scripts import AREA, LINE, SIZE, script
from tests.world import CLASSES, THRESHOLDS

SHOWN = DetectionFilter(("cat", "dog"), 0.5, np.array([True, True]))
GATE = Zone("gate", "line", ((0.5, 0.9), (0.5, 0.1)))
YARD = Zone("yard", "area", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
PICTURE = np.full((100, 200, 3), 50, np.uint8)


def _frame(at: float, x: float | None, source_number: int = 1) -> tuple[LiveFrame, Detections]:
    """A frame in which object 1 has its feet at x, or is not there, and what is shown of it."""
    boxes = [] if x is None else [[x - 8, 40, x + 8, 60]]
    count = len(boxes)
    found = Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, 0.9, np.float32),
        np.zeros(count, np.int32),
        SHOWN.classes,
        np.ones(count, np.int64),
        np.full(count, True),
    )
    frame = Frame((PICTURE,), time=at, captured_at=time.monotonic())
    return LiveFrame(frame, found, source_number=source_number), found


def _watch(*zones: Zone) -> tuple[ZoneWatch, list[LiveCount]]:
    watch, told = ZoneWatch(), list[LiveCount]()
    watch.listen(lambda news: told.append(news) if isinstance(news, LiveCount) else None)
    watch.set_zones(zones)
    return watch, told


def test_a_crossing_is_a_count_with_a_picture_and_the_time_of_day() -> None:
    watch, told = _watch(GATE)
    for number, x in enumerate((80, 90, 110, 120)):
        watch.note(*_frame(number / 10, x))
    (count,) = told
    assert (count.record.zone, count.record.direction) == ("gate", "in")
    assert count.picture is not None
    assert abs(count.clock - time.time()) < 1
    assert watch.newest_first() == told
    assert watch.totals()["gate"].went_in == {"cat": 1}


def test_without_zones_nothing_counts() -> None:
    watch, told = _watch()
    for number, x in enumerate((80, 120)):
        watch.note(*_frame(number / 10, x))
    assert told == []


def test_who_has_left_has_the_picture_of_when_he_was_there() -> None:
    watch, told = _watch(YARD)
    watch.note(*_frame(0.0, 150))
    watch.note(*_frame(10.0, None))
    entered, left = told
    assert (entered.record.kind, left.record.kind) == ("entered", "left")
    assert left.picture is entered.picture is not None


def test_other_zones_begin_anew_and_keep_the_list() -> None:
    watch, _ = _watch(YARD)
    watch.note(*_frame(0.0, 150))
    watch.set_zones((GATE,))
    assert len(watch.newest_first()) == 1
    assert set(watch.totals()) == {"gate"}


def test_another_source_begins_anew_and_late_frames_do_not_count() -> None:
    watch, told = _watch(YARD)
    watch.note(*_frame(0.0, 150))
    watch.clear()
    watch.note(*_frame(0.0, 150, source_number=2))
    watch.note(*_frame(0.1, 150, source_number=1))
    assert [count.number for count in watch.newest_first()] == [2]
    assert len(told) == 2


def test_a_file_that_is_played_again_counts_from_the_beginning() -> None:
    watch, told = _watch(GATE)
    for turn in range(2):
        for number, x in enumerate((80, 90, 110, 120)):
            watch.note(*_frame(number / 10, x))
        assert watch.totals()["gate"].went_in == {"cat": 1}, turn
    assert len(told) == 2


def test_at_the_end_all_leave() -> None:
    watch, told = _watch(YARD)
    watch.note(*_frame(0.0, 150))
    watch.note(*_frame(2.0, 150))
    watch.finish()
    assert [count.record.kind for count in told] == ["entered", "left"]
    assert told[1].record.seconds == 2.0


def test_verdicts_give_an_error_rate_with_its_interval() -> None:
    watch, told = _watch(GATE)
    for number in range(20):
        watch.note(*_frame(number / 10, 80 if number % 2 else 120))
    numbers = [count.number for count in told]
    for number in numbers[:9]:
        watch.judge(number, "right")
    watch.judge(numbers[9], "wrong")
    watch.judge(10_000, "wrong")
    added = watch.add(told[0].record, time.time())
    assert watch.audit() == Audit(checked=10, wrong=1, missed=1)
    watch.remove(added.number)
    assert watch.audit() == Audit(10, 1, 0)
    watch.judge(numbers[9], "")
    assert watch.audit() == Audit(9, 0, 0)


@pytest.mark.parametrize(
    ("audit", "rate", "interval"),
    [
        # Wilson's interval, from his formula with z = 1.96.
        (Audit(10, 1, 0), 0.1, (0.0179, 0.4042)),
        (Audit(10, 0, 0), 0.0, (0.0, 0.2775)),
        (Audit(9, 0, 1), 0.1, (0.0179, 0.4042)),
        (Audit(0, 0, 0), 0.0, (0.0, 1.0)),
        (Audit(100, 50, 0), 0.5, (0.4038, 0.5962)),
    ],
)
def test_the_interval_is_wilsons(audit: Audit, rate: float, interval: tuple[float, float]) -> None:
    assert audit.error_rate == pytest.approx(rate)
    assert audit.interval == pytest.approx(interval, abs=1e-3)


def test_the_memory_is_bounded() -> None:
    watch, _ = _watch(GATE)
    record = CountRecord("crossed", "gate", 0.0, 1, "cat", (0, 0, 1, 1), 0.0, "in")
    for _ in range(MOST_COUNTS + 10):
        watch.add(record, 0.0)
    numbers = [count.number for count in watch.newest_first()]
    assert numbers == list(range(MOST_COUNTS + 10, 10, -1))


@pytest.mark.parametrize("seed", range(5))
def test_live_counts_are_those_of_a_file(seed: int) -> None:
    """The same frames, by the live tracker here and by the tracker of `process` there."""
    its = script(seed)
    frames = [(at, *its.world.at(at)[:2]) for at in its.world.times(its.seconds, 15)]
    shown = DetectionFilter(CLASSES, THRESHOLDS[0], np.full(len(CLASSES), True))
    watch, told = ZoneWatch(), list[LiveCount]()
    watch.listen(lambda news: told.append(news) if isinstance(news, LiveCount) else None)
    watch.set_zones((LINE, AREA))
    live = Tracker(CLASSES, CandidateFilter(THRESHOLDS))
    live.shown = shown.thresholds
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for at, found, looks in frames:
        tracked = live.update(at, found, looks)
        watch.note(
            LiveFrame(Frame((picture,), time=at), tracked, source_number=1), shown.of(tracked)
        )
    watch.finish()
    options = TrackingOptions("live", CLASSES, THRESHOLDS, THRESHOLDS)
    tracker, counter = options.tracker(), ZoneCounter([LINE, AREA], SIZE)
    expected = []
    for at, found, looks in frames:
        (tracked,) = tracker.add(at, found, looks)
        expected += counter.update(at, tracked)
    expected += counter.finish()
    assert [count.record for count in told] == expected
    assert len(expected) > 4
