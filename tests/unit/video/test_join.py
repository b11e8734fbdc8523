"""Parts of a video that were encoded one by one become the copy that one run makes."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.errors import MediaError, OutputError
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


def made_in_parts(
    source: Path, folder: Path, quality: Quality, ending: str = ".mp4"
) -> tuple[list[Path], list[float]]:
    """The video of each of three parts, which begin at key frames, and when they begin."""
    with VideoReader(source) as reader:
        assert reader.info.duration is not None
        starts = [0.0, *reader.key_times([reader.info.duration / 3, reader.info.duration / 1.5])]
    assert len(starts) == 3
    parts = []
    for number, start in enumerate(starts):
        part = folder / f"part{number}{ending}"
        duration = None if number == 2 else starts[number + 1] - start
        write_part(source, part, quality, start, duration)
        parts.append(part)
    return parts, starts


def write_part(
    source: Path, part: Path, quality: Quality, start: float, duration: float | None
) -> None:
    with VideoReader(source) as reader:
        shift = reader.start_pts + round(start / reader.info.time_base)
        with VideoWriter(part, reader, quality, shift_pts=shift, carried=()) as writer:
            for frame in reader.read((), start, duration):
                assert isinstance(frame, Frame)
                writer.write(frame)
            writer.finish()


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
    ("source", "ending", "codec", "rate"),
    [
        (".mp4", ".mp4", "h264", Fraction(30000, 1001)),
        (".mkv", ".mkv", "h264", Fraction(25)),
        (".mp4", ".mkv", "h264", Fraction(30000, 1001)),
        (".ts", ".mp4", "h264", Fraction(25)),
        (".mp4", ".mkv", "mjpeg", Fraction(30000, 1001)),
        (".mkv", ".webm", "vp9", Fraction(25)),
    ],
)
def test_the_joined_copy_is_the_one_that_one_run_makes(
    source: str, ending: str, codec: Codec, rate: Fraction, tmp_path: Path
) -> None:
    original = clip(tmp_path / f"source{source}", rate=rate)
    quality = Quality(codec, DEFAULT_CRF[codec])
    parts, starts = made_in_parts(
        original, tmp_path, quality, ".mov" if codec == "mjpeg" else ".mp4"
    )
    joined, whole = tmp_path / f"joined{ending}", tmp_path / f"whole{ending}"
    frames, notes = join(original, parts, starts, joined, quality)
    made_whole(original, whole, quality)
    assert frames == FRAMES
    assert frame_times(joined) == frame_times(whole)
    assert rate_of(joined) == rate_of(whole)
    assert sound_packets(joined) == sound_packets(whole) != []
    assert ("converted to libopus" in " ".join(notes)) == (ending == ".webm")
    for one, other in zip(pixels(joined), pixels(whole), strict=True):
        # The encoder spends its bits differently at the beginning of a part.
        assert np.abs(one.astype(int) - other).mean() < 6


def rate_of(path: Path) -> Fraction | None:
    with av.open(str(path)) as container:
        return container.streams.video[0].average_rate


def test_frames_at_irregular_times_are_joined(tmp_path: Path) -> None:
    def irregular(index: int) -> int:
        # Far apart after each key frame, and close together before the next.
        return index // KEYS_APART * 600 + (0, 200, 400, 420, 440, 460, 480, 500, 520, 540)[
            index % KEYS_APART
        ]  # fmt: skip

    original = clip(tmp_path / "source.mp4", time_base=Fraction(1, 600), pts=irregular)
    quality = Quality("h264", 21)
    parts, starts = made_in_parts(original, tmp_path, quality)
    for ending in (".mp4", ".mkv"):
        join(original, parts, starts, tmp_path / f"joined{ending}", quality)
        made_whole(original, tmp_path / f"whole{ending}", quality)
        joined = frame_times(tmp_path / f"joined{ending}")
        assert joined == frame_times(tmp_path / f"whole{ending}")
        assert len(joined) == FRAMES


def test_parts_that_were_encoded_in_different_ways_are_refused(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    parts, starts = made_in_parts(original, tmp_path, Quality("h264", 21))
    parts[1].unlink()
    other = Quality("h264", 21, "slow")
    write_part(original, parts[1], other, starts[1], starts[2] - starts[1])
    before = set(tmp_path.iterdir())
    with pytest.raises(OutputError, match="the workers encode in different ways"):
        join(original, parts, starts, tmp_path / "out.mp4", Quality("h264", 21))
    assert set(tmp_path.iterdir()) == before


def test_the_copy_of_the_first_parts_has_the_sound_of_these(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    quality = Quality("h264", 21)
    parts, starts = made_in_parts(original, tmp_path, quality)
    two, every = tmp_path / "two.mp4", tmp_path / "all.mp4"
    frames, _ = join(original, parts[:2], starts[:2], two, quality, is_whole=False)
    assert len(frame_times(two)) == frames < FRAMES
    with av.open(str(two)) as container:
        times = {
            stream.type: (stream.duration or 0) * (stream.time_base or Fraction(1))
            for stream in container.streams
        }
    assert abs(times["audio"] - times["video"]) < Fraction(1, 5)
    join(original, parts[:2], starts[:2], every, quality)
    assert len(sound_packets(every)) > len(sound_packets(two))


def test_an_abort_leaves_nothing(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    quality = Quality("h264", 21)
    parts, starts = made_in_parts(original, tmp_path, quality)
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        join(original, parts, starts, tmp_path / "out.mp4", quality, is_aborted=lambda: True)
    assert set(tmp_path.iterdir()) == before


def test_a_part_that_is_damaged_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mp4")
    quality = Quality("h264", 21)
    parts, starts = made_in_parts(original, tmp_path, quality)
    parts[1].write_bytes(b"no video")
    before = set(tmp_path.iterdir())
    with pytest.raises(MediaError, match=r"part1\.mp4"):
        join(original, parts, starts, tmp_path / "out.mp4", quality)
    assert set(tmp_path.iterdir()) == before


def test_key_frames_are_found_without_decoding(tmp_path: Path) -> None:
    original = clip(tmp_path / "source.mkv")
    with VideoReader(original) as reader:
        assert reader.key_times([0.0, 0.5, 0.79, 0.81, 100.0]) == pytest.approx(
            [0.0, 0.4, 0.8, 2.0]
        )
        assert reader.key_times([]) == []
