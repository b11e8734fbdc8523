"""Choose the encoder options of a live recording so that each frame is encoded before the next."""

import time
from collections.abc import Sequence

import av
from av.video.frame import PictureType

from ssd_live.imaging.planes import planes_of
from ssd_live.system import machine
from ssd_live.video.encoders import DEFAULT_CRF, Encoder, open_encoder, software_encoder

# The encoder holds no frames back, so that none are lost if the program crashes. This rules out a
# lookahead.
_TUNE = {"tune": "zerolatency"}
# Sorted from the best compression to the fastest. Their times and file sizes are in
# docs/benchmarks-log.md.
_EFFORTS = (
    {"preset": "veryfast", "x264-params": "partitions=i8x8,i4x4"},
    {"preset": "superfast"},
    {"preset": "ultrafast", "x264-params": "subme=1"},
)
# The encoder's share of the CPU time of all cores between two frames. The rest is for capture,
# inference and display.
_SHARE = 1 / 3
# Frames that arrive slowly, for example from a paused source, may arrive faster later. A longer
# interval than this is thus not trusted.
_SLOWEST_SECONDS = 1 / 30
_TRIAL_SIZE = (640, 360)


def live_options(
    encoder: Encoder, pictures: Sequence[av.VideoFrame], interval: float
) -> dict[str, str]:
    """Return the FFmpeg options with which `encoder` can keep up with a live recording.

    `pictures` are the first frames of the recording, in order, and one frame comes every `interval`
    seconds. For libx264, the result is for one of the three efforts in `_EFFORTS` (how much work
    the encoder does to make the file smaller). It is the highest effort that needs at most `_SHARE`
    of the CPU time between two frames, or the lowest effort if all need more. With fewer than two
    frames nothing can be measured, and the result is for the middle effort. VP9 gets its fastest
    options. Every other encoder gets its usual options, because it is a hardware encoder and needs
    little CPU time.
    """
    if encoder == software_encoder("vp9"):
        return encoder.options_for(DEFAULT_CRF["vp9"], "fastest") | {"lag-in-frames": "0"}
    if encoder.name != "libx264":
        return encoder.options_for(DEFAULT_CRF["h264"])
    budget = machine.available_cores() * min(interval, _SLOWEST_SECONDS) * _SHARE
    efforts = [{"crf": str(DEFAULT_CRF["h264"])} | _TUNE | effort for effort in _EFFORTS]
    if len(pictures) < 2:
        return efforts[1]
    return next(
        (options for options in efforts[:-1] if seconds_per_frame(pictures, options) <= budget),
        efforts[-1],
    )


def seconds_per_frame(pictures: Sequence[av.VideoFrame], options: dict[str, str]) -> float:
    """Return the CPU time in seconds that libx264 needs to encode one frame of a video.

    `pictures` are at least two frames of the video, in order, and `options` are libx264's options.
    The time is measured on the centres of the frames and scaled to the whole frame. The first frame
    is not counted, because it is a key frame.
    """
    parts = [centre_of(picture) for picture in pictures]
    context = open_encoder(
        "libx264", "yuv420p", (parts[0].width, parts[0].height), options, threads=1
    )
    began = 0.0
    for number, part in enumerate(parts):
        part.pts, part.time_base, part.pict_type = number, context.time_base, PictureType.NONE
        context.encode(part)
        # The clock starts after the first frame, because that is a key frame.
        began = began or time.thread_time()
    whole, tried = pictures[0].width * pictures[0].height, parts[0].width * parts[0].height
    return (time.thread_time() - began) / (len(parts) - 1) * whole / tried


def centre_of(picture: av.VideoFrame) -> av.VideoFrame:
    """Return a copy of the centre of a yuv420p frame.

    The size of the copy is `_TRIAL_SIZE` (width, height). If the frame is narrower or lower than
    that, its whole width or height is copied.
    """
    width, height = min(picture.width, _TRIAL_SIZE[0]), min(picture.height, _TRIAL_SIZE[1])
    left, top = (picture.width - width) // 4 * 2, (picture.height - height) // 4 * 2
    part = av.VideoFrame(width, height, "yuv420p")
    for scale, source, target in zip((1, 2, 2), planes_of(picture), planes_of(part), strict=True):
        target[:] = source[top // scale :, left // scale :][: target.shape[0], : target.shape[1]]
    return part
