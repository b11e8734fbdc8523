"""What a source string means, and the sources on this machine."""

import contextlib
import errno
import fcntl
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ssd_live.errors import MediaError, SsdLiveError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.video.sources import (
    Source,
    SourceOptions,
    SourceSpec,
    camera,
    open_source,
    parse_source,
    v4l2,
)
from ssd_live.video.sources.pace import Metronome, Pacer
from ssd_live.video.sources.parse import parse_size
from ssd_live.video.sources.pattern import PatternSource
from tests.clips import SAMPLE, write_clip
from tests.servers import XVFB
from tests.waiting import wait_until

NO_OPTIONS = SourceOptions()

# What strings mean.


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("0", "camera", "0"),
        (" 2 ", "camera", "2"),
        ("Logitech C920", "camera", "Logitech C920"),
        ("screen", "screen", ""),
        ("screen:2", "screen", "2"),
        ("screen:10,20,300,400", "screen", "10,20,300,400"),
        ("pattern", "pattern", ""),
        ("pattern:640x360", "pattern", "640x360"),
        ("pattern:640x360@15", "pattern", "640x360@15"),
        ("pattern@15", "pattern", "@15"),
        ("pattern:@15", "pattern", "@15"),
        ("rtsp://10.0.0.5:554/stream1", "stream", "rtsp://10.0.0.5:554/stream1"),
        ("RTSP://camera/x", "stream", "rtsp://camera/x"),
        ("rtsps://camera/x", "stream", "rtsps://camera/x"),
        ("http://[::1]:8080/video", "stream", "http://[::1]:8080/video"),
        ("https://host/live.m3u8?token=1", "stream", "https://host/live.m3u8?token=1"),
        (str(SAMPLE), "file", str(SAMPLE)),
        (str(SAMPLE.parent), "images", str(SAMPLE.parent)),
        (str(SAMPLE.parent / "coffee.png"), "images", str(SAMPLE.parent / "coffee.png")),
    ],
)
def test_each_way_to_write_a_source_is_understood(text: str, kind: str, address: str) -> None:
    spec = parse_source(text)
    assert (spec.kind, spec.address) == (kind, address)
    assert spec.title


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "the source is empty"),
        ("   ", "the source is empty"),
        ("nowhere/clip.mp4", "there is no such file"),
        ("clip.mp4", "there is no such file"),
        ("C:\\clips\\clip", "there is no such file"),
        ("ftp://host/clip.mp4", "ftp:// is not supported"),
        ("rtsp://", "has no host"),
        ("http:///video", "has no host"),
        ("http://host:99999/video", "is not a valid address"),
        ("http://host:port/video", "is not a valid address"),
        ("http://[::1/video", "is not a valid address"),
        ("file:///nowhere/clip.mp4", "there is no such file"),
    ],
)
def test_what_can_be_no_source_is_refused_in_one_line_that_says_what_to_do(
    text: str, part: str
) -> None:
    with pytest.raises(UsageError, match=part.replace("(", r"\(")) as refused:
        parse_source(text)
    assert "\n" not in str(refused.value)
    assert ";" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["x" * 300, "x" * 300 + "/clip.mp4", "~nobody_of_this_name/clip.mp4", "a\0b", "a\0b.mp4"],
    ids=["long", "long.mp4", "nobody", "nul", "nul.mp4"],
)
def test_names_that_no_system_takes_are_refused_like_any_other(text: str) -> None:
    # As a camera's name it may stand; there is none of this name.
    with contextlib.suppress(UsageError):
        assert parse_source(text).kind == "camera"


def test_an_existing_file_goes_before_a_camera_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Logitech").write_bytes(SAMPLE.read_bytes()[:1000])
    assert parse_source("Logitech").kind == "file"


def test_a_file_in_the_home_folder_can_be_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_clip(tmp_path / "clip.mp4", 1, size=(64, 48))
    assert parse_source("~/clip.mp4").address == str(tmp_path / "clip.mp4")


