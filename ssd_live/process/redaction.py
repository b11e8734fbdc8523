"""Define how objects are hidden, and the stages that do it, between inference and the outputs."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.planes import copied, planes_of
from ssd_live.imaging.redaction import DEFAULT_MARGIN, Hider, HidingStyle
from ssd_live.pipeline.in_flight import FrameDetections
from ssd_live.process.report import Report
from ssd_live.results.records import Record
from ssd_live.results.spool import Spool
from ssd_live.tracking.coverage import Coverage, Doubt
from ssd_live.video.writer import Carried, VideoWriter


@dataclass(frozen=True)
class RedactionOptions:
    """How objects are hidden.

    `classes` are the names of the classes that are hidden. `margin` is how much a box grows at each
    side, as a share of its size. `sound` says whether the copy has the sound of the source; nothing
    else but the frames is carried. `review` is a file: if it does not exist, it gets what would be
    hidden, and no copy is written; otherwise the copy is written by it. None does both at once.
    """

    classes: tuple[str, ...]
    style: HidingStyle = "solid"
    margin: float = DEFAULT_MARGIN
    sound: Literal["keep", "remove"] = "keep"
    review: Path | None = None

    @property
    def carried(self) -> tuple[Carried, ...]:
        """What the copy takes from its source besides the pictures."""
        return ("sound",) if self.sound == "keep" else ()


class CoveredFrames:
    """Frames on their way into a spool, which gets what must be hidden in each of them."""

    def __init__(self, coverage: Coverage, spool: Spool) -> None:
        self._coverage, self._spool = coverage, spool
        # The times and whether inference ran, of the frames that are not finished.
        self._waiting: deque[tuple[int, bool]] = deque()

    def add(self, item: FrameDetections) -> None:
        """Add the next frame; raises `OutputError` if the disk is full."""
        self._waiting.append((item.frame.pts, item.inferred))
        self._keep(self._coverage.add(item.frame.time, item.detections, inferred=item.inferred))

    def finish(self) -> None:
        """Keep what must be hidden in all other frames; raises `OutputError` if the disk is
        full."""
        self._keep(self._coverage.finish())

    def _keep(self, finished: list[Detections]) -> None:
        for found in finished:
            pts, inferred = self._waiting.popleft()
            self._spool.add(found, inferred=inferred, pts=pts)


class Redactor:
    """A callable that hides what was found in a frame, and writes the frame to the output video.

    The frame is written as a copy of its pixels alone. A decoded frame may have captions, places
    and texts beside its pixels, which an encoder copies. The seconds that hiding and encoding take
    are added to `report.stages`.
    """

    def __init__(self, report: Report, style: HidingStyle) -> None:
        self._report, self._style = report, style
        self._hider: Hider | None = None

    def __call__(self, frame: Frame, found: Detections, writer: VideoWriter) -> None:
        started = time.perf_counter()
        if self._hider is None:
            self._hider = Hider(self._style, "yuv420p", frame.matrix)
        picture: av.VideoFrame = copied(frame)
        planes = planes_of(picture)
        self._hider.hide(planes, found.boxes)
        drawn = time.perf_counter()
        writer.write(replace(frame, planes=planes, native=picture))
        stages = self._report.stages
        stages["draw"] = stages.get("draw", 0.0) + drawn - started
        stages["encode"] = stages.get("encode", 0.0) + time.perf_counter() - drawn


def doubt_record(doubt: Doubt) -> Record:
    """Return a doubtful moment as its JSON object in the line of a frame."""
    return {
        "from": round(doubt.begin, 3),
        "to": round(doubt.end, 3),
        "class": doubt.class_name,
        "track_id": doubt.track_id,
        "why": doubt.why,
    }


def united(parts: Sequence[Detections], first_ids: Sequence[int]) -> Detections:
    """Return the detections of several models in one frame as those of one model.

    The classes of the models follow one another. A track of model m has its own id plus
    `first_ids[m]`, so that ids are unique. Parts without ids give a result without ids.
    """
    if len(parts) == 1:
        return parts[0]
    scores = np.concatenate([part.scores for part in parts])
    order = np.argsort(-scores, kind="stable")
    class_ids: list[NDArray[np.int32]] = []
    classes: list[str] = []
    for part in parts:
        class_ids.append((part.class_ids + len(classes)).astype(np.int32))
        classes += list(part.classes)
    ids = [
        part.track_ids + first
        for part, first in zip(parts, first_ids, strict=True)
        if part.track_ids is not None
    ]
    observed = [part.observed for part in parts if part.observed is not None]
    return Detections(
        np.concatenate([part.boxes for part in parts])[order],
        scores[order],
        np.concatenate(class_ids)[order],
        tuple(classes),
        np.concatenate(ids)[order] if ids else None,
        np.concatenate(observed)[order] if observed else None,
    )
