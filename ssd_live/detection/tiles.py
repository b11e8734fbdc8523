"""Cut frames into overlapping tiles, in which small objects are larger, and merge what is found.

A network with a small input misses small objects, because a frame is shrunk to that size. A tile is
shrunk less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd_live.detections import Detections
from ssd_live.imaging.boxes import iou_matrix
from ssd_live.imaging.frame import InputFit, Region

# A grid has at most so many tiles.
MOST_TILES = 16
_MOST_COLUMNS, _MOST_ROWS = 4, 3
# Neighbouring tiles share this part of their width or height.
_OVERLAP = 0.2
# An object that is larger than this in the network input of the whole frame, the square root of its
# area in pixels, is taken from the whole frame alone. Source: docs/tracking.md.
_SMALL_PIXELS = 64.0
# A box that comes this near to an inner side of its tile, as a share of the tile, is cut off there.
_CUT_SHARE = 0.015
# A detection in a tile and one elsewhere show the same object if they overlap so much.
_SAME_IOU = 0.5

Floats = NDArray[np.float32]
# The detections of one image and their colour histograms, if there are any.
Found = tuple[Detections, Floats | None]


@dataclass(frozen=True, eq=False)
class Tile:
    """A part of a frame.

    `inner` says of its left, top, right and bottom side whether another tile continues there.
    """

    region: Region
    inner: tuple[bool, bool, bool, bool]


def grid_of(count: int, area: Region) -> tuple[int, int]:
    """Return the columns and rows of a grid of `count` tiles whose tiles are nearest to squares."""
    shapes = [(count // rows, rows) for rows in range(1, count + 1) if count % rows == 0]

    def stretch(shape: tuple[int, int]) -> float:
        columns, rows = shape
        return abs(math.log(area.width / columns / (area.height / rows)))

    return min(shapes, key=stretch)


def natural_grid(area: Region, input_size: tuple[int, int]) -> tuple[int, int]:
    """Return the columns and rows of a grid whose tiles are about as large as the network input.

    There are at most 4 x 3 tiles, and one tile if the area is hardly larger than the input.
    `input_size` is (width, height).
    """
    columns = round(area.width / input_size[0])
    rows = round(area.height / input_size[1])
    return min(max(columns, 1), _MOST_COLUMNS), min(max(rows, 1), _MOST_ROWS)


def tile_grid(area: Region, columns: int, rows: int) -> tuple[Tile, ...]:
    """Return the tiles of a grid over `area`, row by row. One tile is none."""
    if columns * rows == 1:
        return ()
    return tuple(
        Tile(Region(x, y, width, height), (x_inner, y_inner, x_more, y_more))
        for y, height, y_inner, y_more in _spans(area.y, area.height, rows)
        for x, width, x_inner, x_more in _spans(area.x, area.width, columns)
    )


def _spans(begin: int, length: int, count: int) -> list[tuple[int, int, bool, bool]]:
    """Return the begin and the length of overlapping spans, and whether others are beside them.

    The begins are even, because colour planes have half the resolution.
    """
    size = length / (count - (count - 1) * _OVERLAP)
    spans = []
    for number in range(count):
        first = (begin + int(number * size * (1 - _OVERLAP))) // 2 * 2
        last = (
            begin + length if number == count - 1 else min(first + math.ceil(size), begin + length)
        )
        spans.append((first, last - first, number > 0, number < count - 1))
    return spans


class TileMerger:
    """What was found in the tiles of one source, frame by frame.

    `input_fit` says how a frame or a tile becomes a network input.
    """

    def __init__(self, input_fit: InputFit) -> None:
        self._fit = input_fit
        self._last: dict[Tile, Found] = {}

    def merged(
        self, area: Region, whole: Found, looked: dict[Tile, Found], unchanged: Sequence[Tile]
    ) -> Found:
        """Return what was found in a frame, from the whole of it and from tiles.

        `whole` was found in `area`, which is the frame or the region that the network sees. Boxes
        are in pixels of the frame. `looked` was found in tiles of this frame. Where nothing
        changed, in the tiles `unchanged`, what was found there last counts. The result is sorted by
        score. Large objects are those of `whole`, so without small ones the result is `whole`.
        """
        for tile, found in looked.items():
            self._last[tile] = self._small_and_whole(area, tile, found)
        current = [*looked, *(tile for tile in unchanged if tile in self._last)]
        # Tiles of frames with another size are not used again.
        self._last = {tile: self._last[tile] for tile in current}
        parts = [found for found in self._last.values() if len(found[0])]
        return _united(whole, parts) if parts else whole

    def _small_and_whole(self, area: Region, tile: Tile, found: Found) -> Found:
        """Return the small objects that are not cut off at an inner side of the tile."""
        boxes, its = found[0].boxes, tile.region
        shown = self._fit.region((area.width, area.height), area) or area
        shrink = math.prod(self._fit.size) / (shown.width * shown.height)
        kept = (boxes[:, 2:] - boxes[:, :2]).prod(1) * shrink < _SMALL_PIXELS**2
        across, down = _CUT_SHARE * its.width, _CUT_SHARE * its.height
        sides = (
            boxes[:, 0] < its.x + across,
            boxes[:, 1] < its.y + down,
            boxes[:, 2] > its.x + its.width - across,
            boxes[:, 3] > its.y + its.height - down,
        )
        for is_cut, is_inner in zip(sides, tile.inner, strict=True):
            if is_inner:
                kept &= ~is_cut
        return found[0].where(kept), None if found[1] is None else found[1][kept]


def _united(whole: Found, parts: Sequence[Found]) -> Found:
    """Return all detections, of those of one object and class only the one of the highest score.

    Detections in the whole frame stay beside each other, as the NMS of the network left them.
    """
    every = [whole, *parts]
    boxes = np.concatenate([found.boxes for found, _ in every])
    scores = np.concatenate([found.scores for found, _ in every])
    class_ids = np.concatenate([found.class_ids for found, _ in every])
    order = np.argsort(-scores, kind="stable")
    is_whole = order < len(whole[0])
    boxes, scores, class_ids = boxes[order], scores[order], class_ids[order]
    rivals = iou_matrix(boxes, boxes) >= _SAME_IOU
    rivals &= class_ids[:, None] == class_ids
    rivals &= ~(is_whole[:, None] & is_whole)
    kept = np.ones(len(order), bool)
    # A weaker rival of a detection that is kept goes.
    for row in np.flatnonzero(np.triu(rivals, 1).any(1)):
        if kept[row]:
            kept[row + 1 :] &= ~rivals[row, row + 1 :]
    looks = [its for _, its in every if its is not None]
    return (
        Detections(boxes[kept], scores[kept], class_ids[kept], whole[0].classes),
        np.concatenate(looks)[order[kept]] if len(looks) == len(every) else None,
    )
