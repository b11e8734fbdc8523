"""Log lines: where they go, what they never hold, and that ordinary runs write none."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ssd_live.errors import BackendError, UsageError
from ssd_live.modelfile.file import write_model_file
from ssd_live.remote.client import InferenceProcess
from ssd_live.remote.network import ModelRequest
from ssd_live.system.logs import is_quiet, start_logging, stop_logging, without_password
from tests.clips import SAMPLE
from tests.conftest import FIXED_BACKEND, Answer
from tests.tiny_model import tiny_model


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    yield tmp_path / "engines" / "logs" / "ssd_live.log"
    stop_logging()


@pytest.mark.expects_warnings
def test_lines_go_to_the_terminal_in_one_line_and_to_the_file_with_details(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logging("info")
    logger = logging.getLogger("ssd_live.test")
    logger.debug("not asked for")
    logger.info("first\nsecond")
    try:
        raise ValueError("no reason")
    except ValueError:
        logger.warning("it failed", exc_info=True)
    assert capsys.readouterr().err.splitlines() == [
        "info: first (more in the log file)",
        "warning: it failed (more in the log file)",
    ]
    text = log_file.read_text(encoding="utf-8")
    assert "not asked for" not in text
    assert "INFO ssd_live.test" in text
    assert "second" in text
    assert "ValueError: no reason" in text


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no log level 'loud'; choose debug, info"):
        start_logging("loud")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:secret@camera/1 failed", "rtsp://camera/1 failed"),
        ("http://user@camera/a@b", "http://camera/a@b"),
        ("http://camera/v?pwd=secret&x=1", "http://camera/v?pwd=...&x=1"),
        ("http://camera/user=me_password=secret/1", "http://camera/user=me_password=.../1"),
        ("mail me@home", "mail me@home"),
    ],
)
def test_addresses_lose_their_passwords(text: str, shown: str) -> None:
    if "_password=" in text:
        assert "secret" not in without_password(text)
    else:
        assert without_password(text) == shown


@pytest.mark.expects_warnings
def test_no_password_reaches_the_file(log_file: Path) -> None:
    start_logging()
    logging.getLogger("ssd_live.test").warning("lost %s", "rtsp://user:secret@camera/1")
    assert "secret" not in log_file.read_text(encoding="utf-8")


@pytest.mark.expects_warnings
def test_a_file_that_cannot_be_written_stops_nothing(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "engines").write_text("a file in the way")
    start_logging()
    logging.getLogger("ssd_live.test").warning("still told")
    assert capsys.readouterr().err == "warning: still told\n"


def test_an_ordinary_run_logs_nothing(log_file: Path, ssd: Callable[..., Answer]) -> None:
    assert ssd("models", "list").code == 0
    assert not log_file.exists()


def test_quiet_prints_nothing_but_errors(ssd: Callable[..., Answer], tmp_path: Path) -> None:
    words = ("process", SAMPLE, "--no-video", "--max-frames", "2", *FIXED_BACKEND)
    loud, quiet = ssd(*words), ssd(*words, "-q")
    assert loud.err
    assert (quiet.code, quiet.err) == (0, "")
    assert ssd("process", tmp_path / "none.mp4", "--no-video", "-q").err.startswith("error: ")
    assert not is_quiet()


def test_wrong_levels_on_the_command_line_are_one_line(ssd: Callable[..., Answer]) -> None:
    answer = ssd("models", "list", "--log-level", "loud")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "there is no log level 'loud'" in answer.err


@pytest.mark.expects_warnings
def test_what_an_inference_process_prints_before_it_dies_is_logged(
    log_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_logging()
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'ssd_live.remote.server' in sys.orig_argv:\n"
        "    os.write(2, b'a native library gave up\\n')\n"
        "    os._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *sys.path]))
    model = tmp_path / "tiny.onnx"
    write_model_file(model, tiny_model())
    process = InferenceProcess(ModelRequest(str(model), "onnxruntime", "fp32"))
    with process, pytest.raises(BackendError, match=r"ended \(code 3\)"):
        process.wait()
    assert "a native library gave up" in log_file.read_text(encoding="utf-8")
