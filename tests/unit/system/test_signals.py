"""The signals that end a program."""

import signal
import subprocess
import sys
import threading

import pytest

from ssd_live.system.signals import child_ends_unreported, on_signals, terminal_ignored

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
NAMES = ["SIGINT", "SIGTERM", "SIGHUP"]


@POSIX
@pytest.mark.parametrize("name", NAMES)
def test_each_of_the_signals_is_heard_inside_the_block_only(name: str) -> None:
    number = getattr(signal, name)
    # The tests themselves may run under nohup.
    before = signal.signal(number, signal.default_int_handler)
    heard: list[int] = []
    try:
        with on_signals(lambda number, _: heard.append(number)):
            signal.raise_signal(number)
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert heard == [number, number]


@POSIX
def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard: list[int] = []
    try:
        with on_signals(lambda number, _: heard.append(number)):
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == [signal.SIGTERM]


def test_in_another_thread_nothing_changes() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with on_signals(lambda *_: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_child_that_is_started_there_ignores_the_signal(name: str) -> None:
    code = f"import os, signal; os.kill(os.getpid(), signal.{name}); print('alive')"
    with terminal_ignored():
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.communicate()[0] == "alive\n"


@POSIX
def test_the_end_of_a_child_reaches_the_handler_outside_the_block_only() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda number, _: heard.append(number))
    try:
        with child_ends_unreported():
            subprocess.run([sys.executable, "-c", ""], check=True)
        assert heard == []
        subprocess.run([sys.executable, "-c", ""], check=True)
        assert heard
    finally:
        signal.signal(signal.SIGCHLD, before)
