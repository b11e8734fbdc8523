"""A live encoder's effort by its deadline, which is the next frame."""

import time
from collections.abc import Sequence

import av
from av.video.frame import PictureType

from ssd_live.imaging.planes import planes_of
from ssd_live.system import machine
from ssd_live.video.encoders import DEFAULT_CRF, Encoder, open_encoder

# Nothing is held back in the encoder, so that nothing of it is lost with the program; that leaves
# no lookahead to gain by.
_TUNE = {"tune": "zerolatency"}
# The best first; what each takes and gives is in docs/benchmarks.md.
_EFFORTS = (
    {"preset": "veryfast", "x264-params": "partitions=i8x8,i4x4"},
    {"preset": "superfast"},
    {"preset": "ultrafast", "x264-params": "subme=1"},
)
# Of all cores' time between two frames: the rest is for taking, looking at and showing them.
_SHARE = 1 / 3
# Frames that came slowly, as those of a source that was paused, may come faster later.
_SLOWEST_SECONDS = 1 / 30
_TRIAL_SIZE = (640, 360)


def live_options(
    encoder: Encoder, pictures: Sequence[av.VideoFrame], interval: float
) -> dict[str, str]:
    """Options for frames like these, in order, one every `interval` seconds: the best effort that
    leaves time for everything else, the middle one where a single picture tells nothing.

    A hardware encoder takes no time of the processor's: its are as they always are.
    """
    if encoder.name != "libx264":
        return encoder.options_for(DEFAULT_CRF["h264"])
    budget = machine.available_cores() * min(interval, _SLOWEST_SECONDS) * _SHARE
    efforts = [{"crf": str(DEFAULT_CRF["h264"])} | _TUNE | effort for effort in _EFFORTS]
    if len(pictures) < 2:
        return efforts[1]
    return next(
        (options for options in efforts[:-1] if _seconds_a_frame(pictures, options) <= budget),
        efforts[-1],
    )


def _seconds_a_frame(pictures: Sequence[av.VideoFrame], options: dict[str, str]) -> float:
    """Processor time for one of them after the first, as their middles take it."""
    parts = [_middle(picture) for picture in pictures]
    context = open_encoder(
        "libx264", "yuv420p", (parts[0].width, parts[0].height), options, threads=1
    )
    began = 0.0
    for number, part in enumerate(parts):
        part.pts, part.time_base, part.pict_type = number, context.time_base, PictureType.NONE
        context.encode(part)
        # The first one is a key frame.
        began = began or time.thread_time()
    whole, tried = pictures[0].width * pictures[0].height, parts[0].width * parts[0].height
    return (time.thread_time() - began) / (len(parts) - 1) * whole / tried


def _middle(picture: av.VideoFrame) -> av.VideoFrame:
    """A copy of at most the trial's size, with even sides."""
    width, height = min(picture.width, _TRIAL_SIZE[0]), min(picture.height, _TRIAL_SIZE[1])
    left, top = (picture.width - width) // 4 * 2, (picture.height - height) // 4 * 2
    part = av.VideoFrame(width, height, "yuv420p")
    for scale, source, target in zip((1, 2, 2), planes_of(picture), planes_of(part), strict=True):
        target[:] = source[top // scale :, left // scale :][: target.shape[0], : target.shape[1]]
    return part