def test_a_files_address_is_understood_with_spaces_too(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "my clip.mp4", 1, size=(64, 48))
    assert parse_source(path.as_uri()).address == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:s3cret@10.0.0.5/stream1",
        "http://admin:s3cret@host:8080/video",
        "http://admin:s3cret@[::1]:8080/video",
        "rtsp://admin:x@s3cret@host/video",
        "http://host/video?user=admin&password=s3cret",
        "http://:s3cret@host/video",
        "rtsp://10.0.0.5:554/user=admin_password=s3cret_channel=1",
    ],
)
def test_no_title_has_a_password(text: str) -> None:
    spec = parse_source(text)
    assert spec.address == text
    assert "s3cret" not in spec.title


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("HTTP://Host/Video?Size=1", "http://Host/Video?Size=1"),
        ("Rtsp://host/stream1", "rtsp://host/stream1"),
    ],
)
def test_a_protocol_in_capitals_is_the_same_protocol(text: str, address: str) -> None:
    spec = parse_source(text)
    assert spec.address == address
    assert spec.title.startswith(address.partition("://")[0])


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:s3cret@host:99999/stream1",
        "rtsp://admin:s3cret@host:port/stream1",
        "rtsp://admin:s3cret@/stream1",
        "rtsp://admin:s3cret/x@host/stream1",
        "rtsp://admin:s3cret@[::1/stream1",
        "ftp://admin:s3cret@host/stream1",
    ],
)
def test_no_refusal_has_a_password(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_source(text)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1280x720", (1280, 720)),
        ("2x2", (2, 2)),
        (" 640x360 ", (640, 360)),
        ("16384x16384", (16384, 16384)),
    ],
)
def test_sizes_are_width_and_height(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "big",
        "1280",
        "1280x",
        "x720",
        "1280*720",
        "1x720",
        "0x0",
        "-640x360",
        "16385x100",
        "1e3x100",
        "640x360x3",
    ],
)
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must be WIDTHxHEIGHT"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "returns"),
    [
        ("0", True),
        ("rtsp://host/x", True),
        (str(SAMPLE), False),
        ("pattern", False),
        ("screen", False),
        ("screen:window=window=", True),
    ],
)
def test_cameras_and_streams_may_come_back(text: str, returns: bool) -> None:
    assert parse_source(text).returns == returns


# The pattern.


@pytest.mark.parametrize(
    ("text", "options", "size", "rate"),
    [
        ("pattern", NO_OPTIONS, (1280, 720), 30.0),
        ("pattern", SourceOptions((640, 360), 15.0), (640, 360), 15.0),
        ("pattern:320x200", SourceOptions((640, 360), 15.0), (320, 200), 15.0),
        ("pattern:320x200@60", SourceOptions((640, 360), 15.0), (320, 200), 60.0),
        ("pattern@12.5", NO_OPTIONS, (1280, 720), 12.5),
        ("pattern:2x2", NO_OPTIONS, (2, 2), 30.0),
        ("pattern:33x17", NO_OPTIONS, (33, 17), 30.0),
    ],
)
def test_a_pattern_has_the_size_and_rate_that_were_asked_for(
    text: str, options: SourceOptions, size: tuple[int, int], rate: float
) -> None:
    with open_source(parse_source(text), options) as source:
        frame = source.read()
        assert frame is not None
        assert (frame.width, frame.height) == (source.info.width, source.info.height) == size
        assert (source.info.rate, source.info.paced, source.info.is_live) == (rate, True, True)


def test_a_pattern_of_rate_nought_is_as_fast_as_can_be() -> None:
    with open_source(parse_source("pattern:64x36@0"), NO_OPTIONS) as source:
        assert not source.info.paced


@pytest.mark.parametrize(
    "text",
    [
        "pattern:big",
        "pattern:1x1",
        "pattern:64x36@fast",
        "pattern:64x36@-1",
        "pattern:64x36@2000",
        "pattern:@nan",
        "pattern@inf",
    ],
)
def test_a_pattern_written_wrongly_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        open_source(parse_source(text), NO_OPTIONS)


def test_the_pattern_is_the_same_every_time_and_moves() -> None:
    with PatternSource("160x90", NO_OPTIONS) as one, PatternSource("160x90", NO_OPTIONS) as other:
        assert all(
            np.array_equal(one.picture(index), other.picture(index)) for index in (0, 7, 1000)
        )
        assert not np.array_equal(one.picture(0), one.picture(30))


def test_the_patterns_frames_are_counted_and_timed() -> None:
    with PatternSource("64x36@50", NO_OPTIONS) as source:
        frames = [source.read() for _ in range(5)]
    assert [(frame.index, round(frame.time, 6)) for frame in frames if frame] == [
        (n, n / 50) for n in range(5)
    ]


