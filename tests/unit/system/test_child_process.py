"""A trial's process does not outlive whoever asked for it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from ssd_live.errors import BackendError
from ssd_live.system import child_process
from tests.waiting import is_zombie, wait_for, wait_until

CHECKOUT = Path(__file__).resolve().parents[3]
# Never ends by itself.
ENDLESS = (
    "import threading; from ssd_live.system.child_process import end_with_parent; "
    "end_with_parent(); print('up', flush=True); threading.Event().wait()"
)
PARENT = (
    "import sys; from ssd_live.system.child_process import run_child; "
    f"run_child([sys.executable, '-c', {ENDLESS!r}], 1000)"
)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or is_zombie(process)


def test_a_trial_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=CHECKOUT)
    try:
        child = wait_for(lambda: next(iter(psutil.Process(parent.pid).children()), None))
        wait_until(lambda: child.num_threads() > 1, what="the child to watch its parent")
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: ended(child), what="the child to end")


def test_a_trial_that_takes_too_long_is_ended_and_told_of() -> None:
    with pytest.raises(BackendError, match=r"the child process did not finish within 0 s"):
        child_process.run_child([sys.executable, "-c", ENDLESS], 0.01)
    wait_until(
        lambda: (
            not any(
                child
                for child in psutil.Process().children()
                if not is_zombie(child) and ENDLESS in child.cmdline()
            )
        )
    )


def test_a_trial_hears_nothing_of_its_parent_before_that_ends() -> None:
    code, told = child_process.run_child(
        [
            sys.executable,
            "-c",
            "from ssd_live.system.child_process import end_with_parent; end_with_parent(); raise "
            "SystemExit('done')",
        ],
        60,
    )
    assert (code, told.strip()) == (1, "done")


def test_what_a_trial_tells_need_be_no_text() -> None:
    """Native libraries print names of files as they are."""
    code, told = child_process.run_child(
        [sys.executable, "-c", r"import sys; sys.stderr.buffer.write(b'\xff.mp4'); sys.exit(1)"], 60
    )
    assert (code, told) == (1, r"\xff.mp4")


def test_children_on_one_lifeline_end_with_it() -> None:
    with ThreadPoolExecutor(2) as pool, child_process.lifeline() as alive:
        ends = [
            pool.submit(child_process.run_child, [sys.executable, "-c", ENDLESS], 1000, alive)
            for _ in range(2)
        ]
        wait_until(
            lambda: (
                sum(
                    child.num_threads() > 1
                    for child in psutil.Process().children()
                    if ENDLESS in child.cmdline()
                )
                == 2
            )
        )
        assert not any(end.done() for end in ends)
    assert [end.result()[0] for end in ends] == [1, 1]
