"""Real-time object detection with SSD (Liu et al. 2016).

import ssd_live
with ssd_live.VideoFile("annotated.mp4", rate=25) as video:
    for frame, found in ssd_live.detect("clip.mp4"):
        video.write(ssd_live.draw(frame, found))
"""

from typing import TYPE_CHECKING, Any

from ssd_live.errors import SsdLiveError

if TYPE_CHECKING:
    from ssd_live.detection.detector import Detector, load
    from ssd_live.detection.video import SourceDetections, detect, track
    from ssd_live.detections import Detection, Detections
    from ssd_live.imaging.overlay import draw
    from ssd_live.video.image_video import VideoFile

__all__ = [
    "Detection",
    "Detections",
    "Detector",
    "SourceDetections",
    "SsdLiveError",
    "VideoFile",
    "__version__",
    "detect",
    "draw",
    "load",
    "track",
]
__version__ = "0.1.0"

_HOMES = {
    "load": "ssd_live.detection.detector",
    "Detector": "ssd_live.detection.detector",
    "detect": "ssd_live.detection.video",
    "SourceDetections": "ssd_live.detection.video",
    "track": "ssd_live.detection.video",
    "Detection": "ssd_live.detections",
    "Detections": "ssd_live.detections",
    "draw": "ssd_live.imaging.overlay",
    "VideoFile": "ssd_live.video.image_video",
}


def __getattr__(name: str) -> Any:
    """Return the public object `name` of this package, such as `load`.

    Its module is imported only when the name is used, so that `import ssd_live` and `--help` are
    quick. Raises `AttributeError` if there is no such name.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'ssd_live' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
