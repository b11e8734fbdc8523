"""Parts of a video that were encoded one by one become the copy that one run makes."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.video.encoders import DEFAULT_CRF, Codec
from ssd_live.video.join import join
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import Quality, VideoWriter
from tests.clips import frame_times, write_clip

FRAMES, KEYS_APART = 60, 10


def clip(path: Path, **more: Any) -> Path:
    def setup(stream: Any) -> None:
        stream.options = {"g": str(KEYS_APART), "bf": "2", "sc_threshold": "0"}

    return write_clip(path, FRAMES, size=(160, 68), sound="aac", setup=setup, **more)


def made_in_parts(source: Path, folder: Path, quality: Quality, ending: str) -> list[Path]:
    """The video of each of three parts, which begin at key frames."""
    with VideoReader(source) as reader:
        assert reader.info.duration is not None
        starts = [0.0, *reader.key_times([reader.info.duration / 3, reader.info.duration / 1.5])]
    assert len(starts) == 3
    parts = []
    for number, start in enumerate(starts):
        part = folder / f"part{number}{ending}"
        duration = None if number == 2 else starts[number + 1] - start
        with (
            VideoReader(source) as reader,
            VideoWriter(
                part, reader, quality, shift_pts=min(reader.start_pts, 0), carried=()
            ) as writer,
        ):
            for frame in reader.read((), start, duration):
                assert isinstance(frame, Frame)
                writer.write(frame)
            writer.finish()
        parts.append(part)
    return parts


def made_whole(source: Path, target: Path, quality: Quality) -> None:
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader, quality, shift_pts=min(reader.start_pts, 0)) as writer,
    ):
        for item in reader.read(writer.carried_streams):
            if isinstance(item, Frame):
                writer.write(item)
            else:
                assert isinstance(item, av.Packet)
                writer.write_packet(item)
        writer.finish()


def sound_packets(path: Path) -> list[tuple[int | None, int]]:
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        return [(packet.pts, packet.size) for packet in container.demux(stream) if packet.size]


def pixels(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("source", "ending", "codec"),
    [
        (".mp4", ".mp4", "h264"),
        (".mkv", ".mkv", "h264"),
        (".ts", ".mp4", "h264"),
        (".mp4", ".mkv", "ffv1"),
        (".mkv", ".webm", "vp9"),
    ],
)
def test_the_joined_copy_is_the_one_that_one_run_makes(
    source: str, ending: str, codec: Codec, tmp_path: Path
) -> None:
    original = clip(tmp_path / f"source{source}")
    quality = Quality(codec, DEFAULT_CRF[codec])
    parts = made_in_parts(original, tmp_path, quality, ".mkv" if codec == "ffv1" else ".mp4")
    joined, whole = tmp_path / f"joined{ending}", tmp_path / f"whole{ending}"
    frames, notes = join(original, parts, joined, quality)
    made_whole(original, whole, quality)
    assert frames == FRAMES
    assert frame_times(joined) == frame_times(whole)
    assert sound_packets(joined) == sound_packets(whole) != []
    assert ("converted to libopus" in " ".join(notes)) == (ending == ".webm")
    for one, other in zip(pixels(joined), pixels(whole), strict=True):
        # The encoder spends its bits differently at the beginning of a part.
        assert np.abs(one.astype(int) - other).mean() < 6


def test_the_copy_of_the_first_parts_has_the_sound_of_these(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    quality = Quality("h264", 21)
    parts = made_in_parts(original, tmp_path, quality, ".mp4")
    frames, _ = join(original, parts[:2], tmp_path / "two.mp4", quality, is_whole=False)
    assert len(frame_times(tmp_path / "two.mp4")) == frames < FRAMES
    with av.open(str(tmp_path / "two.mp4")) as container:
        times = {
            stream.type: (stream.duration or 0) * (stream.time_base or Fraction(1))
            for stream in container.streams
        }
    assert abs(times["audio"] - times["video"]) < Fraction(1, 5)
    join(original, parts[:2], tmp_path / "all.mp4", quality)
    assert len(sound_packets(tmp_path / "all.mp4")) > len(sound_packets(tmp_path / "two.mp4"))


def test_an_abort_leaves_nothing(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    quality = Quality("h264", 21)
    parts = made_in_parts(original, tmp_path, quality, ".mp4")
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        join(original, parts, tmp_path / "out.mp4", quality, is_aborted=lambda: True)
    assert set(tmp_path.iterdir()) == before


def test_a_part_that_is_damaged_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    quality = Quality("h264", 21)
    parts = made_in_parts(original, tmp_path, quality, ".mp4")
    parts[1].write_bytes(b"no video")
    before = set(tmp_path.iterdir())
    with pytest.raises(MediaError, match=r"part1\.mp4"):
        join(original, parts, tmp_path / "out.mp4", quality)
    assert set(tmp_path.iterdir()) == before


def test_key_frames_are_found_without_decoding(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mkv")
    with VideoReader(original) as reader:
        assert reader.key_times([0.0, 0.5, 0.79, 0.81, 100.0]) == pytest.approx(
            [0.0, 0.4, 0.8, 2.0]
        )
        assert reader.key_times([]) == []
