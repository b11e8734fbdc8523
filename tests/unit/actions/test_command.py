"""Commands of events: what they get, and what is told when they fail."""

import sys
import time
from pathlib import Path

import pytest

from ssd_live.actions import command
from ssd_live.actions.command import CommandRunner
from tests.waiting import wait_until

COPY = (
    "import os, sys; open(sys.argv[1], 'wb').write("
    "sys.stdin.buffer.read() + os.environ['SSD_LIVE_RULE'].encode())"
)
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


def test_a_command_gets_its_arguments_its_input_and_variables(tmp_path: Path) -> None:
    lines: list[str] = []
    place = tmp_path / "it is; $HOME"
    with CommandRunner(lines.append) as runner:
        words = (sys.executable, "-c", COPY, str(place))
        runner.run("copy", words, b"{} ", {"SSD_LIVE_RULE": "A"})
        wait_until(lambda: place.exists() and place.read_bytes() == b"{} A")
    assert lines == []


def test_a_command_that_fails_or_is_missing_is_told(tmp_path: Path) -> None:
    lines: list[str] = []
    with CommandRunner(lines.append) as runner:
        runner.run("no", (str(tmp_path / "none"),), b"", {})
        assert lines == [f"no: {tmp_path / 'none'} cannot be run (no such file or directory)"]
        runner.run("bad", (sys.executable, "-c", "raise SystemExit(3)"), b"", {})
        wait_until(lambda: lines[1:] == ["bad: failed with the exit code 3"])
        # It does not read its input.
        runner.run("deaf", ("true",), b"x" * 1_000_000, {})
    assert len(lines) == 2


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LONGEST_SECONDS", 0.1)
    lines: list[str] = []
    with CommandRunner(lines.append) as runner:
        runner.run("slow", SLEEP, b"", {})
        wait_until(lambda: lines)
    assert lines == ["slow: was ended, because it ran for over 0 s"]


def test_eight_commands_run_at_once_and_end_with_the_program() -> None:
    lines: list[str] = []
    runner = CommandRunner(lines.append)
    for _ in range(9):
        runner.run("many", SLEEP, b"", {})
    assert lines == ["many: 8 commands run already; this one is left out"]
    started = time.monotonic()
    runner.close()
    assert time.monotonic() - started < 60
