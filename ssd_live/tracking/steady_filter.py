"""Show tracks by their scores without flicker."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections

# A track that is shown stays so until its score is below this part of the threshold.
_STAYS = 0.7


class SteadyFilter:
    """A filter for the tracks of one source.

    A track is shown from when its score reaches the threshold of its class until the score falls
    clearly below it.
    """

    def __init__(self) -> None:
        self._shown: NDArray[np.int64] = np.zeros(0, np.int64)

    def of(
        self, found: Detections, thresholds: Sequence[float] | NDArray[np.float32]
    ) -> Detections:
        """Return the tracks in `found` that are shown.

        `thresholds` (C,) are scores, one for each class. Without track ids, each detection is shown
        by its own score.
        """
        lowest = np.asarray(thresholds, np.float32)[found.class_ids]
        if found.track_ids is None:
            return found.where(found.scores >= lowest)
        stays = np.isin(found.track_ids, self._shown) & (found.scores >= _STAYS * lowest)
        shown = found.where((found.scores >= lowest) | stays)
        assert shown.track_ids is not None
        self._shown = shown.track_ids
        return shown
