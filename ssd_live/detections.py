"""Define `Detections`, the boxes, scores and classes found in one frame or image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one frame or image, sorted by score, the highest first.

    `boxes` (N, 4) float32 holds x1, y1, x2, y2 in pixels of the source.
    `scores` (N,) float32 holds values in 0..1.
    `class_ids` (N,) int32 holds indices into `classes`. Index 0 is the first real class, because
    `classes` has no entry for the background.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    classes: Sequence[str]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class name of each detection, in the same order."""
        return [self.classes[class_id] for class_id in self.class_ids]

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Return the detections for which the mask `kept` (N,) bool is true."""
        return replace(
            self, boxes=self.boxes[kept], scores=self.scores[kept], class_ids=self.class_ids[kept]
        )
