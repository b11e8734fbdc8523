"""Hardware video decoders: which of them decodes a file here, and as the processor does."""

import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available

from ssd_live.imaging.planes import as_yuv420p, planes_of
from ssd_live.video.containers import open_input

# FFmpeg's names, the most specific first; what is not built into this FFmpeg or has no device here
# is passed over.
_KINDS = {"win32": ("cuda", "qsv", "d3d12va", "d3d11va", "dxva2"), "darwin": ("videotoolbox",)}.get(
    sys.platform, ("cuda", "qsv", "vaapi")
)


@dataclass(frozen=True)
class Accelerator:
    """FFmpeg's name of the hardware, and what a file is opened with."""

    name: str
    hwaccel: HWAccel


def working_accelerator(
    path: Path, options: dict[str, str], index: int, first: av.VideoFrame
) -> Accelerator | None:
    """One that decodes stream `index` of a file, whose first picture is exactly `first`; None where
    there is none.
    """
    for kind in _KINDS:
        if kind in hwdevices_available():
            accelerator = Accelerator(kind, HWAccel(device_type=kind, allow_software_fallback=True))
            picture = _first_picture(path, options, index, accelerator)
            if picture is not None and _same(picture, first):
                return accelerator
    return None


def _first_picture(
    path: Path, options: dict[str, str], index: int, accelerator: Accelerator
) -> av.VideoFrame | None:
    """None where the hardware does not decode it: without a device, or for its codec, size or pixel
    format.
    """
    try:
        with open_input(f"file:{path}", options=options, hwaccel=accelerator.hwaccel) as container:
            stream = container.streams[index]
            assert isinstance(stream, av.video.stream.VideoStream)
            picture = next(container.decode(stream), None)
            return picture if stream.codec_context.is_hwaccel else None
    # A driver can fail in every way that its library has an error for.
    except (av.FFmpegError, OSError, RuntimeError, ValueError, NotImplementedError):
        return None


def _same(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    """Standards leave a decoder of H.264, HEVC, VP9 or AV1 no choice in any pixel."""
    if (one.width, one.height, one.pts) != (other.width, other.height, other.pts):
        return False
    pictures = (planes_of(as_yuv420p(frame, frame.width, frame.height)) for frame in (one, other))
    return all(np.array_equal(*planes) for planes in zip(*pictures, strict=True))
