"""Presets reach the encoders, and a live encoder takes the best that its deadline allows."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from ssd_live.errors import OutputError
from ssd_live.imaging.frame import Frame
from ssd_live.system import machine
from ssd_live.video import encoder_tuning, encoders
from ssd_live.video.encoder_tuning import live_options
from ssd_live.video.encoders import PRESETS, Codec, Encoder, Preset, software_encoder
from ssd_live.video.reader import VideoReader
from ssd_live.video.recording import RecordingWriter
from ssd_live.video.writer import Quality, VideoWriter
from tests.clips import SAMPLE, pictures, write_clip, x264_options


def _written(path: Path, quality: Quality, *, cores: int = 0, frames: int = 30) -> Path:
    with VideoReader(SAMPLE) as reader, VideoWriter(path, reader, quality, cores=cores) as writer:
        for item in reader.read():
            if isinstance(item, Frame) and item.index < frames:
                writer.write(item)
        writer.finish()
    return path


@pytest.mark.parametrize(
    ("preset", "wanted"),
    [
        ("slow", {"subme": "7", "rc_lookahead": "40"}),
        ("balanced", {"subme": "2", "rc_lookahead": "10", "analyse": "0x3:0x3"}),
        ("fast", {"subme": "1", "rc_lookahead": "10", "mbtree": "1", "me": "dia", "cabac": "1"}),
        ("fastest", {"subme": "1", "rc_lookahead": "10", "mbtree": "1", "cabac": "0"}),
    ],
)
def test_a_preset_is_what_x264_works_by(
    preset: Preset, wanted: dict[str, str], tmp_path: Path
) -> None:
    options = x264_options(_written(tmp_path / "a.mp4", Quality("h264", 23, preset)))
    assert {key: options[key] for key in wanted} == wanted
    assert options["crf"] == "23.0"


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_of_every_codec_makes_a_video_that_plays(
    codec: Codec, preset: Preset, tmp_path: Path
) -> None:
    assert len(pictures(_written(tmp_path / "a.mp4", Quality(codec, 30, preset), frames=8))) == 8


def test_a_slower_preset_makes_a_smaller_file(tmp_path: Path) -> None:
    # `slow` makes a better one at the same rate factor.
    sizes = [
        _written(tmp_path / f"{preset}.mp4", Quality("h264", 21, preset), frames=80).stat().st_size
        for preset in PRESETS[1:]
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.8 * sizes[-1]


@pytest.mark.parametrize(("cores", "threads"), [(1, "2"), (2, "3"), (4, "6")])
def test_a_share_of_the_cores_is_a_share_of_the_threads(
    cores: int, threads: str, tmp_path: Path
) -> None:
    assert (
        x264_options(_written(tmp_path / "a.mp4", Quality("h264", 21), cores=cores))["threads"]
        == threads
    )


def test_a_decoder_has_its_share_too_from_beginning_to_end() -> None:
    with VideoReader(SAMPLE, cores=3) as reader:
        assert reader.container.streams.video[0].codec_context.thread_count == 3
        reader.restart()
        assert sum(1 for _ in reader.read()) == 250
        assert reader.container.streams.video[0].codec_context.thread_count == 3


@pytest.fixture
def no_licensed_encoders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make FFmpeg's encoders look as they are in a build under the LGPL, without any hardware."""
    monkeypatch.setattr(
        encoders, "works", lambda name, pixel_format: name in ("libvpx-vp9", "mjpeg", "ffv1")
    )
    encoders.default_codec.cache_clear()
    yield
    encoders.default_codec.cache_clear()


@pytest.mark.usefixtures("no_licensed_encoders")
def test_without_an_encoder_for_h264_videos_are_vp9() -> None:
    assert (encoders.default_codec(), encoders.default_codec(webm=True)) == ("vp9", "vp9")
    with pytest.raises(OutputError, match="cannot encode h264"):
        encoders.choose_encoder("h264")


