"""Ask a model for boxes in an image of a project, beside the project's window."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from ssd_live.detection.detector import Detector, load
from ssd_live.gui.jobs import Jobs
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.labels import LabelledBox
from ssd_live.project.store import Project
from ssd_live.project.suggest import numbers_by_name, suggested
from ssd_live.remote.network import ModelRequest

_LOWEST_SCORE = 0.3


class Suggesting:
    """Suggests boxes of the classes of a project, with a model that runs in the thread of `jobs`.

    `model_request` returns the model.
    """

    def __init__(
        self, project: Project, jobs: Jobs, model_request: Callable[[], ModelRequest]
    ) -> None:
        self._project, self._jobs, self._model_request = project, jobs, model_request
        # Used in the thread of the jobs.
        self._detector: tuple[ModelRequest, Detector] | None = None

    def ask(
        self,
        pixels: Pixels,
        size: tuple[int, int],
        done: Callable[[Sequence[LabelledBox]], None],
    ) -> None:
        """Call `done` with the boxes that the model suggests for an image, when they are found.

        `pixels` (H, W, 3) uint8 BGR are the image, and `size` is its width and height.
        """
        request = self._model_request()

        def look() -> Sequence[LabelledBox]:
            is_version = request.model == self._project.name
            numbers = numbers_by_name(self._project, of_version=is_version)
            return suggested(self._detector_of(request)(pixels), numbers, size)

        self._jobs.do(look, done)

    def forget(self) -> None:
        """Close the detector, in its thread; the next question loads the model anew."""
        self._jobs.do(self._close, lambda _: None)

    def _detector_of(self, request: ModelRequest) -> Detector:
        """Return a detector for a model, which is loaded when it is first asked."""
        if self._detector is not None and self._detector[0] != request:
            self._close()
        if self._detector is None:
            precision = cast(Any, request.precision)
            detector = load(
                request.model,
                backend=request.backend,
                precision=precision,
                threshold=_LOWEST_SCORE,
            )
            self._detector = request, detector
        return self._detector[1]

    def _close(self) -> None:
        if self._detector is not None:
            self._detector[1].close()
            self._detector = None
