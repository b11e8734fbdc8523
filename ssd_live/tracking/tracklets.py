"""Build tracklets: short, sure pieces of tracks, frame by frame.

A tracklet is continued only by a detection that fits its predicted place and size and looks alike.
Where this is in doubt, as when two persons cross, the tracklet ends and another one begins. What
belongs together over such a gap is decided later, from both sides of it (`links`).
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ssd_live.tracking.appearance import BINS
from ssd_live.tracking.assignment import cheapest_pairs
from ssd_live.tracking.candidates import SURE, Candidates

Floats = NDArray[np.float32]

# The longest time in which a tracklet may have no detection, in seconds, and in intervals between
# detections.
LONGEST_GAP, _LONGEST_GAP_INTERVALS = 0.3, 2.5
# The motion model. All are in units of the size of the object, the square root of its area.
_MEASUREMENT = 0.09  # the standard deviation of the centre of a detection
_FIRST_SPEED = 0.8  # the standard deviation of the speed of a new object, per second
_ACCELERATION = 0.5  # the speed changes by this in a second
_SLOWING_SECONDS = 1.5  # without detections, the speed falls to 1/e in this time
_LOG_SIZE = 0.1  # the standard deviation of the logarithm of width and height
_LOG_SIZE_DRIFT = 0.2  # the same changes by this in a second
_WIDTH_IS_LOOSER = 1.5  # arms and legs change the width of a person more than the height
# The limits of a match: squared distance in standard deviations, and the cost.
_SURE_GATE, _UNSURE_GATE = 18.0, 12.0
_SURE_COST, _UNSURE_COST = 3.5, 1.0
# A fast object is so far from where it was seen first, in sizes, and has changed its size by less
# than this, as a logarithm.
_FAST_REACH, _FAST_LOG_SIZE = 2.5, 0.3
# A match costs this much more for each unit of distance between the two colour histograms beyond
# that of two pictures of the same object.
_LOOK_COST, _SAME_LOOK = 12.0, 0.5
# A detection of a class that the tracklet never had costs this much more.
_CLASS_COST = 1.5
# How much of its colours a tracklet keeps when a detection adds its own.
_LOOK_MEMORY = 0.9


@dataclass
class Rows:
    """Arrays that have one entry for each tracklet that goes on, all in the same order."""

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep the entries for which `kept` (T,) is true."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[kept])

    def add(self, other: Self) -> None:
        """Add the entries of `other` at the end."""
        for field in fields(self):
            both = [getattr(self, field.name), getattr(other, field.name)]
            setattr(self, field.name, np.concatenate(both))


@dataclass
class _State(Rows):
    """The state of all tracklets that go on.

    A tracklet has a position and a velocity with their shared 2 x 2 covariance for each axis, and a
    logarithmic width and height. Sizes and positions are in pixels, times in seconds.
    """

    serials: NDArray[np.int64]
    centres: Floats
    velocities: Floats
    position_variances: Floats
    covariances: Floats
    speed_variances: Floats
    log_sizes: Floats
    log_size_variances: Floats
    seen_at: NDArray[np.float64]
    counts: NDArray[np.int32]
    looks: Floats
    votes: Floats


def centres_and_log_sizes(boxes: Floats) -> tuple[Floats, Floats]:
    """Return the centres (N, 2) and the logarithms of width and height (N, 2) of boxes (N, 4)."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    log_sizes: Floats = np.log(np.maximum(sizes, np.float32(1)))
    return boxes[:, :2] + sizes * np.float32(0.5), log_sizes


