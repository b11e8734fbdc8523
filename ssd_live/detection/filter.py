"""Filter a network's detections by score and class."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.detections import Detections
from ssd_live.errors import BackendError, UsageError
from ssd_live.imaging.frame import InputRegion, Letterbox, Region
from ssd_live.modelfile.metadata import Metadata
from ssd_live.tracking.options import TrackingForm, TrackingOptions


@dataclass(frozen=True)
class DetectionFilter:
    """A filter that turns a backend's outputs into `Detections` in pixels.

    It keeps the detections whose score is at least `threshold` and whose class is requested.
    `classes` are the names of all C classes of the model. `wanted` is a mask (C,) bool, which is
    true for the requested classes. If there are `class_thresholds` (C,) float32, the score must be
    at least the one of its class, and `threshold` is the lowest of them.
    """

    classes: tuple[str, ...]
    threshold: float
    wanted: NDArray[np.bool_]
    class_thresholds: NDArray[np.float32] | None = None

    @property
    def header(self) -> dict[str, Any]:
        """The thresholds, as the header line of a file of detections has them."""
        if self.class_thresholds is None:
            return {"threshold": self.threshold}
        by_class = np.round(self.class_thresholds.astype(float), 4).tolist()
        return {"threshold": self.threshold, "class_thresholds": by_class}

    def detections(
        self, outputs: Outputs, index: int, size: tuple[int, int], region: InputRegion | None = None
    ) -> Detections:
        """Return the detections of image `index` of a batch, the highest score first.

        Boxes are in pixels of the whole frame, whose `size` is (width, height). If the network saw
        only a `region` of the frame, the boxes are moved to the region's place. If the region was
        letterboxed, boxes are cut at its edges, and boxes in the bars are left out. The arrays are
        copies, so that the backend may reuse its output buffers. Boxes with a value that is not
        finite are left out. Raises `BackendError` if a class is not among those of the model.
        """
        count = int(outputs.num_detections[index, 0])
        scores, classes = outputs.scores[index, :count], outputs.classes[index, :count]
        try:
            kept = (scores >= self._lowest(classes)) & self.wanted[classes]
        except IndexError:
            raise BackendError(
                f"the network found a class that is not among the {len(self.classes)} of the "
                "model; make the model file again with `export`"
            ) from None
        # A box of a broken network that is not a number cannot be drawn.
        kept &= np.isfinite(outputs.boxes[index, :count]).all(1)
        area = region or Region(0, 0, *size)
        scale = np.array([area.width, area.height, area.width, area.height], np.float32)
        offset = np.array([area.x, area.y, area.x, area.y], np.float32)
        boxes = outputs.boxes[index, :count][kept] * scale + offset
        order = np.argsort(-scores[kept], kind="stable")
        if isinstance(region, Letterbox):
            boxes = _cut_at(boxes, region.region)
            order = order[(boxes[order, 2:] > boxes[order, :2]).all(1)]
        return Detections(
            boxes[order], scores[kept][order], classes[kept][order].astype(np.int32), self.classes
        )

    def of(self, found: Detections) -> Detections:
        """Return the detections in `found` that pass this filter.

        `found` must have the same list of classes as the filter.
        """
        return found.where(
            found.reach(self._lowest(found.class_ids)) & self.wanted[found.class_ids]
        )

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """The lowest score (C,) that passes, for each class."""
        return self._lowest(np.arange(len(self.classes), dtype=np.int32))

    def _lowest(self, classes: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the lowest score (N,) that passes for each of these classes (N,)."""
        if self.class_thresholds is None:
            return np.full(len(classes), self.threshold, np.float32)
        return self.class_thresholds[classes]


def _cut_at(boxes: NDArray[np.float32], region: Region) -> NDArray[np.float32]:
    """Return the parts of `boxes` (N, 4) x1, y1, x2, y2 that lie in `region`."""
    low = np.array([region.x, region.y] * 2, np.float32)
    size = np.array([region.width, region.height] * 2, np.float32)
    return boxes.clip(low, low + size)


def display_thresholds(metadata: Metadata) -> tuple[float, ...]:
    """Return the display threshold of each class of the model that `metadata` describes.

    They are scores from 0 to 1, and not below the score threshold of the model itself.
    """
    own = metadata.class_thresholds or [metadata.lowest_shown] * len(metadata.classes)
    return tuple(max(threshold, metadata.score_threshold) for threshold in own)


def for_tracking(
    form: TrackingForm, metadata: Metadata, shown: DetectionFilter
) -> tuple[TrackingOptions, DetectionFilter]:
    """Return how objects are tracked, and the filter of the detections that help in that.

    `shown` is the filter for what is shown; `metadata` describes the model.
    """
    options = TrackingOptions(
        form, shown.classes, display_thresholds(metadata), tuple(shown.thresholds.tolist())
    )
    # In an image, which has no tracks, weaker detections may be shown than help in tracking.
    lowest = max(min(options.lowest_score, min(options.shown)), metadata.score_threshold)
    return options, replace(shown, threshold=lowest, class_thresholds=None)


def accept_all(metadata: Metadata) -> DetectionFilter:
    """Return a filter that keeps every detection of the model that `metadata` describes."""
    return DetectionFilter(metadata.classes, 0.0, np.full(len(metadata.classes), True))


def detection_filter(
    metadata: Metadata, threshold: float | None = None, classes: Sequence[str] = ()
) -> DetectionFilter:
    """Return a filter for a score threshold and class names, checked against the model's metadata.

    If `threshold` is None, the model's display threshold is used, or those of its classes if it has
    any. Upper and lower case do not matter in `classes`. If `classes` is empty, all classes are
    kept.

    Raises `UsageError` if `threshold` is outside 0..1 or below the model's own score threshold, or
    if the model does not have one of the classes.
    """
    class_thresholds = None
    if threshold is None:
        # The model gives no detections below its score threshold.
        threshold = max(metadata.lowest_shown, metadata.score_threshold)
        if metadata.class_thresholds:
            own = np.array(metadata.class_thresholds, np.float32)
            class_thresholds = np.maximum(own, np.float32(metadata.score_threshold))
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"the threshold {threshold:g} is not between {metadata.score_threshold:g} and 1; "
            "choose a value in this range"
        )
    if threshold < metadata.score_threshold:
        raise UsageError(
            f"the threshold {threshold:g} is below the model's own score threshold "
            f"{metadata.score_threshold:g}; the model gives no detections with lower scores, so "
            "choose a higher threshold"
        )
    known = {name.casefold(): index for index, name in enumerate(metadata.classes)}
    wanted = np.full(len(metadata.classes), not classes)
    for name in classes:
        if name.strip().casefold() not in known:
            near = difflib.get_close_matches(name.strip().casefold(), known, n=1)
            hint = (
                f"did you mean {metadata.classes[known[near[0]]]!r}?"
                if near
                else f"its classes are {', '.join(metadata.classes)}"
            )
            raise UsageError(f"the model {metadata.name} has no class {name.strip()!r}; {hint}")
        wanted[known[name.strip().casefold()]] = True
    return DetectionFilter(metadata.classes, threshold, wanted, class_thresholds)
