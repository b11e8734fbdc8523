"""Clips that are copied from the packets of a camera, with the sound along."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.imaging.overlay import BoxStyle
from ssd_live.live import packet_ring
from ssd_live.live.clip_contents import (
    ClipContent,
    Drawing,
    FileContent,
    FileSound,
    FrameContent,
    PacketContent,
    PacketSound,
)
from ssd_live.live.clips import Clip
from ssd_live.live.frame_ring import FrameRing
from ssd_live.live.packet_ring import PacketRing
from ssd_live.pipeline.live import LiveFrame
from ssd_live.video.sources import SourcePacket
from tests.clips import frame_times, packet_times, pictures, sound_packets, stream_of, write_clip
from tests.unit.live.test_clips import frame_of
from tests.waiting import LIMIT_SECONDS

RATE = 25
BEGIN = 1000.0


def _with_key_frames(stream: Any) -> None:
    """Pictures out of order, and a key frame in each second."""
    stream.options = {"x264-params": "keyint=25:scenecut=0:bframes=3:open-gop=0"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames with sound, pictures out of order, and a key frame in each second."""

    path = tmp_path_factory.mktemp("packets") / "camera.ts"
    return write_clip(path, 100, sound="aac", setup=_with_key_frames)


class Camera:
    """A file whose packets come as from a camera that was opened at a time, each 50 ms late."""

    def __init__(self, path: Path, opened_at: float = BEGIN, *, has_times: bool = True) -> None:
        self._container = av.open(str(path))
        self.start = min(
            float(stream.start_time * stream.time_base)  # type: ignore[operator]
            for stream in self._container.streams
        )
        self._opened_at, self._has_times = opened_at, has_times
        self._came = opened_at

    def packets(self, until: float = 1e9) -> Iterator[SourcePacket]:
        """Those that come within so many seconds after the opening, and come next."""
        for packet in self._container.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            # Matroska does not say when the first pictures are decoded.
            time = packet.dts if packet.dts is not None else packet.pts
            seconds = float(time * packet.time_base) - self.start
            # Nothing is as regular as one thinks.
            late = 0.05 + 0.02 * (packet.size % 7)
            self._came = max(self._came, self._opened_at + seconds + late)
            yield SourcePacket(packet, self._has_times, self._came)
            if seconds >= until:
                return

    def close(self) -> None:
        self._container.close()


def _clip(path: Path, content: ClipContent, end: float, told: list[str]) -> Clip:
    return Clip(path, content, end, lambda clip, error: told.append(error))


def test_a_copied_clip_has_the_pictures_and_the_sound_of_the_camera(
    source: Path, tmp_path: Path
) -> None:
    ring, camera, told = PacketRing(2.0), Camera(source), list[str]()
    could = [ring.can_copy]
    for packet in camera.packets(until=2.6):
        ring.add(packet)
    assert [*could, ring.can_copy] == [False, True]
    # The last key frame before is at 1 s.
    content = PacketContent(ring, BEGIN + 1.5)
    clip = _clip(tmp_path / "a.mkv", content, BEGIN + 3.2, told)
    for packet in camera.packets():
        ring.add(packet)
    clip.join(LIMIT_SECONDS)
    camera.close()
    assert told == [""]
    whole, part = pictures(source), pictures(tmp_path / "a.mkv")
    assert len(part) == pytest.approx(2.2 * RATE, abs=6)
    # The last pictures may need others that came later.
    for wanted, found in zip(whole[25:], part[:-3], strict=False):
        np.testing.assert_array_equal(found, wanted)
    assert stream_of(tmp_path / "a.mkv")["streams"] == ["video", "audio"]
    # The sound is as far from the pictures as in the source.
    first, begin = frame_times(source)[25], frame_times(tmp_path / "a.mkv")[0]
    in_source = [float(time - first) for time, _ in sound_packets(source) if time >= first]
    in_clip = [float(time - begin) for time, _ in sound_packets(tmp_path / "a.mkv")]
    assert len(in_clip) > 80
    np.testing.assert_allclose(in_clip, in_source[: len(in_clip)], atol=0.002)
    # Nothing after the end, but for what was on its way.
    assert float(max(packet_times(tmp_path / "a.mkv"))) == pytest.approx(2.2, abs=0.3)