# Images.


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"photo {number}.png"), np.full((20, 30, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "photo 3.png").write_bytes(b"damaged")
    return tmp_path


def _brightnesses(source: Source) -> list[int]:
    frames: list[Frame] = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return [int(frame.planes[0][0, 0, 0]) for frame in frames]


def test_a_folders_images_come_in_natural_order_and_damaged_ones_are_left_out(photos: Path) -> None:
    with open_source(parse_source(str(photos)), NO_OPTIONS) as source:
        assert (source.info.width, source.info.height, source.info.rate, source.info.duration) == (
            30,
            20,
            1.0,
            4.0,
        )
        assert _brightnesses(source) == [1, 2, 10]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, [1, 2, 10]), (0.5, [2, 10]), (0.51, [10]), (1.5, [10]), (9, []), (-1, [1, 2, 10])],
)
def test_a_folder_is_sought_to_the_first_image_at_or_after_a_time(
    photos: Path, seconds: float, expected: list[int]
) -> None:
    with open_source(parse_source(str(photos)), SourceOptions(rate=2)) as source:
        source.seek(seconds)
        assert _brightnesses(source) == expected


def test_a_single_image_is_a_video_of_one_frame(photos: Path) -> None:
    with open_source(parse_source(str(photos / "photo 2.png")), NO_OPTIONS) as source:
        assert _brightnesses(source) == [2]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has no images"):
        open_source(parse_source(str(tmp_path)), NO_OPTIONS)


def test_a_folder_of_damaged_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"damaged")
    with pytest.raises(MediaError, match="none of its images can be read"):
        open_source(parse_source(str(tmp_path)), NO_OPTIONS)


# Files.


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    with open_source(
        parse_source(str(write_clip(tmp_path / "clip.mp4", 10, size=(64, 48)))), NO_OPTIONS
    ) as source:
        info = source.info
        assert (info.width, info.height, info.rate, info.start, info.mode) == (
            64,
            48,
            25.0,
            0.0,
            "h264",
        )
        assert info.duration == pytest.approx(0.4)
        assert info.paced
        assert info.seekable
        assert not info.is_live


def test_a_file_can_be_read_again_and_again_after_its_end(tmp_path: Path) -> None:
    with open_source(
        parse_source(str(write_clip(tmp_path / "clip.mp4", 5, size=(64, 48)))), NO_OPTIONS
    ) as source:
        for _ in range(3):
            times = []
            while (frame := source.read()) is not None:
                times.append(round(frame.time, 4))
            assert times == [0.0, 0.04, 0.08, 0.12, 0.16]
            assert source.read() is None
            source.seek(0)


# Cameras.


def _refusing(number: int) -> Callable[..., int]:
    def refuse(*words: object) -> int:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (errno.EACCES, "sudo usermod -aG video"),
        (errno.EIO, "input/output error"),
        (errno.ENOENT, "there is no camera"),
    ],
)
def test_a_camera_that_cannot_be_opened_says_why(
    number: int, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "open", _refusing(number))
    assert part in camera.linux_error_text(Path("/dev/video0"))


def test_a_busy_camera_is_told_from_one_that_gives_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "video0"
    device.touch()
    assert "delivers no frames" in camera.linux_error_text(device)
    monkeypatch.setattr(fcntl, "ioctl", _refusing(errno.EBUSY))
    assert "another program is using it" in camera.linux_error_text(device)


