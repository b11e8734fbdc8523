"""One application for all tests of the window, off the screen, and what must hold after each: no
complaint of Qt, nothing left running.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from ssd_live.gui import translation
from ssd_live.live import sound
from ssd_live.remote.network import ModelRequest
from ssd_live.settings import Settings
from tests.gui.desk import Desk, open_desk, write_model
from tests.gui.waiting import settle, wait_until

_OUR_THREADS = (
    "capture",
    "infer",
    "render",
    "answers",
    "load",
    "record",
    "snapshot",
    "sound",
    "cameras",
    "settings",
)
# Offscreen windows are neither raised nor told their size.
_EXPECTED_COMPLAINTS = ("This plugin does not support",)


@pytest.fixture(scope="session")
def application() -> QApplication:
    """Qt reads the variable once, here: the programs that tests start are not to inherit it."""
    earlier = os.environ.get("QT_QPA_PLATFORM")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    made = QApplication(["ssd_live"])
    if earlier is None:
        del os.environ["QT_QPA_PLATFORM"]
    else:
        os.environ["QT_QPA_PLATFORM"] = earlier
    # As in every real run, the application outlives each window.
    made.setQuitOnLastWindowClosed(False)
    translation.install(made, "en")
    return made


@pytest.fixture(autouse=True)
def no_loudspeaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to hear the tests."""
    monkeypatch.setattr(sound, "system_device", lambda _: None)


@pytest.fixture(autouse=True)
def no_complaint(application: QApplication) -> Iterator[None]:
    """Qt's warnings, and exceptions in slots, which Qt would swallow."""
    complaints: list[str] = []

    def note(kind: QtMsgType, context: QMessageLogContext, line: str) -> None:
        if (
            kind is not QtMsgType.QtDebugMsg
            and kind is not QtMsgType.QtInfoMsg
            and not any(word in line for word in _EXPECTED_COMPLAINTS)
        ):
            complaints.append(line)

    def note_exception(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        complaints.append(f"{kind.__name__}: {error}")
        sys.__excepthook__(kind, error, trace)

    earlier_handler, earlier_hook = qInstallMessageHandler(note), sys.excepthook
    sys.excepthook = note_exception
    yield
    settle()
    sys.excepthook = earlier_hook
    qInstallMessageHandler(earlier_handler)
    assert not complaints


@pytest.fixture
def desk(no_complaint: None, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Opens windows; afterwards each is closed, every frame is accounted for, and no thread or
    process of theirs is left.
    """
    children = {child.pid for child in psutil.Process().children(recursive=True)}
    threads = set(threading.enumerate())
    desks: list[Desk] = []

    def make(*words: Any, **options: Any) -> Desk:
        options.setdefault("settings", Settings(output_folder=str(tmp_path)))
        desks.append(open_desk(*words, **options))
        return desks[-1]

    yield make
    for opened in desks:
        opened.close()
    wait_until(lambda: not _ours(threads), "threads end", limit=3.0)
    assert not {child.pid for child in psutil.Process().children(recursive=True)} - children
    all_counts = [
        stream.pipeline.frame_counter.counts()
        for opened in desks
        for stream in opened.session.streams
    ]
    assert [frame_counts.in_flight for frame_counts in all_counts] == [0] * len(all_counts)


def _ours(before: set[threading.Thread]) -> list[str]:
    return [
        thread.name for thread in set(threading.enumerate()) - before if thread.name in _OUR_THREADS
    ]


@pytest.fixture
def cat_and_dog(tmp_path: Path) -> ModelRequest:
    """A model that finds a cat (90 %) in the middle and a dog (50 %) in the corner, wherever it
    looks.
    """
    return write_model(
        tmp_path / "cat_and_dog.onnx",
        [[0.25, 0.25, 0.75, 0.75], [0.8, 0.8, 0.95, 0.95]],
        [[0.9, 0.02], [0.02, 0.5]],
    )
