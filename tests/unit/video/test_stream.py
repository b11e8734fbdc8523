"""Network streams from real servers on loopback."""

import http.server
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ssd_live.errors import AddressError, MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.video.sources import SourceOptions, open_source, parse_source, stream
from ssd_live.video.sources.pattern import PatternSource
from ssd_live.video.sources.stream import StreamSource
from tests.clips import write_clip
from tests.servers import MjpegServer, file_server
from tests.waiting import open_files

FRAMES, RATE = 30, 25


@pytest.fixture
def camera() -> Iterator[MjpegServer]:
    with MjpegServer((64, 48), 60) as server:
        yield server


@pytest.fixture(scope="module")
def hls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A playlist of 30 frames in one second and a bit, key frames only at 0 and 15: its address."""
    folder = tmp_path_factory.mktemp("hls")

    def setup(target: Any) -> None:
        target.codec_context.gop_size = 15
        target.options = {"x264-params": "keyint=15:min-keyint=15:scenecut=0:bframes=0"}

    clip = write_clip(folder / "clip.mp4", FRAMES, size=(64, 48), setup=setup)
    with (
        av.open(str(clip)) as reader,
        av.open(
            str(folder / "index.m3u8"),
            "w",
            format="hls",
            options={"hls_time": "0.5", "hls_list_size": "0"},
        ) as writer,
    ):
        target = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = target
                writer.mux(packet)
    with file_server(folder) as address:
        yield address


def _all_times(source: StreamSource) -> list[float]:
    times = []
    while (frame := source.read()) is not None:
        times.append(round(frame.time - source.info.start, 3))
    return times


def _read_on(source: StreamSource) -> None:
    """Past whatever is still on its way."""
    for _ in range(200):
        source.read()


def test_motion_jpeg_comes_as_it_is_made(camera: MjpegServer) -> None:
    with StreamSource(camera.address) as source:
        info = source.info
        assert (info.width, info.height, info.paced, info.seekable, info.is_live) == (
            64,
            48,
            False,
            False,
            True,
        )
        frames = [source.read() for _ in range(10)]
    assert all(
        isinstance(frame, Frame)
        and (frame.width, frame.height, frame.pixel_format) == (64, 48, "yuv420p")
        for frame in frames
    )


def test_the_first_picture_of_a_stream_is_shown_too_and_looks_right(camera: MjpegServer) -> None:
    with (
        open_source(parse_source(camera.address), SourceOptions()) as source,
        PatternSource("64x48", SourceOptions()) as pattern,
    ):
        frame = source.read()
        assert frame is not None
        difference = np.abs(frame.bgr().astype(int) - pattern.picture(0).astype(int))
    assert difference.mean() < 8


def test_a_stream_whose_server_goes_away_is_gone(camera: MjpegServer) -> None:
    with StreamSource(camera.address) as source:
        source.read()
        camera.stop()
        with pytest.raises(MediaError, match=camera.address):
            _read_on(source)


def test_a_silent_stream_is_given_up_after_the_time_limit(
    camera: MjpegServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "READ_TIMEOUT_SECONDS", 0.4)
    with StreamSource(camera.address) as source:
        source.read()
        camera.stalled.set()
        started = time.monotonic()
        with pytest.raises(MediaError, match="the server does not answer"):
            _read_on(source)
        assert time.monotonic() - started < 5


def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "OPEN_TIMEOUT_SECONDS", 0.4)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        started = time.monotonic()
        with pytest.raises(MediaError, match="the server does not answer"):
            StreamSource(f"http://127.0.0.1:{server.getsockname()[1]}/video")
        assert time.monotonic() - started < 5


def test_opening_and_failing_to_open_leave_no_file_open(camera: MjpegServer) -> None:
    with StreamSource(camera.address) as source:
        source.read()
    before = open_files()
    for _ in range(3):
        with StreamSource(camera.address) as source:
            source.read()
    camera.stop()
    for _ in range(10):
        with pytest.raises(MediaError, match="no server listens there"):
            StreamSource(camera.address)
    # The server's own were among them.
    assert open_files() <= before


# Other things that servers have.


def test_a_playlist_is_played_to_its_end_at_its_pace(hls: str) -> None:
    with StreamSource(f"{hls}/index.m3u8") as source:
        assert source.info.paced
        assert source.info.seekable
        assert source.info.duration == pytest.approx(FRAMES / RATE, abs=0.1)
        assert _all_times(source) == [round(number / RATE, 3) for number in range(FRAMES)]


def test_a_playlist_can_be_played_again_after_its_end(hls: str) -> None:
    with StreamSource(f"{hls}/index.m3u8") as source:
        first = _all_times(source)
        source.seek(0)
        assert _all_times(source) == first


@pytest.mark.parametrize("asked", [0.0, 0.2, 0.6, 0.61, 1.0])
def test_a_playlist_is_sought_to_the_first_frame_at_or_after_a_time(hls: str, asked: float) -> None:
    with StreamSource(f"{hls}/index.m3u8") as source:
        source.read()
        source.seek(asked)
        frame = source.read()
        assert frame is not None
        expected = min(number / RATE for number in range(FRAMES) if number / RATE >= asked - 1e-3)
        assert frame.time - source.info.start == pytest.approx(expected, abs=2e-3)


def test_a_video_file_on_a_server_is_played_to_its_end(hls: str) -> None:
    with StreamSource(f"{hls}/clip.mp4") as source:
        assert not source.info.is_live
        assert len(_all_times(source)) == FRAMES


def test_a_playlist_may_not_open_files_of_this_machine(hls: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "secret.ts", 5, size=(64, 48))
    (tmp_path / "index.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{clip}\n#EXT-X-ENDLIST\n"
    )
    with file_server(tmp_path) as address, pytest.raises(MediaError):
        StreamSource(f"{address}/index.m3u8")


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html>no video</html>" * 100)
    with file_server(tmp_path) as address, pytest.raises(MediaError, match="check the address"):
        StreamSource(f"{address}/index.html")


# Passwords.


@contextmanager
def _refusing_server(status: int) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_server_that_refuses_is_named_without_the_password(status: int) -> None:
    with _refusing_server(status) as place, pytest.raises(MediaError) as refused:
        StreamSource(f"http://admin:s3cret@{place}/video?key=s3cret")
    line = str(refused.value)
    assert line.startswith(f"http://admin@{place}/video: ")
    assert str(status) in line or "server" in line
    assert "s3cret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, r"sign-in failed \(401\); check the user name and the password"),
        (403, r"the server forbids it \(403\)"),
        (404, r"the server has no such video \(404\)"),
    ],
)
def test_what_a_server_refuses_for_good_is_told_apart(status: int, text: str) -> None:
    with _refusing_server(status) as place, pytest.raises(AddressError, match=text):
        StreamSource(f"http://admin:s3cret@{place}/video")


def test_a_server_in_trouble_may_be_well_again_later() -> None:
    with _refusing_server(500) as place, pytest.raises(MediaError) as failed:
        StreamSource(f"http://{place}/video")
    assert not isinstance(failed.value, AddressError)


@pytest.mark.parametrize(
    ("number", "is_hopeless"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)]
)
def test_a_host_that_no_name_server_knows_is_named(
    number: int, is_hopeless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network, no name server answers, and the host may be right."""

    def ask(host: str, port: None) -> None:
        raise socket.gaierror(number, "no")

    monkeypatch.setattr("ssd_live.video.sources.stream.socket.getaddrinfo", ask)
    with pytest.raises(MediaError) as failed:
        StreamSource("http://no-such-host.invalid/v")
    assert isinstance(failed.value, AddressError) is is_hopeless
    assert ("there is no host no-such-host.invalid" in str(failed.value)) is is_hopeless


