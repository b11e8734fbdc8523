"""Define `Detections`, the boxes, scores and classes found in one frame or image."""

import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ssd_live.errors import MissingPackageError, UsageError

_DECIMALS = 4
# A track that was shown stays so until its score is below this part of the threshold. It thus does
# not flicker.
_STAYS = 0.7


class Detection(NamedTuple):
    """One detection: a box x1, y1, x2, y2 in pixels, a score from 0 to 1, and a class.

    `track_id` is the id of its track, or None if objects are not tracked. `observed` is false if
    the tracker filled in the box, because the network did not find the object in this frame.
    """

    box: tuple[float, float, float, float]
    score: float
    class_id: int
    name: str
    track_id: int | None = None
    observed: bool = True


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one frame or image, sorted by score, the highest first.

    `boxes` (N, 4) float32 holds x1, y1, x2, y2 in pixels of the source.
    `scores` (N,) float32 holds values in 0..1.
    `class_ids` (N,) int32 holds indices into `classes`. Index 0 is the first real class, because
    `classes` has no entry for the background.
    `track_ids` (N,) int64 holds the ids of tracks, which count from 1, or is None if objects are
    not tracked. `observed` (N,) bool is then false for a box that the tracker filled in.
    `best_scores` (N,) float32 are the highest scores of live tracks so far, or None. `begins`
    (N, 5) float64 are the time in seconds and the box x1, y1, x2, y2 of the first detection of live
    tracks, or of the first one after a gap; or None.

    Iterating gives a `Detection` for each object. The methods `to_...` convert all detections to
    the forms of other programs.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    classes: Sequence[str]
    track_ids: NDArray[np.int64] | None = None
    observed: NDArray[np.bool_] | None = None
    best_scores: NDArray[np.float32] | None = None
    begins: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def names(self) -> list[str]:
        """The class name of each detection, in the same order."""
        return [self.classes[class_id] for class_id in self.class_ids]

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Return the detections for which the mask `kept` (N,) bool is true."""
        return replace(
            self,
            boxes=self.boxes[kept],
            scores=self.scores[kept],
            class_ids=self.class_ids[kept],
            track_ids=None if self.track_ids is None else self.track_ids[kept],
            observed=None if self.observed is None else self.observed[kept],
            best_scores=None if self.best_scores is None else self.best_scores[kept],
            begins=None if self.begins is None else self.begins[kept],
        )

    def reach(self, thresholds: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return a mask (N,) of the detections whose scores are at least `thresholds` (N,).

        A live track that reached its threshold once may have a somewhat lower score now.
        """
        shown: NDArray[np.bool_] = self.scores >= thresholds
        if self.best_scores is not None:
            shown |= (self.best_scores >= thresholds) & (self.scores >= _STAYS * thresholds)
        return shown

    def __iter__(self) -> Iterator[Detection]:
        ids = [None] * len(self) if self.track_ids is None else self.track_ids.tolist()
        observed = [True] * len(self) if self.observed is None else self.observed.tolist()
        for box, score, class_id, track_id, seen in zip(
            self.boxes.tolist(),
            self.scores.tolist(),
            self.class_ids.tolist(),
            ids,
            observed,
            strict=True,
        ):
            x1, y1, x2, y2 = box
            name = self.classes[class_id]
            yield Detection((x1, y1, x2, y2), score, class_id, name, track_id, seen)

    def _tracks(self, name_of_ids: str) -> dict[str, NDArray[Any]]:
        """Return the ids under this name, and `observed`; or nothing without tracking."""
        if self.track_ids is None or self.observed is None:
            return {}
        return {name_of_ids: self.track_ids, "observed": self.observed}

    def to_dict(self) -> dict[str, Any]:
        """Return lists with one entry for each detection: boxes, scores, class_ids and names.

        A box is [x1, y1, x2, y2] in pixels. Boxes and scores are rounded to four decimals. If
        objects are tracked, there are track_ids and observed too.
        """
        return {
            "boxes": self.boxes.astype(float).round(_DECIMALS).tolist(),
            "scores": self.scores.astype(float).round(_DECIMALS).tolist(),
            "class_ids": self.class_ids.tolist(),
            "names": self.names,
            **{name: array.tolist() for name, array in self._tracks("track_ids").items()},
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_coco(self, image_id: int, category_ids: Sequence[int] = ()) -> list[dict[str, Any]]:
        """Return the detections as results in COCO's format, with boxes x, y, width, height.

        `category_ids` has the COCO category of each class; by default class 0 is category 1, and so
        on. Boxes are in pixels. A tracked object has its id among the `attributes`, and `observed`.
        Raises `UsageError` if `category_ids` is not as long as `classes`.
        Source: cocodataset.org, "Results Format".
        """
        categories = category_ids or range(1, len(self.classes) + 1)
        if len(categories) != len(self.classes):
            raise UsageError(
                f"{len(categories)} category ids for {len(self.classes)} classes; give one for each"
            )
        sizes = np.concatenate([self.boxes[:, :2], self.boxes[:, 2:] - self.boxes[:, :2]], axis=1)
        return [
            {
                "image_id": image_id,
                "category_id": int(categories[found.class_id]),
                "bbox": box,
                "score": round(found.score, _DECIMALS),
                **(
                    {}
                    if found.track_id is None
                    else {"attributes": {"track_id": found.track_id, "observed": found.observed}}
                ),
            }
            for box, found in zip(sizes.astype(float).round(_DECIMALS).tolist(), self, strict=True)
        ]

    def to_numpy(self) -> NDArray[np.float32]:
        """Return (N, 6) float32: x1, y1, x2, y2 in pixels, score, class id."""
        return np.concatenate(
            [self.boxes, self.scores[:, None], self.class_ids[:, None].astype(np.float32)], axis=1
        )

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with the columns x1, y1, x2, y2, score, class_id and name.

        If objects are tracked, there are the columns track_id and observed too. Raises
        `MissingPackageError` if pandas is not installed.
        """
        pandas = _optional("pandas")
        columns = dict(zip(("x1", "y1", "x2", "y2"), self.boxes.T, strict=True))
        return pandas.DataFrame(
            {
                **columns,
                "score": self.scores,
                "class_id": self.class_ids,
                "name": self.names,
                **self._tracks("track_id"),
            }
        )

    def to_supervision(self) -> Any:
        """Return a `Detections` of the package supervision, with the names as `class_name`.

        Ids of tracks become its `tracker_id`.

        Raises `MissingPackageError` if supervision is not installed.
        """
        return _optional("supervision").Detections(
            xyxy=self.boxes.copy(),
            confidence=self.scores.copy(),
            class_id=self.class_ids.astype(int),
            tracker_id=None if self.track_ids is None else self.track_ids.astype(int),
            data={"class_name": np.array(self.names, dtype=str)},
        )


def no_detections(classes: Sequence[str] = ()) -> Detections:
    """Return no detections, of a model with these `classes`."""
    scores = np.zeros(0, np.float32)
    return Detections(scores.reshape(0, 4), scores, scores.astype(np.int32), classes)


def _optional(package: str) -> Any:
    """Import a package that is installed only if the user wants it, and return its module."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"{package} is not installed; run `pip install {package}`"
        ) from error
