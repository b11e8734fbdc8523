"""How a command ends on one, two and many signals."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssd_live import cli
from ssd_live.commands import interrupts
from ssd_live.commands.interrupts import cancelled_at_once, ends_in_order, forget_signals
from ssd_live.errors import CancelledError

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def no_wait_between_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_signals()
    monkeypatch.setattr(interrupts, "SAME_SECONDS", 0.0)


def test_the_first_signal_stops_and_the_second_aborts_and_more_do_nothing() -> None:
    calls: list[str] = []
    with ends_in_order(lambda: calls.append("stop"), "stopping", lambda: calls.append("abort")):
        for _ in range(5):
            signal.raise_signal(signal.SIGINT)
    assert calls == ["stop", "abort"]


def test_without_an_abort_the_second_signal_is_an_interrupt_and_more_do_nothing() -> None:
    calls: list[str] = []

    def work() -> None:
        with ends_in_order(lambda: calls.append("stop"), "stopping"):
            signal.raise_signal(signal.SIGINT)
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGINT)
                calls.append("torn down")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert calls == ["stop", "torn down"]


def test_signals_that_come_together_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupts, "SAME_SECONDS", 60.0)
    calls: list[str] = []
    with ends_in_order(lambda: calls.append("stop"), "stopping", lambda: calls.append("abort")):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert calls == ["stop"]


def test_a_command_that_is_cancelled_at_once_tears_down_in_peace() -> None:
    calls: list[str] = []

    def work() -> None:
        with cancelled_at_once("nothing was kept"):
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                calls.append("torn down")

    with pytest.raises(CancelledError, match="nothing was kept"):
        work()
    assert calls == ["torn down"]


def test_after_work_that_ended_in_order_the_rest_is_not_interrupted() -> None:
    calls: list[str] = []
    with cancelled_at_once("interrupted"):
        with ends_in_order(lambda: calls.append("stop"), "stopping", lambda: None):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        calls.append("torn down")
    assert calls == ["stop", "torn down"]


def test_a_terminal_that_is_gone_does_not_keep_the_work_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(line: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(interrupts, "notify", gone)
    calls: list[str] = []
    with ends_in_order(lambda: calls.append("stop"), "stopping"):
        signal.raise_signal(signal.SIGTERM)
    assert calls == ["stop"]


HANGS = """
import signal, threading
from ssd_live import cli
from ssd_live.commands import interrupts
interrupts.SAME_SECONDS, interrupts.HARD_SECONDS = 0.0, 0.2
with interrupts.ends_in_order(lambda: None, "stopping", lambda: None):
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    threading.Event().wait()
"""


def test_work_that_does_not_end_is_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS], cwd=CHECKOUT, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 130


def test_an_interrupt_that_a_library_turns_into_its_own_error_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `torch.export` does."""

    def command(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
            time.sleep(10)
        except BaseException as error:
            raise RuntimeError("failed to export; step 1 of 3") from error

    monkeypatch.setattr(cli, "app", command)
    assert cli.main(["export"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