def test_a_cameras_own_modes_are_listed_largest_and_fastest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for a kernel's driver of two pixel formats, answering by the layouts of
    linux/videodev2.h.
    """
    device = tmp_path / "video0"
    device.touch()
    sizes = {b"YUYV": [(640, 480), (1280, 720)], b"MJPG": [(1280, 720)]}
    intervals = {
        (b"YUYV", 640): [(1, 30)],
        (b"YUYV", 1280): [(1, 5)],
        (b"MJPG", 1280): [(1, 60), (1, 30)],
    }

    def ioctl(handle: int, code: int, request: bytearray) -> None:
        number = code & 0xFF
        (index,) = struct.unpack_from("=I", request)
        try:
            if number == 2:
                struct.pack_into("=4s", request, 44, list(sizes)[index])
            elif number == 74:
                struct.pack_into("=III", request, 8, 1, *sizes[bytes(request[4:8])][index])
            else:
                (width,) = struct.unpack_from("=I", request, 8)
                struct.pack_into(
                    "=III", request, 16, 1, *intervals[bytes(request[4:8]), width][index]
                )
        except IndexError:
            raise OSError(errno.EINVAL, "invalid argument") from None

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert [
        (mode.pixel_format, mode.width, mode.height, mode.rate) for mode in v4l2.modes(device)
    ] == [
        ("MJPG", 1280, 720, 60.0),
        ("MJPG", 1280, 720, 30.0),
        ("YUYV", 1280, 720, 5.0),
        ("YUYV", 640, 480, 30.0),
    ]
    assert v4l2.modes(tmp_path / "video1") == []


def test_cameras_are_found_by_number_and_by_part_of_their_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        camera,
        "cameras",
        lambda: [camera.Camera(0, "Integrated Webcam"), camera.Camera(4, "Logitech C920")],
    )
    assert [camera.find_camera(text) for text in ("7", "c920", "WEBCAM")] == [7, 4, 0]
    with pytest.raises(MediaError, match="0: Integrated Webcam; 4: Logitech C920"):
        camera.find_camera("Brio")


def test_without_cameras_a_name_is_refused_with_what_else_can_be_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "cameras", list)
    with pytest.raises(MediaError, match=r"none found.*`screen` or `pattern`"):
        camera.find_camera("Brio")


def test_cameras_are_listed_once_each_in_order_of_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = [
        SimpleNamespace(index=202, name="B"),
        SimpleNamespace(index=200, name="A"),
        SimpleNamespace(index=2, name="B again"),
    ]
    monkeypatch.setitem(
        sys.modules,
        "cv2_enumerate_cameras",
        SimpleNamespace(enumerate_cameras=lambda backend: listed),
    )
    assert [(known.index, known.name) for known in camera.cameras()] == [(0, "A"), (2, "B")]
    assert all(known.modes for known in camera.cameras())


def test_a_driver_that_fails_lists_no_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(backend: int) -> None:
        raise RuntimeError("driver")

    monkeypatch.setitem(
        sys.modules, "cv2_enumerate_cameras", SimpleNamespace(enumerate_cameras=broken)
    )
    assert camera.cameras() == []


class RawCamera:
    """Gives 5 pictures a second raw and 30 compressed, as USB 2 cameras do at 1280 x 720; stands in
    for OpenCV's capture.
    """

    opened: list["RawCamera"]

    def __init__(self, index: int, backend: int) -> None:
        self.values: dict[int, float] = {}
        self.released = False
        self.pictures = 2
        RawCamera.opened.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, name: int, value: float) -> bool:
        self.values[name] = value
        return True

    def get(self, name: int) -> float:
        if name == cv2.CAP_PROP_FPS and self.values.get(
            cv2.CAP_PROP_FOURCC
        ) != cv2.VideoWriter.fourcc(*"MJPG"):
            return 5.0
        return self.values.get(name, 0.0)

    def read(self) -> tuple[bool, np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None]:
        self.pictures -= 1
        size = (
            int(self.values[cv2.CAP_PROP_FRAME_HEIGHT]),
            int(self.values[cv2.CAP_PROP_FRAME_WIDTH]),
        )
        return (True, np.zeros((*size, 3), np.uint8)) if self.pictures >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def raw_cameras(monkeypatch: pytest.MonkeyPatch) -> list[RawCamera]:
    RawCamera.opened = []
    monkeypatch.setattr(cv2, "VideoCapture", RawCamera)
    return RawCamera.opened


def test_a_camera_whose_raw_pictures_are_slow_is_asked_for_compressed_ones(
    raw_cameras: list[RawCamera],
) -> None:
    with open_source(parse_source("0"), NO_OPTIONS) as source:
        assert (source.info.mode, source.info.rate, source.info.width, source.info.height) == (
            "MJPG",
            30.0,
            1280,
            720,
        )
        assert [opened.released for opened in raw_cameras] == [True, False]
    assert all(opened.released for opened in raw_cameras)


def test_a_pixel_format_that_was_asked_for_is_kept_though_slow(
    raw_cameras: list[RawCamera],
) -> None:
    with open_source(parse_source("0"), SourceOptions((640, 480), 30.0, "YUYV")) as source:
        assert (source.info.mode, source.info.rate, source.info.width) == ("YUYV", 5.0, 640)


def test_a_camera_that_is_pulled_out_is_gone(raw_cameras: list[RawCamera]) -> None:
    with open_source(parse_source("0"), NO_OPTIONS) as source:
        assert source.read() is not None
        assert source.read() is not None
        with pytest.raises(MediaError, match="delivers no more frames"):
            source.read()


# The screen.


def test_on_wayland_the_screen_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(MediaError, match="Wayland does not let programs read the screen"):
        open_source(parse_source("screen"), NO_OPTIONS)


def test_without_a_display_the_screen_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MediaError, match="there is no screen"):
        open_source(parse_source("screen"), NO_OPTIONS)


@pytest.fixture
def x_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real X server of 400 x 300."""
    try:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "400x300x24", *XVFB],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        pytest.skip("no Xvfb here")
    assert server.stdout is not None
    number = server.stdout.readline().decode().strip()
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", f":{number}")
    yield
    server.terminate()
    server.wait(10)
    server.stdout.close()


