"""Track objects live: each frame is answered at once, with what is known by then."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.tracking.candidates import CandidateFilter, Candidates
from ssd_live.tracking.links import FIT_SECONDS, LONGEST_GAP, best_links
from ssd_live.tracking.pieces import Piece, Pieces
from ssd_live.tracking.tracklets import Rows, Tracklets

Floats = NDArray[np.float32]

# An object without a detection is shown for so long where it is expected, in seconds.
_BRIDGED_SECONDS = 0.45
# A track is shown when the strengths of its detections have this sum: two that would be shown
# without tracking, or more that are weaker.
_EVIDENCE = 2.0
# The score of a track follows a higher score of its detections in the first time, and a lower one
# in the second, in seconds. It thus does not flicker about a threshold.
_RISE_SECONDS, _FALL_SECONDS = 0.5, 1.0
# Detections are gathered into pieces after so many frames, or when a piece is needed.
_GATHERED_FRAMES = 64
# A link over a gap may cost more than in files, where a wrong one is worse than none: live, a track
# is linked once, when little of it was seen.
_HIGHEST_LINK_COST = 6.0
# How far a box goes towards its new detection: the least, and all but the scatter of detections.
_LEAST_GAIN, _HIGHEST_GAIN = 0.45, 0.95
# The gain grows by this for each standard deviation by which the detections are off on one side.
_GAIN_PER_DEVIATION = 0.25
# The expected scatter of a detection, in sizes of the object, before any is measured.
_FIRST_SCATTER, _LEAST_SCATTER = 0.03, 0.005
_SCATTER_MEMORY, _SIDE_MEMORY = 0.9, 0.5


@dataclass
class _Shown(Rows):
    """What is shown of each tracklet that goes on.

    `boxes` are steady boxes x1, y1, x2, y2 in pixels. `scatters` are the standard deviations of
    each side of the detections about them, in pixels, and `sides` are the last deviations in these
    units, which show a turn. `best_scores` are the highest of the `scores` so far. `evidence` is
    the sum of strengths. `track_ids` are 0 before a track is confirmed. `begins` are the times in
    seconds and the boxes of the first detections.
    """

    boxes: Floats
    scatters: Floats
    sides: Floats
    scores: Floats
    best_scores: Floats
    evidence: Floats
    observed: NDArray[np.bool_]
    track_ids: NDArray[np.int64]
    begins: NDArray[np.float64]


class Tracker:
    """A tracker for one live source.

    `classes` are the names of the classes, and `candidates` chooses the detections that are used.
    Ids count from `last_id` + 1; `last_id` is then the newest id. A track gets an id when its score
    reaches that of its class in `shown` (C,), which may be changed, or with enough evidence if
    `shown` is None. An object that comes back within
    `LONGEST_GAP` seconds gets its id again if its motion and its colours fit.
    """

    def __init__(
        self, classes: Sequence[str], candidates: CandidateFilter, last_id: int = 0
    ) -> None:
        self._classes = classes
        self._candidates = candidates
        self.last_id = last_id
        self.shown: Floats | None = None
        self.reset()

    def reset(self) -> None:
        """End all tracks, as when the source was changed. Their ids are not used again."""
        self._time: float | None = None
        self._frames = 0
        self._tracklets = Tracklets(len(self._classes), _BRIDGED_SECONDS)
        self._serials = np.zeros(0, np.int64)
        self._pieces = Pieces()
        self._lost: dict[int, Piece] = {}
        none = np.zeros((0, 4), np.float32)
        zero = np.zeros(0, np.float32)
        ids = np.zeros(0, np.int64)
        self._shown = _Shown(
            none, none, none, zero, zero, zero, np.zeros(0, bool), ids, np.zeros((0, 5))
        )

    def update(
        self, time: float, found: Detections | None, looks: Floats | None = None
    ) -> Detections:
        """Track the objects into the next frame, and return those that are there.

        `time` is the time of the frame in seconds; if it is before that of the last frame, all
        tracks end. `found` holds the detections of the frame, or is None if the network did not see
        it, and `looks` (N, `BINS`) their colour histograms, if there are any. In the result, an
        object without a detection is where it is expected, and `observed` is false for it.
        """
        if self._time is not None and time < self._time:
            self.reset()
        step = 0.0 if self._time is None else time - self._time
        self._time = time
        if found is None:
            self._move(step)
            return self._detections()
        candidates = self._candidates.of(found, looks)
        serials = self._tracklets.update(time, candidates)
        self._pieces.note(time, self._frames, candidates, serials)
        self._frames += 1
        if self._frames % _GATHERED_FRAMES == 0:
            self._pieces.gather()
            for piece in self._pieces.by_serial.values():
                piece.forget(time - 2 * FIT_SECONDS)
        self._align(self._tracklets.serials, candidates, serials)
        self._steady(step, candidates, serials)
        self._confirm(time)
        return self._detections()

    def _align(
        self, going_on: NDArray[np.int64], found: Candidates, serials: NDArray[np.int64]
    ) -> None:
        """Give the rows of what is shown the order of the tracklets that go on."""
        before = len(self._serials)
        # New tracklets come last, so in most frames the beginning is the same.
        if not np.array_equal(going_on[:before], self._serials):
            kept = np.isin(self._serials, going_on, assume_unique=True)
            self._pieces.gather()
            for serial in self._serials[~kept].tolist():
                piece = self._pieces.by_serial.pop(serial)
                if piece.track_id:
                    self._lost[serial] = piece
            self._shown.keep(kept)
        born = len(going_on) - len(self._shown.scores)
        if born:
            # The serial numbers rise, so the new ones come last.
            chosen = np.flatnonzero(serials >= going_on[-born])
            chosen = chosen[np.argsort(serials[chosen])]
            boxes = found.boxes[chosen]
            sizes = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))
            self._shown.add(
                _Shown(
                    boxes,
                    np.repeat(sizes[:, None] * np.float32(_FIRST_SCATTER), 4, 1),
                    np.zeros_like(boxes),
                    found.scores[chosen],
                    np.zeros(born, np.float32),
                    np.zeros(born, np.float32),
                    np.full(born, True),
                    np.zeros(born, np.int64),
                    np.column_stack([np.full(born, self._time), boxes]),
                )
            )
        self._serials = going_on

    def _move(self, step: float) -> None:
        """Move all boxes on by `step` seconds."""
        moved = self._tracklets.velocities * np.float32(step)
        self._shown.boxes += np.concatenate([moved, moved], 1)
        self._shown.observed[:] = False

    def _steady(self, step: float, found: Candidates, serials: NDArray[np.int64]) -> None:
        """Move the boxes and scores of all tracks on by `step` seconds, and towards detections.

        The gain of a box is low while detections scatter about it, and high while they are off on
        one side, as on a turn.
        """
        shown = self._shown
        self._move(step)
        chosen = np.flatnonzero(serials >= 0)
        rows = np.searchsorted(self._serials, serials[chosen])
        shown.observed[rows] = True
        boxes = found.boxes[chosen]
        off = boxes - shown.boxes[rows]
        scatters = shown.scatters[rows]
        sides = _SIDE_MEMORY * shown.sides[rows] + (1 - _SIDE_MEMORY) * off / scatters
        shown.sides[rows] = sides
        gains = _LEAST_GAIN + _GAIN_PER_DEVIATION * (np.abs(sides) - 1).clip(0)
        shown.boxes[rows] += gains.clip(max=_HIGHEST_GAIN) * off
        sizes = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))[:, None]
        # A turn is no scatter.
        scatter = np.minimum(np.abs(off), 2 * scatters)
        shown.scatters[rows] = np.maximum(
            np.sqrt(_SCATTER_MEMORY * scatters**2 + (1 - _SCATTER_MEMORY) * scatter**2),
            _LEAST_SCATTER * sizes,
        )
        seen = np.zeros(len(shown.scores), np.float32)
        seen[rows] = found.scores[chosen]
        seconds = np.where(seen > shown.scores, _RISE_SECONDS, _FALL_SECONDS)
        shown.scores += ((1 - np.exp(-step / seconds)) * (seen - shown.scores)).astype(np.float32)
        np.maximum(shown.best_scores, shown.scores, out=shown.best_scores)
        # Two detections that are not near each other are no evidence of one object.
        shown.evidence[np.isin(self._serials, self._tracklets.begun_again)] = 0
        shown.evidence[rows] += found.strengths[chosen]

    def _confirm(self, time: float) -> None:
        """Give ids to tracks with enough evidence: that of a track that was lost, or a new one."""
        shown = self._shown
        enough = (shown.track_ids == 0) & (shown.evidence >= _EVIDENCE)
        if self.shown is not None and enough.any():
            enough &= shown.scores >= self.shown[self._tracklets.votes.argmax(1)]
        rows = np.flatnonzero(enough)
        if not len(rows):
            return
        self._lost = {
            serial: piece
            for serial, piece in self._lost.items()
            if time - piece.last_time <= LONGEST_GAP + FIT_SECONDS
        }
        self._pieces.gather()
        news = [self._pieces.by_serial[serial] for serial in self._serials[rows].tolist()]
        # An object that stopped at once may be new here, and be expected elsewhere for a while.
        expected = self._serials[(shown.track_ids > 0) & ~shown.observed].tolist()
        earlier = list(self._lost.values()) + [self._pieces.by_serial[its] for its in expected]
        links = best_links(
            [piece.last_end() for piece in earlier],
            [piece.first_end() for piece in news],
            _HIGHEST_LINK_COST,
        )
        gone: set[int] = set()
        for last, first in links:
            news[first].track_id = earlier[last].track_id
            self._tracklets.votes[rows[first]] += earlier[last].votes
            gone.add(earlier[last].track_id)
        self._lost = {s: piece for s, piece in self._lost.items() if piece.track_id not in gone}
        for piece in news:
            if not piece.track_id:
                self.last_id += 1
                piece.track_id = self.last_id
        going_on = ~np.isin(shown.track_ids, list(gone))
        shown.track_ids[rows] = [piece.track_id for piece in news]
        if not going_on.all():
            for serial in self._serials[~going_on].tolist():
                del self._pieces.by_serial[serial]
            self._tracklets.keep(going_on)
            shown.keep(going_on)
            self._serials = self._tracklets.serials

    def _detections(self) -> Detections:
        shown = self._shown
        rows = np.flatnonzero(shown.track_ids)
        rows = rows[np.argsort(-shown.scores[rows], kind="stable")]
        return Detections(
            shown.boxes[rows],
            shown.scores[rows],
            self._tracklets.votes[rows].argmax(1).astype(np.int32),
            self._classes,
            shown.track_ids[rows],
            shown.observed[rows],
            shown.best_scores[rows],
            shown.begins[rows],
        )
