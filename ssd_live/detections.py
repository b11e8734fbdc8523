"""What was found in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one picture, best first.

    `boxes` (N, 4) float32 x1, y1, x2, y2 in pixels of the source; `scores` (N,) float32 in 0..1;
    `class_ids` (N,) int32, 0 the first real class of `classes`.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    classes: Sequence[str]

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class name of each detection."""
        return [self.classes[class_id] for class_id in self.class_ids]

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Those for which the mask (N,) is true."""
        return replace(
            self, boxes=self.boxes[kept], scores=self.scores[kept], class_ids=self.class_ids[kept]
        )
