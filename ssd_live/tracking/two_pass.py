"""Track the objects of a file with knowledge of what comes later.

A frame is finished a few seconds of video after it came. By then, pieces of tracks on both sides of
a gap are linked, the score of an object comes from its whole track so far and ahead, its box is
smoothed both ways, and gaps are filled.
"""

import itertools
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
_STEP_SECONDS = 2.0
# So many frames may wait, even if their times do not go on.
_MOST_WAITING = 4096
# The standard deviation of the weights of the smoothing, in seconds.
SMOOTHING_SECONDS = 0.3
# The smoothing reaches so many standard deviations far.
_REACH = 4
# A track counts as if the network had missed it in so many more frames. Short tracks thus get a low
# score.
_DOUBT = 2


class _Waiting(NamedTuple):
    """A frame that is not finished: its number and its time in seconds."""

    number: int
    time: float


class _Shown(NamedTuple):
    """What is shown of a track; `rows` are the indices of the frames, and see `Detections`."""

    rows: NDArray[np.intp]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    track_ids: NDArray[np.int64]
    observed: NDArray[np.bool_]


_NOTHING = _Shown(
    np.zeros(0, np.intp),
    np.zeros((0, 4), np.float32),
    np.zeros(0, np.float32),
    np.zeros(0, np.int32),
    np.zeros(0, np.int64),
    np.zeros(0, bool),
)


class TwoPassTracker:
    """A tracker that gives each frame back when it knows what comes after it.

    `classes` are the names of the classes. `candidates` chooses the detections that are used. A
    track is shown if its score is at least that of its class in `shown` (C,), and stays until it is
    below the part `stays` of that. `smoothing` is over how many seconds boxes are smoothed. Memory
    is bounded: only the frames of `DELAY_SECONDS` are waiting, or more where detections are seconds
    apart.

    The score of a track is the root mean square of the scores of its detections, where a frame
    without one counts as 0. With it, the display threshold of a model is right for tracks too.
    """

    def __init__(
        self,
        classes: Sequence[str],
        candidates: CandidateFilter,
        shown: Sequence[float],
        stays: float = 1.0,
        smoothing: float = SMOOTHING_SECONDS,
    ) -> None:
        self._classes = classes
        self._candidates = candidates
        self._shown = shown
        self._stays = stays
        self._smoothing = smoothing
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
            piece.forget(piece.times[max(before, 0)] - _REACH * self._smoothing)
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
        shown: list[_Shown] = []
        times = np.array([frame.time for frame in frames])
        numbers = np.array([frame.number for frame in frames], np.int64)
        for piece in sorted(pieces, key=lambda piece: (piece.begin, -piece.square_sum)):
            first, end = np.searchsorted(times, (piece.begin, piece.last_time + 1e-9))
            searches = piece.last_search - piece.first_search + 1
            score, class_id = math.sqrt(piece.square_sum / (searches + _DOUBT)), piece.class_id
            lowest = self._shown[class_id] * (self._stays if piece.track_id else 1.0)
            if first >= end or score < lowest:
                continue
            if not piece.track_id:
                self._ids += 1
                piece.track_id = self._ids
            its = numbers[first:end]
            place = np.searchsorted(piece.frames, its).clip(max=len(piece.frames) - 1)
            count = len(its)
            shown.append(
                _Shown(
                    np.arange(first, end),
                    _smoothed_boxes(piece, times[first:end], self._smoothing),
                    np.full(count, score, np.float32),
                    np.full(count, class_id, np.int32),
                    np.full(count, piece.track_id),
                    piece.frames[place] == its,
                )
            )
        every = _Shown._make(
            np.concatenate(arrays) for arrays in zip(_NOTHING, *shown, strict=True)
        )
        order = np.lexsort((-every.scores, every.rows))
        every = _Shown._make(array[order] for array in every)
        bounds = np.searchsorted(every.rows, np.arange(len(frames) + 1)).tolist()
        return [self._detections(every, slice(*ends)) for ends in itertools.pairwise(bounds)]

    def _detections(self, every: _Shown, its: slice) -> Detections:
        return Detections(
            every.boxes[its],
            every.scores[its],
            every.class_ids[its],
            self._classes,
            every.track_ids[its],
            every.observed[its],
        )


def _smoothed_boxes(
    piece: Piece, times: NDArray[np.float64], smoothing: float
) -> NDArray[np.float32]:
    """Return the boxes (N, 4) of a piece at `times` (N,), smoothed both ways.

    The box of a detection is the value of a straight line through the detections near it, weighted
    by their scores and by a Gaussian in time with this standard deviation in seconds (local linear
    regression; Fan and Gijbels 1996, 2.3). Between two detections, the box moves evenly.
    """
    # Only detections near `times` matter.
    low = max(int(np.searchsorted(piece.times, times[0], "right")) - 1, 0)
    high = max(int(np.searchsorted(piece.times, times[-1])), low) + 1
    wanted = piece.times[low:high]
    reach = (wanted[0] - _REACH * smoothing, wanted[-1] + _REACH * smoothing)
    near = slice(*np.searchsorted(piece.times, reach).tolist())
    boxes = piece.boxes[near].astype(np.float64)
    offsets = piece.times[near] - wanted[:, None]
    weights = np.exp(-0.5 * np.square(offsets / smoothing)) * piece.scores[near]
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
