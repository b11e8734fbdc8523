"""A session switches to a faster backend while it runs. The networks and what is measured are made
up.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ssd_live.errors import BackendError
from ssd_live.live import tuner
from ssd_live.live.session import LiveSession
from ssd_live.remote import loader
from ssd_live.remote.network import ModelInfo, ModelRequest
from ssd_live.selection.background import Fastest
from ssd_live.selection.choice import BackendChoice
from tests.unit.live.made_up import Machine, Network
from tests.waiting import wait_until

REQUEST = ModelRequest("tiny")


class ByRule(Network):
    """A network that was chosen by a rule."""

    def wait(self, on_progress: Callable[[str], None]) -> ModelInfo:
        on_progress("loading")
        return replace(super().wait(on_progress), may_improve=True)


class Measured:
    """In place of a process that has measured: it found something faster."""

    is_running = False
    error_message = ""
    fastest = Fastest(
        BackendChoice("openvino", "CPU", "int8"), {"openvino int8": 90.0, "auto:? auto": 60.0}
    )

    def __init__(self, *words: Any, **options: Any) -> None:
        words[1]("measuring the speed (1 of 3) ...")

    def close(self) -> None:
        pass


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(
        loader, "InferenceProcess", lambda model_request, users: ByRule(made, model_request)
    )
    monkeypatch.setattr(tuner, "STEADY_SECONDS", 0.0)
    monkeypatch.setattr(tuner, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(tuner, "OTHERS_SHARE", 2.0)
    monkeypatch.setattr(tuner, "BackgroundMeasuring", Measured)
    return made


def tick_until(session: LiveSession, condition: Callable[[], object]) -> None:
    def met() -> object:
        session.tick()
        return condition()

    wait_until(met)


def test_it_goes_on_with_the_faster_backend(machine: Machine) -> None:
    with machine.session() as session:
        machine.run_on(session, REQUEST)
        first = session.pipeline.network
        tick_until(session, lambda: len(machine.loaded) == 2)
        wait_until(lambda: session.pipeline.network is not first)
        machine.see(session)
        for _ in range(10):
            session.tick()
    assert machine.loaded == [REQUEST, REQUEST]
    # Nobody was told that a model is loading: the one in use runs on.
    assert machine.loading == ["loading"]
    assert (machine.failed, machine.told) == ([], [])
    assert len(machine.networks) == 2


@pytest.mark.expects_warnings
def test_a_switch_that_fails_leaves_what_runs(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    with machine.session() as session:
        machine.run_on(session, REQUEST)
        first = session.pipeline.network
        machine.troubles["auto"] = BackendError("there is not enough memory")
        tick_until(session, lambda: "the switch to a faster backend failed" in caplog.text)
        assert session.pipeline.network is first
        machine.see(session)
        # Another wish of the user is not hindered.
        del machine.troubles["auto"]
        machine.run_on(session, ModelRequest("other"))
    assert machine.loaded == [REQUEST, ModelRequest("other")]
    assert (machine.failed, machine.told) == ([], [])


def test_the_user_may_ask_for_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuner, "STEADY_SECONDS", 1e9)
    monkeypatch.setattr(Measured, "fastest", None)
    monkeypatch.setattr(Measured, "error_message", "no backend can run tiny here")
    with machine.session() as session:
        session.measure_backends()
        machine.run_on(session, REQUEST)
        session.measure_backends()
        tick_until(session, lambda: len(machine.loaded) == 2)
    assert machine.loading == ["loading", "measuring the speed (1 of 3) ..."]
    assert machine.told == ["no backend can run tiny here"]
    assert machine.loaded == [REQUEST, REQUEST]
    assert len(machine.networks) == 1


def test_measuring_that_the_user_cancels_ends_in_the_panel(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner, "STEADY_SECONDS", 1e9)
    monkeypatch.setattr(Measured, "is_running", True)
    with machine.session() as session:
        machine.run_on(session, REQUEST)
        session.measure_backends()
        session.tick()
        session.cancel_loading()
        assert machine.loaded == [REQUEST, REQUEST]
        session.cancel_loading()
    assert machine.loaded == [REQUEST, REQUEST]
    assert (machine.failed, machine.told) == ([], [])


@pytest.mark.expects_warnings
def test_a_switch_that_the_user_asked_for_and_that_fails_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner, "STEADY_SECONDS", 1e9)
    with machine.session() as session:
        machine.run_on(session, REQUEST)
        machine.troubles["auto"] = BackendError("there is not enough memory")
        session.measure_backends()
        tick_until(session, lambda: len(machine.loaded) == 2)
    assert machine.told == ["there is not enough memory"]


def test_a_switch_that_the_user_cancels_is_no_error(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner, "STEADY_SECONDS", 1e9)
    with machine.session() as session:
        machine.run_on(session, REQUEST)
        machine.endless.add("auto")
        session.measure_backends()
        tick_until(session, lambda: len(machine.networks) == 2)
        session.cancel_loading()
        wait_until(lambda: len(machine.loaded) == 2)
        machine.see(session)
    assert (machine.failed, machine.told) == ([], [])


def test_a_process_that_cannot_be_started_is_told_to_who_asked(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: Any, **options: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(tuner, "STEADY_SECONDS", 1e9)
    monkeypatch.setattr(tuner, "BackgroundMeasuring", fail)
    with machine.session() as session:
        machine.run_on(session, REQUEST)
        session.measure_backends()
    (line,) = machine.told
    assert line.startswith("the backends cannot be measured (")
    assert machine.loaded == [REQUEST, REQUEST]