class Tracklets:
    """The tracklets of one source. `classes` is the number of classes of the model.

    A tracklet ends after `longest_gap` seconds without a detection, or later if detections are far
    apart. `begun_again` holds the serial numbers of those that may only be two detections of
    different objects near each other, after the last `update`. Each tracklet has a serial number,
    which counts from 0 and is never used again.
    """

    def __init__(self, classes: int, longest_gap: float = LONGEST_GAP) -> None:
        self._longest_gap = longest_gap
        self._time: float | None = None
        self._interval = 0.0
        self._next_serial = 0
        self.begun_again = np.zeros(0, np.int64)
        none = np.zeros(0, np.float32)
        self._state = self._new(
            np.zeros(0, np.int64),
            Candidates(
                none.reshape(0, 4), none, none, none.astype(np.int32), none.reshape(0, classes)
            ),
            0.0,
        )

    @property
    def gap(self) -> float:
        """The longest time without a detection after which a tracklet goes on, in seconds."""
        return max(self._longest_gap, _LONGEST_GAP_INTERVALS * self._interval)

    @property
    def velocities(self) -> Floats:
        """The velocities (T, 2) of the tracklets that go on, in pixels per second."""
        return self._state.velocities

    @property
    def votes(self) -> Floats:
        """The votes (T, C) for each class of the tracklets that go on, which may be changed."""
        return self._state.votes

    @property
    def serials(self) -> NDArray[np.int64]:
        """The serial numbers (T,) of the tracklets that go on, in rising order."""
        return self._state.serials

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """End all tracklets for which `kept` (T,) is false."""
        self._state.keep(kept)

    def update(self, time: float, found: Candidates) -> NDArray[np.int64]:
        """Continue the tracklets with the detections of a frame, and begin new ones.

        `time` is in seconds and must not be before that of the last call. Return the serial number
        (N,) of the tracklet of each detection, or -1 if it belongs to none.
        """
        self._predict(time)
        serials = np.full(len(found.boxes), -1, np.int64)
        free = np.full(len(self._state.serials), True)
        sure = found.strengths >= SURE
        for wanted, gate, limit in (
            (sure, _SURE_GATE, _SURE_COST),
            (~sure, _UNSURE_GATE, _UNSURE_COST),
        ):
            its, chosen = self._matches(
                found, np.flatnonzero(wanted), np.flatnonzero(free), gate, limit
            )
            free[its] = False
            serials[chosen] = self._state.serials[its]
            self._correct(time, its, found.some(chosen))
        self._match_fast(found, sure, free, serials)
        born = np.flatnonzero(sure & (serials < 0))
        if len(born):
            serials[born] = np.arange(self._next_serial, self._next_serial + len(born))
            self._next_serial += len(born)
            self._state.add(self._new(serials[born], found.some(born), time))
        return serials

    def _new(self, serials: NDArray[np.int64], found: Candidates, time: float) -> _State:
        centres, log_sizes = centres_and_log_sizes(found.boxes)
        areas = np.exp(log_sizes.sum(1))
        count = len(serials)
        looks = np.zeros((count, BINS), np.float32)
        if found.looks is not None:
            looks = found.looks * found.strengths[:, None]
        return _State(
            serials=serials,
            centres=centres,
            velocities=np.zeros((count, 2), np.float32),
            position_variances=_MEASUREMENT**2 * areas,
            covariances=np.zeros(count, np.float32),
            speed_variances=_FIRST_SPEED**2 * areas,
            log_sizes=log_sizes,
            log_size_variances=np.full(count, _LOG_SIZE**2, np.float32),
            seen_at=np.full(count, time),
            counts=np.ones(count, np.int32),
            looks=looks,
            votes=found.votes.copy(),
        )

    def _predict(self, time: float) -> None:
        """Move all tracklets to `time`, and end those without a detection for too long."""
        state = self._state
        before = time if self._time is None else self._time
        step = time - before
        self._time = time
        # The mean interval of the last detections; a pause does not count.
        if step > 0:
            known = self._interval or step
            self._interval = 0.8 * known + 0.2 * min(step, 2 * known)
        if not len(state.serials):
            return
        lost = time - state.seen_at > self.gap + 1e-6
        if lost.any():
            state.keep(~lost)
        if not step or not len(state.serials):
            return
        state.centres = state.centres + state.velocities * np.float32(step)
        slowed = np.float32(np.exp(-step / _SLOWING_SECONDS))
        state.velocities[state.seen_at < before] *= slowed
        noise = np.exp(state.log_sizes.sum(1)) * np.float32(_ACCELERATION**2)
        state.position_variances = (
            state.position_variances
            + 2 * step * state.covariances
            + step**2 * state.speed_variances
            + noise * (step**3 / 3)
        )
        state.covariances = state.covariances + step * state.speed_variances + noise * (step**2 / 2)
        state.speed_variances = state.speed_variances + noise * step
        state.log_size_variances = state.log_size_variances + np.float32(_LOG_SIZE_DRIFT**2 * step)

    def _matches(
        self,
        found: Candidates,
        wanted: NDArray[np.intp],
        free: NDArray[np.intp],
        gate: float,
        limit: float,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Match the tracklets `free` with the detections `wanted`.

        Return the indices of matched tracklets and of their detections, in the same order. `gate`
        limits the squared distance of a match, and `limit` its cost.
        """
        if not len(wanted) or not len(free):
            nothing = np.zeros(0, np.intp)
            return nothing, nothing
        rows, columns, costs = self._pairs(found, wanted, free, gate)
        cheap = costs < limit
        rows, columns = rows[cheap], columns[cheap]
        taken = cheapest_pairs(rows, columns, costs[cheap])
        return free[rows[taken]], wanted[columns[taken]]

    def _match_fast(
        self,
        found: Candidates,
        sure: NDArray[np.bool_],
        free: NDArray[np.bool_],
        serials: NDArray[np.int64],
    ) -> None:
        """Match what was new just now with what is new and near: both may be one fast object.

        Only pairs without any alternative are matched. The tracklet gets the speed that it needs,
        and `serials` the number of the tracklet.
        """
        state = self._state
        self.begun_again = np.zeros(0, np.int64)
        waited = (self._time or 0.0) - state.seen_at
        once = np.flatnonzero(free & (state.counts == 1) & (waited < 1.5 * self._interval))
        alone = np.flatnonzero(sure & (serials < 0))
        if not len(once) or not len(alone):
            return
        centres, log_sizes = centres_and_log_sizes(found.boxes[alone])
        away = np.linalg.norm(state.centres[once][:, None] - centres, axis=2)
        scales = np.exp(state.log_sizes[once].mean(1))[:, None]
        changed = np.abs(state.log_sizes[once][:, None] - log_sizes).max(2)
        near = (away < _FAST_REACH * scales) & (changed < _FAST_LOG_SIZE)
        only = near & (near.sum(1, keepdims=True) == 1) & (near.sum(0) == 1)
        rows, columns = np.nonzero(only)
        its, chosen = once[rows], alone[columns]
        squared = np.square(away[rows, columns]).astype(np.float32)
        seconds = np.maximum(waited[its], 1e-3).astype(np.float32)
        state.speed_variances[its] = squared / seconds**2
        state.covariances[its] = squared / seconds
        state.position_variances[its] += squared
        self.begun_again = serials[chosen] = state.serials[its]
        self._correct(self._time or 0.0, its, found.some(chosen))

    def _pairs(
        self, found: Candidates, wanted: NDArray[np.intp], free: NDArray[np.intp], gate: float
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Return rows (into `free`), columns (into `wanted`) and costs of the pairs in reach."""
        state = self._state
        centres, log_sizes = centres_and_log_sizes(found.boxes[wanted])
        noise = _MEASUREMENT**2 * np.exp(state.log_sizes[free].sum(1))
        variances = state.position_variances[free] + noise
        rows, columns = _near(state.centres[free], np.sqrt(gate * variances), centres)
        its = free[rows]
        distances = np.square(state.centres[its] - centres[columns]).sum(1) / variances[rows]
        near = distances < gate
        rows, columns, its, distances = rows[near], columns[near], its[near], distances[near]
        differences = np.square(state.log_sizes[its] - log_sizes[columns])
        differences[:, 0] /= _WIDTH_IS_LOOSER**2
        squared = distances + differences.sum(1) / (
            state.log_size_variances[its] + np.float32(_LOG_SIZE**2)
        )
        costs = squared / 2 + np.log(variances / noise)[rows] / 2
        votes = state.votes[its, found.class_ids[wanted][columns]]
        costs = costs + _CLASS_COST * (1 - votes / state.votes[its].max(1, initial=1e-6))
        if found.looks is not None and len(rows):
            looks = state.looks[its]
            lengths = np.sqrt(np.einsum("ij,ij->i", looks, looks)).clip(1e-6)
            alike = np.einsum("ij,ij->i", looks, found.looks[wanted[columns]]) / lengths
            costs += _LOOK_COST * (np.sqrt((2 - 2 * alike).clip(0)) - _SAME_LOOK)
        costs[squared >= gate] = np.inf
        return rows, columns, costs

    def _correct(self, time: float, its: NDArray[np.intp], found: Candidates) -> None:
        """Correct the tracklets `its` by their detections (Kalman's update of each axis)."""
        if not len(its):
            return
        state = self._state
        centres, log_sizes = centres_and_log_sizes(found.boxes)
        # A surer detection is more exact.
        doubt = 1.6 - 1.2 * np.minimum(0.8 * found.strengths, 1)
        noise = _MEASUREMENT**2 * np.exp(state.log_sizes[its].sum(1)) * doubt
        total = state.position_variances[its] + noise
        gains = state.position_variances[its] / total
        speed_gains = state.covariances[its] / total
        missed = centres - state.centres[its]
        state.centres[its] += gains[:, None] * missed
        state.velocities[its] += speed_gains[:, None] * missed
        state.speed_variances[its] -= speed_gains * state.covariances[its]
        state.position_variances[its] *= 1 - gains
        state.covariances[its] *= 1 - gains
        size_gains = state.log_size_variances[its]
        size_gains = size_gains / (size_gains + np.float32(_LOG_SIZE**2))
        state.log_sizes[its] += size_gains[:, None] * (log_sizes - state.log_sizes[its])
        state.log_size_variances[its] *= 1 - size_gains
        state.seen_at[its] = time
        state.counts[its] += 1
        state.votes[its] += found.votes
        if found.looks is not None:
            state.looks[its] *= _LOOK_MEMORY
            state.looks[its] += found.looks * found.strengths[:, None]


def _near(
    centres: Floats, reaches: Floats, others: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs (rows, columns) of `centres` (T, 2) and `others` (N, 2) that may be near.

    That is, those whose x differs by at most the reach (T,). Most pairs of many objects are far
    from each other, and are never looked at.
    """
    order = np.argsort(others[:, 0], kind="stable")
    sorted_x = others[order, 0]
    begins = np.searchsorted(sorted_x, centres[:, 0] - reaches)
    counts = np.searchsorted(sorted_x, centres[:, 0] + reaches, "right") - begins
    rows = np.repeat(np.arange(len(centres)), counts)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = order[begins[rows] + offsets]
    return rows, columns
