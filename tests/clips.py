"""Real clips for the tests, made with real codecs from the sample clip."""

import hashlib
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType

from ssd_live.system.paths import assets_folder

SAMPLE = assets_folder() / "media" / "bikes.mp4"


def write_clip(
    path: Path,
    frames: int = 20,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (640, 272),
    pixel_format: str = "yuv420p",
    rate: Fraction = Fraction(25),
    time_base: Fraction | None = None,
    pts: Callable[[int], int] = lambda index: index,
    sound: str | None = None,
    setup: Callable[[Any], None] = lambda stream: None,
) -> Path:
    """Frames of the sample clip, encoded as asked; `pts` in units of the time base (1 / rate if not
    given).
    """
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.time_base = stream.time_base = time_base or 1 / rate
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=error"}
        setup(stream)
        voice: Any = target.add_stream(sound, rate=44100, layout="stereo") if sound else None
        if voice is not None:
            voice.bit_rate = 96_000
        for index, frame in enumerate(_sample_frames(frames)):
            picture: Any = frame.reformat(width=size[0], height=size[1], format=pixel_format)
            picture.pts, picture.time_base, picture.pict_type = (
                pts(index),
                stream.codec_context.time_base,
                PictureType.NONE,
            )
            target.mux(stream.encode(picture))
            if voice is not None:
                target.mux(voice.encode(_tone(index, rate)))
        target.mux(stream.encode(None))
        if voice is not None:
            target.mux(voice.encode(None))
    return path


def with_rotation(source: Path, target: Path, degrees: int) -> Path:
    """The same packets with a display rotation, counter-clockwise, as phones write it."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        stream.set_display_rotation(degrees)
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    return target


def frame_times(path: Path) -> list[Fraction]:
    """Presentation times of all decoded frames."""
    with av.open(str(path)) as container:
        return [
            frame.pts * frame.time_base
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def packet_times(path: Path) -> list[Fraction]:
    """Presentation times of all video packets, in order of time."""
    with av.open(str(path)) as container:
        return sorted(
            p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None and p.size
        )


def sound_packets(path: Path) -> list[tuple[Fraction, str]]:
    """Time and content of every packet of the first sound stream."""
    with av.open(str(path)) as container:
        return [
            (p.pts * p.time_base, hashlib.sha256(bytes(p)).hexdigest())
            for p in container.demux(audio=0)
            if p.pts is not None and p.size
        ]


def stream_of(path: Path) -> Any:
    """Facts of the first video stream, read from a closed file."""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        names = (
            "width",
            "height",
            "pix_fmt",
            "color_range",
            "colorspace",
            "name",
            "sample_aspect_ratio",
        )
        return {name: getattr(context, name) for name in names} | {
            "streams": [stream.type for stream in container.streams]
        }


def pictures(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def x264_options(path: Path) -> dict[str, str]:
    """What x264 says in a file that it worked by."""
    found = re.search(rb"x264 - core.*?options: ([ -~]*)", path.read_bytes())
    assert found is not None
    return dict(pair.split("=", 1) for pair in found[1].decode().split())


def _sample_frames(count: int) -> list[av.VideoFrame]:
    return _all_sample_frames()[:count]


@cache
def _all_sample_frames() -> list[av.VideoFrame]:
    """The sample clip from second 3 on, where there are cars and people in every frame."""
    with av.open(str(SAMPLE)) as container:
        return [frame for index, frame in enumerate(container.decode(video=0)) if index >= 75]


def _tone(index: int, rate: Fraction) -> av.AudioFrame:
    """The sound of one video frame."""
    first, last = (int(44100 * number / rate) for number in (index, index + 1))
    wave = np.sin(np.arange(first, last) * 2 * np.pi * 440 / 44100).astype(np.float32) * 0.2
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = 44100, first
    return frame
