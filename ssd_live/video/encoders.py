"""Video encoders: which there are, which of them work on this machine, and how quality is told to each."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av

from ssd_live.errors import OutputError

Codec = Literal["h264", "hevc", "av1", "mjpeg", "ffv1"]
CODECS: tuple[Codec, ...] = ("h264", "hevc", "av1", "mjpeg", "ffv1")
# Quality that eyes take for the original's, on each codec's own scale.
DEFAULT_CRF: dict[Codec, int] = {"h264": 21, "hevc": 24, "av1": 32, "mjpeg": 3, "ffv1": 0}
CRF_RANGE: dict[Codec, tuple[int, int]] = {"h264": (0, 51), "hevc": (0, 51), "av1": (0, 63), "mjpeg": (2, 31), "ffv1": (0, 0)}


@dataclass(frozen=True)
class Encoder:
    """An FFmpeg encoder; `options` are its speed settings, `quality` the options that take the CRF."""

    name: str
    quality: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"

    def options_for(self, crf: int) -> dict[str, str]:
        return self.options | dict.fromkeys(self.quality, str(crf))


_SOFTWARE: dict[Codec, Encoder] = {
    # veryfast takes less than half of the time of medium at the same rate factor; docs/benchmarks.md.
    "h264": Encoder("libx264", ("crf",), {"preset": "veryfast"}),
    "hevc": Encoder("libx265", ("crf",), {"preset": "veryfast", "x265-params": "log-level=error"}),
    "av1": Encoder("libsvtav1", ("crf",), {"preset": "10", "svtav1-params": "tune=0"}),
    "mjpeg": Encoder("mjpeg", ("qmin", "qmax"), {}, "yuvj420p"),
    "ffv1": Encoder("ffv1", (), {"level": "3", "slices": "4", "slicecrc": "1"}),
}


def software_encoder(codec: Codec) -> Encoder:
    return _SOFTWARE[codec]


def hardware_encoders(codec: Codec) -> list[Encoder]:
    """Those of this platform whose device is there; whether they work, `works` tells."""
    if codec not in ("h264", "hevc", "av1"):
        return []
    nvidia = Encoder(f"{codec}_nvenc", ("cq",), {"preset": "p4", "rc": "vbr"})
    intel = Encoder(f"{codec}_qsv", ("global_quality",), {"preset": "medium"}, "nv12")
    if sys.platform == "win32":
        return [nvidia, intel, Encoder(f"{codec}_amf", ("qp_i", "qp_p"), {"rc": "cqp"}), Encoder(f"{codec}_mf", (), {}, "nv12")]
    if sys.platform == "darwin":
        return [Encoder(f"{codec}_videotoolbox", (), {"q": "60"}, "nv12")]
    found = [nvidia] if Path("/dev/nvidia0").exists() else []
    return [*found, intel] if Path("/dev/dri/renderD128").exists() else found


# SVT-AV1 writes to the terminal by itself; 1 leaves errors only.
os.environ.setdefault("SVT_LOG", "1")


@contextlib.contextmanager
def keeping_thread_priority() -> Iterator[None]:
    """SVT-AV1 makes the calling thread a real-time one where it may (as root); around opening an encoder, that is undone."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)


@cache
def works(name: str, pixel_format: str) -> bool:
    """Whether one frame can be encoded with this encoder here."""
    try:
        context = av.CodecContext.create(name, "w")
        # Some hardware refuses pictures smaller than this.
        context.width, context.height, context.pix_fmt = 320, 240, pixel_format  # type: ignore[attr-defined]
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)  # type: ignore[attr-defined]
        context.options = {"x265-params": "log-level=error"} if name == "libx265" else {}
        frame = av.VideoFrame(320, 240, pixel_format)
        frame.pts = 0
        with keeping_thread_priority():
            context.open()
        return any(packet.size for packet in [*context.encode(frame), *context.encode(None)])  # type: ignore[attr-defined]
    except (av.FFmpegError, ValueError, OSError):
        return False


def choose_encoder(codec: Codec) -> Encoder:
    """The hardware encoder that works here, or else the software one. Raises `OutputError` if this FFmpeg has neither."""
    for encoder in hardware_encoders(codec):
        if works(encoder.name, encoder.pixel_format):
            return encoder
    encoder = _SOFTWARE[codec]
    if not works(encoder.name, encoder.pixel_format):
        raise OutputError(f"this build of FFmpeg cannot encode {codec}; choose another with --codec ({', '.join(CODECS)})")
    return encoder


def working_encoders() -> dict[Codec, list[str]]:
    """For `doctor`: every encoder that encoded a frame here."""
    found: dict[Codec, list[str]] = {}
    for codec in CODECS:
        with contextlib.suppress(OutputError):
            candidates = [*hardware_encoders(codec), _SOFTWARE[codec]]
            found[codec] = [encoder.name for encoder in candidates if works(encoder.name, encoder.pixel_format)]
    return found
