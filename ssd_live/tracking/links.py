"""Decide which tracklets are pieces of one track, although there is a gap between them."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ssd_live.tracking.assignment import cheapest_pairs

Floats = NDArray[np.floating]

# The longest gap in seconds. Beyond it, the motion of an object says nothing any more.
LONGEST_GAP = 4.0
# Two pieces may both have detections for so long, in seconds: the end of one can be a mistake.
LONGEST_OVERLAP = 0.35
# The motion at an end of a piece is fitted to the detections of this time.
FIT_SECONDS = 0.8
# A short piece gives little evidence of its speed: the fit gets this variance of times, in square
# seconds, on top of its own, which draws the speed to 0.
_SPEED_PRIOR = 0.02
# The limits of a link: speed in sizes per second, and cost.
_HIGHEST_SPEED, _FREE_SIZES = 4.0, 0.5
HIGHEST_COST = 3.0
# The standard deviation of an extrapolated place, in sizes: at once, and more for each second.
_PLACE, _PLACE_PER_SECOND = 0.2, 0.5
# The standard deviations of the logarithms of width and height between two pieces.
_LOG_WIDTH, _LOG_HEIGHT = 0.35, 0.2
# The uncertainty is not less than that of this gap, in seconds.
_SHORTEST_GAP = 0.05
# A link costs this much more for each second of the gap, and for each unit of distance between the
# colour histograms beyond that of two pieces of the same object.
_GAP_COST = 0.75
_LOOK_COST, _SAME_LOOK = 16.0, 0.55
_CLASS_COST = 1.5


class End(NamedTuple):
    """One end of a piece of a track.

    `time` is the time of this end and `other_time` that of the other end, in seconds. `centre`
    (2,), `log_size` (2,) and `velocity` (2,) come from a straight line through the detections near
    this end, in pixels and seconds. `look` (`BINS`,) is the colour histogram of the whole piece,
    with the length 1, or 0 if there is none. `votes` (C,) holds the sum of the strengths of each
    class, with the highest scaled to 1.
    """

    time: float
    other_time: float
    centre: Floats
    log_size: Floats
    velocity: Floats
    look: Floats
    votes: Floats


def fitted_end(
    times: Floats, boxes: Floats, weights: Floats, look: Floats, votes: Floats, *, is_last: bool
) -> End:
    """Return the first or the last end of a piece.

    `times` (N,) are the times of its detections in seconds, in order; `boxes` (N, 4) are their
    boxes x1, y1, x2, y2 in pixels and `weights` (N,) their scores. `look` and `votes` are as in
    `End`.
    """
    time = float(times[-1 if is_last else 0])
    near = np.abs(times - time) <= FIT_SECONDS
    offsets, boxes, weights = times[near] - time, boxes[near], weights[near]
    total = weights.sum()
    mean_time = weights @ offsets / total
    mean = weights @ boxes / total
    slope = (weights * (offsets - mean_time)) @ (boxes - mean)
    slope = slope / (weights @ np.square(offsets - mean_time) + total * _SPEED_PRIOR)
    box = mean - slope * mean_time
    velocity = (slope[:2] + slope[2:]) / 2
    size = np.maximum(box[2:] - box[:2], 1.0)
    return End(
        time,
        float(times[0 if is_last else -1]),
        (box[:2] + box[2:]) / 2,
        np.log(size),
        velocity,
        look,
        votes,
    )


def best_links(
    lasts: list[End], firsts: list[End], highest_cost: float = HIGHEST_COST
) -> list[tuple[int, int]]:
    """Return the pairs (i, j) for which `firsts[j]` continues the piece that ends with `lasts[i]`.

    Each end is in one pair at most. A piece is never linked with itself, because it ends after its
    begin. Without colour histograms, motion alone decides, and fewer links are sure enough.
    """
    if not lasts or not firsts:
        return []
    last, first = _Ends.of(lasts), _Ends.of(firsts)
    rows, columns = _in_reach(last, first)
    costs = _motion_costs(last.at(rows), first.at(columns))
    # To compare colours is the longest part, so it is done only where it can matter.
    possible = costs - _LOOK_COST * _SAME_LOOK < highest_cost
    rows, columns, costs = rows[possible], columns[possible], costs[possible]
    costs += _look_costs(last.look[rows], first.look[columns])
    possible = costs < highest_cost
    rows, columns = rows[possible], columns[possible]
    taken = cheapest_pairs(rows, columns, costs[possible])
    return list(zip(rows[taken].tolist(), columns[taken].tolist(), strict=True))


class _Ends(NamedTuple):
    """The fields of several ends, each with a new first axis; see `End`."""

    time: Floats
    other_time: Floats
    centre: Floats
    log_size: Floats
    velocity: Floats
    look: Floats
    votes: Floats

    @classmethod
    def of(cls, ends: list[End]) -> Self:
        return cls._make(np.array(values) for values in zip(*ends, strict=True))

    def at(self, indices: NDArray[np.intp]) -> Self:
        """Return some ends; their colours, which are large, are left out."""
        return type(self)(
            self.time[indices],
            self.other_time[indices],
            self.centre[indices],
            self.log_size[indices],
            self.velocity[indices],
            self.look[:0],
            self.votes[indices],
        )


def _in_reach(last: _Ends, first: _Ends) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of the pairs that one object can have made, by time and place."""
    gaps = first.time - last.time[:, None]
    # A piece that lies within another one does not continue it.
    in_order = (first.time > last.other_time[:, None]) & (first.other_time > last.time[:, None])
    rows, columns = np.nonzero((gaps >= -LONGEST_OVERLAP) & (gaps <= LONGEST_GAP) & in_order)
    reach = _HIGHEST_SPEED * np.maximum(gaps[rows, columns], _SHORTEST_GAP) + _FREE_SIZES
    scales = np.exp((last.log_size[rows].sum(1) + first.log_size[columns].sum(1)) / 4)
    moved = np.square(first.centre[columns] - last.centre[rows]).sum(1)
    near = moved < np.square(reach * scales)
    return rows[near], columns[near]


def _look_costs(last: Floats, first: Floats) -> Floats:
    """Return the costs (P,) of links between ends whose colours are `last` and `first`."""
    alike = np.einsum("pb,pb->p", last, first)
    costs = _LOOK_COST * (np.sqrt((2 - 2 * alike).clip(0)) - _SAME_LOOK)
    return np.where(alike > 0, costs, 0.0)


def _motion_costs(last: _Ends, first: _Ends) -> Floats:
    """Return the costs (P,) of links between the ends with the same index, without colours."""
    gaps = (first.time - last.time)[:, None]
    spread = _PLACE + _PLACE_PER_SECOND * np.maximum(gaps[:, 0], _SHORTEST_GAP)
    scales = np.exp((last.log_size.sum(1) + first.log_size.sum(1)) / 4)
    moved = first.centre - last.centre
    # The motion of either side foretells the place of the other side.
    off = np.square(last.velocity * gaps - moved) + np.square(first.velocity * gaps - moved)
    costs = off.sum(1) / np.square(2 * spread * scales) + 2 * np.log(spread / _PLACE)
    sizes = (last.log_size - first.log_size) / (_LOG_WIDTH, _LOG_HEIGHT)
    costs += np.square(sizes).sum(1) / 2 + _GAP_COST * gaps[:, 0]
    costs += _CLASS_COST * (1 - np.minimum(last.votes, first.votes).max(1))
    total: Floats = costs
    return total
