"""Playing, holding, stepping, seeking and looping a file."""

import time
from collections.abc import Callable
from pathlib import Path

import miniaudio
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QSlider, QToolButton

from ssd_live.gui.sound_control import SoundControl
from ssd_live.gui.transport import TransportBar, clock
from ssd_live.live import sound
from ssd_live.live.sound import MiniaudioDevice, Pull
from ssd_live.pipeline.capture import Phase
from ssd_live.settings import Settings
from ssd_live.video.sound import Samples
from tests.clips import SAMPLE, write_clip
from tests.gui.desk import Desk
from tests.gui.waiting import settle, wait_until

Desks = Callable[..., Desk]
# Of the sample clip: seconds a frame, and seconds in all.
FRAME, LENGTH = 1 / 25, 10.0


@pytest.fixture
def held(desk: Desks) -> Desk:
    """The sample clip, held near its beginning."""
    opened = desk(SAMPLE)
    opened.wait_for_picture()
    wait_until(lambda: opened.seek_bar.maximum() == 100 * LENGTH, "the seek bar knows the length")
    opened.pause()
    return opened


def wait_for_time(desk: Desk, seconds: float) -> None:
    wait_until(
        lambda: desk.time == pytest.approx(seconds, abs=FRAME / 2),
        f"the frame at {seconds:g} s is shown",
    )


def seek(desk: Desk, seconds: float) -> None:
    desk.seek_bar.setValue(round(100 * seconds))


def test_pausing_holds_the_picture_and_playing_goes_on(held: Desk) -> None:
    at = held.time
    assert not held.is_on("play")
    held.trigger("play")
    wait_until(lambda: held.time > at + 5 * FRAME, "it plays on")
    assert held.is_on("play")


