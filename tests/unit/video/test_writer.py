"""An unfinished video plays at any time, and a finished MP4 has a single index in front."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from ssd_live.imaging.frame import Frame
from ssd_live.video import writer as writing
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


def _with_a_late_subtitle(path: Path) -> Path:
    """A video of six seconds with a subtitle at the end."""
    video, text = write_clip(path.with_suffix(".mp4"), 150), path.with_suffix(".srt")
    text.write_text("1\n00:00:05,900 --> 00:00:05,950\nThe end\n")
    with (
        av.open(str(video)) as pictures,
        av.open(str(text)) as words,
        av.open(str(path), "w") as made,
    ):
        routes = {
            source: made.add_stream_from_template(source.streams[0], opaque=True)
            for source in (pictures, words)
        }
        for source, stream in routes.items():
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    made.mux(packet)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("name", "codec", "seconds", "subtitle"),
    [
        ("a.mp4", "h264", 3, False),
        ("a.mov", "mjpeg", 3.8, False),
        ("a.mkv", "h264", 3, False),
        ("a.webm", "av1", 2, False),
        ("a.mp4", "mjpeg", 2.8, True),
    ],
)
def test_a_killed_program_leaves_a_video_that_plays_but_for_its_end(
    name: str, codec: Codec, seconds: float, subtitle: bool, tmp_path: Path
) -> None:
    """Lost is a second of five, two with a sparse stream, and what the encoder holds back."""
    source = tmp_path / "in.mkv"
    if subtitle:
        _with_a_late_subtitle(source)
    else:
        write_clip(source, 150, sound="aac")
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, source, tmp_path / name, codec],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if int(line) == 124:
                break
        program.kill()
    assert program.returncode == -signal.SIGKILL
    (part,) = tmp_path.glob("a.part.*")
    times = frame_times(part)
    assert times[0] == 0
    assert seconds <= times[-1] < 5
    assert len(times) >= 25 * seconds


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
        "the index is not at the beginning of the file (there is too little free space to move "
        "it), so some players cannot seek in it"
    ]
    assert len(frame_times(place)) == 40
    assert sorted(path.name for path in small_disk.iterdir()) == ["a.mp4", "filler"]
    assert shutil.disk_usage(small_disk).free > size // 4


def test_a_copy_that_lacks_a_frame_does_not_replace_the_fragments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_copy(source: Path, target: Path, *_: object) -> None:
        shutil.copyfile(write_clip(tmp_path / "short.mp4", 5), target)

    monkeypatch.setattr(writing, "copy_packets", short_copy)
    writer = _write(SAMPLE, tmp_path / "a.mp4", frames=40)
    assert "(its copy was not complete)" in writer.notes[0]
    assert len(frame_times(tmp_path / "a.mp4")) == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "short.mp4"]


def _with_timecode(path: Path, **clip: Any) -> Path:
    with (
        av.open(str(write_clip(path.with_suffix(".mp4"), 40, **clip))) as plain,
        av.open(str(path), "w") as made,
    ):
        made.metadata["timecode"] = "01:02:03:24"
        stream = made.add_stream_from_template(plain.streams.video[0], opaque=True)
        for packet in plain.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    return path


def test_the_timecode_of_the_source_is_kept(tmp_path: Path) -> None:
    writer = _write(_with_timecode(tmp_path / "in.mkv"), tmp_path / "a.mp4")
    assert not writer.notes
    assert "moof" not in _boxes(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as video:
        assert video.streams.video[0].metadata["timecode"] == "01:02:03:24"


def test_a_timecode_that_cannot_be_written_costs_no_frame(tmp_path: Path) -> None:
    """The file says that it has 1000 frames a second."""
    source = _with_timecode(
        tmp_path / "in.mkv", time_base=Fraction(1, 1000), pts=lambda index: index * 37
    )
    _write(source, tmp_path / "a.mp4")
    assert len(frame_times(tmp_path / "a.mp4")) == 40


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_aac_of_a_transport_stream_is_copied(ending: str, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.ts", 40, codec="mpeg2video", sound="aac")
    writer = _write(source, tmp_path / f"a.{ending}")
    assert not writer.notes
    with av.open(str(tmp_path / f"a.{ending}")) as video:
        samples = sum(frame.samples for frame in video.decode(audio=0))
    assert samples == pytest.approx(1.6 * 44_100, rel=0.05)


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
