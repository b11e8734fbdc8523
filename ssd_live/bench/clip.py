"""Write the generated test pattern to a video file, so that `bench` needs no clip of that size."""

from fractions import Fraction
from pathlib import Path

import av

from ssd_live.errors import MediaError
from ssd_live.video.sources import SourceOptions, SourceSpec
from ssd_live.video.sources.pattern import PatternSource

_FRAMES = 120
_RATE = 30


def pattern_clip(spec: SourceSpec, path: Path) -> Path:
    """Write four seconds of the test pattern to the file `path` as H.264, and return `path`.

    `spec` is the specification of the pattern; its address gives the size. An odd width or height
    is reduced by one pixel. Raises `MediaError` if the written file is empty.
    """
    source = PatternSource(spec.address, SourceOptions())
    first = source.picture(0)
    height, width = (side & ~1 for side in first.shape[:2])
    with av.open(str(path), "w") as target:
        stream = target.add_stream(
            "libx264", rate=Fraction(_RATE), options={"preset": "veryfast", "crf": "20"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(_FRAMES):
            target.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(
                        source.picture(index)[:height, :width].copy(), format="bgr24"
                    )
                )
            )
        target.mux(stream.encode(None))
    if not path.stat().st_size:
        raise MediaError(
            f"{path}: the test pattern could not be encoded; choose a file with --source"
        )
    return path
