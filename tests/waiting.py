"""Waiting for what other threads and processes do, instead of for time to pass."""

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")

# Far more than anything needs: it only keeps what is broken from hanging the run.
LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.005


def wait_until(
    condition: Callable[[], object], seconds: float = LIMIT_SECONDS, what: str = ""
) -> float:
    """Until the condition holds; how many seconds that took. Raises `AssertionError` when time is
    up.
    """
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what or condition}")
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - started


def wait_for(get: Callable[[], T | None], seconds: float = LIMIT_SECONDS, what: str = "") -> T:
    """The first that is not None. Raises `AssertionError` when time is up."""
    found: list[T] = []

    def is_there() -> bool:
        item = get()
        if item is not None:
            found.append(item)
        return item is not None

    wait_until(is_there, seconds, what)
    return found[0]


def threads_named(*names: str) -> list[threading.Thread]:
    """The running ones."""
    return [thread for thread in threading.enumerate() if thread.name in names]


def open_files() -> int:
    """How many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (pathlib would hold one more open)


def children() -> list[psutil.Process]:
    """Processes that this one started, dead ones that nobody waited for among them."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "ssd_live" in " ".join(_words(child)) or is_zombie(child)
    ]


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def is_zombie(process: psutil.Process) -> bool:
    """Whether it has ended and nobody waited for it."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
