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


class Detection(NamedTuple):
    """One detection: a box x1, y1, x2, y2 in pixels, a score from 0 to 1, and a class."""

    box: tuple[float, float, float, float]
    score: float
    class_id: int
    name: str


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one frame or image, sorted by score, the highest first.

    `boxes` (N, 4) float32 holds x1, y1, x2, y2 in pixels of the source.
    `scores` (N,) float32 holds values in 0..1.
    `class_ids` (N,) int32 holds indices into `classes`. Index 0 is the first real class, because
    `classes` has no entry for the background.

    Iterating gives a `Detection` for each object. The methods `to_...` convert all detections to
    the forms of other programs.
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

    def __iter__(self) -> Iterator[Detection]:
        for box, score, class_id in zip(
            self.boxes.tolist(), self.scores.tolist(), self.class_ids.tolist(), strict=True
        ):
            yield Detection(
                (box[0], box[1], box[2], box[3]), score, class_id, self.classes[class_id]
            )

    def to_dict(self) -> dict[str, Any]:
        """Return lists with one entry for each detection: boxes, scores, class_ids and names.

        A box is [x1, y1, x2, y2] in pixels. Boxes and scores are rounded to four decimals.
        """
        return {
            "boxes": self.boxes.astype(float).round(_DECIMALS).tolist(),
            "scores": self.scores.astype(float).round(_DECIMALS).tolist(),
            "class_ids": self.class_ids.tolist(),
            "names": self.names,
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_coco(self, image_id: int, category_ids: Sequence[int] = ()) -> list[dict[str, Any]]:
        """Return the detections as results in COCO's format, with boxes x, y, width, height.

        `category_ids` has the COCO category of each class; by default class 0 is category 1, and so
        on. Boxes are in pixels. Raises `UsageError` if `category_ids` is not as long as `classes`.
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
                "category_id": int(categories[class_id]),
                "bbox": box,
                "score": score,
            }
            for box, score, class_id in zip(
                sizes.astype(float).round(_DECIMALS).tolist(),
                self.scores.astype(float).round(_DECIMALS).tolist(),
                self.class_ids.tolist(),
                strict=True,
            )
        ]

    def to_numpy(self) -> NDArray[np.float32]:
        """Return (N, 6) float32: x1, y1, x2, y2 in pixels, score, class id."""
        return np.concatenate(
            [self.boxes, self.scores[:, None], self.class_ids[:, None].astype(np.float32)], axis=1
        )

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with the columns x1, y1, x2, y2, score, class_id and name.

        Raises `MissingPackageError` if pandas is not installed.
        """
        pandas = _optional("pandas")
        columns = dict(zip(("x1", "y1", "x2", "y2"), self.boxes.T, strict=True))
        return pandas.DataFrame(
            {**columns, "score": self.scores, "class_id": self.class_ids, "name": self.names}
        )

    def to_supervision(self) -> Any:
        """Return a `Detections` of the package supervision, with the names as `class_name`.

        Raises `MissingPackageError` if supervision is not installed.
        """
        return _optional("supervision").Detections(
            xyxy=self.boxes.copy(),
            confidence=self.scores.copy(),
            class_id=self.class_ids.astype(int),
            data={"class_name": np.array(self.names, dtype=str)},
        )


def _optional(package: str) -> Any:
    """Import a package that is installed only if the user wants it, and return its module."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"{package} is not installed; run `pip install {package}`"
        ) from error
