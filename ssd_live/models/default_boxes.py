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
    """The shape of one default box, relative to the sides of the image.

    `scale` is the square root of width times height; `ratio` is width divided by height.
    """

    scale: float
    ratio: float = 1.0

    @property
    def width(self) -> float:
        """The width of the box, as a share of the width of the image."""
        return self.scale * math.sqrt(self.ratio)

    @property
    def height(self) -> float:
        """The height of the box, as a share of the height of the image."""
        return self.scale / math.sqrt(self.ratio)


# For each feature map, the scale and the ratio of each shape of a cell, as numbers that a file can
# hold.
ShapeNumbers = Sequence[Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class FeatureMapBoxes:
    """A description of the default boxes of one feature map.

    `grid` is the number of cells of the feature map (rows, columns). Each cell has one default box
    of each of the `shapes`, in the order of the channels of the prediction layer. `step` is the
    distance between the centres of two neighbouring cells relative to the side of the image. If it
    is None, the cells divide the image evenly (1 / grid).
    """

    grid: tuple[int, int]
    shapes: tuple[BoxShape, ...]
    step: float | None = None


def linear_scales(smallest: float, largest: float, count: int) -> tuple[float, ...]:
    """Return `count` scales of default boxes, evenly spaced from `smallest` to `largest`.

    This is equation (4) of the SSD paper. Scales are relative to the side of the image. `count`
    must be at least 2.
    """
    return tuple(smallest + (largest - smallest) * k / (count - 1) for k in range(count))


def default_boxes(feature_maps: Sequence[FeatureMapBoxes], *, clip: bool = False) -> Tensor:
    """Return the default boxes of all `feature_maps`, (N, 4) float32, as cx, cy, w, h.

    The numbers are relative to the sides of the image. The boxes are ordered by feature map, then
    by cell (row by row), then by shape. If `clip` is true, the parts of the boxes outside the image
    are cut off.
    """
    boxes = torch.cat([_boxes_of_map(feature_map) for feature_map in feature_maps])
    if clip:
        low = (boxes[:, :2] - boxes[:, 2:] / 2).clamp(0, 1)
        high = (boxes[:, :2] + boxes[:, 2:] / 2).clamp(0, 1)
        boxes = torch.cat([(low + high) / 2, high - low], dim=1)
    return boxes.to(torch.float32)


class Place(NamedTuple):
    """The place of a default box: its feature map, the row and column of its cell, and its shape.

    The feature map, the row and the column are numbers that count from 0.
    """

    feature_map: int
    row: int
    column: int
    shape: BoxShape


def place_of(index: int, feature_maps: Sequence[FeatureMapBoxes]) -> Place:
    """Return the place of the default box with the number `index` in a network.

    `feature_maps` describes the default boxes of the network. The number counts from 0, in the
    order in which the function `default_boxes` returns the boxes. Raises `IndexError` if there is
    no default box with this number.
    """
    for number, feature_map in enumerate(feature_maps):
        rows, columns = feature_map.grid
        count = rows * columns * len(feature_map.shapes)
        if 0 <= index < count:
            cell, shape = divmod(index, len(feature_map.shapes))
            return Place(number, *divmod(cell, columns), feature_map.shapes[shape])
        index -= count
    raise IndexError(
        "there is no such default box; give a number from 0 to the number of default boxes minus 1"
    )


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
