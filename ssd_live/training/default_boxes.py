"""Fit the shapes of the default boxes to the objects of the training data.

Section 2.2 of the SSD paper says that one can design default boxes that fit a data set best. The
shapes are found by k-means as in section 2 of "YOLO9000: Better, Faster, Stronger" (Redmon and
Farhadi, arXiv:1612.08242): the nearest shape is the one with the highest IoU.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ssd_live.datasets.types import DataSet
from ssd_live.errors import DataError, MediaError
from ssd_live.imaging.image_files import image_size
from ssd_live.models.box_code import PRIOR_VARIANCES
from ssd_live.models.default_boxes import BoxShape
from ssd_live.models.ssd import SSDNetwork

Sizes = NDArray[np.float64]

_ROUNDS = 50
# A feature map keeps its shapes if it has fewer objects than this for each of them.
_FEWEST_OBJECTS = 2


def fit_default_boxes(network: SSDNetwork, data: DataSet, *, ignored: bool = True) -> None:
    """Fit the shapes of the default boxes of `network` to the objects of `data`, in place.

    An object belongs to the feature map that has the best shape for it, and each feature map gets
    the shapes that fit its objects. A feature map with few objects keeps its shapes. The box
    predictors are changed so that the network finds the same boxes as before. If `ignored` is
    false, the objects that evaluation ignores do not count. Raises `DataError` if `data` has no
    object with an area.
    """
    sizes = _sizes(data, ignored)
    if not len(sizes):
        raise DataError(
            f"{data.name}: has no objects to which default boxes could be fitted; label some, or "
            'leave out --fit-boxes (in a recipe, set model.default_boxes to "given")'
        )
    before = _sizes_of_boxes(network)
    owner = np.repeat(np.arange(len(before)), [len(cell) for cell in before])
    of_map = owner[overlaps(sizes, np.concatenate(before)).argmax(1)]
    after = [
        fitted(sizes[of_map == number], shapes)
        if (of_map == number).sum() >= _FEWEST_OBJECTS * len(shapes)
        else shapes
        for number, shapes in enumerate(before)
    ]
    network.use_shapes(
        [[(math.sqrt(width * height), width / height) for width, height in cell] for cell in after]
    )
    for layer, old, cell in zip(
        network.box_predictors(), before, network.feature_maps, strict=True
    ):
        _find_the_same(layer, old, cell.shapes)


def overlaps(first: Sizes, second: Sizes) -> Sizes:
    """Return the IoU (N, M) of N boxes with M boxes of the same centre.

    The boxes are (N, 2) and (M, 2) width, height, in the same unit, and no side is 0.
    """
    common = np.minimum(first[:, None], second).prod(2)
    return np.asarray(common / (first.prod(1)[:, None] + second.prod(1) - common))


def fitted(sizes: Sizes, shapes: Sizes) -> Sizes:
    """Return as many shapes as `shapes` (M, 2) that fit the objects `sizes` (N, 2) better.

    Both are width, height. This is k-means that begins with `shapes`. A shape becomes the median of
    the objects that are nearest to it; a shape without objects does not change.
    """
    for _ in range(_ROUNDS):
        nearest = overlaps(sizes, shapes).argmax(1)
        moved = np.stack(
            [
                np.median(sizes[nearest == number], axis=0) if (nearest == number).any() else shape
                for number, shape in enumerate(shapes)
            ]
        )
        if np.array_equal(moved, shapes):
            break
        shapes = moved
    return shapes


def _sizes_of_boxes(network: SSDNetwork) -> list[Sizes]:
    """Return width and height of the default boxes of a cell (M, 2), for each feature map.

    They are those that the network has, which the zoo limits to the image in some networks.
    """
    found, begin = [], 0
    for cell in network.feature_maps:
        count = len(cell.shapes)
        found.append(network.default_boxes[begin : begin + count, 2:].double().cpu().numpy())
        begin += count * cell.grid[0] * cell.grid[1]
    return found


def _sizes(data: DataSet, ignored: bool) -> Sizes:
    """Return width and height (N, 2) of all objects with an area, relative to their image."""
    found = []
    for image in data.images:
        boxes = image.boxes if ignored else image.boxes[~image.ignored]
        try:
            size = np.array(image.size or image_size(image.path), np.float64)
        except MediaError:
            # The training tells of images that cannot be read.
            continue
        # The part outside the image is not learned.
        sides = boxes[:, 2:].clip(0, size) - boxes[:, :2].clip(0, size)
        found.append(sides[(sides >= 1).all(1)] / size)
    return np.concatenate(found) if found else np.zeros((0, 2))


@torch.no_grad()
def _find_the_same(layer: torch.nn.Conv2d, old: Sizes, new: tuple[BoxShape, ...]) -> None:
    """Change a box predictor so that it gives the same boxes with the shapes `new` as with `old`.

    By equation (2) of the SSD paper, the offset of a centre is divided by the side of the default
    box, and the offset of a side is the logarithm of its share of that side.
    """
    assert layer.bias is not None
    weight = layer.weight.view(len(new), 4, *layer.weight.shape[1:])
    bias = layer.bias.view(len(new), 4)
    for number, (before, shape) in enumerate(zip(old, new, strict=True)):
        for axis, side in enumerate((shape.width, shape.height)):
            share = float(before[axis]) / side
            weight[number, axis] *= share
            bias[number, axis] *= share
            bias[number, 2 + axis] += math.log(share) / PRIOR_VARIANCES[1]
