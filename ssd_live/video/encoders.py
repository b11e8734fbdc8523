"""List the video encoders, choose one that works on this machine, and give its options.

The options set an encoder's quality and its effort (how much work it does for a smaller file).
"""

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

Codec = Literal["h264", "hevc", "av1", "vp9", "mjpeg", "ffv1"]
CODECS: tuple[Codec, ...] = ("h264", "hevc", "av1", "vp9", "mjpeg", "ffv1")
# With these values, on each codec's own scale, people see no difference from the original.
DEFAULT_CRF: dict[Codec, int] = {
    "h264": 21,
    "hevc": 24,
    "av1": 32,
    "vp9": 31,
    "mjpeg": 3,
    "ffv1": 0,
}
CRF_RANGE: dict[Codec, tuple[int, int]] = {
    "h264": (0, 51),
    "hevc": (0, 51),
    "av1": (0, 63),
    "vp9": (0, 63),
    "mjpeg": (2, 31),
    "ffv1": (0, 0),
}


# How much work an encoder does to make the file smaller at the same quality.
Preset = Literal["slow", "balanced", "fast", "fastest"]
PRESETS: tuple[Preset, ...] = ("slow", "balanced", "fast", "fastest")
DEFAULT_PRESET: Preset = "fast"


@dataclass(frozen=True)
class Encoder:
    """A description of an FFmpeg encoder and of its options.

    `name` is FFmpeg's name of the encoder. `quality` holds the names of the options that take the
    constant rate factor (CRF). `presets` maps each `Preset` to the encoder's own options for it,
    and is empty if the encoder has none. `options` are the options that are always set, by name.
    `pixel_format` is FFmpeg's name of the format that the encoder takes.
    """

    name: str
    quality: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    presets: dict[Preset, dict[str, str]] = field(default_factory=dict)
    pixel_format: str = "yuv420p"

    def options_for(self, crf: int, preset: Preset = DEFAULT_PRESET) -> dict[str, str]:
        """Return all options, by name, with which FFmpeg is to open this encoder.

        `crf` is the constant rate factor (the quality) on the encoder's own scale. `preset` says
        how much work the encoder does to make the file smaller.
        """
        return self.options | dict.fromkeys(self.quality, str(crf)) | self.presets.get(preset, {})


def _named(*names: str) -> dict[Preset, dict[str, str]]:
    """Return the `Encoder.presets` of an encoder that has an option named `preset`.

    `names` are the values of this option for `PRESETS`, in the same order, so the slowest comes
    first. The result maps each `Preset` to a dictionary such as {"preset": "veryfast"}.
    """
    return {preset: {"preset": name} for preset, name in zip(PRESETS, names, strict=True)}


# With this option x264 keeps more frames between its lookahead and its coding than by default. The
# video is the same, but the threads wait less for each other.
_APART = "sync-lookahead=8"
# The steps between x264's own presets are uneven, so these lie between them. The time and file size
# of each are in docs/benchmarks-log.md (measured with tools/bench_encoders.py).
_X264_PRESETS: dict[Preset, dict[str, str]] = {
    "slow": {"preset": "medium", "x264-params": _APART},
    # Small inter partitions cost more time than they save bits.
    "balanced": {"preset": "veryfast", "x264-params": f"{_APART}:partitions=i8x8,i4x4"},
    # x264's superfast has no lookahead, but a short one is worth its time.
    "fast": {"preset": "superfast", "x264-params": f"{_APART}:mbtree=1:rc-lookahead=10"},
    # The same is true of ultrafast. Subpixel motion (subme=1) is added as well.
    "fastest": {
        "preset": "ultrafast",
        "x264-params": f"{_APART}:subme=1:mbtree=1:rc-lookahead=10:aq-mode=1:scenecut=40",
    },
}
_VP9_PRESETS: dict[Preset, dict[str, str]] = {
    "slow": {"deadline": "good", "cpu-used": "4"},
    "balanced": {"deadline": "realtime", "cpu-used": "6"},
    "fast": {"deadline": "realtime", "cpu-used": "8"},
    "fastest": {"deadline": "realtime", "cpu-used": "8", "aq-mode": "0"},
}
_SOFTWARE: dict[Codec, Encoder] = {
    "h264": Encoder("libx264", ("crf",), presets=_X264_PRESETS),
    "hevc": Encoder(
        "libx265",
        ("crf",),
        {"x265-params": "log-level=error"},
        _named("fast", "veryfast", "superfast", "ultrafast"),
    ),
    "av1": Encoder(
        "libsvtav1", ("crf",), {"svtav1-params": "tune=0"}, _named("7", "9", "10", "12")
    ),
    "vp9": Encoder(
        "libvpx-vp9", ("crf",), {"b": "0", "row-mt": "1", "tile-columns": "2"}, _VP9_PRESETS
    ),
    "mjpeg": Encoder("mjpeg", ("qmin", "qmax"), pixel_format="yuvj420p"),
    "ffv1": Encoder("ffv1", (), {"level": "3", "slices": "4", "slicecrc": "1"}),
}


def software_encoder(codec: Codec) -> Encoder:
    """Return the encoder that encodes `codec` on the CPU."""
    return _SOFTWARE[codec]


