"""Find a hardware decoder that decodes a file to exactly the same pixels as the CPU."""

import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available

from ssd_live.imaging.planes import as_yuv420p, planes_of
from ssd_live.video.containers import open_input

# FFmpeg's names of the hardware decoders to try, the most specific first. Names that this FFmpeg
# does not support or that have no device on this machine are skipped.
KINDS = {"win32": ("cuda", "qsv", "d3d12va", "d3d11va", "dxva2"), "darwin": ("videotoolbox",)}.get(
    sys.platform, ("cuda", "qsv", "vaapi")
)


@dataclass(frozen=True)
class Accelerator:
    """A hardware decoder.

    `name` is FFmpeg's name of the decoder, such as cuda. `hwaccel` is the argument with which PyAV
    opens a file for this decoder.
    """

    name: str
    hwaccel: HWAccel


def working_accelerator(
    path: Path, options: dict[str, str], index: int, first: av.VideoFrame
) -> Accelerator | None:
    """Return the first hardware decoder that works for a file, or None if no decoder works.

    `index` is the number of the video stream in the file. `first` is the first frame of this
    stream, decoded by the CPU. A hardware decoder works if it decodes this frame to exactly the
    same pixels. `options` are FFmpeg's options for opening the file.
    """
    for kind in KINDS:
        if kind in hwdevices_available():
            accelerator = Accelerator(kind, HWAccel(device_type=kind, allow_software_fallback=True))
            picture = first_picture(path, options, index, accelerator)
            if picture is not None and _same(picture, first):
                return accelerator
    return None


def kept_on_gpu(
    path: Path, options: dict[str, str], index: int
) -> tuple[Accelerator, av.VideoFrame] | None:
    """Return a decoder that leaves a video's frames in NVIDIA GPU memory, and the first frame.

    The first frame is in GPU memory too. Return None if the GPU does not decode this video to NV12,
    the only format that the kernels of this program read. `path`, `options` and `index` have the
    same meaning as in `working_accelerator`.
    """
    hwaccel = HWAccel("cuda", allow_software_fallback=False, is_hw_owned=True)
    accelerator = Accelerator("cuda", hwaccel)
    picture = first_picture(path, options, index, accelerator)
    if picture is None or picture.sw_format is None or picture.sw_format.name != "nv12":
        return None
    return accelerator, picture


def first_picture(
    path: Path, options: dict[str, str], index: int, accelerator: Accelerator
) -> av.VideoFrame | None:
    """Return the first frame of a video stream, decoded by the hardware decoder `accelerator`.

    `index` is the number of the stream in the file, and `options` are FFmpeg's options for opening
    the file. Return None if the hardware cannot decode the frame, for example because there is no
    device or because the device does not support the codec, the size or the pixel format.
    """
    try:
        with open_input(f"file:{path}", options=options, hwaccel=accelerator.hwaccel) as container:
            stream = container.streams[index]
            assert isinstance(stream, av.video.stream.VideoStream)
            picture = next(container.decode(stream), None)
            return picture if stream.codec_context.is_hwaccel else None
    # A failing driver can raise any of the errors that PyAV has.
    except (av.FFmpegError, OSError, RuntimeError, ValueError, NotImplementedError):
        return None


def _same(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    """Return whether two frames have the same size, time and pixels.

    The comparison is exact, because the standards of H.264, HEVC, VP9 and AV1 define every pixel.
    """
    if (one.width, one.height, one.pts) != (other.width, other.height, other.pts):
        return False
    pictures = (planes_of(as_yuv420p(frame, frame.width, frame.height)) for frame in (one, other))
    return all(np.array_equal(*planes) for planes in zip(*pictures, strict=True))
