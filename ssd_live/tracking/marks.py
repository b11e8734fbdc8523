"""Decide which boxes are marked as filled in when they are drawn."""

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections


class Marks:
    """The marks on the boxes of one source, whose frames come in order.

    A box is marked if inference did not find its object when it last ran. On the frames between two
    inferences nothing changes, so that a box that is found each time does not flicker.
    """

    def __init__(self) -> None:
        self._missed: NDArray[np.int64] = np.zeros(0, np.int64)

    def of(self, found: Detections, *, inferred: bool) -> NDArray[np.bool_]:
        """Return a mask (N,) of the boxes in the next frame that are marked.

        `inferred` says whether inference ran on this frame. Without tracks, no box is marked.
        """
        if found.track_ids is None or found.observed is None:
            return np.zeros(len(found), bool)
        if inferred:
            self._missed = found.track_ids[~found.observed]
        return np.isin(found.track_ids, self._missed)
