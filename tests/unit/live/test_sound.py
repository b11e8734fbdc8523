"""The sound of a file is heard in step with its video."""

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import miniaudio
import numpy as np
import pytest

from ssd_live.errors import MediaError
from ssd_live.live.sound import MiniaudioDevice, Pull, SoundPlayer
from ssd_live.video.sound import RATE, Samples, SoundTrack
from tests.clips import write_clip
from tests.waiting import wait_until

SECONDS = 10
NEAR = 0.2


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose left samples say the millisecond, from 1 on, and whose video begins at 0.4 s."""
    return write_times(tmp_path_factory.mktemp("sound") / "clip.mkv")


def write_times(path: Path) -> Path:
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        voice = target.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        for index in range(25 * SECONDS):
            picture = av.VideoFrame(32, 32, "yuv420p")
            picture.pts, picture.time_base = index + 10, Fraction(1, 25)
            target.mux(stream.encode(picture))
            count = RATE // 25
            times = (np.arange(count) + index * count) / RATE + 1e-6
            samples = np.stack([times * 1000 + 1, np.full(count, 7.0)], axis=1).astype(np.int16)
            part = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "stereo")
            part.sample_rate, part.pts, part.time_base = RATE, index * count, Fraction(1, RATE)
            target.mux(voice.encode(part))
        target.mux(stream.encode(None))
    return path


def heard(samples: Samples) -> float:
    """The time in the file of the first sample, or NaN if it is silent."""
    return (int(samples[0, 0]) - 1) / 1000 if samples[0, 0] else float("nan")


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 1.0, 3.217, 9.5])
def test_a_track_begins_at_any_time(clip: Path, seconds: float) -> None:
    with SoundTrack(clip, 0.4) as track:
        parts = list(track.read(seconds))
        together = np.concatenate([samples for _, samples in parts])
        assert parts[0][0] == pytest.approx(seconds, abs=1 / RATE)
        # The video begins 0.4 s later than the sound.
        assert heard(together) == pytest.approx(seconds + 0.4, abs=0.0011)
        assert len(together) == pytest.approx((SECONDS - seconds - 0.4) * RATE, abs=2)
        times = [time for time, _ in parts]
        ends = [time + len(samples) / RATE for time, samples in parts]
        assert times[1:] == pytest.approx(ends[:-1], abs=1.5 / RATE)
        assert list(track.read(SECONDS + 5)) == []


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".mov", ".ts", ".flv", ".mp4"])
def test_the_beginning_is_heard_in_every_container(suffix: str, tmp_path: Path) -> None:
    sound = "aac" if suffix in (".mp4", ".ts", ".flv") else "pcm_s16le"
    codec = "flv" if suffix == ".flv" else "mpeg4"
    path = write_clip(tmp_path / f"clip{suffix}", 50, codec=codec, sound=sound)
    with SoundTrack(path, 0.0) as track:
        for seconds in (0.0, 1.0, 0.2, 0.0):
            parts = list(track.read(seconds))
            assert parts[0][0] == pytest.approx(seconds, abs=0.1)
            assert max(int(np.abs(samples).max()) for _, samples in parts) > 1000


def test_the_number_of_channels_may_change(tmp_path: Path) -> None:
    """As in recordings of television: stereo, then mono, in one stream."""
    parts = []
    for name, layout in (("a", "stereo"), ("b", "mono")):
        path = tmp_path / f"{name}.aac"
        with av.open(str(path), "w", format="adts") as target:
            voice = target.add_stream("aac", rate=RATE, layout=layout)
            for index in range(40):
                rows = len(voice.layout.channels)
                wave = (9000 * np.sin(np.arange(1024) / 9)).astype(np.float32) / 32768
                frame = av.AudioFrame.from_ndarray(np.tile(wave, (rows, 1)), "fltp", layout)
                frame.sample_rate, frame.pts = RATE, index * 1024
                target.mux(voice.encode(frame))
            target.mux(voice.encode(None))
        parts.append(path.read_bytes())
    path = tmp_path / "both.aac"
    path.write_bytes(b"".join(parts))
    with SoundTrack(path, 0.0) as track:
        together = np.concatenate([samples for _, samples in track.read(0.0)])
    assert len(together) > 1.5 * 40 * 1024
    assert np.abs(together[-20_000:]).max() > 1000


def test_every_codec_and_rate_becomes_stereo_at_48_khz(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 50, sound="aac")
    with SoundTrack(path, 0.0) as track:
        together = np.concatenate([samples for _, samples in track.read(0.5)])
    assert together.shape[1] == 2
    assert len(together) == pytest.approx(1.5 * RATE, abs=0.06 * RATE)
    assert np.abs(together).max() > 1000


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has no sound"):
        SoundTrack(write_clip(tmp_path / "clip.mp4", 5), 0.0)


class Ear:
    """A device whose sound the test takes itself."""

    def __init__(self) -> None:
        self.pull: Pull | None = None
        self.is_on = False
        self.closed = 0

    def open(self, pull: Pull) -> "Ear":
        self.pull = pull
        return self

    def start(self) -> None:
        self.is_on = True

    def stop(self) -> None:
        self.is_on = False

    def close(self) -> None:
        self.closed += 1

    def take(self, seconds: float = 0.02) -> Samples:
        assert self.pull is not None
        return self.pull(round(seconds * RATE))


class Video:
    """A video whose position moves with the clock, and a player that follows it."""

    def __init__(self, clip: Path | None, open_device: Callable[[Pull], Ear | None]) -> None:
        self.player = SoundPlayer(open_device)
        self.file = (clip, 0.4) if clip else None
        self.at, self.since, self.plays = 0.0, time.monotonic(), True

    @property
    def position(self) -> float:
        return self.at + (time.monotonic() - self.since) * self.plays

    def jump(self, seconds: float, *, plays: bool = True) -> None:
        self.at, self.since, self.plays = seconds, time.monotonic(), plays

    def follow(self) -> None:
        self.player.follow(self.file, self.position, plays=self.plays)

    def is_in_step(self, ear: Ear) -> bool:
        """Take the next sound in real time; whether it is that of the video."""
        self.follow()
        if ear.pull is None or not ear.is_on:
            return False
        off = heard(ear.take()) - 0.4 - self.position
        time.sleep(0.02)
        return abs(off) < NEAR


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def video(clip: Path, ear: Ear) -> Iterator[Video]:
    playing = Video(clip, ear.open)
    yield playing
    playing.player.close()


def test_the_sound_follows_jumps_and_pauses(video: Video, ear: Ear) -> None:
    wait_until(lambda: video.is_in_step(ear))
    assert video.player.has_sound
    for seconds in (7.0, 1.5, 5.0):
        video.jump(seconds)
        wait_until(lambda: video.is_in_step(ear))
    video.jump(3.0, plays=False)
    video.follow()
    wait_until(lambda: not ear.is_on)
    video.jump(8.0)
    wait_until(lambda: video.is_in_step(ear))
    # A device that takes too little for a while falls behind, and jumps on.
    time.sleep(0.5)
    wait_until(lambda: video.is_in_step(ear))


def test_no_sample_is_left_out_or_taken_twice(video: Video, ear: Ear) -> None:
    video.jump(1.0)
    wait_until(lambda: video.is_in_step(ear))
    # So much is decoded ahead; nothing else is taken, so that nothing is corrected meanwhile.
    wait_until(lambda: not np.isnan(heard(ear.take())))
    time.sleep(0.1)
    left = np.concatenate([ear.take(0.01) for _ in range(12)])[:, 0].astype(int)
    assert set(np.diff(left)) <= {0, 1}


def test_volume_and_muting(video: Video, ear: Ear) -> None:
    wait_until(lambda: video.is_in_step(ear))
    loud = ear.take()
    video.player.volume = 0.5
    quiet = ear.take()
    assert quiet[0, 1] == 3
    assert abs(int(quiet[0, 0]) * 2 - int(loud[-1, 0])) <= 2
    video.player.is_muted = True
    assert not ear.take().any()


def test_another_file_and_none(video: Video, ear: Ear, tmp_path: Path) -> None:
    wait_until(lambda: video.is_in_step(ear))
    video.file = (write_clip(tmp_path / "silent.mp4", 5), 0.0)
    video.follow()
    wait_until(lambda: not video.player.has_sound)
    assert not ear.take().any()
    video.file = (tmp_path / "gone.mp4", 0.0)
    video.follow()
    video.file = None
    video.follow()
    video.player.close()
    assert ear.closed == 1


def test_a_source_without_sound_ends_the_loudspeaker(video: Video, ear: Ear) -> None:
    wait_until(lambda: video.is_in_step(ear))
    video.file = None
    video.follow()
    wait_until(lambda: not ear.is_on)
    assert not video.player.has_sound


@pytest.mark.expects_warnings
def test_a_loudspeaker_that_fails_ends_the_sound_until_the_next_file(
    video: Video, ear: Ear, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(lambda: video.is_in_step(ear))
    video.jump(1.0, plays=False)
    video.follow()
    wait_until(lambda: not ear.is_on)

    def fail() -> None:
        raise miniaudio.MiniaudioError("unplugged")

    monkeypatch.setattr(ear, "start", fail)
    video.jump(1.0)
    video.follow()
    wait_until(lambda: not video.player.has_sound)
    assert ear.closed == 1
    monkeypatch.undo()
    copy = tmp_path / "copy.mkv"
    copy.write_bytes(clip.read_bytes())
    video.file = (copy, 0.4)
    wait_until(lambda: video.is_in_step(ear))


def test_a_loudspeaker_that_takes_nothing_is_opened_again(video: Video, ear: Ear) -> None:
    wait_until(lambda: video.is_in_step(ear))

    def is_reopened() -> bool:
        video.follow()
        time.sleep(0.05)
        return ear.closed > 0

    wait_until(is_reopened)
    wait_until(lambda: video.is_in_step(ear))


def test_without_a_loudspeaker_there_is_no_sound(clip: Path) -> None:
    asked: list[Pull] = []

    def nothing(pull: Pull) -> None:
        asked.append(pull)

    video = Video(clip, nothing)
    video.follow()
    wait_until(lambda: asked)
    video.follow()
    assert not video.player.has_sound
    video.player.close()


def test_a_camera_starts_no_thread() -> None:
    player = SoundPlayer(lambda _: None)
    player.follow(None, 0.0, plays=True)
    assert "sound" not in {thread.name for thread in threading.enumerate()}
    player.close()


def test_the_first_sound_is_that_of_the_beginning(clip: Path, ear: Ear) -> None:
    """The position is told once, and is that which a new player has."""
    player = SoundPlayer(ear.open)
    player.follow((clip, 0.4), 0.0, plays=True)
    wait_until(lambda: ear.is_on)
    wait_until(lambda: 0.4 <= heard(ear.take(0.001)) < 5)
    player.close()


def test_a_real_device_takes_the_sound(clip: Path) -> None:
    """The device of miniaudio that nobody hears; it takes sound in its own thread, in time."""
    taken: list[Samples] = []

    def open_device(pull: Pull) -> MiniaudioDevice:
        def note(count: int) -> Samples:
            samples = pull(count)
            taken.append(samples)
            return samples

        return MiniaudioDevice(note, [miniaudio.Backend.NULL])

    player = SoundPlayer(open_device)
    began = time.monotonic()

    def is_heard() -> bool:
        position = 2.0 + time.monotonic() - began
        player.follow((clip, 0.4), position, plays=True)
        newest = taken[-1] if taken else None
        return newest is not None and abs(heard(newest) - 0.4 - position) < NEAR

    wait_until(is_heard)
    player.close()
    count = len(taken)
    time.sleep(0.1)
    assert len(taken) == count
