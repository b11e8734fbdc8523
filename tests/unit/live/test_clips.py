"""Clips of a ring of frames: right to a frame, and playable after the program was killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live import clips as clips_module
from ssd_live.live import frame_ring
from ssd_live.live.clip_contents import Drawing, FrameContent
from ssd_live.live.clips import Clip
from ssd_live.live.frame_ring import FrameRing, KeptFrame
from ssd_live.pipeline.live import LiveFrame
from ssd_live.video.reader import VideoReader
from tests.waiting import LIMIT_SECONDS, wait_until

RATE = 25
# Times of capture are on the monotonic clock, and in the past here.
BEGIN = 1000.0

_WRITE_AND_WAIT = """
import sys, time
from pathlib import Path
from tests.unit.live.test_clips import RATE, clip_of, frame_of
from ssd_live.live.frame_ring import FrameRing
ring = FrameRing(5.0)
begin = time.monotonic()
for number in range(50):
    ring.add(frame_of(number, begin))
clip = clip_of(Path(sys.argv[1]), ring, begin, begin + 500)
for number in range(50, 10_000):
    time.sleep(max(begin + number / RATE - time.monotonic(), 0))
    ring.add(frame_of(number, begin))
    print(clip.frames, flush=True)
"""


def frame_of(number: int, begin: float = BEGIN) -> LiveFrame:
    """A frame whose brightness tells its number, modulo 40."""
    picture = np.full((90, 160, 3), 30 + 5 * (number % 40), np.uint8)
    frame = Frame((picture,), index=number, captured_at=begin + number / RATE)
    return LiveFrame(frame)


def _number_of(frame: Frame) -> int:
    return round((float(frame.bgr().mean()) - 30) / 5)


def clip_of(
    path: Path, ring: FrameRing, begin: float, end: float, ended: list[str] | None = None
) -> Clip:
    told = [] if ended is None else ended
    content = FrameContent(ring, begin, Drawing(lambda _: None, BoxStyle()))
    return Clip(path, content, end, lambda clip, error: told.append(error))


def _numbers(path: Path) -> list[int]:
    with VideoReader(path) as reader:
        return [_number_of(frame) for frame in reader.read() if isinstance(frame, Frame)]


def test_a_clip_begins_and_ends_at_the_right_frame(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "a.mkv"
    with FrameRing(1.0) as ring:
        for number in range(60):
            ring.add(frame_of(number))
        event = BEGIN + 59 / RATE
        clip = clip_of(path, ring, event - 1.0, event + 0.4, told)
        assert not path.exists()
        for number in range(60, 90):
            ring.add(frame_of(number))
        clip.join(LIMIT_SECONDS)
    assert told == [""]
    assert _numbers(path) == [number % 40 for number in range(34, 70)]
    with VideoReader(path) as reader:
        times = [frame.time for frame in reader.read() if isinstance(frame, Frame)]
    np.testing.assert_allclose(np.diff(times), 1 / RATE, atol=0.002)
    assert list(tmp_path.iterdir()) == [path]


def test_an_event_before_its_end_makes_a_clip_longer(tmp_path: Path) -> None:
    with FrameRing(1.0) as ring:
        clip = clip_of(tmp_path / "a.mkv", ring, BEGIN, BEGIN + 10 / RATE + 0.01)
        for number in range(10):
            ring.add(frame_of(number))
        assert clip.extend(BEGIN + 20 / RATE + 0.01)
        # An earlier end changes nothing.
        assert clip.extend(BEGIN + 5 / RATE)
        assert not clip.extend(BEGIN + 601)
        for number in range(10, 30):
            ring.add(frame_of(number))
        clip.join(LIMIT_SECONDS)
        assert not clip.extend(BEGIN + 40 / RATE)
    assert _numbers(tmp_path / "a.mkv") == list(range(21))


def test_a_clip_ends_although_the_source_gives_no_more_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips_module, "PATIENCE_SECONDS", 0.1)
    told: list[str] = []
    with FrameRing(1.0) as ring:
        begin = time.monotonic()
        for number in range(3):
            ring.add(frame_of(number, begin))
        clip_of(tmp_path / "a.mkv", ring, begin, begin + 1.0, told).join(LIMIT_SECONDS)
        assert told == [""]
        clip_of(tmp_path / "b.mkv", ring, begin + 50, begin + 50.1).stop()
        empty = clip_of(tmp_path / "c.mkv", ring, begin + 50, begin + 50.1, told)
        empty.stop()
        empty.join(LIMIT_SECONDS)
    assert _numbers(tmp_path / "a.mkv") == [0, 1, 2]
    assert told[1].endswith("c.mkv: the clip cannot be written (the source gave no frame)")
    wait_until(lambda: list(tmp_path.iterdir()) == [tmp_path / "a.mkv"])


def test_a_clip_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_text("mine")
    told: list[str] = []
    with FrameRing(1.0) as ring:
        clip = clip_of(tmp_path / "a.mkv", ring, BEGIN, BEGIN + 0.2, told)
        for number in range(9):
            ring.add(frame_of(number))
        clip.join(LIMIT_SECONDS)
    assert (tmp_path / "a.mkv").read_text() == "mine"
    assert "the clip cannot be written" in told[0]
    assert _numbers(tmp_path / "a.part.mkv") == list(range(6))


def test_boxes_are_drawn_if_they_are_wanted(tmp_path: Path) -> None:
    found = Detections(
        np.array([[40, 20, 120, 70]], np.float32),
        np.array([0.9], np.float32),
        np.zeros(1, np.int32),
        ("cat",),
    )
    with FrameRing(1.0) as ring:
        end = BEGIN + 0.4
        content = FrameContent(ring, BEGIN, Drawing(lambda _: found, BoxStyle()))
        clip = Clip(tmp_path / "a.mkv", content, end, lambda *_: None)
        for number in range(15):
            ring.add(frame_of(number))
        clip.join(LIMIT_SECONDS)
    with VideoReader(tmp_path / "a.mkv") as reader:
        first = next(frame for frame in reader.read() if isinstance(frame, Frame))
    assert first.bgr().std() > 5


@pytest.mark.parametrize("seconds", [1.5, 2.5])
def test_a_clip_is_playable_after_the_program_was_killed(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "a.mkv"
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE_AND_WAIT, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    wanted = 50 + round(seconds * RATE)
    wait_until(lambda: int(process.stdout.readline()) >= wanted)  # type: ignore[union-attr]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (part,) = tmp_path.iterdir()
    assert part.name == "a.part.mkv"
    with av.open(str(part)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    # The last second may be missing, and what the encoder holds back.
    assert frames >= wanted - 2 * RATE
    assert _numbers(part)[:30] == list(range(30))


@pytest.mark.parametrize("has_room", [True, False])
def test_old_frames_are_forgotten_and_many_are_made_small(
    has_room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have half the size if that is small enough, and are JPEG files otherwise."""
    size = frame_of(0).frame.nbytes
    monkeypatch.setattr(frame_ring, "RAW_BYTES", 20 * size)
    if not has_room:
        monkeypatch.setattr(frame_ring, "SMALL_BYTES", 40 * size)
    kept: list[KeptFrame] = []
    with FrameRing(3.0) as ring:
        for number in range(150):
            ring.add(frame_of(number))
            # Compressing is slower than this loop.
            wait_until(lambda: ring.raw_frames <= 21)
        ring.follow(0.0, kept.append)
        ring.leave(kept.append)
    # Of the last three seconds, and one more, because an event is noticed later.
    assert [frame.kept.frame.index for frame in kept] == list(range(49, 150))
    small = kept[:-21]
    assert all((frame.jpeg is None) == has_room for frame in small)
    for frame in kept:
        picture = frame.live_frame().frame
        assert _number_of(picture) == picture.index % 40
        before = frame_of(picture.index).frame.planes[0].astype(int)
        assert np.abs(picture.bgr().astype(int) - before).mean() < 4
        assert frame.nbytes <= size
    if has_room:
        assert {frame.nbytes for frame in small} == {size // 2}


def test_frames_are_lost_rather_than_memory_if_compressing_is_too_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = frame_of(0).frame.nbytes
    monkeypatch.setattr(frame_ring, "RAW_BYTES", 20 * size)

    def slowly(kept: KeptFrame) -> KeptFrame:
        time.sleep(0.2)
        return kept

    monkeypatch.setattr(KeptFrame, "halved", slowly)
    monkeypatch.setattr(KeptFrame, "compressed", slowly)
    kept: list[KeptFrame] = []
    with FrameRing(60.0) as ring:
        for number in range(150):
            ring.add(frame_of(number))
        ring.follow(0.0, kept.append)
        assert 20 <= len(kept) <= 42
        assert kept[-1].kept.frame.index == 149
    ring.add(frame_of(0))


def test_compressed_frames_have_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    size = frame_of(0).frame.nbytes
    monkeypatch.setattr(frame_ring, "RAW_BYTES", 5 * size)
    monkeypatch.setattr(frame_ring, "SMALL_BYTES", 10_000)
    kept: list[KeptFrame] = []
    with FrameRing(60.0) as ring:
        for number in range(150):
            ring.add(frame_of(number))
            wait_until(lambda: ring.raw_frames <= 6)
        ring.follow(0.0, kept.append)
    assert sum(frame.nbytes for frame in kept if frame.jpeg is not None) < 15_000