@pytest.mark.parametrize(
    "address",
    [
        "http://admin:s3cret@127.0.0.1:9/v",
        "rtsp://admin:s3cret@127.0.0.1:9/v",
        "http://admin:s3cret@no-such-host.invalid/v",
    ],
)
def test_an_address_that_cannot_be_reached_is_named_without_the_password(address: str) -> None:
    with pytest.raises(MediaError) as refused:
        StreamSource(address)
    line = str(refused.value)
    assert line.startswith(parse_source(address).title + ": ")
    assert "s3cret" not in line
    assert "\n" not in line


@pytest.mark.parametrize("sound_first", [False, True])
def test_a_video_with_sound_is_played_to_its_last_frame(tmp_path: Path, sound_first: bool) -> None:
    write_clip(tmp_path / "a.mkv", 30, sound="aac")
    if sound_first:
        with (
            av.open(str(tmp_path / "a.mkv")) as reader,
            av.open(str(tmp_path / "b.mkv"), "w") as writer,
        ):
            order = (reader.streams.audio[0], reader.streams.video[0])
            streams = {its.index: writer.add_stream_from_template(its) for its in order}
            for packet in reader.demux():
                if packet.size:
                    packet.stream = streams[packet.stream_index]
                    writer.mux(packet)
    name = "b.mkv" if sound_first else "a.mkv"
    with file_server(tmp_path) as address, StreamSource(f"{address}/{name}") as source:
        frames = 0
        while source.read() is not None:
            frames += 1
    assert frames == 30
