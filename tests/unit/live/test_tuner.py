"""The backends are measured when a session is steady, and a faster one is told of."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ssd_live.live import tuner
from ssd_live.live.tuner import STEADY_SECONDS, BackendTuner
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.selection.background import Fastest, Wanted
from ssd_live.selection.choice import BackendChoice
from tests.tiny_model import tiny_metadata

REQUEST = ModelRequest("tiny")
SLOW, FAST = BackendChoice("openvino", "CPU", "fp32"), BackendChoice("openvino", "CPU", "int8")


def info(*, may_improve: bool = True, measured_ms: float = 0.0) -> ModelInfo:
    return ModelInfo(
        tiny_metadata(), "0" * 64, "openvino", "CPU", "fp32", "", may_improve, measured_ms
    )


class Measuring:
    """In place of a child process that measures."""

    def __init__(self, wanted: Wanted, progress: Any, *, low_priority: bool) -> None:
        self.wanted, self.progress, self.low_priority = wanted, progress, low_priority
        self.is_running, self.is_closed = True, False
        self.fastest: Fastest | None = None
        self.error_message = ""

    def end(self, speeds: dict[BackendChoice, float] | None = None, error: str = "") -> None:
        if speeds:
            best = max(speeds, key=lambda choice: speeds[choice])
            self.fastest = Fastest(best, {str(choice): fps for choice, fps in speeds.items()})
        self.error_message = error
        self.is_running = False

    def close(self) -> None:
        self.is_closed = True


class Machine:
    """A clock that tests move, shares of the CPU that they set, and what the tuner did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.shares = (0.1, 0.1)
        self.measuring: list[Measuring] = []
        self.found = 0
        self.ended: list[str] = []
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: 1e9 + self.now)
        monkeypatch.setattr(tuner, "time", clock)
        monkeypatch.setattr(tuner, "BackgroundMeasuring", self._measure)
        monkeypatch.setattr(tuner, "CpuLoad", lambda _: SimpleNamespace(sample=lambda: self.shares))
        self.tuner = BackendTuner(self._count, self.ended.append, list)

    def _measure(self, *words: Any, **options: Any) -> Measuring:
        self.measuring.append(Measuring(*words, **options))
        return self.measuring[-1]

    def _count(self) -> None:
        self.found += 1

    def wait(self, seconds: float, latency_ms: float = 0.0, *, is_calm: bool = True) -> None:
        ends = self.now + seconds
        while self.now < ends:
            self.now += 0.5
            self.tuner.tick(latency_ms, is_calm=is_calm)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_choice_by_rule_is_measured_once_when_the_session_is_steady(machine: Machine) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.wait(STEADY_SECONDS - 1)
    assert not machine.measuring
    machine.wait(2)
    (measuring,) = machine.measuring
    assert measuring.wanted == Wanted("tiny", "auto", "auto", "latency")
    assert measuring.low_priority
    measuring.end({SLOW: 100.0, FAST: 150.0})
    machine.wait(1)
    assert machine.found == 1
    assert measuring.is_closed
    # The switch: the same request, loaded on the faster backend.
    machine.tuner.use(REQUEST, info(may_improve=False, measured_ms=7.0), "latency")
    machine.wait(10 * STEADY_SECONDS, latency_ms=7.0)
    assert len(machine.measuring) == 1
    assert not machine.ended


@pytest.mark.parametrize("speeds", [{SLOW: 100.0, FAST: 105.0}, {SLOW: 100.0, FAST: 50.0}])
def test_a_small_gain_is_no_reason_to_switch(
    speeds: dict[BackendChoice, float], machine: Machine
) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.wait(STEADY_SECONDS + 1)
    machine.measuring[0].end(speeds)
    machine.wait(1)
    assert machine.found == 0


def test_a_failure_leaves_what_runs_and_is_not_repeated(machine: Machine) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.wait(STEADY_SECONDS + 1)
    machine.measuring[0].end(error="no backend can run tiny here")
    machine.wait(10 * STEADY_SECONDS)
    assert len(machine.measuring) == 1
    assert (machine.found, machine.ended) == (0, [])


