"""Track the objects of a file with knowledge of what comes later.

A frame is finished a few seconds of video after it came. By then, pieces of tracks on both sides of
a gap are linked, the score of an object comes from its whole track so far and ahead, its box is
smoothed both ways, and gaps are filled.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.links import LONGEST_GAP, LONGEST_OVERLAP, best_links
from ssd_live.tracking.pieces import Piece, Pieces
from ssd_live.tracking.tracklets import Tracklets

# A frame is finished when a frame has come that is so much later, in seconds of the video.
DELAY_SECONDS = 6.0
# Frames are finished together if they lie within this time, in seconds.
_STEP_SECONDS = 1.0
# So many frames may wait, even if their times do not go on.
_MOST_WAITING = 4096
# The standard deviation of the weights of the smoothing, in seconds.
_SMOOTHING_SECONDS = 0.3
_REACH_SECONDS = 4 * _SMOOTHING_SECONDS
# A track counts as if the network had missed it in so many more frames. Short tracks thus get a low
# score.
_DOUBT = 2


class _Waiting(NamedTuple):
    """A frame that is not finished: its number and its time in seconds."""

    number: int
    time: float


class TwoPassTracker:
    """A tracker that gives each frame back when it knows what comes after it.

    `classes` are the names of the classes. `candidates` chooses the detections that are used. A
    track is shown if its score is at least that of its class in `shown` (C,). Memory is bounded:
    only the frames of `DELAY_SECONDS` are waiting, or more where detections are seconds apart.

    The score of a track is the root mean square of the scores of its detections, where a frame
    without one counts as 0. With it, the display threshold of a model is right for tracks too.
    """

    def __init__(
        self, classes: Sequence[str], candidates: CandidateFilter, shown: Sequence[float]
    ) -> None:
        self._classes = classes
        self._candidates = candidates
        self._shown = shown
        self._frames = self._ids = 0
        self._waiting: deque[_Waiting] = deque()
        self._begin()

    def _begin(self) -> None:
        self._tracklets = Tracklets(len(self._classes))
        self._pieces = Pieces()
        self._time = self._searched_at = -math.inf

    def add(
        self, time: float, found: Detections | None, looks: NDArray[np.float32] | None = None
    ) -> list[Detections]:
        """Add the next frame, and return the detections of the frames that are now finished.

        `time` is the time of the frame in seconds. If it is before that of the last frame, all
        tracks end. `found` holds the detections, or is None if the network did not see this frame.
        `looks` (N, `BINS`) holds their colour histograms, if there are any. The result continues
        that of the last call: each frame is returned once, in order.
        """
        finished: list[Detections] = []
        if time < self._time:
            finished = self.finish()
        self._time = time
        number, self._frames = self._frames, self._frames + 1
        self._waiting.append(_Waiting(number, time))
        if found is not None:
            self._searched_at = time
            candidates = self._candidates.of(found, looks)
            self._pieces.note(time, number, candidates, self._tracklets.update(time, candidates))
        # Where detections are far apart, more of the video must be known.
        delay = max(DELAY_SECONDS, self._tracklets.gap + LONGEST_GAP)
        horizon = min(time - delay, self._searched_at - LONGEST_GAP)
        if len(self._waiting) > _MOST_WAITING:
            horizon = max(horizon, self._waiting[_MOST_WAITING // 2].time)
        if horizon >= self._waiting[0].time + _STEP_SECONDS or len(self._waiting) > _MOST_WAITING:
            finished += self._finish_until(horizon)
        return finished

    def finish(self) -> list[Detections]:
        """End all tracks, and return the detections of all frames that were not returned yet."""
        finished = self._finish_until(math.inf)
        self._begin()
        return finished

    def _finish_until(self, horizon: float) -> list[Detections]:
        """Finish the frames up to the time `horizon`, and forget what is not needed any more."""
        self._pieces.gather()
        pieces = self._pieces.by_serial
        self._link(pieces, horizon)
        frames = []
        while self._waiting and self._waiting[0].time <= horizon:
            frames.append(self._waiting.popleft())
        finished = self._rendered(pieces.values(), frames)
        going_on = set(self._tracklets.serials.tolist())
        for serial, piece in list(pieces.items()):
            if piece.last_time <= horizon and serial not in going_on:
                del pieces[serial]
                continue
            # The last detection before the horizon is one end of a gap that may be filled.
            before = int(np.searchsorted(piece.times, horizon, "right")) - 1
            piece.forget(piece.times[max(before, 0)] - _REACH_SECONDS)
        return finished

    def _link(self, pieces: dict[int, Piece], horizon: float) -> None:
        """Link pieces over gaps that begin before `horizon`; about later ones, more may be learned.

        The earlier piece absorbs the later one and keeps its id.
        """
        while links := self._links(pieces, horizon):
            # A piece that has grown by a link may have another one.
            sure = [
                (earlier, later)
                for earlier, later in links
                if pieces[earlier].last_time - LONGEST_OVERLAP <= horizon
            ]
            for earlier, later in sure:
                piece = pieces.pop(earlier)
                piece.absorb(pieces[later])
                # It goes on under the serial number of the later one.
                pieces[later] = piece
            if not sure:
                return

    def _links(self, pieces: dict[int, Piece], horizon: float) -> list[tuple[int, int]]:
        """Return the serial numbers of the pieces that belong together, in the order of time.

        Ends that are too late to matter for the frames up to `horizon` are left out.
        """
        latest = horizon + LONGEST_GAP + 2 * LONGEST_OVERLAP
        going_on = set(self._tracklets.serials.tolist())
        # A piece of one detection says nothing about motion.
        longer = {s: its for s, its in pieces.items() if len(its.times) > 1}
        ended = [s for s, its in longer.items() if its.last_time < latest and s not in going_on]
        begun = [s for s, its in longer.items() if its.begin < latest]
        links = best_links(
            [pieces[serial].last_end() for serial in ended],
            [pieces[serial].first_end() for serial in begun],
        )
        found = [(ended[last], begun[first]) for last, first in links]
        return sorted(found, key=lambda pair: pieces[pair[0]].last_time)

    def _rendered(self, pieces: Iterable[Piece], frames: list[_Waiting]) -> list[Detections]:
        """Return the detections of each of these frames, which follow each other."""
        rows: list[list[tuple[NDArray[np.float32], float, int, int, bool]]] = [[] for _ in frames]
        times = np.array([frame.time for frame in frames])
        for piece in sorted(pieces, key=lambda piece: (piece.begin, -piece.square_sum)):
            first, end = np.searchsorted(times, (piece.begin, piece.last_time + 1e-9))
            searches = piece.last_search - piece.first_search + 1
            score, class_id = math.sqrt(piece.square_sum / (searches + _DOUBT)), piece.class_id
            if first >= end or score < self._shown[class_id]:
                continue
            if not piece.track_id:
                self._ids += 1
                piece.track_id = self._ids
            observed = set(piece.frames.tolist())
            boxes = _smoothed_boxes(piece, times[first:end])
            for row, frame, box in zip(rows[first:end], frames[first:end], boxes, strict=True):
                row.append((box, score, class_id, piece.track_id, frame.number in observed))
        return [self._detections(row) for row in rows]

    def _detections(
        self, row: list[tuple[NDArray[np.float32], float, int, int, bool]]
    ) -> Detections:
        row.sort(key=lambda entry: -entry[1])
        boxes, scores, class_ids, track_ids, observed = zip(*row, strict=True) if row else [()] * 5
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(class_ids, np.int32),
            self._classes,
            np.array(track_ids, np.int64),
            np.array(observed, bool),
        )


def _smoothed_boxes(piece: Piece, times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the boxes (N, 4) of a piece at `times` (N,), smoothed both ways.

    The box of a detection is the value of a straight line through the detections near it, weighted
    by their scores and by a Gaussian in time (local linear regression; Fan and Gijbels 1996, 2.3).
    Between two detections, the box moves evenly.
    """
    its_times, boxes = piece.times, piece.boxes.astype(np.float64)
    # Only detections near `times` matter.
    low = max(int(np.searchsorted(its_times, times[0], "right")) - 1, 0)
    high = max(int(np.searchsorted(its_times, times[-1])), low) + 1
    wanted = its_times[low:high]
    offsets = its_times - wanted[:, None]
    weights = np.exp(-0.5 * np.square(offsets / _SMOOTHING_SECONDS)) * piece.scores
    total = weights.sum(1)
    moments = weights * offsets
    mean, spread = moments.sum(1), (moments * offsets).sum(1)
    # A single detection has no slope.
    determinant = total * spread - np.square(mean) + 1e-9 * np.square(total)
    smooth = (spread[:, None] * (weights @ boxes) - mean[:, None] * (moments @ boxes)) / (
        determinant[:, None]
    )
    alone = spread < 1e-9 * total
    smooth[alone] = (weights @ boxes)[alone] / total[alone, None]
    return np.stack([np.interp(times, wanted, side) for side in smooth.T], 1).astype(np.float32)
