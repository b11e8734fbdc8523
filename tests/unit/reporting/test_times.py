"""Times are written for people, and axes have sensible ticks from seconds to days."""

import pytest

from ssd_live.reporting.times import clock, step_for, ticks


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00.0"),
        (7.46, "0:07.5"),
        (59.97, "1:00.0"),
        (3599.99, "1:00:00.0"),
        (3723.4, "1:02:03.4"),
        (-1.25, "-0:01.2"),
        (-0.01, "0:00.0"),
        (90061, "25:01:01.0"),
    ],
)
def test_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_clock_without_decimals() -> None:
    assert clock(59.6, 0) == "1:00"


@pytest.mark.parametrize("span", [0.1, 0.7, 5, 40, 61, 600, 3600, 5000, 86400, 3e6, 1e8])
def test_ticks_are_few_and_at_multiples_of_a_step(span: float) -> None:
    begin = 12.34
    found = ticks(begin, begin + span, 8)
    assert len(found) <= 9
    times = [time for time, _ in found]
    step = step_for(span, 8)
    slack = step * 1e-5
    assert all(begin - slack <= time <= begin + span + slack for time in times)
    assert all(abs(time / step - round(time / step)) < 1e-6 for time in times)
    assert len({text for _, text in found}) == len(found)


@pytest.mark.parametrize("span", [5, 40, 61, 600, 3600, 5000, 86400])
def test_an_axis_has_enough_ticks(span: float) -> None:
    assert len(ticks(0.0, span, 8)) >= 4


def test_a_tick_stands_at_a_round_time() -> None:
    assert ticks(0.0, 40.0, 8)[:3] == [(0.0, "0:00"), (5.0, "0:05"), (10.0, "0:10")]
    assert ticks(0.0, 86400.0, 8)[1] == (10800.0, "3:00:00")
