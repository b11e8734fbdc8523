"""Add up where the objects of one live source stood."""

import threading

from ssd_live.analytics.zones import anchors_of
from ssd_live.detections import Detections
from ssd_live.imaging.heat import HeatGrid, heat_pixels
from ssd_live.imaging.pixels import Pixels
from ssd_live.pipeline.live import LiveFrame


class LiveHeatMap:
    """The heat map of one source: where the feet of its objects were, since it was opened.

    The infer thread calls `note`, and any thread may call the other methods.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._grid: HeatGrid | None = None
        self._source_number = 0

    def note(self, live_frame: LiveFrame, visible: Detections) -> None:
        """Count where the `visible` objects of a frame are. Another source begins anew."""
        frame = live_frame.frame
        if visible.observed is not None:
            visible = visible.where(visible.observed)
        size = frame.width, frame.height
        with self._lock:
            if live_frame.source_number < self._source_number:
                return
            is_new = live_frame.source_number > self._source_number
            if self._grid is None or is_new or self._grid.size != size:
                self._grid, self._source_number = HeatGrid(size), live_frame.source_number
            self._grid.add(anchors_of(visible.boxes, "feet"))

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._grid = None

    def pixels(self) -> Pixels | None:
        """Return the heat map as BGRA (h, w, 4) uint8 over the whole frame, or None if it is empty.

        Whoever shows it enlarges it smoothly.
        """
        with self._lock:
            counts = None if self._grid is None else self._grid.counts.copy()
        return None if counts is None or not counts.any() else heat_pixels(counts)
