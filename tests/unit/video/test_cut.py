"""Parts of videos, copied without decoding."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssd_live.errors import MediaError, OutputError
from ssd_live.video import cut as cutting
from ssd_live.video.cut import cut
from tests.clips import frame_times, pictures, sound_packets, stream_of, with_rotation, write_clip


def _key_frames(every: int, b_frames: int = 2) -> Any:
    def setup(stream: Any) -> None:
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = every, b_frames
        # An open group has pictures before its key frame that need the group before.
        stream.options = {"x264-params": "open-gop=1:scenecut=0"}

    return setup


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_the_part_has_the_same_frames_from_the_key_frame_on(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / f"a{suffix}", 100, sound="aac", setup=_key_frames(20))
    times, shown = frame_times(source), pictures(source)
    begin = float(times[50])
    first = cut(source, tmp_path / "part.mkv", begin, float(times[80]))
    number = next(n for n, time in enumerate(times) if abs(float(time) - first) < 0.001)
    assert 50 - 20 <= number <= 50
    part = frame_times(tmp_path / "part.mkv")
    assert part[0] == 0
    # A picture after the end may be there because those before it need it.
    expected = [float(time) - first for time in times[number:80]]
    assert np.allclose([float(time) for time in part][: len(expected)], expected, atol=0.0011)
    assert len(part) <= len(expected) + 3
    its_pictures = pictures(tmp_path / "part.mkv")[: len(expected)]
    for one, other in zip(its_pictures, shown[number:80], strict=True):
        assert np.array_equal(one, other)
    sound = {digest: time for time, digest in sound_packets(source)}
    kept = sound_packets(tmp_path / "part.mkv")
    assert len(kept) > 30
    for time, digest in kept if suffix != ".ts" else []:
        # A transport stream has a header in each packet, which Matroska does not have.
        assert abs(float(sound[digest]) - first - float(time)) < 0.002
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_a_part_at_the_begin_and_a_turned_video(tmp_path: Path) -> None:
    source = with_rotation(write_clip(tmp_path / "a.mp4", 30), tmp_path / "turned.mp4", 90)
    assert cut(source, tmp_path / "part.mkv", -2.0, 0.5) == 0.0
    assert 13 <= len(frame_times(tmp_path / "part.mkv")) <= 16
    assert stream_of(tmp_path / "part.mkv")["width"] == 640


def test_what_cannot_be_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "a.mp4", 30, rate=Fraction(25))
    with pytest.raises(MediaError, match=r"has no frame from 50\.0 s to 60\.0 s; the video is"):
        cut(source, tmp_path / "late.mkv", 50.0, 60.0)
    (tmp_path / "there.mkv").write_text("mine")
    with pytest.raises(OutputError, match=r"there\.mkv: exists already"):
        cut(source, tmp_path / "there.mkv", 0.0, 1.0)
    assert (tmp_path / "there.mkv").read_text() == "mine"
    (tmp_path / "bad.mp4").write_text("no video")
    with pytest.raises(MediaError):
        cut(tmp_path / "bad.mp4", tmp_path / "x.mkv", 0.0, 1.0)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cutting, "rename_new", full)
    with pytest.raises(OutputError, match=r"cannot be written \(no space left on device"):
        cut(source, tmp_path / "x.mkv", 0.0, 1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "bad.mp4", "there.mkv"]


def test_subtitles_that_matroska_does_not_hold_are_left_out(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", 30)
    (tmp_path / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nHello\n")
    words = ["ffmpeg", "-loglevel", "error", "-i", str(plain), "-i", str(tmp_path / "a.srt")]
    words += ["-c", "copy", "-c:s", "mov_text", str(tmp_path / "a.mp4")]
    subprocess.run(words, check=True)
    cut(tmp_path / "a.mp4", tmp_path / "part.mkv", 0.0, 1.0)
    assert stream_of(tmp_path / "part.mkv")["streams"] == ["video"]
    assert len(frame_times(tmp_path / "part.mkv")) >= 25
