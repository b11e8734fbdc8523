"""Hide objects in live frames before anybody sees, records or keeps them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import copied, planes_of
from ssd_live.imaging.redaction import DEFAULT_MARGIN, THRESHOLD_SHARE, Hider, HidingStyle
from ssd_live.tracking.coverage import grown_boxes

# A box stays hidden for so long after it was found, so that a missed frame shows nothing.
_HOLD_SECONDS = 0.5


class LiveRedactor:
    """Hides objects of some classes in the frames of one live source, one after another.

    Upper and lower case of the names do not matter. If a class is not among those of the model, or
    if there are no detections, the whole frame is hidden.
    """

    def __init__(self, classes: Sequence[str], style: HidingStyle) -> None:
        self._names = [name.casefold() for name in classes]
        self._style = style
        self._hider: Hider | None = None
        self._made_for: tuple[object, ...] = ()
        # The boxes of the last frames, with their times.
        self._last: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._source_number = -1

    def redacted(
        self,
        frame: Frame,
        source_number: int,
        found: Sequence[Detections | None],
        thresholds: Sequence[float],
    ) -> Frame:
        """Return a copy of a frame without what is hidden.

        `found` are the detections of the network and of the tracker, of which any may be None.
        `thresholds` are the display thresholds of the classes; an object counts from half of them
        on. `source_number` is the number of the source of the frame.
        """
        if source_number != self._source_number:
            self._last.clear()
            self._source_number = source_number
        # Times of the source, so that slow playing does not shorten it.
        now = frame.time
        if self._last and now < self._last[-1][0]:
            self._last.clear()
        boxes = self._boxes(frame, found, thresholds)
        while self._last and now - self._last[0][0] > _HOLD_SECONDS:
            self._last.popleft()
        hidden = np.concatenate([boxes, *(earlier for _, earlier in self._last)])
        self._last.append((now, boxes))
        return self._hidden(frame, hidden)

    def _boxes(
        self, frame: Frame, found: Sequence[Detections | None], thresholds: Sequence[float]
    ) -> NDArray[np.float32]:
        """Return the boxes to hide in a frame, with their margins."""
        known = [each for each in found if each is not None]
        whole = np.array([[0, 0, frame.width, frame.height]], np.float32)
        if not known:
            return whole
        boxes = [np.zeros((0, 4), np.float32)]
        for each in known:
            classes = [name.casefold() for name in each.classes]
            if not set(self._names) <= set(classes):
                return whole
            is_named = np.isin(each.class_ids, [classes.index(name) for name in self._names])
            if each.track_ids is None and len(thresholds) == len(classes):
                lowest = THRESHOLD_SHARE * np.array(thresholds, np.float32)
                is_named &= each.scores >= lowest[each.class_ids]
            boxes.append(grown_boxes(each.boxes[is_named], DEFAULT_MARGIN))
        return np.concatenate(boxes)

    def _hidden(self, frame: Frame, boxes: NDArray[np.float32]) -> Frame:
        made_for = frame.pixel_format, frame.matrix
        if self._hider is None or self._made_for != made_for:
            self._hider = Hider(self._style, frame.pixel_format, frame.matrix)
            self._made_for = made_for
        if frame.pixel_format == "yuv420p" and not (frame.width % 2 or frame.height % 2):
            picture = copied(frame)
            planes = planes_of(picture)
            self._hider.hide(planes, boxes)
            return replace(frame, planes=planes, native=picture)
        copies = tuple(np.array(plane) for plane in frame.planes)
        self._hider.hide(copies, boxes)
        return replace(frame, planes=copies, native=None)