def test_the_screen_and_parts_of_it_are_read(x_display: None) -> None:
    for text, size in (
        ("screen", (400, 300)),
        ("screen:1", (400, 300)),
        ("screen:10,20,101,51", (101, 51)),
    ):
        with open_source(parse_source(text), SourceOptions(rate=200)) as source:
            frame = source.read()
            assert frame is not None
            assert (frame.width, frame.height) == size == (source.info.width, source.info.height)
            assert frame.planes[0].flags.c_contiguous
            assert source.info.is_live


@pytest.mark.parametrize(
    "text",
    [
        "screen:9",
        "screen:0",
        "screen:1,2,3",
        "screen:0,0,401,300",
        "screen:-1,0,10,10",
        "screen:0,0,0,0",
        "screen:all",
    ],
)
def test_what_is_no_part_of_the_screen_is_wrong_usage(text: str, x_display: None) -> None:
    with pytest.raises(UsageError, match="is not a part of the desktop"):
        open_source(parse_source(text), NO_OPTIONS)


# Pace.


def test_a_metronome_keeps_its_rate_and_does_not_make_up_for_being_late() -> None:
    metronome = Metronome(100)
    metronome.wait()
    started = time.monotonic()
    for _ in range(10):
        metronome.wait()
    assert time.monotonic() - started >= 0.1 - 0.005
    late = time.monotonic() + 0.1
    wait_until(lambda: time.monotonic() >= late)
    started = time.monotonic()
    for _ in range(5):
        metronome.wait()
    assert time.monotonic() - started >= 0.03


def test_frames_are_due_as_far_apart_as_their_times() -> None:
    pacer = Pacer()
    assert pacer.due(7.0, 100.0) == 100.0
    assert pacer.due(7.04, 100.01) == pytest.approx(100.04)
    assert pacer.due(7.08, 100.2) == pytest.approx(100.08)


@pytest.mark.parametrize("speed", [0.25, 4.0])
def test_at_another_speed_frames_are_due_nearer_to_each_other_or_further_apart(
    speed: float,
) -> None:
    pacer = Pacer()
    assert pacer.due(7.0, 100.0) == 100.0
    pacer.set_speed(speed)
    assert pacer.due(7.04, 100.01) == 100.01
    assert pacer.due(7.08, 100.02) == pytest.approx(100.01 + 0.04 / speed)
    # Setting the same speed changes nothing.
    pacer.set_speed(speed)
    assert pacer.due(7.12, 100.03) == pytest.approx(100.01 + 0.08 / speed)


@pytest.mark.parametrize("jump", [50.0, -7.0])
def test_after_a_jump_in_the_times_the_clock_begins_anew(jump: float) -> None:
    pacer = Pacer()
    pacer.due(7.0, 100.0)
    assert pacer.due(7.0 + jump, 100.04) == pytest.approx(100.04)
    assert pacer.due(7.04 + jump, 100.05) == pytest.approx(100.08)


def test_far_behind_the_clock_begins_anew() -> None:
    pacer = Pacer()
    pacer.due(0.0, 100.0)
    assert pacer.due(0.04, 103.0) == 103.0


def test_after_a_restart_the_next_frame_is_due_at_once() -> None:
    pacer = Pacer()
    pacer.due(0.0, 100.0)
    pacer.restart()
    assert pacer.due(1.0, 100.01) == 100.01


def test_every_kind_of_source_fails_by_an_error_of_ours() -> None:
    for spec in (
        SourceSpec("file", "/nowhere.mp4", "x"),
        SourceSpec("images", "/nowhere", "x"),
        SourceSpec("camera", "97", "x"),
    ):
        with pytest.raises(SsdLiveError):
            open_source(spec, NO_OPTIONS)
