"""Pictures of moments are cut out of the right frames, in one pass or by seeking."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ssd_live.errors import MediaError
from ssd_live.reporting.pictures import Moment, Picture, pictures_of
from ssd_live.video.reader import VideoReader
from tests.clips import frame_times, pictures, write_clip

SIZE = (640, 272)
BOX = (200.0, 100.0, 300.0, 200.0)


def _decoded(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    image = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (picture.height, picture.width, 3)
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_each_picture_is_of_its_own_frame(suffix: str, tmp_path: Path) -> None:
    """One frame a second, so that the reader seeks over gaps of more than 10 s."""

    def with_key_frames(stream: Any) -> None:
        stream.codec_context.gop_size = 5

    # AVI has no times for frames that are stored in another order.
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    clip = write_clip(
        tmp_path / f"a{suffix}", 60, rate=Fraction(1), codec=codec, setup=with_key_frames
    )
    times, frames = frame_times(clip), pictures(clip)
    numbers = (0, 3, 4, 30, 58, 59)
    moments = {number: Moment(float(times[number]), BOX, 4096) for number in numbers}
    found = pictures_of(clip, SIZE, moments.values())
    for number, moment in moments.items():
        # The crop has a margin of a tenth.
        expected = frames[number][90:210, 190:310].astype(int)
        near = np.abs(_decoded(found[moment]).astype(int) - expected).mean()
        others = [frames[other][90:210, 190:310].astype(int) for other in (number - 1, number + 1)
                  if 0 <= other < 60]  # fmt: skip
        assert near < 6
        assert all(
            near < np.abs(_decoded(found[moment]).astype(int) - other).mean() for other in others
        )


def test_far_frames_are_sought_and_near_ones_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "a.mp4", 60, rate=Fraction(1), codec="mpeg4")
    starts: list[float] = []
    read = VideoReader.read

    def noted(reader: VideoReader, others: object = (), start: float = 0.0) -> object:
        starts.append(start)
        return read(reader, (), start)

    monkeypatch.setattr(VideoReader, "read", noted)
    found = pictures_of(clip, SIZE, [Moment(float(t), BOX, 99) for t in (1, 5, 9, 40, 45)])
    assert len(found) == 5
    assert [round(start) for start in starts] == [1, 40]


def test_a_raw_stream_is_read_from_its_beginning(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.h264", 40, rate=Fraction(1))
    with VideoReader(clip) as reader:
        times = [frame.time for frame in reader.read() if hasattr(frame, "time")]
    moments = [Moment(float(times[0]), BOX, 99), Moment(float(times[-1]), BOX, 99)]
    assert len(pictures_of(clip, SIZE, moments)) == 2


def test_moments_without_a_frame_or_outside_the_picture_are_left_out(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 20)
    there, late, between = Moment(0.4, BOX, 99), Moment(7.0, BOX, 99), Moment(0.401, BOX, 99)
    outside = Moment(0.4, (900.0, 10.0, 950.0, 50.0), 99)
    found = pictures_of(clip, SIZE, [there, late, between, outside])
    assert set(found) == {there, between}


def test_a_picture_is_small_and_keeps_its_shape(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 3)
    moment = Moment(0.0, (0.0, 0.0, 640.0, 272.0), 160)
    picture = pictures_of(clip, SIZE, [moment])[moment]
    assert (picture.width, picture.height) == (160, 68)
    assert _decoded(picture).shape == (68, 160, 3)
    assert len(picture.jpeg) < 20_000


def test_the_object_is_outlined(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 3)
    plain, lined = Moment(0.0, (100.0, 50.0, 400.0, 250.0), 999), Moment(
        0.0, (100.0, 50.0, 400.0, 250.0), 999, BOX
    )  # fmt: skip
    found = pictures_of(clip, SIZE, [plain, lined])
    changed = np.abs(_decoded(found[plain]).astype(int) - _decoded(found[lined])).max(2) > 60
    # The crop begins at x = 70, y = 30.
    assert changed[70:170, 128:133].any(1).mean() > 0.95
    assert changed[80:160, 145:220].mean() < 0.02


def test_another_size_and_another_file_are_refused(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 3)
    with pytest.raises(MediaError, match="has 640 x 272 pixels, but the log is of a video with 6"):
        pictures_of(clip, (64, 48), [])
    with pytest.raises(MediaError, match="there is no such file"):
        pictures_of(tmp_path / "none.mp4", SIZE, [])
    with pytest.raises(MediaError, match="there is no such file"):
        pictures_of(tmp_path, SIZE, [])
