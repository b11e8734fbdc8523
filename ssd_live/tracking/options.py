"""Choose how objects are tracked, and make the tracker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.tracking.candidates import CandidateFilter
from ssd_live.tracking.tracker import Tracker
from ssd_live.tracking.two_pass import SMOOTHING_SECONDS, TwoPassTracker

# live: each frame is answered at once. two-pass: each frame is answered when it is known what comes
# after it.
TrackingForm = Literal["live", "two-pass"]


class FrameTracker(Protocol):
    """A tracker that takes the frames of a source in the order of time, and gives them back."""

    def add(
        self, time: float, found: Detections | None, looks: NDArray[np.float32] | None = None
    ) -> list[Detections]:
        """Add the next frame, and return the objects of the frames that are now finished.

        `time` is in seconds. `found` holds the detections, or is None if the network did not see
        this frame. `looks` (N, `BINS`) holds their colour histograms, if there are any. Every frame
        is returned once, in order.
        """
        ...

    def finish(self) -> list[Detections]:
        """Return the objects of all frames that were not returned yet, and end all tracks."""
        ...


@dataclass(frozen=True)
class TrackingOptions:
    """How objects are tracked.

    `classes` are the names of the C classes of the model, and `thresholds` (C,) are the display
    thresholds of the model for them, by which its scores are judged. A track is shown if its score
    is at least that of its class in `shown` (C,). In the two-pass form, a track that was shown once
    stays until its score is below the part `stays` of that, and its boxes are smoothed over about
    `smoothing` seconds.
    """

    form: TrackingForm
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    shown: tuple[float, ...]
    stays: float = field(default=1.0, repr=False)
    smoothing: float = field(default=SMOOTHING_SECONDS, repr=False)

    @property
    def lowest_score(self) -> float:
        """The lowest score of a detection that helps in tracking."""
        return CandidateFilter(self.thresholds).lowest_score

    @property
    def header(self) -> dict[str, Any]:
        """The form and the thresholds, as the header line of a file of detections has them."""
        lowest = min(self.shown)
        header: dict[str, Any] = {"tracking": self.form, "threshold": lowest}
        if lowest < max(self.shown):
            header["class_thresholds"] = [round(threshold, 4) for threshold in self.shown]
        return header

    def of_image(self, found: Detections) -> Detections:
        """Return the detections that are shown in an image, which has no tracks."""
        return _over(found, self.shown)

    def tracker(self) -> FrameTracker:
        """Return a new tracker."""
        candidates = CandidateFilter(self.thresholds)
        if self.form == "two-pass":
            return TwoPassTracker(self.classes, candidates, self.shown, self.stays, self.smoothing)
        return _AtOnce(Tracker(self.classes, candidates), np.asarray(self.shown, np.float32))


class _AtOnce:
    """A `FrameTracker` that finishes each frame when it is added."""

    def __init__(self, tracker: Tracker, shown: NDArray[np.float32]) -> None:
        self._tracker = tracker
        self._tracker.shown = shown
        self._shown = shown

    def add(
        self, time: float, found: Detections | None, looks: NDArray[np.float32] | None = None
    ) -> list[Detections]:
        return [_over(self._tracker.update(time, found, looks), self._shown)]

    def finish(self) -> list[Detections]:
        return []


def _over(found: Detections, shown: Sequence[float] | NDArray[np.float32]) -> Detections:
    return found.where(found.reach(np.asarray(shown, np.float32)[found.class_ids]))
