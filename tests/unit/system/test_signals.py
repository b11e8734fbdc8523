"""The signals that end a program."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ssd_live.system.signals import (
    child_ends_unreported,
    children_in_sessions,
    handlers_kept,
    on_signals,
    terminal_kept_from_children,
)

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
def test_a_child_that_is_started_there_does_not_get_the_signal(name: str) -> None:
    code = f"import os, signal; os.kill(os.getpid(), signal.{name}); print('alive')"
    with terminal_kept_from_children():
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.communicate()[0] == "alive\n"


# A program with a second thread that starts a process of multiprocessing, as PyTorch does, and gets
# a signal before and after that.
_STARTING = """
import multiprocessing, os, signal, sys, threading, time

sys.path.insert(0, sys.argv[2])
from ssd_live.system.signals import on_signals, terminal_kept_from_children

def work(signalled):
    os.kill(os.getpid(), signalled)
    time.sleep(0.3)
    print("the child goes on", flush=True)

if __name__ == "__main__":
    number = signal.Signals[sys.argv[1]]
    heard = []
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    with on_signals(lambda number, _: heard.append(number)):
        with terminal_kept_from_children():
            os.kill(os.getpid(), number)
            child = multiprocessing.get_context("spawn").Process(target=work, args=(number,))
            child.start()
            os.kill(os.getpid(), number)
        child.join()
    print(len(heard), child.exitcode)
"""


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_signal_while_children_start_is_heard_by_the_parent(name: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(_STARTING)
    command = [sys.executable, str(program), name, str(Path(__file__).resolve().parents[3])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    going, told = done.stdout.splitlines()
    assert going == "the child goes on"
    # Signals of a number that wait together count as one.
    count, code = map(int, told.split())
    assert count in (1, 2)
    assert code == 0
    assert done.stderr == ""


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


@POSIX
def test_handlers_that_a_library_sets_are_set_back() -> None:
    def other(number: int, frame: object) -> None:
        raise AssertionError("this handler is not to be called")

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with handlers_kept():
        for number in before:
            signal.signal(number, other)
    assert {number: signal.getsignal(number) for number in before} == before


@POSIX
def test_children_that_a_library_starts_get_sessions_of_their_own() -> None:
    def session_of_a_child() -> bool:
        """Whether a child with a `preexec_fn`, as Ray starts its, has a session of its own."""
        code = "import os; print(os.getsid(0) == os.getpid())"
        done = subprocess.run(
            [sys.executable, "-c", code], preexec_fn=int, capture_output=True, text=True, check=True
        )
        return done.stdout == "True\n"

    assert not session_of_a_child()
    with children_in_sessions():
        assert session_of_a_child()
    assert not session_of_a_child()
