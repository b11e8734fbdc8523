"""Say how unsure a network is of what it sees, so that the images that teach most are labelled."""

from collections.abc import Collection, Iterable

import numpy as np

from ssd_live.detections import Detections

# What is at least so unsure is worth a label.
UNSURE = 0.6
# The network lost an object that the tracker still follows.
_LOST = 0.8


def doubt_of(scores: Iterable[float]) -> float:
    """Return how unsure a network is of objects with these scores: 1 at a score of 0.5, and 0 if
    there is no object.
    """
    return max((1 - 2 * abs(score - 0.5) for score in scores), default=0.0)


def doubt_in(found: Detections, names: Collection[str]) -> float:
    """Return how unsure a network is of what it found in a frame, 0 to 1.

    If it knows a class of `names`, only these classes count; upper and lower case do not matter. An
    object that a tracker follows through a frame in which the network did not find it makes 0.8:
    the scores flicker around the threshold, or the object is hidden.
    """
    wanted = {name.casefold() for name in names}
    known = np.array([name.casefold() in wanted for name in found.classes], bool)
    counts = known[found.class_ids] if known.any() else np.ones(len(found), bool)
    observed = np.ones(len(found), bool) if found.observed is None else found.observed
    lost = _LOST if (counts & ~observed).any() else 0.0
    return max(lost, doubt_of(found.scores[counts & observed].tolist()))
