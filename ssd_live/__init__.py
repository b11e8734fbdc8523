"""Real-time object detection with SSD (Liu et al. 2016).

import ssd_live
with ssd_live.load() as detector:
    result = detector(image_bgr)
"""

from typing import TYPE_CHECKING, Any

from ssd_live.errors import SsdLiveError

if TYPE_CHECKING:
    from ssd_live.detection.detector import Detector, load
    from ssd_live.detections import Detections

__all__ = ["Detections", "Detector", "SsdLiveError", "__version__", "load"]
__version__ = "0.1.0"

_HOMES = {
    "load": "ssd_live.detection.detector",
    "Detector": "ssd_live.detection.detector",
    "Detections": "ssd_live.detections",
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
