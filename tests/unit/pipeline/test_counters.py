"""Counting and timing: exact, and flat in memory."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd_live.pipeline.counters import (
    Cause,
    Durations,
    FrameCounter,
    FrameCounts,
    Rate,
    Recent,
)


def test_every_frame_with_a_fate_is_in_flight_no_more() -> None:
    frame_counter = FrameCounter()
    for _ in range(5):
        frame_counter.capture()
    assert frame_counter.counts().in_flight == 5
    frame_counter.show()
    frame_counter.fail()
    frame_counter.drop(Cause.DISPLAY)
    frame_counter.drop(Cause.DISPLAY)
    frame_counter.drop(Cause.HIDDEN)
    assert frame_counter.counts() == FrameCounts(
        captured=5, shown=1, inferred=0, failed=1, dropped={"display busy": 2, "not visible": 1}
    )
    assert frame_counter.counts().in_flight == 0


def test_looking_at_a_frame_decides_nothing() -> None:
    frame_counter = FrameCounter()
    frame_counter.capture()
    frame_counter.infer()
    assert (frame_counter.counts().inferred, frame_counter.counts().in_flight) == (1, 1)


def test_counts_from_many_threads_are_exact() -> None:
    frame_counter = FrameCounter()

    def count() -> None:
        for _ in range(2000):
            frame_counter.capture()
            frame_counter.drop(Cause.INFERENCE)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert frame_counter.counts() == FrameCounts(8000, 0, 0, 0, {"inference busy": 8000})


def test_what_came_since_an_earlier_account_names_only_causes_that_grew() -> None:
    earlier = FrameCounts(10, 5, 6, 1, {"paused": 2, "stopped": 1})
    later = FrameCounts(20, 9, 11, 1, {"paused": 2, "stopped": 3, "rate cap": 4})
    assert later.since(earlier) == FrameCounts(10, 4, 5, 0, {"stopped": 2, "rate cap": 4})


def test_a_steady_rate_is_one_over_the_gap() -> None:
    rate = Rate()
    for number in range(100):
        rate.tick(1000 + number * 0.04)
    assert rate.per_second(1000 + 99 * 0.04) == pytest.approx(25)


def test_a_rate_of_nothing_and_of_one_event_is_nought() -> None:
    rate = Rate()
    assert rate.per_second(1.0) == 0
    rate.tick(1.0)
    assert rate.per_second(1.1) == 0


def test_a_rate_sinks_while_nothing_comes_and_ends_at_nought() -> None:
    rate = Rate()
    for number in range(31):
        rate.tick(1000 + number / 30)
    seen = [rate.per_second(1001 + wait) for wait in (0.0, 0.2, 0.5, 1.5, 2.5)]
    assert seen[0] == pytest.approx(30)
    assert seen == sorted(seen, reverse=True)
    assert seen[2] < 25
    assert seen[-1] == 0


def test_a_rate_forgets_what_was_before_its_window() -> None:
    rate = Rate()
    for number in range(300):
        rate.tick(1000 + number / 100)
    for number in range(60):
        rate.tick(1003 + number / 20)
    assert rate.per_second(1003 + 59 / 20) == pytest.approx(20)


def test_recent_durations_are_those_of_the_last_two_seconds() -> None:
    recent = Recent()
    assert recent.percentile(50, 100.0) == 0.0
    for number in range(100):
        recent.add(100.0 + number / 100, 0.5)
    assert recent.percentile(50, 101.0) == pytest.approx(0.5)
    for number in range(200):
        recent.add(102.0 + number / 1000, 0.1)
    assert recent.percentile(50, 102.2) == pytest.approx(0.1)
    assert recent.percentile(99, 102.2) == pytest.approx(0.5)
    assert recent.percentile(99, 103.1) == pytest.approx(0.1)
    assert recent.percentile(99, 200.0) == 0.0


def test_no_durations_have_percentiles_of_nought() -> None:
    assert Durations().milliseconds() == {"p50": 0, "p95": 0, "p99": 0, "max": 0, "count": 0}


@given(
    st.lists(st.floats(2e-5, 50), min_size=1, max_size=200),
    st.sampled_from([1.0, 50.0, 95.0, 99.0, 100.0]),
)
def test_percentiles_are_those_of_all_durations_to_one_percent(
    seconds: list[float], percent: float
) -> None:
    durations = Durations()
    for value in seconds:
        durations.add(value)
    exact = float(np.percentile(seconds, percent, method="inverted_cdf"))
    assert exact * 0.999 <= durations.percentile(percent) <= exact * 1.0101


def test_durations_out_of_all_bounds_are_counted_as_well() -> None:
    durations = Durations()
    for value in (-1.0, 0.0, 1e-9, 1e6):
        durations.add(value)
    assert durations.count == 4
    assert durations.longest == durations.last == 1e6


def test_milliseconds_hold_percentiles_longest_and_count() -> None:
    durations = Durations()
    for _ in range(99):
        durations.add(0.010)
    durations.add(0.500)
    milliseconds = durations.milliseconds()
    assert milliseconds["p50"] == pytest.approx(10, rel=0.011)
    assert milliseconds["p99"] == pytest.approx(10, rel=0.011)
    assert (milliseconds["max"], milliseconds["count"]) == (500, 100)
