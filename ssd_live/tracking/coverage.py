"""Say which boxes of each frame must be hidden, also where the network missed an object.

A track begins when the network has found its object, which may have been in the picture before. It
is thus carried on beyond both of its ends, and each box is joined with those of the frames beside
it.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections

# A track is carried on for so long before its first and after its last frame, in seconds of the
# video.
EXTENSION_SECONDS = 0.3
# The motion at the ends of a track is measured over this time.
_FIT_SECONDS = 0.3
# Over a gap of this length, nobody knows whether the object went straight on.
_LONG_GAP_SECONDS = 0.5
# A box that moves so far between two frames, as a share of its size, may be behind its object.
_FAST_SHARE = 0.25
# A weak track is not doubtful where so much of its box lies in the box of one strong track.
_INSIDE_SHARE = 0.5
# Times are compared with this tolerance in seconds.
_TINY = 1e-6

Box = NDArray[np.float64]


@dataclass(frozen=True)
class Doubt:
    """A moment that a person should look at: from `begin` to `end`, in seconds of the source.

    `why` is "low score", "gap filled", "fast motion", "begins inside" or "ends inside" (the
    picture, and not at its edge).
    """

    begin: float
    end: float
    class_name: str
    track_id: int
    why: str

    def renumbered(self, first_id: int) -> "Doubt":
        """Return the same moment with `first_id` added to the id of its track."""
        return replace(self, track_id=self.track_id + first_id)


@dataclass(eq=False)
class _Waiting:
    """A frame that is not finished: its detections, and rows of what is hidden besides them."""

    time: float
    found: Detections
    cover: NDArray[np.float32]
    more: list[tuple[Box, float, int, int]] = field(default_factory=list)


@dataclass(eq=False)
class _Track:
    """What is known of a track while the frames go by. `end` is the time of its last frame.

    `moments` are its doubtful moments: begin, end and why.
    """

    track_id: int
    class_id: int
    begin: float
    end: float
    score: float
    seen_at: float
    first: list[tuple[float, Box]] = field(default_factory=list)
    last: deque[tuple[float, Box]] = field(default_factory=deque)
    moments: list[tuple[float, float, str]] = field(default_factory=list)
    is_extended: bool = False
    is_missed: bool = False
    is_alone: bool = False

    def add(self, time: float, box: Box) -> None:
        self.end = time
        if time - self.begin <= _FIT_SECONDS + _TINY:
            self.first.append((time, box))
        self.last.append((time, box))
        while time - self.last[0][0] > _FIT_SECONDS + _TINY:
            self.last.popleft()

    def note(self, begin: float, end: float, why: str) -> None:
        """Note a doubtful moment. One that goes on where the last one ended makes that longer."""
        for number, (earlier, last, same) in enumerate(self.moments):
            if same == why and begin - last <= _TINY:
                self.moments[number] = (earlier, end, why)
                return
        self.moments.append((begin, end, why))


class Coverage:
    """What must be hidden in the frames of one source, which come in the order of time.

    `classes` are the names of the C classes, and `thresholds` (C,) their display thresholds; a
    track whose score never reaches its threshold is doubtful. `size` is the (width, height) of the
    frames in pixels. Each box grows by `margin` of its own width at its left and right, and of its
    height above and below.

    `doubts` are the doubtful moments so far, in no order.
    """

    def __init__(
        self,
        classes: Sequence[str],
        thresholds: Sequence[float],
        size: tuple[int, int],
        margin: float,
    ) -> None:
        self._classes, self._thresholds = classes, thresholds
        self._size, self._margin = size, margin
        self.doubts: list[Doubt] = []
        self._begin()

    def _begin(self) -> None:
        self._frames: deque[_Waiting] = deque()
        self._tracks: dict[int, _Track] = {}
        self._start = 0.0

    def add(self, time: float, found: Detections, *, inferred: bool = True) -> list[Detections]:
        """Add the next frame, and return what is hidden in the frames that are now finished.

        `time` is in seconds. `found` holds the tracks of the frame, and `inferred` says whether
        inference ran on it. In the result, `boxes` are the regions to hide, inside the frame, and
        `observed` is false for what was carried on beyond a track. Every frame is returned once, in
        order. If the time goes back, all tracks end.
        """
        finished: list[Detections] = []
        if self._frames and time < self._frames[-1].time:
            finished = self.finish()
        if not self._frames and not self._tracks:
            self._start = time
        self._frames.append(_Waiting(time, found, found.boxes.copy()))
        self._follow(time, found, inferred=inferred)
        for track in list(self._tracks.values()):
            has_ended = track.end < time
            if has_ended or time - track.begin >= _FIT_SECONDS - _TINY:
                self._extend_back(track)
            if has_ended:
                self._carry_on(track, time)
        limit = time - EXTENSION_SECONDS - _FIT_SECONDS - _TINY
        # The newest frame waits for the next one, with which its boxes are joined.
        while len(self._frames) > 1 and self._frames[0].time < limit:
            finished.append(self._finished(self._frames.popleft()))
        return finished

    def finish(self) -> list[Detections]:
        """End all tracks, and return what is hidden in all frames that were not returned yet."""
        for track in list(self._tracks.values()):
            self._extend_back(track)
            self._end(track, self._frames[-1].time)
        finished = [self._finished(frame) for frame in self._frames]
        self._begin()
        return finished

    def _follow(self, time: float, found: Detections, *, inferred: bool) -> None:
        """Note the tracks of the newest frame, and join their boxes with those of the one before.

        A track moves evenly between two detections, but its object may not.
        """
        newest = self._frames[-1]
        before = self._frames[-2] if len(self._frames) > 1 else None
        rows_before = {} if before is None else _rows_of(before.found)
        alone = self._alone(found)
        for track_id, row in _rows_of(found).items():
            box = found.boxes[row].astype(np.float64)
            score, class_id = float(found.scores[row]), int(found.class_ids[row])
            track = self._tracks.get(track_id)
            if track is None:
                track = self._tracks[track_id] = _Track(track_id, class_id, time, time, score, time)
            track.class_id, track.score = class_id, max(track.score, score)
            track.is_alone |= bool(alone[row])
            earlier = rows_before.get(track_id)
            if before is not None and earlier is not None:
                previous = before.found.boxes[earlier]
                before.cover[earlier] = _joined(before.cover[earlier], box)
                newest.cover[row] = _joined(newest.cover[row], previous)
                if _moved(previous, box) > _FAST_SHARE:
                    track.note(before.time, time, "fast motion")
            observed = found.observed is None or bool(found.observed[row])
            if observed:
                if track.is_missed and time - track.seen_at >= _LONG_GAP_SECONDS:
                    track.note(track.seen_at, time, "gap filled")
                track.seen_at, track.is_missed = time, False
            else:
                track.is_missed |= inferred
            track.add(time, box)

    def _extend_back(self, track: _Track) -> None:
        """Hide a track in the frames shortly before its first one, where it would have been."""
        if track.is_extended:
            return
        track.is_extended = True
        (begin, box), velocity = track.first[0], _velocity(track.first)
        for frame in self._frames:
            if begin - EXTENSION_SECONDS - _TINY <= frame.time < begin:
                there = _joined(box, box + velocity * (frame.time - begin))
                frame.more.append((there, track.score, track.class_id, track.track_id))

    def _carry_on(self, track: _Track, time: float) -> None:
        """Hide a track that has ended in the newest frame, unless it ended too long ago."""
        if time - track.end > EXTENSION_SECONDS + _TINY:
            self._end(track, time)
            return
        (end, box), velocity = track.last[-1], _velocity(track.last)
        there = _joined(box, box + velocity * (time - end))
        self._frames[-1].more.append((there, track.score, track.class_id, track.track_id))

    def _end(self, track: _Track, time: float) -> None:
        """Forget a track, and note what is doubtful of it; `time` is that of the newest frame."""
        del self._tracks[track.track_id]
        if track.score < self._thresholds[track.class_id]:
            # The whole track is one doubtful moment, unless a strong track hides it anyway.
            track.moments = [(track.begin, track.end, "low score")] if track.is_alone else []
        else:
            self._note_ends(track, time)
        name = self._classes[track.class_id]
        self.doubts += [
            Doubt(begin, end, name, track.track_id, why) for begin, end, why in track.moments
        ]

    def _note_ends(self, track: _Track, time: float) -> None:
        """Note whether a track came or went where nothing hides it."""
        # What is there when the video begins or ends has not come or gone.
        if track.begin - self._start > EXTENSION_SECONDS and self._is_inside(track.first[0][1]):
            track.note(track.begin - EXTENSION_SECONDS, track.begin, "begins inside")
        if time - track.end > EXTENSION_SECONDS and self._is_inside(track.last[-1][1]):
            track.note(track.end, track.end + EXTENSION_SECONDS, "ends inside")

    def _alone(self, found: Detections) -> NDArray[np.bool_]:
        """Return a mask (N,) of the boxes that do not lie in the box of a strong detection."""
        boxes = found.boxes
        strong = boxes[found.scores >= np.asarray(self._thresholds)[found.class_ids]]
        shared = np.minimum(boxes[:, None, 2:], strong[:, 2:]) - np.maximum(
            boxes[:, None, :2], strong[:, :2]
        )
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        inside = shared.clip(0).prod(2) >= _INSIDE_SHARE * area[:, None]
        alone: NDArray[np.bool_] = ~inside.any(1)
        return alone

    def _is_inside(self, box: Box) -> bool:
        """Return whether a box with its margin does not touch an edge of the frame."""
        grown = grown_boxes(box[None].astype(np.float32), self._margin)[0]
        width, height = self._size
        return bool((grown[:2] > 0).all() and grown[2] < width and grown[3] < height)

    def _finished(self, frame: _Waiting) -> Detections:
        found = frame.found
        boxes, scores, class_ids = frame.cover, found.scores, found.class_ids
        ids, observed = found.track_ids, found.observed
        assert ids is not None
        assert observed is not None
        if frame.more:
            more, more_scores, more_classes, more_ids = zip(*frame.more, strict=True)
            boxes = np.concatenate([boxes, np.array(more, np.float32)])
            scores = np.concatenate([scores, np.array(more_scores, np.float32)])
            class_ids = np.concatenate([class_ids, np.array(more_classes, np.int32)])
            ids = np.concatenate([ids, np.array(more_ids, np.int64)])
            observed = np.concatenate([observed, np.zeros(len(more), bool)])
        return covered(
            Detections(boxes, scores, class_ids, found.classes, ids, observed),
            self._size,
            self._margin,
        )


def covered(found: Detections, size: tuple[int, int], margin: float) -> Detections:
    """Return `found` with boxes that have a margin and end at the edges of the frame.

    `size` is the (width, height) of the frame in pixels. Boxes outside it are left out. The result
    is sorted by score.
    """
    width, height = size
    boxes = grown_boxes(found.boxes, margin).clip(0, np.array([width, height] * 2, np.float32))
    order = np.argsort(-found.scores, kind="stable")
    order = order[(boxes[order, 2:] > boxes[order, :2]).all(1)]
    return Detections(
        boxes[order],
        found.scores[order],
        found.class_ids[order],
        found.classes,
        None if found.track_ids is None else found.track_ids[order],
        None if found.observed is None else found.observed[order],
    )


def grown_boxes(boxes: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """Return boxes (N, 4) that are larger by `margin` of their own size at each of their sides."""
    grow = (boxes[:, 2:] - boxes[:, :2]) * np.float32(margin)
    return np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], 1)


def _rows_of(found: Detections) -> dict[int, int]:
    """Return the row of each track id."""
    assert found.track_ids is not None
    return {track_id: row for row, track_id in enumerate(found.track_ids.tolist())}


def _joined(one: NDArray[np.floating], other: NDArray[np.floating]) -> Box:
    """Return the smallest box around two boxes."""
    return np.concatenate([np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])])


def _moved(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return how far a box moved, as a share of its size, the square root of its area."""
    way = (other[:2] + other[2:] - one[:2] - one[2:]) / 2
    size = float(np.sqrt((one[2:] - one[:2]).prod()))
    return float(np.hypot(*way)) / max(size, 1.0)


def _velocity(places: Iterable[tuple[float, Box]]) -> Box:
    """Return the velocity of each side of a box in pixels a second; 0 of a single place."""
    known = list(places)
    (begin, first), (end, last) = known[0], known[-1]
    return (last - first) / (end - begin) if end > begin else np.zeros(4)
