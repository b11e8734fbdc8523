"""Read network streams: RTSP, MJPEG over HTTP, HLS, and video files on a server."""

import errno
import re
import socket
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ssd_live.closing import Closing
from ssd_live.errors import AddressError, MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import as_yuv420p, matrix_of, orientation_of, planes_of, upright
from ssd_live.video.containers import open_input
from ssd_live.video.sources.base import PacketListener, SourceInfo, SourcePacket
from ssd_live.video.sources.parse import parse_source

OPEN_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 4.0
# Local files and protocols that wait for connections are not in this list, because a playlist from
# the network must not be able to open them.
_PROTOCOLS = "http,https,tls,tcp,udp,rtp,rtsp,rtsps,hls,crypto,data,httpproxy"
_OPTIONS = {
    "protocol_whitelist": _PROTOCOLS,
    "fflags": "discardcorrupt",
    "flags": "low_delay",
    # In microseconds and bytes. This is enough to find the first key frame. FFmpeg's default of 5 s
    # would delay every start.
    "analyzeduration": "1000000",
    "probesize": "1000000",
}
# With `nobuffer` the first packets of a camera are shown at once. With other protocols they would
# be lost. FFmpeg does not measure the frame rate first, because each frame is shown when it
# arrives.
_RTSP_OPTIONS = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer+discardcorrupt",
    "analyzeduration": "300000",
    "fpsprobesize": "0",
}
# Frames of these formats arrive when they are captured. Frames of the others (HLS, files) arrive in
# bursts and are played by their times.
_AS_THEY_COME = ("rtsp", "mpjpeg", "mjpeg", "rtp", "sdp")
_HINTS = {
    errno.ECONNREFUSED: "no server listens there; check the address and that the camera is on",
    errno.ETIMEDOUT: "the server does not answer; check the address and the network",
    errno.EHOSTUNREACH: "the server cannot be reached; check the address and the network",
    errno.EIO: "the connection broke or the host is unknown; check the address and the network",
}
# What a server answers that a second request does not change.
_REFUSALS = {
    av.error.HTTPUnauthorizedError: "sign-in failed (401); check the user name and the password",
    av.error.HTTPForbiddenError: "the server forbids it (403); check the rights of this user",
    av.error.HTTPNotFoundError: "the server has no such video (404); check the path in the address",
}