@pytest.mark.usefixtures("no_licensed_encoders")
def test_a_recording_is_vp9_then(moving: list[av.VideoFrame], tmp_path: Path) -> None:
    file = RecordingWriter(tmp_path / "a.mkv")
    for number, picture in enumerate(moving):
        file.add(picture, 40 * number)
    file.close()
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.streams.video[0].codec_context.name in ("vp9", "libvpx-vp9")
    assert len(pictures(tmp_path / "a.mkv")) == len(moving)


@pytest.fixture
def moving() -> list[av.VideoFrame]:
    with av.open(str(SAMPLE)) as container:
        return [frame for frame, _ in zip(container.decode(video=0), range(6), strict=False)]


def test_with_time_enough_a_live_encoder_takes_pains_and_without_it_none(
    moving: list[av.VideoFrame],
) -> None:
    assert live_options(software_encoder("h264"), moving, 1000.0)["preset"] == "veryfast"
    assert live_options(software_encoder("h264"), moving, 1e-9)["preset"] == "ultrafast"


@pytest.mark.parametrize(
    ("interval", "preset"),
    [(0.031, "veryfast"), (0.029, "superfast"), (0.016, "superfast"), (0.014, "ultrafast")],
)
def test_it_may_take_a_third_of_the_machine(
    interval: float, preset: str, moving: list[av.VideoFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = {"veryfast": 0.020, "superfast": 0.010, "ultrafast": 0.005}
    monkeypatch.setattr(
        encoder_tuning, "seconds_per_frame", lambda pictures, options: costs[options["preset"]]
    )
    monkeypatch.setattr(machine, "available_cores", lambda: 2)
    assert live_options(software_encoder("h264"), moving, interval)["preset"] == preset


@pytest.mark.parametrize(
    ("size", "times"),
    [((320, 180), 1), ((640, 360), 1), ((1280, 720), 4), ((1920, 1080), 9), ((3840, 2160), 36)],
)
def test_what_the_middle_takes_is_told_for_the_whole(
    size: tuple[int, int], times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(
        tmp_path / "a.mkv",
        3,
        size=size,
        setup=lambda stream: stream.options.update(preset="ultrafast"),
    )
    with av.open(str(clip)) as container:
        frames = list(container.decode(video=0))
    moments = iter([10.0, 13.0])
    monkeypatch.setattr("ssd_live.video.encoder_tuning.time.thread_time", lambda: next(moments))
    assert encoder_tuning.seconds_per_frame(frames, {"preset": "ultrafast"}) == pytest.approx(
        3.0 / 2 * times
    )


@pytest.mark.parametrize("size", [(2, 2), (642, 2), (2, 362), (1278, 722)])
def test_the_middle_is_the_middle_of_any_size(size: tuple[int, int]) -> None:
    whole = av.VideoFrame.from_ndarray(
        np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8), "bgr24"
    ).reformat(format="yuv420p")
    part = encoder_tuning.centre_of(whole)
    assert (part.width, part.height) == (min(size[0], 640), min(size[1], 360))
    left, top = (size[0] - part.width) // 4 * 2, (size[1] - part.height) // 4 * 2
    expected = whole.to_ndarray()[: size[1]][top : top + part.height, left : left + part.width]
    assert np.array_equal(part.to_ndarray()[: part.height], expected)


@pytest.mark.parametrize("interval", [0.0, 1000.0])
def test_a_single_picture_tells_nothing_about_time(
    interval: float, moving: list[av.VideoFrame]
) -> None:
    assert live_options(software_encoder("h264"), moving[:1], interval)["preset"] == "superfast"


def test_frames_that_come_slowly_may_come_faster_later(
    moving: list[av.VideoFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        encoder_tuning,
        "seconds_per_frame",
        lambda pictures, options: {"veryfast": 0.1, "superfast": 0.02}[options["preset"]],
    )
    monkeypatch.setattr(machine, "available_cores", lambda: 2)
    assert live_options(software_encoder("h264"), moving, 10.0)["preset"] == "superfast"


def test_hardware_has_no_deadline_of_ours(moving: list[av.VideoFrame]) -> None:
    hardware = Encoder("h264_nvenc", ("cq",), {"rc": "vbr"}, {"fast": {"preset": "p4"}})
    assert live_options(hardware, moving, 1e-9) == {"rc": "vbr", "cq": "21", "preset": "p4"}
