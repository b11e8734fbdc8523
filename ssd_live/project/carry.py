"""Carry the boxes of one image of a video over to the next one."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ssd_live.datasets.types import boxes_array
from ssd_live.evaluation.average_precision import overlaps
from ssd_live.imaging.pixels import Pixels
from ssd_live.project.labels import Box, LabelledBox

# An object is looked for so far around its place, in sides of its box.
_REACH = 1.0
# If nothing is as like the object as this, it is not carried.
_LOWEST_LIKENESS = 0.5
# Objects are compared at this size at most, which is fast.
_LONGEST_SIDE = 96
_SAME_OVERLAP = 0.5


def carried(boxes: Sequence[LabelledBox], before: Pixels, after: Pixels) -> list[LabelledBox]:
    """Return the boxes of the image `before` at their places in the image `after`.

    Both images are (H, W, 3) uint8 BGR. An object is found where the image is most like it, by
    normalised cross-correlation; its likeness is the score of the suggestion that it becomes. Its
    size stays. Objects that are not found are left out.
    """
    old, new = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (before, after))
    found = []
    for each in boxes:
        place = _found(each.box, np.asarray(old, np.uint8), np.asarray(new, np.uint8))
        if place is not None:
            box, likeness = place
            found.append(replace(each, box=box, score=likeness))
    return found


def _found(box: Box, old: NDArray[np.uint8], new: NDArray[np.uint8]) -> tuple[Box, float] | None:
    height, width = new.shape
    x1, y1, x2, y2 = (round(value) for value in box)
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    w, h = x2 - x1, y2 - y1
    if w < 2 or h < 2 or x2 > old.shape[1] or y2 > old.shape[0]:
        return None
    reach_x, reach_y = round(_REACH * w), round(_REACH * h)
    left, top = max(x1 - reach_x, 0), max(y1 - reach_y, 0)
    area = new[top : min(y2 + reach_y, height), left : min(x2 + reach_x, width)]
    thing = old[y1:y2, x1:x2]
    scale = min(1.0, _LONGEST_SIDE / max(w, h))
    if scale < 1:
        area, thing = (
            np.asarray(
                cv2.resize(its, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
            )
            for its in (area, thing)
        )
    if thing.shape[0] > area.shape[0] or thing.shape[1] > area.shape[1]:
        return None
    _, likeness, _, (across, down) = cv2.minMaxLoc(
        cv2.matchTemplate(area, thing, cv2.TM_CCOEFF_NORMED)
    )
    if not likeness >= _LOWEST_LIKENESS:
        return None
    dx, dy = left + across / scale - x1, top + down / scale - y1
    bx1, by1, bx2, by2 = box
    dx = min(max(dx, -bx1), width - bx2)
    dy = min(max(dy, -by1), height - by2)
    return (bx1 + dx, by1 + dy, bx2 + dx, by2 + dy), min(float(likeness), 1.0)


def without_copies(boxes: Sequence[LabelledBox], there: Sequence[LabelledBox]) -> list[LabelledBox]:
    """Return the boxes that do not lie where one of the boxes `there` has the same class.

    Boxes lie at the same place if their IoU is at least 0.5.
    """
    known = {
        class_id: boxes_array([its.box for its in there if its.class_id == class_id])
        for class_id in {its.class_id for its in there}
    }
    return [
        its
        for its in boxes
        if its.class_id not in known
        or overlaps(np.array(its.box, np.float32), known[its.class_id]).max() < _SAME_OVERLAP
    ]
