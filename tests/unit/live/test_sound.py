"""The sound of a file is heard in step with its video."""

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
    path = tmp_path_factory.mktemp("sound") / "clip.mkv"
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
        # It stays there.
        assert sum(video.is_in_step(ear) for _ in range(10)) >= 7
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
    # The player does not correct anything while the video stands where the sound is.
    taken = []
    for _ in range(12):
        taken.append(ear.take(0.01))
        time.sleep(0.01)
        video.follow()
    left = np.concatenate(taken)[:, 0].astype(int)
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
    player = SoundPlayer(lambda _: pytest.fail("no device is needed"))
    player.follow(None, 0.0, plays=True)
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
