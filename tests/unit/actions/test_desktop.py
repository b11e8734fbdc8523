"""Notifications on a real message bus, and sounds that a real player plays to nobody."""

import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ssd_live.actions.desktop import DesktopWorker, run_as_child
from ssd_live.system.paths import assets_folder
from tests.waiting import wait_until

BELL = assets_folder() / "sounds" / "bell.wav"
# A program that takes the notifications of a desktop, and prints the title and the text of each.
_SERVER = """
import asyncio
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method

class Notifications(ServiceInterface):
    @dbus_method()
    def GetCapabilities(self) -> "as":
        return ["body"]
    @dbus_method()
    def GetServerInformation(self) -> "ssss":
        return ["test", "test", "1", "1.2"]
    @dbus_method()
    def CloseNotification(self, id: "u") -> None:
        pass
    @dbus_method()
    def Notify(self, app: "s", replaces: "u", icon: "s", title: "s", text: "s", actions: "as",
               hints: "a{sv}", timeout: "i") -> "u":
        print(f"{app}|{title}|{text}", flush=True)
        return 1

async def main():
    bus = await MessageBus().connect()
    bus.export("/org/freedesktop/Notifications", Notifications("org.freedesktop.Notifications"))
    await bus.request_name("org.freedesktop.Notifications")
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A desktop of this test's own; what it shows is in this file, a line each."""
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert bus.stdout is not None
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    shown = tmp_path / "shown.txt"
    with shown.open("w") as file:
        server = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=file)
    try:
        wait_until(lambda: "ready" in shown.read_text())
        yield shown
    finally:
        for process in (server, bus):
            process.kill()
            process.wait()
        bus.stdout.close()


def test_a_notification_is_shown_on_the_desktop(desktop: Path) -> None:
    lines: list[str] = []
    with DesktopWorker(lines.append) as worker:
        worker.show("note", "Visitors", "18:03:22: Person at Gate, <b>yard</b> & co.")
        wait_until(lambda: "Visitors" in desktop.read_text())
    assert lines == []
    last = desktop.read_text().splitlines()[-1]
    assert last == "ssd_live|Visitors|18:03:22: Person at Gate, <b>yard</b> & co."


def test_without_a_desktop_it_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    lines: list[str] = []
    with DesktopWorker(lines.append) as worker:
        worker.show("note", "Visitors", "1")
        wait_until(lambda: bool(lines))
        worker.show("note", "Visitors", "2")
    assert len(lines) == 1
    assert lines[0].startswith("note: no notification can be shown here (")


def test_a_sound_is_played_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ssd_live.actions.desktop.end_with_parent", lambda: None)
    monkeypatch.setenv("PLAYSOUND3_BACKEND", "ffplay")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    assert run_as_child(["play", str(BELL)]) == 0
    assert capsys.readouterr().err == ""
    with wave.open(str(BELL)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(1.2)


def test_a_sound_that_cannot_be_played_is_told(tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_text("this is no sound")
    lines: list[str] = []
    with DesktopWorker(lines.append) as worker:
        worker.play("bell", tmp_path / "nowhere.wav")
        worker.play("bell", tmp_path / "no.wav")
        wait_until(lambda: len(lines) == 2)
    assert (
        lines[0] == f"bell: {tmp_path}/nowhere.wav: there is no such sound file; give another one"
    )
    assert lines[1].startswith(f"bell: {tmp_path}/no.wav: is no sound file; ")


def test_without_a_player_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines: list[str] = []
    with DesktopWorker(lines.append) as worker:
        worker.play("bell", BELL)
        wait_until(lambda: bool(lines))
    assert lines[0].startswith("bell: no program that plays sounds is installed; install ")


def test_too_many_at_once_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYSOUND3_BACKEND", "ffplay")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    lines: list[str] = []
    worker = DesktopWorker(lines.append)
    for _ in range(20):
        worker.play("bell", BELL)
    # What waits is not begun any more.
    worker.close()
    assert lines == ["bell: too many at once; some are left out"]


def test_closing_ends_a_sound_that_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLAYSOUND3_BACKEND", "ffplay")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    long = tmp_path / "long.wav"
    with wave.open(str(BELL)) as source, wave.open(str(long), "wb") as target:
        target.setparams(source.getparams())
        samples = source.readframes(source.getnframes())
        for _ in range(30):
            target.writeframes(samples)
    lines: list[str] = []
    worker = DesktopWorker(lines.append)
    worker.play("bell", long)
    own = psutil.Process()

    def plays() -> bool:
        return any("ffplay" in child.name() for child in own.children(recursive=True))

    wait_until(plays)
    began = time.monotonic()
    worker.close()
    assert time.monotonic() - began < 10
    wait_until(lambda: not plays())
    assert lines == []
