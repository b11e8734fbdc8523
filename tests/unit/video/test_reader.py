"""What is read to look at a video's first picture comes again, and counts once."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.video import containers
from ssd_live.video import reader as reader_module
from ssd_live.video.containers import open_input
from ssd_live.video.reader import VideoReader
from tests.clips import frame_times, sound_packets, write_clip

FRAMES = 12


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The address of every file that a reader opened, once for each time."""
    seen: list[str] = []

    def note_and_open(address: str, **options: Any) -> InputContainer:
        seen.append(address)
        return open_input(address, **options)

    monkeypatch.setattr(containers, "open_input", note_and_open)
    return seen


def _frames(reader: VideoReader, start: float = 0.0) -> list[Frame]:
    return [item for item in reader.read(start=start) if isinstance(item, Frame)]


def test_a_file_that_is_read_from_the_beginning_is_opened_once(
    tmp_path: Path, opened: list[str]
) -> None:
    clip = write_clip(tmp_path / "in.mp4", FRAMES)
    with VideoReader(clip) as reader:
        times = [frame.pts * reader.info.time_base for frame in _frames(reader)]
    assert times == frame_times(clip)
    assert len(opened) == 1


def test_the_first_picture_is_the_one_that_was_looked_at_and_the_others_follow(
    tmp_path: Path,
) -> None:
    with VideoReader(write_clip(tmp_path / "in.mp4", FRAMES)) as reader:
        once = [frame.planes[0].copy() for frame in _frames(reader)]
        reader.restart()
        again = [frame.planes[0].copy() for frame in _frames(reader)]
    assert len(once) == FRAMES
    assert all(np.array_equal(one, other) for one, other in zip(once, again, strict=True))


@pytest.mark.parametrize("kept", [0, 1000])
def test_sound_before_the_first_picture_is_not_lost(
    kept: int, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "MOST_AHEAD", kept)
    clip = write_clip(tmp_path / "in.mp4", FRAMES, sound="aac")
    with VideoReader(clip) as reader:
        (sound,) = reader.other_streams
        items = list(reader.read({sound.index}))
        packets = [item for item in items if isinstance(item, av.Packet)]
        assert [packet.pts for packet in packets] == [
            time / packets[0].time_base for time, _ in sound_packets(clip)
        ]
    assert sum(isinstance(item, Frame) for item in items) == FRAMES
    assert len(opened) == (1 if kept else 2)


@pytest.mark.parametrize("kept", [0, 1000])
def test_damage_before_the_first_picture_counts_once(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "MOST_AHEAD", kept)
    clip = write_clip(tmp_path / "in.avi", FRAMES, codec="mjpeg", pixel_format="yuvj420p")
    _blank(clip, 1)
    with VideoReader(clip, cores=1) as reader:
        assert len(_frames(reader)) == FRAMES - 1
        assert reader.shortfall == "1 damaged place could not be decoded"


def test_damage_before_the_part_that_is_asked_for_does_not_count(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.avi", FRAMES, codec="mjpeg", pixel_format="yuvj420p")
    _blank(clip, 1)
    with VideoReader(clip, cores=1) as reader:
        assert 0 < len(_frames(reader, start=0.2)) < FRAMES - 1
        assert reader.shortfall == ""


def test_where_no_picture_can_be_decoded_the_line_says_why(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.avi", FRAMES, codec="mjpeg", pixel_format="yuvj420p")
    _blank(clip, FRAMES)
    with pytest.raises(MediaError, match=r"no frame can be decoded \(.*Invalid data"):
        VideoReader(clip)


def _blank(clip: Path, count: int) -> None:
    """Overwrite the first pictures of a file."""
    with av.open(str(clip)) as container:
        places = [
            (packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size
        ][:count]
    with clip.open("r+b") as file:
        for place, size in places:
            file.seek(place)
            file.write(bytes(size))


def test_a_raw_stream_is_read_from_a_start(tmp_path: Path) -> None:
    """Its frames have no times, so they are counted."""
    clip = write_clip(tmp_path / "clip.h264", frames=60)
    with VideoReader(clip) as reader:
        whole = _frames(reader)
    assert len(whole) == 60
    with VideoReader(clip) as reader:
        part = _frames(reader, start=1.0)
    rate = float(reader.info.rate)
    assert len(part) == 60 - round(rate)
    assert [frame.index for frame in part] == list(range(len(part)))
    assert part[0].time == pytest.approx(1.0, abs=0.5 / rate)
    assert np.array_equal(part[0].planes[0], whole[round(rate)].planes[0])
