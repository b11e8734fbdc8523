"""Which of a network's answers count."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.detections import Detections
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Region
from ssd_live.modelfile.metadata import Metadata


@dataclass(frozen=True)
class DetectionFilter:
    """From a backend's outputs to `Detections`: what is over the threshold, of the wanted classes,
    in pixels.

    `wanted` is a mask (C,) over the classes.
    """

    classes: tuple[str, ...]
    threshold: float
    wanted: NDArray[np.bool_]

    def detections(
        self, outputs: Outputs, index: int, size: tuple[int, int], region: Region | None = None
    ) -> Detections:
        """Picture `index` of a batch, as boxes in pixels of the whole picture of `size` (width,
        height); copied out of the outputs.
        """
        count = int(outputs.num_detections[index, 0])
        scores, classes = outputs.scores[index, :count], outputs.classes[index, :count]
        kept = (scores >= self.threshold) & self.wanted[classes]
        area = region or Region(0, 0, *size)
        scale = np.array([area.width, area.height, area.width, area.height], np.float32)
        offset = np.array([area.x, area.y, area.x, area.y], np.float32)
        boxes = outputs.boxes[index, :count][kept] * scale + offset
        order = np.argsort(-scores[kept], kind="stable")
        return Detections(
            boxes[order], scores[kept][order], classes[kept][order].astype(np.int32), self.classes
        )

    def of(self, found: Detections) -> Detections:
        """Those among detections of the same classes that count."""
        return found.where((found.scores >= self.threshold) & self.wanted[found.class_ids])


def accept_all(metadata: Metadata) -> DetectionFilter:
    """Lets all pass that the model gives."""
    return DetectionFilter(metadata.classes, 0.0, np.full(len(metadata.classes), True))


def detection_filter(
    metadata: Metadata, threshold: float | None = None, classes: Sequence[str] = ()
) -> DetectionFilter:
    """Checked against the model: a threshold in 0..1 and not below the model's own; class names in
    any case, none for all.

    Raises `UsageError`.
    """
    threshold = metadata.display_threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"the threshold {threshold:g} is no score; give one between "
            f"{metadata.score_threshold:g} and 1"
        )
    if threshold < metadata.score_threshold:
        raise UsageError(
            f"the threshold {threshold:g} is below the model's own {metadata.score_threshold:g}, "
            "under which nothing comes out; give a higher one"
        )
    known = {name.casefold(): index for index, name in enumerate(metadata.classes)}
    wanted = np.full(len(metadata.classes), not classes)
    for name in classes:
        if name.strip().casefold() not in known:
            near = difflib.get_close_matches(name.strip().casefold(), known, n=1)
            hint = (
                f"did you mean {metadata.classes[known[near[0]]]!r}?"
                if near
                else f"it knows {', '.join(metadata.classes)}"
            )
            raise UsageError(f"{metadata.name} has no class {name.strip()!r}; {hint}")
        wanted[known[name.strip().casefold()]] = True
    return DetectionFilter(metadata.classes, threshold, wanted)
