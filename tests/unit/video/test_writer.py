"""An unfinished video plays at any time, and a finished MP4 has a single index in front."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from ssd_live.imaging.frame import Frame
from ssd_live.video.encoders import Codec
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import Quality, VideoWriter
from tests.clips import SAMPLE, frame_times, write_clip

# A program that writes the sample clip, says how many frames it has written, and goes on until it
# is killed. The encoder holds back some frames, so the file has fewer.
_ENDLESS = """
import sys
from collections.abc import Callable
from pathlib import Path

from ssd_live.imaging.frame import Frame
from ssd_live.video.reader import VideoReader
from ssd_live.video.writer import Quality, VideoWriter

source, target, codec = sys.argv[1:]
with VideoReader(Path(source)) as reader:
    writer = VideoWriter(Path(target), reader, Quality(codec, 40, "fastest"))
    for item in reader.read(writer.carried_streams):
        if isinstance(item, Frame):
            writer.write(item)
            print(item.index, flush=True)
        elif item.stream.index in writer.carried_streams:
            writer.write_packet(item)
    sys.stdin.read()
"""


def _write(
    source: Path,
    target: Path,
    *,
    frames: int = 1000,
    codec: Codec = "h264",
    is_aborted: Callable[[], bool] = lambda: False,
) -> VideoWriter:
    """A writer of a finished video."""
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader, Quality(codec, 30, "fastest")) as writer,
    ):
        for item in reader.read(writer.carried_streams):
            if isinstance(item, Frame):
                if item.index == frames:
                    break
                writer.write(item)
            elif item.stream.index in writer.carried_streams:
                writer.write_packet(item)
        writer.finish(is_aborted)
    return writer


def _boxes(path: Path) -> list[str]:
    """The names of the outermost boxes of an MP4 file (ISO/IEC 14496-12, section 4.2)."""
    names = []
    with path.open("rb") as file:
        while header := file.read(8):
            size = int.from_bytes(header[:4], "big")
            names.append(header[4:].decode())
            file.seek(size - 8, 1)
    return names


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "h264"), ("a.mov", "mjpeg"), ("a.mkv", "h264"), ("a.webm", "av1")],
)
def test_a_killed_program_leaves_a_video_that_plays_but_for_its_end(
    name: str, codec: Codec, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            _ENDLESS,
            write_clip(tmp_path / "in.mkv", 100, sound="aac"),
            tmp_path / name,
            codec,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if int(line) == 99:
                break
        program.kill()
    assert program.returncode == -signal.SIGKILL
    (part,) = tmp_path.glob("a.part.*")
    times = frame_times(part)
    # At most a second is lost, and what the encoder holds back.
    assert times[0] == 0
    assert 1 <= times[-1] < 4
    assert len(times) >= 25


@pytest.mark.parametrize("name", ["a.mp4", "a.m4v", "a.mov"])
def test_a_finished_mp4_has_a_single_index_in_front(name: str, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 60, sound="aac")
    writer = _write(source, tmp_path / name)
    boxes = _boxes(tmp_path / name)
    assert "moof" not in boxes
    assert boxes.index("moov") < boxes.index("mdat")
    assert frame_times(tmp_path / name) == frame_times(source)
    assert not writer.notes
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "in.mkv"])


def test_without_space_for_the_copy_the_fragments_are_the_video(small_disk: Path) -> None:
    place = small_disk / "a.mp4"
    _write(SAMPLE, place, frames=40)
    size = place.stat().st_size
    place.unlink()
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - size * 3 // 2))
    writer = _write(SAMPLE, place, frames=40)
    assert writer.notes == [
        "the index is not at the beginning of the file (no space left on device), so some players "
        "cannot seek in it"
    ]
    assert len(frame_times(place)) == 40
    assert sorted(path.name for path in small_disk.iterdir()) == ["a.mp4", "filler"]
    assert shutil.disk_usage(small_disk).free > size // 4


def test_an_abort_while_the_index_is_moved_leaves_the_part(tmp_path: Path) -> None:
    asked: list[None] = []

    def is_aborted() -> bool:
        asked.append(None)
        return len(asked) > 10

    with pytest.raises(KeyboardInterrupt):
        _write(SAMPLE, tmp_path / "a.mp4", frames=40, is_aborted=is_aborted)
    assert [path.name for path in tmp_path.iterdir()] == ["a.part.mp4"]
    assert len(frame_times(tmp_path / "a.part.mp4")) == 40


def test_sound_at_a_rate_that_the_codec_lacks_is_resampled(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 30, sound="aac")
    writer = _write(source, tmp_path / "a.webm", codec="av1")
    assert writer.notes == ["audio stream 1 is converted to libopus: webm cannot hold aac"]
    with av.open(str(tmp_path / "a.webm")) as video:
        stream = video.streams.audio[0]
        assert stream.rate == 48_000
        seconds = sum(frame.samples for frame in video.decode(stream)) / 48_000
    assert seconds == pytest.approx(1.2, abs=0.05)