def test_a_clip_goes_on_when_the_camera_comes_back(source: Path, tmp_path: Path) -> None:
    ring, first, told = PacketRing(2.0), Camera(source), list[str]()
    for packet in first.packets(until=1.5):
        ring.add(packet)
    clip = _clip(tmp_path / "a.mkv", PacketContent(ring, BEGIN + 0.1), BEGIN + 60, told)
    for packet in first.packets(until=2.5):
        ring.add(packet)
    first.close()
    # 7 s after the first opening, the camera begins with its first frame again.
    second = Camera(source, BEGIN + 7)
    for packet in second.packets():
        ring.add(packet)
    clip.stop()
    clip.join(LIMIT_SECONDS)
    second.close()
    assert told == [""]
    times = [float(time) for time in frame_times(tmp_path / "a.mkv")]
    assert len(times) == pytest.approx(63 + 100, abs=4)
    gaps = np.diff(times)
    assert sum(gaps > 0.1) == 1
    assert max(gaps) == pytest.approx(7 - 2.5, abs=0.3)
    assert min(gaps) > 0.03


def test_a_clip_ends_if_the_camera_comes_back_with_another_video(
    source: Path, tmp_path: Path
) -> None:
    other = write_clip(tmp_path / "other.ts", 50, size=(320, 136))
    ring, told = PacketRing(2.0), list[str]()
    for packet in Camera(source).packets():
        ring.add(packet)
    clip = _clip(tmp_path / "a.mkv", PacketContent(ring, BEGIN + 2), BEGIN + 60, told)
    for packet in Camera(other, BEGIN + 5).packets():
        ring.add(packet)
    clip.join(LIMIT_SECONDS)
    assert told == [""]
    assert {picture.shape for picture in pictures(tmp_path / "a.mkv")} == {(272, 640, 3)}
    assert not clip.extend(BEGIN + 61)
    # The next clip has only the other video.
    clip = _clip(tmp_path / "b.mkv", PacketContent(ring, BEGIN), BEGIN + 60, told)
    clip.stop()
    clip.join(LIMIT_SECONDS)
    assert {picture.shape for picture in pictures(tmp_path / "b.mkv")} == {(136, 320, 3)}


def test_an_encoded_clip_has_the_sound_too(source: Path, tmp_path: Path) -> None:
    packets, camera, told = PacketRing(2.0), Camera(source), list[str]()
    with FrameRing(2.0) as ring:
        for packet in camera.packets(until=2.0):
            packets.add(packet)
        for number in range(50):
            ring.add(frame_of(number))
        drawing = Drawing(lambda _: None, BoxStyle())
        content = FrameContent(ring, BEGIN + 1.0, drawing, PacketSound(packets))
        clip = _clip(tmp_path / "a.mkv", content, BEGIN + 3.0, told)
        for packet in camera.packets():
            packets.add(packet)
        for number in range(50, 100):
            ring.add(frame_of(number))
        clip.join(LIMIT_SECONDS)
    camera.close()
    assert told == [""]
    assert stream_of(tmp_path / "a.mkv")["streams"] == ["video", "audio"]
    assert len(frame_times(tmp_path / "a.mkv")) == 51
    # The camera's packets are at least 50 ms late.
    in_source = [float(time) - camera.start + 0.05 for time, _ in sound_packets(source)]
    in_clip = [float(time) + 1.0 for time, _ in sound_packets(tmp_path / "a.mkv")]
    assert len(in_clip) == pytest.approx(2.0 * 44100 / 1024, abs=4)
    begin = np.searchsorted(in_source, 1.0)
    np.testing.assert_allclose(in_clip, in_source[begin : begin + len(in_clip)], atol=0.03)