def test_nothing_is_measured_while_other_programs_work(machine: Machine) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.shares = (0.9, 0.3)
    machine.wait(10 * STEADY_SECONDS)
    assert not machine.measuring
    # What this program itself uses is no hindrance.
    machine.shares = (0.9, 0.8)
    machine.wait(1)
    assert machine.measuring


def test_nothing_is_measured_while_the_session_has_more_urgent_things_to_do(
    machine: Machine,
) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.wait(10 * STEADY_SECONDS, is_calm=False)
    machine.wait(STEADY_SECONDS - 1)
    assert not machine.measuring
    machine.wait(2)
    assert machine.measuring


@pytest.mark.parametrize(
    ("measured_ms", "live_ms", "share", "is_wrong"),
    [
        (10.0, 10.0, 0.2, False),
        (10.0, 14.0, 0.2, False),
        (10.0, 18.0, 0.2, True),
        (10.0, 18.0, 0.8, False),  # something delays it
        (80.0, 8.0, 0.2, True),
        (80.0, 8.0, 0.8, True),  # nothing makes it faster than it is
        (1.0, 2.5, 0.2, False),  # pipes take that long
        (0.0, 8.0, 0.2, False),  # the only choice: it was not measured
    ],
)
def test_a_measurement_that_the_live_latency_contradicts_is_made_again(
    measured_ms: float, live_ms: float, share: float, is_wrong: bool, machine: Machine
) -> None:
    machine.shares = (share, share)
    machine.tuner.use(REQUEST, info(may_improve=False, measured_ms=measured_ms), "latency")
    machine.wait(2 * STEADY_SECONDS, latency_ms=live_ms)
    assert bool(machine.measuring) is is_wrong


def test_what_was_measured_lately_is_not_measured_again(machine: Machine) -> None:
    """Measuring beside a session is not exact, and would contradict the next one again."""
    lately = replace(info(may_improve=False, measured_ms=80.0), measured_at=1e9)
    machine.tuner.use(REQUEST, lately, "latency")
    machine.wait(2 * STEADY_SECONDS, latency_ms=8.0)
    assert not machine.measuring


def test_a_recording_or_an_export_ends_measuring_until_later(machine: Machine) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.wait(STEADY_SECONDS + 1)
    machine.wait(1, is_calm=False)
    assert machine.measuring[0].is_closed
    machine.wait(STEADY_SECONDS - 1)
    assert len(machine.measuring) == 1
    machine.wait(2)
    assert len(machine.measuring) == 2
    assert machine.found == 0


def test_a_request_for_another_model_ends_measuring_and_is_measured_itself(
    machine: Machine,
) -> None:
    machine.tuner.use(REQUEST, info(), "latency")
    machine.wait(STEADY_SECONDS + 1)
    machine.tuner.use(ModelRequest("other"), info(), "throughput")
    assert machine.measuring[0].is_closed
    machine.wait(STEADY_SECONDS + 1)
    assert machine.measuring[1].wanted == Wanted("other", "auto", "auto", "throughput")
    machine.tuner.close()
    assert machine.measuring[1].is_closed


def test_the_user_may_ask_for_it_at_any_time(machine: Machine) -> None:
    told: list[str] = []
    machine.tuner.measure_now(told.append)
    assert not machine.measuring
    machine.tuner.use(REQUEST, info(may_improve=False), "latency")
    machine.tuner.measure_now(told.append)
    (measuring,) = machine.measuring
    assert not measuring.low_priority
    measuring.progress("measuring the speed (1 of 3) ...")
    assert told == ["measuring the speed (1 of 3) ..."]
    measuring.end({SLOW: 100.0, FAST: 50.0})
    machine.wait(1)
    assert machine.ended == [""]
    machine.tuner.measure_now(told.append)
    machine.measuring[1].end(error="it failed")
    machine.wait(1)
    assert machine.ended == ["", "it failed"]


def test_the_use_of_the_cpu_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.setattr(tuner, "SAMPLE_SECONDS", 1.0)
    load = tuner.CpuLoad(lambda: [psutil.Process()])
    assert load.sample() is None
    ends = time.monotonic() + 1.1
    while time.monotonic() < ends:
        pass
    shares = load.sample()
    assert shares is not None
    total, own = shares
    # This process was busy, but it may have had to share its core.
    assert 0.02 < own <= total + 0.1
    assert total <= 1.0
    assert load.sample() is None
