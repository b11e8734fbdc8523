"""Write the objects of a recording to the index while it goes on."""

import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from ssd_live.detections import Detections
from ssd_live.errors import SsdLiveError
from ssd_live.imaging.crops import crop
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.index.collect import PICTURE_PIXELS, NewSource, SourceWriter
from ssd_live.index.database import Index
from ssd_live.reporting.log import Count, Event, Found, LogFrame
from ssd_live.reporting.summary import picture_worth

_FLUSH_SECONDS = 1.0
# Writing fails so often one after the other before it is given up.
_MOST_FAILURES = 20
# Frames that wait while the disk stalls. Of more, the objects are not in the index.
MOST_WAITING = 3000
# A better picture of an object is taken so often at most, and only if it is so much better.
_PICTURE_SECONDS, _BETTER = 1.0, 1.15
# An object that was not seen for so long gets a new picture when it comes back.
_FORGET_SECONDS = 10.0

_Item = tuple[LogFrame, Mapping[int, Pixels]]


class RecordingIndex:
    """The objects of one recording, which go into the index in a thread of their own.

    `path` is the file of the index. `notify` gets one line if the index cannot be written; the
    recording goes on then. Nothing is written if no object is followed.
    """

    def __init__(self, path: Path, source: NewSource, notify: Callable[[str], None]) -> None:
        self._path, self._source, self._notify = path, source, notify
        self._items: queue.Queue[_Item] = queue.Queue(MOST_WAITING)
        # The time and the worth of the last picture of each object.
        self._taken: dict[int, tuple[float, float]] = {}
        self._end = threading.Event()
        self._files: tuple[Path, Path] | None = None
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)
        self._thread.start()

    def add(
        self,
        time: float,
        frame: Frame,
        found: Detections,
        counts: tuple[Count, ...] = (),
        events: tuple[Event, ...] = (),
    ) -> None:
        """Add a frame of the recording at a time in seconds. It does not wait.

        `found` are its detections with ids, and `frame` has its pixels.
        """
        if found.track_ids is None or self._items.full():
            return
        each = tuple(
            Found(one.name, one.score, one.box, one.track_id, one.observed) for one in found
        )
        pictures = {}
        for one in each:
            picture = self._picture(time, frame, one)
            if picture is not None and one.track_id is not None:
                pictures[one.track_id] = picture
        self._items.put_nowait((LogFrame(time, each, counts, events), pictures))

    def close(self, timeout: float, files: tuple[Path, Path] | None) -> None:
        """Write the rest, and wait so many seconds for that.

        `files` are the log and the video if the recording is complete, otherwise None.
        """
        self._files = files
        self._end.set()
        self._thread.join(timeout)

    def _picture(self, time: float, frame: Frame, one: Found) -> Pixels | None:
        """Return a picture of an object if it is better than the one before, otherwise None."""
        if one.track_id is None or not one.is_observed:
            return None
        worth = picture_worth(one, frame.width, frame.height)
        at, best = self._taken.get(one.track_id, (-_FORGET_SECONDS, 0.0))
        if time < at + _PICTURE_SECONDS or worth < _BETTER * best:
            return None
        if len(self._taken) > MOST_WAITING:
            self._taken.clear()
        self._taken[one.track_id] = time, worth
        return crop(frame, one.box, PICTURE_PIXELS)

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                index = stack.enter_context(Index(self._path))
                for note in index.notes:
                    self._notify(note)
                writer = SourceWriter(index, self._source)
                failures = 0
                while not self._end.wait(_FLUSH_SECONDS):
                    self._add_waiting(writer)
                    try:
                        writer.flush()
                        failures = 0
                    except SsdLiveError:
                        # Another program may hold the file for a while; nothing is lost.
                        failures += 1
                        if failures == _MOST_FAILURES:
                            raise
                self._add_waiting(writer)
                if self._files is not None:
                    writer.finish(self._files)
                else:
                    writer.flush()
        except Exception as error:  # the recording must go on
            self._notify(f"the recording goes on, but its objects cannot be found again: {error}")

    def _add_waiting(self, writer: SourceWriter) -> None:
        while True:
            try:
                writer.add(*self._items.get_nowait())
            except queue.Empty:
                return
