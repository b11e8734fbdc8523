"""Signals of the terminal while child processes are started."""

import os
import signal
import subprocess
import sys

import pytest

from ssd_live.system.signals import on_signals, terminal_ignored

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")
TERMINAL = [signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", TERMINAL)
def test_a_signal_while_children_start_comes_afterwards(number: signal.Signals) -> None:
    came: list[int] = []
    with on_signals(lambda number, frame: came.append(number)):
        with terminal_ignored():
            os.kill(os.getpid(), number)
            assert came == []
        assert came == [number]


@pytest.mark.parametrize("number", TERMINAL)
def test_a_child_that_is_started_there_ignores_the_signal(number: signal.Signals) -> None:
    code = f"import os, time; os.kill(os.getpid(), {int(number)}); time.sleep(0.1); print('alive')"
    with terminal_ignored():
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.communicate()[0] == "alive\n"
