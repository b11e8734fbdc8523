"""Keep a list of the objects that one live source has shown, each with a picture."""

import math
import threading
import time
from dataclasses import dataclass, replace

from ssd_live.detections import Detection, Detections
from ssd_live.imaging.crops import crop
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.live import LiveFrame

# The list keeps so many objects, the newest ones.
MOST_OBJECTS = 500
# The longer side of a picture, in pixels.
PICTURE_PIXELS = 128
# A picture is replaced by one that is better by this factor.
_BETTER = 1.2
# An object at the edge of the frame is only partly seen; its picture counts this much.
_AT_EDGE = 0.4
# So many pictures are made of one frame at most, because inference waits for it.
_PICTURES_A_FRAME = 2


@dataclass(frozen=True, eq=False)
class SeenObject:
    """An object that was followed: its id, its class, when it was seen, and its best picture.

    `first` and `last` are the times of the first and the last frame with it, in seconds of the
    source; `first_clock` is the time of day of the first one, in seconds since 1970. `picture` is
    BGR (h, w, 3) uint8 with at most `PICTURE_PIXELS` on a side, or None.
    """

    track_id: int
    name: str
    first: float
    last: float
    first_clock: float
    picture: Pixels | None = None
    picture_worth: float = 0.0

    @property
    def seconds(self) -> float:
        """How long the object was seen, in seconds."""
        return self.last - self.first


class SeenObjects:
    """The objects of one source that were shown while objects are tracked.

    The infer thread calls `note`, and any thread may call the other methods.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[int, SeenObject] = {}
        self._time = 0.0
        self._source_number = 0

    def note(self, live_frame: LiveFrame, visible: Detections) -> None:
        """Note the `visible` objects of a frame. Another source begins the list anew."""
        frame = live_frame.frame
        pictures = _PICTURES_A_FRAME if live_frame.inferred else 0
        with self._lock:
            if live_frame.source_number < self._source_number:
                return
            if live_frame.source_number > self._source_number:
                self._source_number = live_frame.source_number
                self._objects.clear()
            self._time = frame.time
            if visible.track_ids is None:
                return
            for one in visible:
                assert one.track_id is not None
                its = self._objects.get(one.track_id)
                if its is None:
                    clock = time.time() - (time.monotonic() - frame.captured_at)
                    its = SeenObject(one.track_id, one.name, frame.time, frame.time, clock)
                # A recording that repeats is seen again at earlier times.
                its = replace(its, name=one.name, last=max(frame.time, its.last))
                worth = _worth(frame, one)
                if pictures and one.observed and worth > _BETTER * its.picture_worth:
                    picture = crop(frame, one.box, PICTURE_PIXELS)
                    its = replace(its, picture=picture, picture_worth=worth)
                    pictures -= 1
                self._objects[one.track_id] = its
            while len(self._objects) > MOST_OBJECTS:
                del self._objects[next(iter(self._objects))]

    def clear(self) -> None:
        """Forget all objects, as when another source is opened."""
        with self._lock:
            self._objects.clear()

    def newest_first(self) -> tuple[list[SeenObject], float]:
        """Return all objects, the one that was seen first last, and the time of the last frame."""
        with self._lock:
            return list(reversed(self._objects.values())), self._time


def _worth(frame: Frame, one: Detection) -> float:
    """Return how well a picture shows an object: its score times its size in pixels."""
    x1, y1, x2, y2 = one.box
    edge = 0.01 * frame.width
    is_whole = x1 > edge and y1 > edge and x2 < frame.width - edge and y2 < frame.height - edge
    size = math.sqrt(max((x2 - x1) * (y2 - y1), 0.0))
    return one.score * size * (1.0 if is_whole else _AT_EDGE)
