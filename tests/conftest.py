"""What every test shares: a place of its own for what the program writes on a machine, and no
thread left behind.
"""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ssd_live.cli import main

OWN_THREADS = ("decode", "infer", "write", "capture", "render", "load", "record")
# Named, so that no test waits for backends to be measured.
FIXED_BACKEND = ("--backend", "openvino", "--precision", "fp32")


TESTS = Path(__file__).resolve().parent
# Folders and files of tests that take seconds each: processes, training, real networks, the window.
SLOW = (
    "e2e/",
    "faults/",
    "gui/",
    "packaging/",
    "unit/backends/",
    "unit/bench/",
    "unit/detection/",
    "unit/export/test_trained.py",
    "unit/live/",
    "unit/modelfile/",
    "unit/models/test_release.py",
    "unit/models/test_ssd_paper.py",
    "unit/models/test_weight_files.py",
    "unit/pipeline/test_capture.py",
    "unit/remote/",
    "unit/selection/",
    "unit/system/test_logs.py",
    "unit/system/test_paths.py",
    "unit/tools/",
    "unit/training/",
    "unit/video/",
)


class Answer(NamedTuple):
    """What a command left: exit code, standard output and error."""

    code: int
    out: str
    err: str


class WarningCollector(logging.Handler):
    """Keeps the lines that are logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, so that make test-quick leaves it out."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        if place.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl-C, and under nohup SIGHUP, and so would every process
    # that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Measurements and models of the tests stay out of the checkout."""
    folder = tmp_path_factory.mktemp("engines")
    os.environ["SSD_LIVE_ENGINES"] = str(folder)
    yield folder
    del os.environ["SSD_LIVE_ENGINES"]


@pytest.fixture(autouse=True)
def no_unexpected_warning(request: pytest.FixtureRequest) -> Iterator[None]:
    """An ordinary run logs nothing; a test whose subject warns is marked `expects_warnings`."""
    handler = WarningCollector()
    program = logging.getLogger("ssd_live")
    program.addHandler(handler)
    yield
    program.removeHandler(handler)
    if request.node.get_closest_marker("expects_warnings") is None:
        assert handler.lines == []


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    own = [thread for thread in set(threading.enumerate()) - before if thread.name in OWN_THREADS]
    # The capture of a source that another one replaced is not waited for; it ends on its own.
    for thread in own:
        thread.join(5)
    left = [thread.name for thread in own if thread.is_alive()]
    assert not left, f"threads outlived their pipeline: {left}"


@pytest.fixture
def ssd(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command in this process."""

    def run(*words: object) -> Answer:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture
def process(ssd: Callable[..., Answer]) -> Callable[..., Answer]:
    """Run `process` on a named backend."""
    return lambda *words: ssd("process", *words, *FIXED_BACKEND)


@pytest.fixture(scope="module")
def engines_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For tests that make models, which others are not to see."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("engines")
        patch.setenv("SSD_LIVE_ENGINES", str(folder))
        yield folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