class StreamSource(Closing):
    """A source that reads the network stream at the URL `address` with FFmpeg.

    Opening fails after `OPEN_TIMEOUT_SECONDS` without an answer, and reading fails after
    `READ_TIMEOUT_SECONDS` without data. The constructor raises `MediaError` if the stream cannot be
    opened or has no frame, and `AddressError` if trying again makes no sense.
    """

    def __init__(self, address: str) -> None:
        self._address, self._title = address, parse_source(address).title
        self.packet_listener: PacketListener | None = None
        self._container = self._open(address)
        try:
            self._stream = self._video()
            # Frame threads would delay the stream by one frame for each thread.
            self._stream.thread_type = "SLICE"
            self._frames = self._decoded()
            self._first = next(self._frames, None)
            if self._first is None:
                raise MediaError(
                    f"{self._title}: the stream ended before its first frame; check that this is "
                    "the address of a video"
                )
        except BaseException:
            self._container.close()
            raise
        self._turn = orientation_of(self._first)
        self._size = (self._first.width, self._first.height)
        self._time_base = self._stream.time_base
        self._wanted: float | None = None
        self.info = self._describe(self._first)

    def read(self) -> Frame | None:
        """Wait for the next frame and return it upright.

        Return None at the end of a stream that has a duration. Raises `MediaError` if the stream
        fails, or if a stream without a duration ends.
        """
        picture, self._first = self._first, None
        while picture is None or self._is_early(picture):
            picture = next(self._frames, None)
            if picture is None:
                break
        self._wanted = None
        if picture is None:
            if self.info.duration is None:
                raise MediaError(f"{self._title}: the stream ended; check that the server runs")
            return None
        shown = as_yuv420p(picture, *self._size)
        turned = upright(shown, self._turn)
        pts = int(turned.pts or 0)
        return Frame(
            planes_of(turned),
            "yuv420p",
            matrix_of(shown),
            0,
            pts,
            float(pts * (self._time_base or 0)),
            native=turned,
        )

    def seek(self, seconds: float) -> None:
        """Continue with the first frame at or after `seconds` from the beginning of the stream.

        Raises `MediaError` if seeking fails.
        """
        if self._time_base is None:
            return
        try:
            self._container.seek(
                round((self.info.start + seconds) / float(self._time_base)), stream=self._stream
            )
        except av.FFmpegError as error:
            raise self._media_error(error) from error
        self._frames = self._decoded()
        self._wanted = self.info.start + seconds

    def _is_early(self, picture: av.VideoFrame) -> bool:
        """Return whether a frame is before the time that `seek` requested.

        Such frames follow a seek, because FFmpeg moves to the key frame before the requested time.
        """
        if self._wanted is None or self._time_base is None or picture.pts is None:
            return False
        return float((picture.pts + Fraction(1, 2)) * self._time_base) < self._wanted

    def close(self) -> None:
        """Close the connection."""
        self._container.close()

    def _open(self, address: str) -> InputContainer:
        try:
            options = _OPTIONS | (_RTSP_OPTIONS if address.lower().startswith("rtsp") else {})
            return open_input(
                address, options=options, timeout=(OPEN_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._media_error(error) from error

    def _video(self) -> VideoStream:
        for stream in self._container.streams.video:
            if stream.codec_context is not None:
                return stream
        raise MediaError(
            f"{self._title}: the stream has no video that this FFmpeg can decode; give the address "
            "of another stream"
        )

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Yield the decoded frames of the video stream.

        Damaged packets are skipped, because some networks lose data. Raises `MediaError` if the
        stream fails.
        """
        try:
            for packet in self._container.demux():
                if self.packet_listener is not None:
                    self.packet_listener(SourcePacket(packet, self._has_times, time.monotonic()))
                # The number in a packet that flushes a decoder is not that of its stream.
                if packet.stream.index != self._stream.index:
                    continue
                try:
                    yield from self._stream.codec_context.decode(packet)
                except av.error.InvalidDataError:
                    continue
        except av.FFmpegError as error:
            raise self._media_error(error) from error

    @property
    def _names(self) -> list[str]:
        """FFmpeg's names of the format of the stream."""
        return self._container.format.name.split(",")

    @property
    def _has_times(self) -> bool:
        """Whether the stream says when a frame is shown, and how many there are in a second."""
        names = self._names
        return "rtsp" in names or not any(name in _AS_THEY_COME for name in names)

    def _describe(self, frame: av.VideoFrame) -> SourceInfo:
        width, height = (
            (frame.height, frame.width) if self._turn.transpose else (frame.width, frame.height)
        )
        names = self._names
        as_it_comes = any(name in _AS_THEY_COME for name in names)
        duration = (
            self._container.duration / av.time_base
            if self._container.duration and not as_it_comes
            else None
        )
        rate = self._stream.average_rate if self._has_times else None
        return SourceInfo(
            width,
            height,
            rate=float(rate) if rate else None,
            start=float((frame.pts or 0) * (self._time_base or 0)),
            duration=duration,
            paced=not as_it_comes,
            seekable=duration is not None,
            mode=f"{names[0]} {self._stream.codec_context.name}",
        )

    def _media_error(self, error: Exception) -> MediaError:
        """Return the `MediaError` to raise for an error of FFmpeg or of the operating system.

        Its message says what is wrong with the stream and what to do.
        """
        if isinstance(error, av.error.ExitError):
            return MediaError(
                f"{self._title}: the server does not answer; check the address and the network"
            )
        for kind, detail in _REFUSALS.items():
            if isinstance(error, kind):
                return AddressError(f"{self._title}: {detail}")
        number = getattr(error, "errno", None)
        if number == errno.EIO and (host := self._unknown_host()):
            return AddressError(f"{self._title}: there is no host {host}; check the address")
        if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
            detail = (
                f"the server refuses the request ({_lower(error)}); check the address, user and "
                "password"
            )
        else:
            detail = _HINTS.get(number or 0) or f"{_lower(error)}; check the address"
        return MediaError(f"{self._title}: {detail}")

    def _unknown_host(self) -> str:
        """Return the host in the address if no name server knows it, or "" if one does.

        Without a network, a name server does not answer, and the result is "" too. Only Linux tells
        the two apart. A name that ends in `.local` is known only while its device is on.
        """
        try:
            host = urlsplit(self._address).hostname or ""
            if sys.platform == "linux" and not host.endswith(".local"):
                socket.getaddrinfo(host, None)
        except socket.gaierror as error:
            return host if error.errno == socket.EAI_NONAME else ""
        except (OSError, ValueError):
            return ""
        return ""


def _lower(error: Exception) -> str:
    """Return the error's text in lower case and without network addresses."""
    text = getattr(error, "strerror", None) or str(error)
    # FFmpeg's text contains the address with its password.
    return re.sub(r"'?\w+://\S+", "", text).strip().lower()
