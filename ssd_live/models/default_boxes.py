"""Default boxes: the fixed set of boxes that an SSD network scores and corrects.

Section 2.2, "Choosing scales and aspect ratios for default boxes", of Liu et al., "SSD: Single Shot
MultiBox Detector", ECCV 2016 (arXiv:1512.02325). A list of `FeatureMapBoxes` describes the boxes of
a network; this module knows no particular network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class BoxShape:
    """The shape of one default box of a cell.

    `scale` is relative to the side of the image; `ratio` is width over height.
    """

    scale: float
    ratio: float = 1.0

    @property
    def width(self) -> float:
        """The width relative to the side of the image."""
        return self.scale * math.sqrt(self.ratio)

    @property
    def height(self) -> float:
        """The height relative to the side of the image."""
        return self.scale / math.sqrt(self.ratio)


@dataclass(frozen=True)
class FeatureMapBoxes:
    """The default boxes of one feature map.

    `grid` is (rows, columns). `shapes` are in the order of the channels of the prediction layer.
    `step` is the distance between two cell centres relative to the side of the image; if it is
    None, the cells divide the image evenly (1 / grid).
    """

    grid: tuple[int, int]
    shapes: tuple[BoxShape, ...]
    step: float | None = None


def linear_scales(smallest: float, largest: float, count: int) -> tuple[float, ...]:
    """Return `count` scales, evenly spaced from `smallest` to `largest`.

    Equation (4) of the paper.
    """
    return tuple(smallest + (largest - smallest) * k / (count - 1) for k in range(count))


def default_boxes(feature_maps: Sequence[FeatureMapBoxes], *, clip: bool = False) -> Tensor:
    """Return all default boxes, (N, 4) float32, as cx, cy, w, h in the unit square.

    They are ordered by feature map, then by cell (row-major), then by shape. With `clip`, the edges
    of the boxes are cut at the unit square.
    """
    boxes = torch.cat([_boxes_of_map(feature_map) for feature_map in feature_maps])
    if clip:
        low = (boxes[:, :2] - boxes[:, 2:] / 2).clamp(0, 1)
        high = (boxes[:, :2] + boxes[:, 2:] / 2).clamp(0, 1)
        boxes = torch.cat([(low + high) / 2, high - low], dim=1)
    return boxes.to(torch.float32)


class Place(NamedTuple):
    """Where a default box is.

    `feature_map` counts from 0. `row` and `column` are those of its cell.
    """

    feature_map: int
    row: int
    column: int
    shape: BoxShape


def place_of(index: int, feature_maps: Sequence[FeatureMapBoxes]) -> Place:
    """Return the place of the default box number `index`.

    Raises `IndexError` if there is no such box.
    """
    for number, feature_map in enumerate(feature_maps):
        rows, columns = feature_map.grid
        count = rows * columns * len(feature_map.shapes)
        if 0 <= index < count:
            cell, shape = divmod(index, len(feature_map.shapes))
            return Place(number, *divmod(cell, columns), feature_map.shapes[shape])
        index -= count
    raise IndexError("there is no such default box")


def _boxes_of_map(feature_map: FeatureMapBoxes) -> Tensor:
    rows, columns = feature_map.grid
    step_y = feature_map.step or 1 / rows
    step_x = feature_map.step or 1 / columns
    centre_y = (torch.arange(rows, dtype=torch.float64) + 0.5) * step_y
    centre_x = (torch.arange(columns, dtype=torch.float64) + 0.5) * step_x
    sizes = torch.tensor(
        [(shape.width, shape.height) for shape in feature_map.shapes], dtype=torch.float64
    )
    grid_y, grid_x = torch.meshgrid(centre_y, centre_x, indexing="ij")
    centres = torch.stack([grid_x, grid_y], dim=-1).reshape(-1, 1, 2).expand(-1, len(sizes), 2)
    return torch.cat([centres, sizes.expand(len(centres), -1, 2)], dim=-1).reshape(-1, 4)
