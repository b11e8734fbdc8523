"""The capture thread on real files and streams: playing, stepping, seeking, and coming back."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from ssd_live.imaging.frame import Frame
from ssd_live.pipeline.capture import Capture, CaptureOptions, Phase
from ssd_live.system.paths import assets_folder
from ssd_live.video.sources import SourceOptions, SourceSpec, parse_source, stream
from tests.clips import frame_times, write_clip
from tests.servers import MjpegServer, RefusingServer
from tests.waiting import open_files, threads_named, wait_until

FRAMES, RATE = 20, 25


class Playing:
    """A capture and everything that it delivered."""

    def __init__(self, spec: SourceSpec, options: CaptureOptions) -> None:
        self.frames: list[Frame] = []
        self.held_back: list[bool] = []
        self.seen = 0
        self.capture = Capture(spec, options, self._take)

    def _take(self, frame: Frame, held_back: bool) -> None:
        self.frames.append(frame)
        self.held_back.append(held_back)

    @property
    def times(self) -> list[float]:
        return [round(frame.time - (self.info_start), 4) for frame in self.frames]

    @property
    def info_start(self) -> float:
        info = self.capture.state.info
        return info.start if info else 0.0

    @property
    def phase(self) -> Phase:
        return self.capture.state.phase

    def wait_for(self, count: int) -> None:
        wait_until(
            lambda: len(self.frames) >= count, what=f"{count} frames, not {len(self.frames)}"
        )

    def wait_for_phase(self, phase: Phase) -> None:
        wait_until(lambda: self.phase is phase, what=f"{phase}, not {self.capture.state}")

    def next_time(self) -> float:
        """Of the one frame that an order brings while paused."""
        wait_until(
            lambda: len(self.frames) > self.seen, 5, f"a frame for the order; {self.capture.state}"
        )
        self.seen = len(self.frames)
        return self.times[-1]


@contextmanager
def _playing(
    source: object,
    *,
    loop: bool = False,
    paused: bool = False,
    mirror: bool = False,
    rate: float | None = None,
) -> Iterator[Playing]:
    playing = Playing(
        parse_source(str(source)),
        CaptureOptions(SourceOptions(rate=rate), loop=loop, paused=paused, mirror=mirror),
    )
    playing.capture.start()
    try:
        yield playing
    finally:
        playing.capture.retire()
        assert playing.capture.join(10)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames, 25 a second, with key frames only at 0 and 12."""

    def setup(stream: object) -> None:
        stream.codec_context.gop_size = 12  # type: ignore[attr-defined]

    return write_clip(
        tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, size=(64, 48), setup=setup
    )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five pictures, each of its own brightness."""
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((16, 16, 3), 40 * number, np.uint8))
    return tmp_path


# Files.


def test_a_file_is_played_once_in_order_to_its_end(clip: Path) -> None:
    with _playing(clip) as playing:
        playing.wait_for_phase(Phase.ENDED)
    assert playing.times == [round(number / RATE, 4) for number in range(FRAMES)]
    assert [frame.index for frame in playing.frames] == list(range(FRAMES))
    assert not any(playing.held_back)


def test_a_file_is_not_played_faster_than_its_times(clip: Path) -> None:
    with _playing(clip) as playing:
        playing.wait_for_phase(Phase.ENDED)
    captured = [frame.captured_at for frame in playing.frames]
    assert captured[-1] - captured[0] >= (FRAMES - 1) / RATE - 0.01


def test_a_file_is_played_at_another_speed(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.capture.set_speed(4.0)
        assert playing.capture.speed == 4.0
        started = time.monotonic()
        playing.capture.play()
        playing.wait_for_phase(Phase.ENDED)
        elapsed = time.monotonic() - started
    captured = [frame.captured_at for frame in playing.frames]
    assert len(captured) == FRAMES
    assert captured[-1] - captured[0] >= (FRAMES - 1) / RATE / 4 - 0.01
    assert elapsed < (FRAMES - 1) / RATE, "it was not played faster"


def test_a_file_in_a_loop_begins_again(clip: Path) -> None:
    with _playing(clip, loop=True) as playing:
        playing.wait_for(FRAMES + 3)
    assert playing.times[FRAMES : FRAMES + 3] == playing.times[:3]


def test_frames_of_a_loop_keep_the_files_pace(clip: Path) -> None:
    with _playing(clip, loop=True) as playing:
        playing.wait_for(2 * FRAMES)
    captured = [frame.captured_at for frame in playing.frames]
    # One frame at the turn may come early.
    assert captured[2 * FRAMES - 1] - captured[0] >= (2 * FRAMES - 3) / RATE - 0.01


def test_turning_the_loop_off_while_playing_ends_it_at_the_end(clip: Path) -> None:
    with _playing(clip, loop=True) as playing:
        playing.wait_for(3)
        playing.capture.set_loop(False)
        playing.wait_for_phase(Phase.ENDED)
    assert len(playing.frames) == FRAMES


def test_playing_on_from_the_end_begins_again(clip: Path) -> None:
    with _playing(clip) as playing:
        playing.wait_for_phase(Phase.ENDED)
        playing.capture.play()
        playing.wait_for(FRAMES + 1)
        assert playing.times[FRAMES] == 0


def test_a_paused_start_shows_nothing_until_it_is_asked_for(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.wait_for_phase(Phase.PAUSED)
        playing.capture.step(1)
        assert playing.next_time() == 0
        assert len(playing.frames) == 1


def test_each_step_shows_exactly_the_next_frame(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        seen = []
        for _ in range(6):
            playing.capture.step(1)
            seen.append(playing.next_time())
        assert seen == [round(number / RATE, 4) for number in range(6)]
        assert playing.phase is Phase.PAUSED


def test_steps_asked_for_at_once_are_all_taken(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        for _ in range(5):
            playing.capture.step(1)
        playing.wait_for(5)
        assert playing.times == [round(number / RATE, 4) for number in range(5)]


def test_a_step_back_shows_the_frame_before(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.capture.seek(14 / RATE)
        assert playing.next_time() == pytest.approx(14 / RATE)
        for number in (13, 12, 11, 10):
            playing.capture.step(-1)
            assert playing.next_time() == pytest.approx(number / RATE)
        playing.capture.step(1)
        assert playing.next_time() == pytest.approx(11 / RATE)


def test_steps_back_asked_for_at_once_are_all_taken(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.capture.seek(14 / RATE)
        playing.next_time()
        for _ in range(4):
            playing.capture.step(-1)
        wait_until(lambda: playing.times[-1] == pytest.approx(10 / RATE), 5, "four frames back")


def test_a_step_back_from_the_first_frame_stays_there(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.capture.step(1)
        playing.next_time()
        playing.capture.step(-1)
        assert playing.next_time() == 0


def test_a_step_back_from_the_end_shows_the_frame_before_the_last(clip: Path) -> None:
    with _playing(clip) as playing:
        playing.wait_for_phase(Phase.ENDED)
        playing.seen = len(playing.frames)
        playing.capture.step(-1)
        assert playing.next_time() == pytest.approx((FRAMES - 2) / RATE)
        assert playing.phase is Phase.PAUSED


def test_stepping_over_the_end_stays_at_the_end_even_in_a_loop(clip: Path) -> None:
    with _playing(clip, paused=True, loop=True) as playing:
        playing.capture.seek((FRAMES - 1) / RATE)
        playing.next_time()
        playing.capture.step(1)
        playing.wait_for_phase(Phase.ENDED)
        assert len(playing.frames) == 1


def test_a_step_while_playing_pauses(clip: Path) -> None:
    with _playing(clip, loop=True) as playing:
        playing.wait_for(2)
        playing.capture.step(1)
        playing.wait_for_phase(Phase.PAUSED)


def test_pausing_and_playing_leaves_no_frame_out(clip: Path) -> None:
    with _playing(clip) as playing:
        playing.wait_for(5)
        playing.capture.pause()
        playing.wait_for_phase(Phase.PAUSED)
        playing.capture.play()
        playing.wait_for_phase(Phase.ENDED)
    assert playing.times == [round(number / RATE, 4) for number in range(FRAMES)]


def test_a_paused_file_keeps_its_place_and_captures_nothing(clip: Path) -> None:
    with _playing(clip, loop=True) as playing:
        playing.wait_for(3)
        playing.capture.pause()
        playing.wait_for_phase(Phase.PAUSED)
        count = len(playing.frames)
        assert playing.capture.state.position == pytest.approx(playing.times[-1])
        # It would be far past by now.
        time.sleep(0.2)
        assert len(playing.frames) == count


@pytest.mark.parametrize(
    ("suffix", "half_a_tick"), [(".mp4", 1e-4), (".mkv", 6e-4), (".ts", 1e-4), (".avi", 0.0201)]
)
def test_after_a_seek_the_first_frame_at_or_after_that_time_is_shown(
    suffix: str, half_a_tick: float, tmp_path: Path
) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    path = write_clip(tmp_path / f"clip{suffix}", FRAMES, size=(64, 48), codec=codec)
    stamps = frame_times(path)
    times = [float(stamp - stamps[0]) for stamp in stamps]
    with _playing(path, paused=True) as playing:
        playing.wait_for_phase(Phase.PAUSED)
        for asked in (0.5, 0.0, 0.76, 0.041, 0.04, 0.3, 0.72, 0.12):
            playing.capture.seek(asked)
            assert playing.next_time() == pytest.approx(
                min(moment for moment in times if moment >= asked - half_a_tick), abs=1e-3
            )


def test_a_seek_while_playing_goes_on_from_there(clip: Path) -> None:
    with _playing(clip) as playing:
        playing.wait_for(2)
        playing.capture.seek(0.6)
        playing.wait_for_phase(Phase.ENDED)
    assert playing.times[-5:] == [0.6, 0.64, 0.68, 0.72, 0.76]
    assert playing.times[-6] < 0.2


def test_a_seek_before_the_beginning_shows_the_first_frame(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.capture.seek(-5)
        assert playing.next_time() == 0


def test_a_seek_past_the_end_is_the_end(clip: Path) -> None:
    with _playing(clip, paused=True) as playing:
        playing.capture.seek(100)
        playing.wait_for_phase(Phase.ENDED)
        playing.capture.seek(0.2)
        assert playing.next_time() == pytest.approx(0.2)


def test_the_position_follows_and_is_counted_from_the_first_frame(tmp_path: Path) -> None:
    late = write_clip(tmp_path / "late.mkv", 10, size=(64, 48), pts=lambda index: index + 250)
    with _playing(late, paused=True) as playing:
        playing.capture.seek(0.2)
        playing.next_time()
        assert playing.capture.state.position == pytest.approx(0.2, abs=1e-3)
        assert playing.frames[-1].time == pytest.approx(10.2, abs=1e-3)


def test_frames_of_irregular_times_are_stepped_back_one_by_one(tmp_path: Path) -> None:
    places = [0, 1, 2, 3, 4, 14, 15, 16, 30, 31]
    path = write_clip(
        tmp_path / "irregular.mp4", 10, size=(64, 48), pts=lambda index: places[index]
    )
    with _playing(path, paused=True) as playing:
        playing.capture.seek(31 / RATE)
        seen = [playing.next_time()]
        for _ in range(9):
            playing.capture.step(-1)
            seen.append(playing.next_time())
    assert seen == [pytest.approx(place / RATE, abs=1e-3) for place in reversed(places)]


def test_a_file_that_is_gone_when_it_loops_ends_with_a_line(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "gone.mp4", 5, size=(64, 48))
    with _playing(path, loop=True) as playing:
        playing.wait_for(2)
        path.unlink()
        playing.wait_for_phase(Phase.FAILED)
        assert "gone.mp4" in playing.capture.state.error_message


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00" * 5000])
def test_a_file_that_is_no_video_fails_at_once_with_a_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with _playing(path) as playing:
        playing.wait_for_phase(Phase.FAILED)
        assert "bad.mp4" in playing.capture.state.error_message
        assert "\n" not in playing.capture.state.error_message
        assert playing.capture.join(5)


# Images.


def test_a_folder_of_images_is_played_stepped_and_sought(photos: Path) -> None:
    with _playing(photos, rate=20) as playing:
        playing.wait_for_phase(Phase.ENDED)
        assert [int(frame.planes[0][0, 0, 0]) for frame in playing.frames] == [0, 40, 80, 120, 160]
        playing.seen = 5
        playing.capture.step(-1)
        playing.next_time()
        playing.capture.step(-1)
        playing.next_time()
        playing.capture.seek(0.05)
        playing.next_time()
        playing.capture.step(1)
        playing.next_time()
        assert [int(frame.planes[0][0, 0, 0]) for frame in playing.frames[5:]] == [120, 80, 40, 80]


def test_a_folder_whose_images_vanish_does_not_spin(photos: Path) -> None:
    with _playing(photos, rate=100, loop=True) as playing:
        playing.wait_for(3)
        for path in photos.iterdir():
            path.unlink()
        count = -1

        def at_rest() -> bool:
            nonlocal count
            earlier, count = count, len(playing.frames)
            time.sleep(0.05)
            return earlier == count

        wait_until(at_rest)
        before = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - before < 0.15


# Mirrors.


def test_a_mirrored_source_is_flipped_left_and_right_and_can_be_flipped_back() -> None:
    with _playing("pattern:64x36@100", paused=True, mirror=True) as playing:
        playing.wait_for(1)
        playing.capture.set_mirror(False)
        wait_until(
            lambda: not np.array_equal(playing.frames[-1].planes[0], playing.frames[0].planes[0])
        )
        with _playing("pattern:64x36@100") as plain:
            plain.wait_for(1)
        assert np.array_equal(playing.frames[0].planes[0], plain.frames[0].planes[0][:, ::-1])


# Live sources.


def test_a_paused_live_source_is_read_on_and_its_frames_are_held_back() -> None:
    with _playing("pattern:64x36@200") as playing:
        playing.wait_for(3)
        playing.capture.pause()
        wait_until(lambda: playing.held_back[-1])
        playing.wait_for(len(playing.frames) + 10)
        assert all(playing.held_back[-10:])
        playing.capture.play()
        wait_until(lambda: not playing.held_back[-1])
        assert playing.phase is Phase.PLAYING


def test_a_step_of_a_paused_live_source_lets_one_frame_through() -> None:
    with _playing("pattern:64x36@200", paused=True) as playing:
        playing.wait_for(5)
        playing.capture.step(1)
        wait_until(lambda: False in playing.held_back)
        playing.wait_for(len(playing.frames) + 10)
        assert playing.held_back.count(False) == 1


def test_a_step_back_of_a_live_source_shows_no_later_frame() -> None:
    with _playing("pattern:64x48@100", paused=True) as playing:
        playing.wait_for(3)
        playing.capture.step(-1)
        before = len(playing.frames)
        playing.wait_for(before + 5)
        assert all(playing.held_back)


def test_a_retired_capture_delivers_nothing_more() -> None:
    with _playing("pattern:64x36@300") as playing:
        playing.wait_for(5)
        playing.capture.retire()
        count = len(playing.frames)
        assert playing.capture.join(10)
        assert len(playing.frames) == count


# Streams.


def test_a_stream_that_stops_is_reported_and_resumes_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with MjpegServer((64, 48), 60) as camera, _playing(camera.address) as playing:
        playing.wait_for(5)
        files = threads = 0
        for _ in range(5):
            camera.stop()
            playing.wait_for_phase(Phase.RECONNECTING)
            state = playing.capture.state
            assert state.error_message.startswith(f"{camera.address}: ")
            assert state.attempts >= 1
            count = len(playing.frames)
            camera.start()
            # Within two seconds, and some for a busy machine.
            seconds = wait_until(lambda: len(playing.frames) > count + 3)  # noqa: B023
            assert seconds < 4
            assert (
                playing.phase,
                playing.capture.state.error_message,
                playing.capture.state.attempts,
            ) == (Phase.PLAYING, "", 0)
            files, threads = files or open_files(), threads or threading.active_count()
        # The server's own come and go.
        wait_until(lambda: open_files() <= files + 2 and threading.active_count() <= threads + 2)
        assert len(threads_named("capture")) == 1
    wait_until(lambda: not threads_named("capture"))


@pytest.mark.parametrize("code", [401, 404])
def test_a_server_that_refuses_is_not_asked_again(code: int) -> None:
    with RefusingServer(code) as server, _playing(server.address) as playing:
        playing.wait_for_phase(Phase.FAILED)
        assert f"({code})" in playing.capture.state.error_message
        asked = server.asked
        time.sleep(0.5)
        assert server.asked == asked


def test_a_server_that_refuses_after_it_gave_frames_is_asked_again() -> None:
    """It may be starting again."""
    with MjpegServer((64, 48), 60) as camera, _playing(camera.address) as playing:
        playing.wait_for(3)
        camera.stop()
        with RefusingServer(404, camera.port) as server:
            wait_until(lambda: server.asked >= 3)
        camera.start()
        before = len(playing.frames)
        playing.wait_for(before + 3)


def test_attempts_are_counted_with_growing_pauses_while_nothing_listens() -> None:
    with MjpegServer((64, 48)) as camera:
        camera.stop()
        with _playing(camera.address) as playing:
            moments: dict[int, float] = {}

            def tried_four_times() -> bool:
                state = playing.capture.state
                moments.setdefault(state.attempts, time.monotonic())
                return state.attempts >= 4

            wait_until(tried_four_times)
            assert "no server listens there" in playing.capture.state.error_message
            assert playing.phase is Phase.RECONNECTING
            assert moments[4] - moments[3] > moments[2] - moments[1]


def test_a_stream_that_falls_silent_is_reported_and_resumes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "READ_TIMEOUT_SECONDS", 0.5)
    with MjpegServer((64, 48), 60) as camera, _playing(camera.address) as playing:
        playing.wait_for(3)
        camera.stalled.set()
        playing.wait_for_phase(Phase.RECONNECTING)
        assert "does not answer" in playing.capture.state.error_message
        camera.stalled.clear()
        playing.wait_for_phase(Phase.PLAYING)
        playing.wait_for(len(playing.frames) + 3)


def test_a_capture_is_retired_at_once_while_its_stream_is_silent() -> None:
    with MjpegServer((64, 48), 60) as camera, _playing(camera.address) as playing:
        playing.wait_for(3)
        camera.stalled.set()
        wait_until(lambda: time.monotonic() - playing.frames[-1].captured_at > 0.2)
        started = time.monotonic()
        playing.capture.retire()
        assert time.monotonic() - started < 0.5
        assert not playing.capture.join(0.05)
        count = len(playing.frames)
        camera.stalled.clear()
        assert playing.capture.join(10)
        assert len(playing.frames) == count


def test_a_camera_that_is_not_there_is_tried_again() -> None:
    with _playing("93") as playing:
        wait_until(lambda: playing.capture.state.attempts >= 2)
        assert playing.phase is Phase.RECONNECTING
        assert "93" in playing.capture.state.error_message


def test_a_source_whose_library_breaks_says_so_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(spec: SourceSpec, options: SourceOptions) -> None:
        raise RuntimeError("a driver's fault\nwith details")

    monkeypatch.setattr("ssd_live.pipeline.capture.open_source", broken)
    with _playing(assets_folder() / "media" / "bikes.mp4") as playing:
        playing.wait_for_phase(Phase.FAILED)
        assert playing.capture.state.error_message.endswith(
            "RuntimeError: a driver's fault; choose another source"
        )