def test_a_file_with_sound_is_heard_and_silenced(
    desk: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With miniaudio's device that nobody hears."""
    taken: list[Samples] = []

    def open_device(pull: Pull) -> MiniaudioDevice:
        def note(count: int) -> Samples:
            taken.append(pull(count))
            return taken[-1]

        return MiniaudioDevice(note, [miniaudio.Backend.NULL])

    monkeypatch.setattr(sound, "system_device", open_device)
    opened = desk(write_clip(tmp_path / "tone.mkv", 250, sound="aac"))
    opened.wait_for_picture()
    (control,) = opened.window.findChildren(SoundControl)
    wait_until(control.isVisible, "the volume is shown")
    wait_until(lambda: bool(taken) and np.abs(taken[-1]).max() > 1000, "the sound is heard")
    (slider,) = control.findChildren(QSlider)
    for _ in range(5):
        opened.trigger("quieter")
    assert (slider.value(), opened.settings.volume) == (50, 50)
    opened.trigger("mute")
    wait_until(lambda: not taken[-1].any(), "it is silent")
    opened.trigger("quieter")
    assert (slider.value(), opened.is_on("mute")) == (40, True)
    # Who makes it louder wants to hear it.
    slider.setValue(100)
    opened.trigger("mute")
    opened.trigger("louder")
    assert (slider.value(), opened.is_on("mute")) == (100, False)
    wait_until(lambda: taken[-1].any(), "it is heard again")
    # At another speed and in a pause, the device takes nothing.
    opened.trigger("faster")
    _await_silence(taken)
    opened.trigger("slower")
    wait_until(lambda: bool(taken), "it is heard at its own speed")
    opened.pause()
    _await_silence(taken)
    opened.window.open(str(SAMPLE))
    wait_until(lambda: not control.isVisible(), "a file without sound has no volume")


def _await_silence(taken: list[Samples]) -> None:
    def is_silent() -> bool:
        taken.clear()
        settle()
        time.sleep(0.2)
        return not taken

    wait_until(is_silent, "nothing is taken")


def test_the_play_button_shows_what_pressing_it_would_do(held: Desk) -> None:
    play = held.window.actions_by_name["play"]
    wait_until(
        lambda: held.seek_bar.value() == round(100 * held.time),
        "the window has looked at the source",
    )
    while_paused = play.icon().pixmap(16, 16).toImage()
    held.trigger("play")
    wait_until(lambda: play.icon().pixmap(16, 16).toImage() != while_paused, "the icon changes")


def test_stepping_shows_exactly_the_next_frame(held: Desk) -> None:
    at = held.time
    held.trigger("step")
    wait_for_time(held, at + FRAME)
    held.trigger("step")
    wait_for_time(held, at + 2 * FRAME)


def test_stepping_back_shows_exactly_the_frame_before(held: Desk) -> None:
    seek(held, 2.0)
    wait_for_time(held, 2.0)
    held.trigger("step_back")
    wait_for_time(held, 2.0 - FRAME)


def test_stepping_while_playing_holds_the_picture(desk: Desks) -> None:
    opened = desk(SAMPLE)
    opened.wait_for_picture()
    opened.trigger("step")
    opened.wait_for_phase(Phase.PAUSED)
    assert not opened.is_on("play")


def test_a_click_on_the_seek_bar_goes_to_that_time(held: Desk) -> None:
    bar = held.seek_bar
    QTest.mouseClick(
        bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() // 2, bar.height() // 2)
    )
    wait_until(lambda: held.time == pytest.approx(LENGTH / 2, abs=0.2), "the middle is shown")


def test_keys_move_the_seek_bar_that_has_the_focus(held: Desk) -> None:
    # The bar goes on from where it stands.
    wait_until(
        lambda: held.seek_bar.value() == round(100 * held.time),
        "the bar stands where the film is held",
    )
    at = held.time
    held.seek_bar.setFocus()
    held.press("Right")
    wait_until(
        lambda: held.time == pytest.approx(at + 1.0, abs=2 * FRAME), "one second later is shown"
    )


def test_five_seconds_forward_and_back(held: Desk) -> None:
    seek(held, 1.0)
    wait_for_time(held, 1.0)
    held.trigger("forward")
    wait_until(lambda: held.time == pytest.approx(6.0, abs=2 * FRAME), "6 s is shown")
    held.trigger("back")
    wait_until(lambda: held.time == pytest.approx(1.0, abs=2 * FRAME), "1 s is shown")


def test_seeking_before_the_beginning_shows_the_first_frame(held: Desk) -> None:
    held.trigger("back")
    wait_for_time(held, 0.0)


def test_seeking_past_the_end_keeps_the_window_working(held: Desk) -> None:
    seek(held, LENGTH - 1)
    wait_for_time(held, LENGTH - 1)
    held.trigger("forward")
    held.wait_for_phase(Phase.ENDED)
    seek(held, 3.0)
    wait_for_time(held, 3.0)


def test_the_seek_bar_and_the_clock_follow_the_film(held: Desk) -> None:
    held.trigger("back")
    wait_for_time(held, 0.0)
    held.trigger("forward")
    wait_for_time(held, 5.0)
    wait_until(lambda: held.seek_bar.value() == pytest.approx(500, abs=4), "the bar follows")
    texts = [label.text() for label in held.child(TransportBar).findChildren(QLabel)]
    assert texts == ["0:05.0 / 0:10.0", "# 125"]


def test_following_the_film_does_not_seek_in_it(desk: Desks) -> None:
    opened = desk(SAMPLE)
    opened.wait_for_picture()
    sought: list[float] = []
    opened.child(TransportBar).sought.connect(sought.append)
    wait_until(lambda: opened.seek_bar.value() >= 50, "half a second is played")
    assert sought == []


def test_a_loop_begins_anew_at_the_end(desk: Desks, tmp_path: Path) -> None:
    opened = desk(
        write_clip(tmp_path / "short.mp4", 10, size=(64, 48)), settings=Settings(loop=True)
    )
    wait_until(lambda: opened.counts.captured >= 25, "it is played more than twice")
    assert opened.state.phase is Phase.PLAYING


def test_without_the_loop_a_file_ends_and_playing_starts_it_again(
    desk: Desks, tmp_path: Path
) -> None:
    opened = desk(
        write_clip(tmp_path / "short.mp4", 10, size=(64, 48)), settings=Settings(loop=False)
    )
    opened.wait_for_phase(Phase.ENDED)
    wait_until(lambda: not opened.is_on("play"), "the button shows it")
    assert opened.counts.captured == 10
    opened.trigger("play")
    wait_until(lambda: opened.counts.captured == 20, "it is played again")


def test_turning_the_loop_off_while_playing_lets_the_file_end(desk: Desks, tmp_path: Path) -> None:
    opened = desk(
        write_clip(tmp_path / "short.mp4", 10, size=(64, 48)), settings=Settings(loop=True)
    )
    opened.wait_for_picture()
    opened.trigger("loop")
    opened.wait_for_phase(Phase.ENDED)
    assert opened.settings.loop is False


def test_a_live_source_has_no_seek_bar(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.wait_for_live_layout()
    assert not opened.child(TransportBar).isVisible()


def test_a_paused_live_source_holds_its_picture_and_its_frames_are_dropped_as_paused(
    desk: Desks,
) -> None:
    opened = desk()
    opened.wait_for_picture()
    opened.trigger("play")
    wait_until(lambda: opened.counts.dropped.get("paused", 0) >= 3, "frames are dropped as paused")
    shown, at = opened.counts.shown, opened.time
    wait_until(lambda: opened.counts.dropped["paused"] >= 6, "more are dropped")
    assert (opened.counts.shown, opened.time) == (shown, at)


def test_the_transports_buttons_do_what_their_actions_do(held: Desk) -> None:
    *buttons, _ = held.child(TransportBar).findChildren(QToolButton)
    assert [button.defaultAction() for button in buttons] == [
        held.window.actions_by_name[name] for name in ("step_back", "play", "step", "loop", "mute")
    ]
    QTest.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    held.wait_for_phase(Phase.PLAYING)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (61.9, "1:01"), (3599, "59:59"), (3661, "1:01:01")]
)
def test_the_clock_reads_as_people_write_it(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_held_picture_of_a_file_stays_while_time_passes(held: Desk, desk: Desks) -> None:
    at, captured = held.time, held.counts.captured
    other = desk("pattern:64x64@30")
    wait_until(lambda: other.counts.captured >= 15, "half a second passes")
    settle()
    assert (held.time, held.counts.captured) == (at, captured)
