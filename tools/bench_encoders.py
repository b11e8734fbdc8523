"""What each preset of a codec takes and gives: CPU time in one thread, and size at equal quality,
against the default one. Prints a table.

    python tools/bench_encoders.py [CLIP...] [--codec h264] [--frames 120] [--options
    NAME:KEY=VALUE,KEY=VALUE ...]

Every preset encodes the clip's decoded frames at four rate factors; size and time at the quality
(PSNR of luma) that the default preset has at the default rate factor are interpolated between them,
sizes by their logarithm. `--options` adds the encoder's own options to the comparison, such as
`x264's:preset=veryfast`.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import even_sided, planes_of
from ssd_live.system.paths import assets_folder
from ssd_live.video.encoders import (
    CODECS,
    DEFAULT_CRF,
    DEFAULT_PRESET,
    PRESETS,
    Codec,
    open_encoder,
    software_encoder,
)
from ssd_live.video.reader import VideoReader

# Around the default rate factor: wide enough for every preset to pass its quality.
_OFFSETS = (-4, -1, 2, 5)
_TURNS = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "clips", type=Path, nargs="*", default=[assets_folder() / "media" / "bikes.mp4"]
    )
    parser.add_argument(
        "--codec",
        choices=[codec for codec in CODECS if software_encoder(codec).presets],
        default="h264",
    )
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--options", action="append", default=[], metavar="NAME:KEY=VALUE,...")
    asked = parser.parse_args()
    encoder, crf = software_encoder(asked.codec), DEFAULT_CRF[asked.codec]
    ways = {str(preset): encoder.options_for(crf, preset) for preset in PRESETS}
    for text in asked.options:
        name, _, pairs = text.partition(":")
        ways[name] = encoder.options_for(crf) | dict(
            pair.split("=", 1) for pair in pairs.split(",")
        )
    for clip in asked.clips:
        with VideoReader(clip) as reader:
            found = islice(
                (item for item in reader.read() if isinstance(item, Frame)), asked.frames
            )
            frames = [
                frame
                for item in found
                if isinstance(frame := even_sided(item).native, av.VideoFrame)
            ]
        print(
            f"{clip.name}, {frames[0].width} x {frames[0].height}, {len(frames)} frames, "
            f"{encoder.name}"
        )
        curves = {
            name: [_encode(asked.codec, options, crf + offset, frames) for offset in _OFFSETS]
            for name, options in ways.items()
        }
        quality = float(np.interp(0.0, _OFFSETS, [point[2] for point in curves[DEFAULT_PRESET]]))
        base = _at(curves[DEFAULT_PRESET], quality)
        print(
            f"  {DEFAULT_PRESET}: {1000 * base[0] / len(frames):.2f} ms and "
            f"{base[1] / len(frames):.0f} bytes a frame at {quality:.2f} dB"
        )
        for name, curve in curves.items():
            seconds, size = _at(curve, quality)
            print(f"  {name:12} time x {seconds / base[0]:.2f}, size x {size / base[1]:.2f}")


def _at(curve: Sequence[tuple[float, int, float]], quality: float) -> tuple[float, float]:
    """CPU seconds and bytes where a curve, best quality first, has this quality."""
    rising = sorted(curve, key=lambda point: point[2])
    qualities = [point[2] for point in rising]
    seconds = float(np.interp(quality, qualities, [point[0] for point in rising]))
    return seconds, math.exp(
        float(np.interp(quality, qualities, [math.log(point[1]) for point in rising]))
    )


def _encode(
    codec: Codec, options: dict[str, str], crf: int, frames: Sequence[av.VideoFrame]
) -> tuple[float, int, float]:
    """CPU seconds (the best of some turns), bytes, and PSNR of luma in dB."""
    encoder, best = software_encoder(codec), math.inf
    packets: list[av.Packet[Any]] = []
    for _ in range(_TURNS):
        wanted = options | dict.fromkeys(encoder.quality, str(crf))
        context = open_encoder(
            encoder.name,
            encoder.pixel_format,
            (frames[0].width, frames[0].height),
            wanted,
            threads=1,
        )
        packets.clear()
        began = time.process_time()
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = (
                number,
                context.time_base,
                PictureType.NONE,
            )
            packets += context.encode(frame)
        packets += context.encode(None)
        best = min(best, time.process_time() - began)
    decoder = av.VideoCodecContext.create("libdav1d" if codec == "av1" else codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata = context.extradata
    shown = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    errors = [
        np.mean((planes_of(a)[0].astype(np.float32) - planes_of(b)[0]) ** 2)
        for a, b in zip(shown, frames, strict=True)
    ]
    return (
        best,
        sum(packet.size for packet in packets),
        10 * math.log10(255**2 / float(np.mean(errors))),
    )


if __name__ == "__main__":
    main()
