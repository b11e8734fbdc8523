"""Choose the detections of a frame that a tracker uses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.boxes import iou_matrix

# Strengths are scores divided by the display threshold of the class, because the scores of models
# differ. A sure detection is matched first and may begin a track; an unsure one only continues a
# track that no sure one continues (ByteTrack, Zhang et al. 2022, section 3). Weaker ones are left
# out.
SURE, UNSURE = 0.6, 0.35
# Two boxes that overlap more than this show the same object, even with different classes, such as
# Car and Vehicle.
_SAME_OBJECT_IOU = 0.75
# More objects than this cannot be told apart in one frame.
_MOST = 1000


class Candidates(NamedTuple):
    """The detections of one frame that a tracker uses, one for each object.

    `boxes` (N, 4) float32 holds x1, y1, x2, y2 in pixels, and `scores` (N,) float32 the scores.
    `strengths` (N,) float32 are scores divided by the display threshold of the class. `class_ids`
    (N,) are int32. `votes` (N, C) float32 holds the strength with which each class was found in
    this place. `looks` (N, `BINS`) float32 are colour histograms, or None where there are no
    pixels.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    strengths: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    votes: NDArray[np.float32]
    looks: NDArray[np.float32] | None = None

    def some(self, indices: NDArray[np.intp]) -> "Candidates":
        """Return the candidates with these `indices`."""
        return Candidates._make(None if array is None else array[indices] for array in self)


class CandidateFilter:
    """A filter that chooses the candidates among all detections of a frame.

    `thresholds` (C,) holds the display threshold of each class of the model.
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        # A model may show everything; its strengths must still be finite.
        self._thresholds = np.maximum(np.asarray(thresholds, np.float32), 0.01)
        self.lowest_score = float(UNSURE * self._thresholds.min())

    def of(self, found: Detections, looks: NDArray[np.float32] | None = None) -> Candidates:
        """Return the candidates among `found`, the strongest first.

        `looks` (N, `BINS`) float32 are the colour histograms of all detections, or None. Boxes that
        are not finite or that have no area are left out. The order of `found` does not matter.
        """
        strengths = found.scores / self._thresholds[found.class_ids]
        boxes = found.boxes
        good = strengths >= UNSURE
        good &= np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        kept = np.flatnonzero(good)
        # The place decides between equal strengths, so that the order of `found` has no effect.
        kept = kept[np.lexsort((*boxes[kept].T, -strengths[kept]))][:_MOST]
        votes = np.zeros((len(kept), len(self._thresholds)), np.float32)
        votes[np.arange(len(kept)), found.class_ids[kept]] = strengths[kept]
        candidates = Candidates(
            boxes[kept],
            found.scores[kept],
            strengths[kept].astype(np.float32),
            found.class_ids[kept],
            votes,
            None if looks is None else looks[kept],
        )
        return _merged(candidates)


def _merged(found: Candidates) -> Candidates:
    """Return one candidate for each object; weaker ones in the same place only give their votes."""
    # Within a class, NMS has left only one box for each object.
    if len(np.unique(found.class_ids)) < 2:
        return found
    pairs = np.argwhere(np.triu(iou_matrix(found.boxes, found.boxes) > _SAME_OBJECT_IOU, 1))
    if not len(pairs):
        return found
    alone = np.full(len(found.boxes), True)
    for strong, weak in pairs.tolist():
        if alone[strong] and alone[weak]:
            alone[weak] = False
            np.maximum(found.votes[strong], found.votes[weak], out=found.votes[strong])
    return found.some(np.flatnonzero(alone))
