"""Network streams: RTSP, MJPEG over HTTP, HLS, and video files that a server has."""

import errno
import re
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ssd_live.closing import Closing
from ssd_live.errors import MediaError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import as_yuv420p, matrix_of, orientation_of, planes_of, upright
from ssd_live.video.containers import open_input
from ssd_live.video.sources.base import SourceInfo
from ssd_live.video.sources.parse import parse_source

OPEN_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 4.0
# No file of this machine, and nothing that listens: a playlist from the network must not open
# those.
_PROTOCOLS = "http,https,tls,tcp,udp,rtp,rtsp,rtsps,hls,crypto,data,httpproxy"
_OPTIONS = {
    "protocol_whitelist": _PROTOCOLS,
    "fflags": "discardcorrupt",
    "flags": "low_delay",
    # Enough to see the first key frame; FFmpeg's own 5 s would be waited for at every start.
    "analyzeduration": "1000000",
    "probesize": "1000000",
}
# A camera's first packets are shown, not kept; elsewhere they would be lost.
# Its rate is not waited for: a frame is shown when it comes.
_RTSP_OPTIONS = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer+discardcorrupt",
    "analyzeduration": "300000",
    "fpsprobesize": "0",
}
# These come as they are made; the others (HLS, files) come in bursts and are played by their times.
_AS_THEY_COME = ("rtsp", "mpjpeg", "mjpeg", "rtp", "sdp")
_HINTS = {
    errno.ECONNREFUSED: "nothing listens there; check the address and that the camera is on",
    errno.ETIMEDOUT: "it does not answer; check the address and the network",
    errno.EHOSTUNREACH: "it cannot be reached; check the address and the network",
    errno.EIO: "the connection broke or the name is unknown; check the address and the network",
}


class StreamSource(Closing):
    """A network stream through FFmpeg, with limits on how long opening and each read may take."""

    def __init__(self, address: str) -> None:
        self._title = parse_source(address).title
        self._container = self._open(address)
        try:
            self._stream = self._video()
            # Frame threads would hold back as many frames as there are threads.
            self._stream.thread_type = "SLICE"
            self._frames = self._decoded()
            self._first = next(self._frames, None)
            if self._first is None:
                raise MediaError(
                    f"{self._title}: ended before its first picture; check what the address serves"
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
        picture, self._first = self._first, None
        while picture is None or self._is_early(picture):
            picture = next(self._frames, None)
            if picture is None:
                break
        self._wanted = None
        if picture is None:
            if self.info.duration is None:
                raise MediaError(f"{self._title}: the stream ended")
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
        if self._time_base is None:
            return
        try:
            self._container.seek(
                round((self.info.start + seconds) / float(self._time_base)), stream=self._stream
            )
        except av.FFmpegError as error:
            raise self._trouble(error) from error
        self._frames = self._decoded()
        self._wanted = self.info.start + seconds

    def _is_early(self, picture: av.VideoFrame) -> bool:
        """Seeking ends at the key frame before."""
        if self._wanted is None or self._time_base is None or picture.pts is None:
            return False
        return float((picture.pts + Fraction(1, 2)) * self._time_base) < self._wanted

    def close(self) -> None:
        self._container.close()

    def _open(self, address: str) -> InputContainer:
        try:
            options = _OPTIONS | (_RTSP_OPTIONS if address.lower().startswith("rtsp") else {})
            return open_input(
                address, options=options, timeout=(OPEN_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS)
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._trouble(error) from error

    def _video(self) -> VideoStream:
        for stream in self._container.streams.video:
            if stream.codec_context is not None:
                return stream
        raise MediaError(
            f"{self._title}: has no video that this FFmpeg can decode; check what the address "
            "serves"
        )

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Damaged packets are left out: a lossy network has some."""
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from self._stream.codec_context.decode(packet)
                except av.error.InvalidDataError:
                    continue
        except av.FFmpegError as error:
            raise self._trouble(error) from error

    def _describe(self, frame: av.VideoFrame) -> SourceInfo:
        width, height = (
            (frame.height, frame.width) if self._turn.transpose else (frame.width, frame.height)
        )
        names = self._container.format.name.split(",")
        as_it_comes = any(name in _AS_THEY_COME for name in names)
        duration = (
            self._container.duration / av.time_base
            if self._container.duration and not as_it_comes
            else None
        )
        rate = None if as_it_comes and "rtsp" not in names else self._stream.average_rate
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

    def _trouble(self, error: Exception) -> MediaError:
        if isinstance(error, av.error.ExitError):
            return MediaError(
                f"{self._title}: it does not answer; check the address and the network"
            )
        number = getattr(error, "errno", None)
        if isinstance(error, av.error.HTTPError | av.error.HTTPClientError):
            detail = f"the server refuses ({_lower(error)}); check the address, user and password"
        else:
            detail = _HINTS.get(number or 0) or f"{_lower(error)}; check the address"
        return MediaError(f"{self._title}: {detail}")


def _lower(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    # FFmpeg repeats the address, with its password.
    return re.sub(r"'?\w+://\S+", "", text).strip().lower()