def test_without_times_of_the_camera_those_of_arrival_count(tmp_path: Path) -> None:
    pictures_file = write_clip(tmp_path / "camera.avi", 30, codec="mjpeg", pixel_format="yuvj420p")
    ring, camera, told = PacketRing(2.0), Camera(pictures_file, has_times=False), list[str]()
    came = []
    for packet in camera.packets():
        ring.add(packet)
        came.append(packet.arrived_at)
    camera.close()
    clip = _clip(tmp_path / "a.mkv", PacketContent(ring, BEGIN + 0.5), BEGIN + 60, told)
    clip.stop()
    clip.join(LIMIT_SECONDS)
    assert told == [""]
    times = [float(time) for time in frame_times(tmp_path / "a.mkv")]
    begin = max(time for time in came if time <= BEGIN + 0.5)
    wanted = [time - begin for time in came if time >= begin]
    np.testing.assert_allclose(times[-15:], wanted[-15:], atol=0.003)


def test_old_packets_are_forgotten_up_to_a_key_frame(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, camera = PacketRing(1.3), Camera(source)
    for packet in camera.packets():
        ring.add(packet)
    _, kept = ring.follow(lambda _: None)
    # One second and one more for events that are noticed late, and up to the key frame before.
    assert kept[0].is_key
    assert kept[0].shown - camera.start == pytest.approx(1.0, abs=0.1)
    monkeypatch.setattr(packet_ring, "MOST_BYTES", sum(its.packet.size for its in kept) // 2)
    again = Camera(source, BEGIN + 4)
    for packet in again.packets():
        ring.add(packet)
    _, fewer = ring.follow(lambda _: None)
    assert fewer[0].is_key
    assert sum(its.packet.size for its in fewer) <= packet_ring.MOST_BYTES
    ring.clear()
    assert not ring.can_copy
    camera.close()
    again.close()


def test_after_a_gap_the_next_key_frame_begins(source: Path, tmp_path: Path) -> None:
    """Objects were hidden for a while, and nothing of that time was kept."""
    ring, camera, told = PacketRing(2.0), Camera(source), list[str]()
    for packet in camera.packets(until=0.5):
        ring.add(packet)
    clip = _clip(tmp_path / "a.mkv", PacketContent(ring, BEGIN), BEGIN + 60, told)
    ring.clear()
    lost = list(camera.packets(until=1.5))
    assert lost
    for packet in camera.packets():
        ring.add(packet)
    clip.stop()
    clip.join(LIMIT_SECONDS)
    camera.close()
    assert told == [""]
    whole, part = pictures(source), pictures(tmp_path / "a.mkv")
    # Every picture is one of the source: none was decoded without those that it needs.
    for found in part:
        assert any(np.array_equal(found, wanted) for wanted in whole)
    assert not any(np.array_equal(part[-1], wanted) for wanted in whole[:50])


def test_the_clock_of_a_camera_may_drift(source: Path) -> None:
    """A delay that grows for good is followed, and one of a moment is not."""
    ring, camera = PacketRing(1.0), Camera(source)
    packet = next(its for its in camera.packets() if its.packet.is_keyframe)
    ring.add(packet)
    connection = ring.connection
    assert connection is not None
    offset = connection.offset
    connection.note_time(10.0, offset + 10.0 + 0.5)
    assert connection.offset == pytest.approx(offset + 0.01, abs=0.005)
    for second in range(11, 2000):
        connection.note_time(float(second), offset + second + 0.5)
    assert connection.offset == pytest.approx(offset + 0.5, abs=1e-6)
    camera.close()


def test_what_matroska_does_not_hold_is_not_copied(source: Path, tmp_path: Path) -> None:
    moving = write_clip(tmp_path / "a.gif", 5, codec="gif", pixel_format="rgb8", size=(64, 48))
    ring = PacketRing(1.0)
    for packet in Camera(moving).packets():
        ring.add(packet)
    could = ring.can_copy
    # A camera that works is copied afterwards.
    for packet in Camera(source).packets():
        ring.add(packet)
    assert (could, ring.can_copy) == (False, True)


def test_sound_that_matroska_does_not_hold_becomes_samples(tmp_path: Path) -> None:
    """G.711, as most cameras send it."""
    video = write_clip(tmp_path / "camera.mov", 60, sound="pcm_alaw")
    ring, camera, told = PacketRing(3.0), Camera(video), list[str]()
    for packet in camera.packets():
        ring.add(packet)
    camera.close()
    clip = _clip(tmp_path / "a.mkv", PacketContent(ring, BEGIN), BEGIN + 60, told)
    clip.stop()
    clip.join(LIMIT_SECONDS)
    assert told == [""]
    heard = []
    for path in (video, tmp_path / "a.mkv"):
        with av.open(str(path)) as container:
            assert container.streams.audio[0].codec_context.name == (
                "pcm_alaw" if path == video else "pcm_s16le"
            )
            samples = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
        heard.append(np.concatenate(samples))
    np.testing.assert_array_equal(heard[1], heard[0][: len(heard[1])])
    assert len(heard[1]) == len(heard[0])


def test_sound_before_the_first_video_is_left_out(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "camera.mov", 10, sound="pcm_alaw")
    ring = PacketRing(3.0)
    camera = Camera(video)
    packets = sorted(camera.packets(), key=lambda its: its.packet.stream_index, reverse=True)
    # Before the first packet of the video, nothing is known of the connection.
    ring.add(packets[0])
    early = ring.connection
    for packet in packets:
        ring.add(packet)
    connection = ring.connection
    assert early is None
    assert connection is not None
    assert connection.sound is not None
    camera.close()


def _played(number: int, jump: float = 0.0) -> LiveFrame:
    """A frame of a file that is played from its 25th frame on."""
    kept = frame_of(number)
    return replace(kept, frame=replace(kept.frame, time=1.0 + number / RATE - jump))


@pytest.mark.parametrize("draws", [False, True])
def test_a_clip_of_a_file_has_its_sound(tmp_path: Path, draws: bool) -> None:
    """It is a part of the file if nothing is drawn."""
    file = tmp_path / "file.mkv"
    write_clip(file, 100, sound="aac", setup=_with_key_frames)
    told = list[str]()
    with FrameRing(1.0) as ring:
        for number in range(10):
            ring.add(_played(number))
        content: ClipContent
        if draws:
            drawing = Drawing(lambda _: None, BoxStyle())
            content = FrameContent(ring, BEGIN, drawing, FileSound(file))
        else:
            content = FileContent(ring, BEGIN, file)
        clip = _clip(tmp_path / "a.mkv", content, BEGIN + 1.5, told)
        for number in range(10, 60):
            ring.add(_played(number))
        clip.join(LIMIT_SECONDS)
    assert told == [""]
    heard = [float(time) for time, _ in sound_packets(tmp_path / "a.mkv")]
    assert len(heard) == pytest.approx(1.5 * 44100 / 1024, abs=4)
    assert heard[0] == pytest.approx(0.0, abs=0.05)
    shown = pictures(tmp_path / "a.mkv")
    # What is copied may have two more, which others need.
    assert 37 <= len(shown) <= 41
    if not draws:
        np.testing.assert_array_equal(shown[3], pictures(file)[28])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "file.mkv"]


def test_a_jump_back_in_a_file_ends_what_is_copied(source: Path, tmp_path: Path) -> None:
    told = list[str]()
    with FrameRing(1.0) as ring:
        clip = _clip(tmp_path / "a.mkv", FileContent(ring, BEGIN, source), BEGIN + 60, told)
        sound = FileSound(source)
        for number in range(20):
            ring.add(_played(number))
            sound.until(_played(number).frame, BEGIN)
        ring.add(_played(20, jump=1.0))
        assert sound.until(_played(20, jump=1.0).frame, BEGIN) == []
        assert sound.until(_played(21).frame, BEGIN) == []
        clip.join(LIMIT_SECONDS)
    assert told == [""]
    assert not clip.extend(BEGIN + 61)
    assert FileSound(tmp_path / "none.mkv").template is None
