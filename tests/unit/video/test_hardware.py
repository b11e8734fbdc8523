"""Hardware hardware. No machine of these tests has one; what decides about them is tested, and that
a file is read the same without.
"""

from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available

from ssd_live.imaging.frame import Frame
from ssd_live.video import hardware
from ssd_live.video.hardware import Accelerator
from ssd_live.video.reader import VideoReader
from tests.clips import write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 12)


def _frames(path: Path, *, hardware: bool) -> tuple[str, list[Frame]]:
    with VideoReader(path, hardware=hardware) as reader:
        return reader.accelerator, [item for item in reader.read() if isinstance(item, Frame)]


def _first(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def _check_same(one: list[Frame], other: list[Frame]) -> None:
    assert [frame.pts for frame in one] == [frame.pts for frame in other]
    for frame, counterpart in zip(one, other, strict=True):
        assert all(
            np.array_equal(*planes) for planes in zip(frame.planes, counterpart.planes, strict=True)
        )


def test_without_hardware_the_processor_decodes_the_same(clip: Path) -> None:
    name, frames = _frames(clip, hardware=True)
    assert name in ("", *hardware.KINDS)
    _check_same(frames, _frames(clip, hardware=False)[1])


def test_hardware_that_gives_the_same_picture_is_used(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg's own way back to the processor stands in for a device."""
    seen: list[str] = []

    def first(
        path: Path, options: dict[str, str], index: int, accelerator: Accelerator
    ) -> av.VideoFrame | None:
        seen.append(accelerator.name)
        return _first(path)

    monkeypatch.setattr(hardware, "KINDS", ("qsv",))
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["cuda", "qsv"])
    monkeypatch.setattr(hardware, "first_picture", first)
    name, frames = _frames(clip, hardware=True)
    assert (name, seen) == ("qsv", ["qsv"])
    _check_same(frames, _frames(clip, hardware=False)[1])


def test_hardware_that_gives_another_picture_is_passed_over(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(*words: object) -> av.VideoFrame:
        pixels = _first(clip).to_ndarray()
        pixels[0, 0] ^= 1
        frame = av.VideoFrame.from_ndarray(pixels, "yuv420p")
        frame.pts = _first(clip).pts
        return frame

    monkeypatch.setattr(hardware, "first_picture", first)
    assert _frames(clip, hardware=True)[0] == ""


def test_every_kind_that_this_ffmpeg_knows_is_asked_and_none_may_break_the_reading(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "KINDS", tuple(hwdevices_available()))
    name, frames = _frames(clip, hardware=True)
    assert len(frames) == 12
    assert name in ("", *hardware.KINDS)


@pytest.mark.parametrize(
    ("size", "cores", "threads"),
    [
        ((640, 360), 2, 1),
        ((1280, 720), 2, 1),
        ((1920, 1080), 2, 2),
        ((1920, 1080), 1, 1),
        ((1280, 720), 8, 4),
        ((3840, 2160), 8, 7),
    ],
)
def test_beside_inference_only_as_many_threads_decode_as_are_needed(
    size: tuple[int, int], cores: int, threads: int, tmp_path: Path
) -> None:
    """A share of the cores, the larger the pictures are; and all of them where nothing else is to
    be done.
    """
    path = write_clip(tmp_path / "clip.mp4", 1, size=size)
    with VideoReader(path, cores=cores, shared=True) as reader:
        assert reader.container.streams.video[0].codec_context.thread_count == threads
    with VideoReader(path, cores=cores) as reader:
        assert reader.container.streams.video[0].codec_context.thread_count == cores