def hardware_encoders(codec: Codec) -> list[Encoder]:
    """Return the hardware encoders for `codec` that this machine may have, the best first.

    The encoders are not tried; use `works` to find out whether an encoder works. The list is empty
    for VP9, MJPEG and FFV1.
    """
    if codec not in ("h264", "hevc", "av1"):
        return []
    nvidia = Encoder(f"{codec}_nvenc", ("cq",), {"rc": "vbr"}, _named("p6", "p5", "p4", "p1"))
    intel = Encoder(
        f"{codec}_qsv",
        ("global_quality",),
        presets=_named("slow", "medium", "fast", "veryfast"),
        pixel_format="nv12",
    )
    if sys.platform == "win32":
        return [
            nvidia,
            intel,
            Encoder(f"{codec}_amf", ("qp_i", "qp_p"), {"rc": "cqp"}),
            Encoder(f"{codec}_mf", pixel_format="nv12"),
        ]
    if sys.platform == "darwin":
        return [Encoder(f"{codec}_videotoolbox", (), {"q": "60"}, pixel_format="nv12")]
    found = [nvidia] if Path("/dev/nvidia0").exists() else []
    return [*found, intel] if Path("/dev/dri/renderD128").exists() else found


_TRIAL_RATE = Fraction(25)
# Some hardware encoders reject smaller frames.
_TRIAL_SIZE = (320, 240)
# SVT-AV1 writes its log to the terminal. Its errors are not lost, because FFmpeg reports them too.
os.environ.setdefault("SVT_LOG", "0")


@contextlib.contextmanager
def keeping_thread_priority() -> Iterator[None]:
    """Restore the calling thread's scheduling policy at the end of the `with` block.

    Open encoders inside such a block, because the encoder SVT-AV1 gives the calling thread a
    real-time priority if the program has the right to do so (for example as root).
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)


def open_encoder(
    name: str,
    pixel_format: str,
    size: tuple[int, int],
    options: dict[str, str],
    *,
    rate: Fraction = _TRIAL_RATE,
    threads: int = 0,
) -> av.VideoCodecContext:
    """Return an open encoder that encodes frames without writing a file.

    `name` and `pixel_format` are FFmpeg's names of the encoder and of the frames' format. `size` is
    (width, height) in pixels. `options` are the encoder's options, by name. `rate` is in frames per
    second, and the time base is 1 / `rate` seconds. With `threads` 0 FFmpeg chooses the number of
    threads. Raises `av.FFmpegError` or `ValueError` if the encoder cannot be opened.
    """
    context = av.VideoCodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, pixel_format
    context.time_base, context.framerate, context.thread_count = 1 / rate, rate, threads
    context.options = options
    with keeping_thread_priority():
        context.open()
    return context


@cache
def works(name: str, pixel_format: str) -> bool:
    """Return whether the FFmpeg encoder `name` can encode a frame on this machine.

    `pixel_format` is FFmpeg's name of the format of the frame. The result is cached.
    """
    try:
        context = open_encoder(
            name,
            pixel_format,
            _TRIAL_SIZE,
            {"x265-params": "log-level=error"} if name == "libx265" else {},
        )
        frame = av.VideoFrame(*_TRIAL_SIZE, pixel_format)
        frame.pts = 0
        return any(packet.size for packet in [*context.encode(frame), *context.encode(None)])
    except (av.FFmpegError, ValueError, OSError):
        return False


def choose_encoder(codec: Codec) -> Encoder:
    """Return the encoder to use for `codec` on this machine.

    The result is the best hardware encoder that works, or the software encoder if none works.
    Raises `OutputError` if no encoder for the codec works with this build of FFmpeg.
    """
    for encoder in hardware_encoders(codec):
        if works(encoder.name, encoder.pixel_format):
            return encoder
    encoder = _SOFTWARE[codec]
    if not works(encoder.name, encoder.pixel_format):
        raise OutputError(
            f"this build of FFmpeg cannot encode {codec}; choose another codec with --codec "
            f"({', '.join(CODECS)})"
        )
    return encoder


@cache
def default_codec(*, webm: bool = False) -> Codec:
    """Return the codec of a video for which the user has not chosen one.

    It is H.264, or in a WebM file (`webm`) AV1, if this machine can encode it. Otherwise it is VP9,
    because some builds of FFmpeg, such as that of the frozen app, have no other encoder for it.
    """
    best: Codec = "av1" if webm else "h264"
    encoders = [*hardware_encoders(best), _SOFTWARE[best]]
    return best if any(works(item.name, item.pixel_format) for item in encoders) else "vp9"


def working_encoders() -> dict[Codec, list[str]]:
    """Return, for each codec, the names of its encoders that work on this machine.

    Hardware encoders come first. The `doctor` command prints the result.
    """
    found: dict[Codec, list[str]] = {}
    for codec in CODECS:
        with contextlib.suppress(OutputError):
            candidates = [*hardware_encoders(codec), _SOFTWARE[codec]]
            found[codec] = [
                encoder.name for encoder in candidates if works(encoder.name, encoder.pixel_format)
            ]
    return found
