"""Handle the signals that end a program: Ctrl-C, SIGTERM, and the end of the terminal (SIGHUP).

Also keep the signal that a child process has ended from being handled.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_is_registered = _gives_sessions = False
Handler = Callable[[int, FrameType | None], None]

# Windows has no SIGHUP.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def ignore_signals() -> None:
    """Ignore Ctrl-C, SIGTERM and SIGHUP from now on.

    A program that was interrupted calls this before it exits. Python would otherwise let a further
    signal kill the process while it exits, and the exit code would be another one.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def terminal_kept_from_children() -> Iterator[None]:
    """Keep Ctrl-C and SIGHUP from the child processes started in the with-block.

    A terminal sends both to every process that runs in it. This process still handles them, if
    necessary at the end of the block. On Windows this does nothing.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    kept = [number for number in _SIGNALS if number != signal.SIGTERM]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        # A child process inherits the signals that this thread blocks.
        signal.pthread_sigmask(signal.SIG_BLOCK, kept)
        # Otherwise the first child would start the resource tracker of multiprocessing, which
        # stops blocking Ctrl-C in this thread.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, kept)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def children_in_sessions() -> Iterator[None]:
    """Give each child process that a library starts in the with-block a session of its own.

    A signal to the process group of this program, as terminals and service managers send it, then
    does not reach these children, and this program can end them in order. Python offers this only
    for children that are started with a `preexec_fn`; on Windows this does nothing.
    """
    global _gives_sessions, _is_registered
    if not hasattr(os, "register_at_fork"):
        yield
        return
    if not _is_registered:
        # It cannot be taken back.
        os.register_at_fork(after_in_child=_take_session)
        _is_registered = True
    _gives_sessions = True
    try:
        yield
    finally:
        _gives_sessions = False


def _take_session() -> None:
    if _gives_sessions:
        os.setsid()


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Give Ctrl-C, SIGTERM and SIGHUP their handlers again after the with-block.

    Some libraries set handlers of their own when they start. Only the main thread may enter the
    block.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


@contextmanager
def child_ends_unreported() -> Iterator[None]:
    """Do not call the handler of SIGCHLD in the with-block, if there is one.

    The system sends this signal when a child process ends.
    """
    # Windows has no such signal.
    number: int = getattr(signal, "SIGCHLD", 0)
    handler = signal.getsignal(number) if number else None
    if handler is None:
        yield
        return
    signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, handler)


def set_handler(handler: Handler) -> None:
    """Call `handler` on every Ctrl-C, SIGTERM and SIGHUP from now on, outside of `on_signals`.

    A signal that this process ignores stays ignored.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


@contextmanager
def on_signals(handler: Handler) -> Iterator[None]:
    """Call `handler` on every Ctrl-C, SIGTERM and SIGHUP inside the with-block.

    A signal that this process ignores, such as SIGHUP under `nohup`, stays ignored. Outside the
    main thread this does nothing, because Python handles signals in the main thread only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {
        number: signal.getsignal(number)
        for number in _SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in earlier:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, its_handler in earlier.items():
            signal.signal(number, its_handler)
