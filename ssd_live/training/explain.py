"""Explain how SSD finds the objects of one image.

An explanation says which default box of which feature map made each detection, and which default
boxes are matched to each labelled object in training.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ssd_live.backends.torch_network import answer_before_nms, network_of
from ssd_live.datasets import sheets
from ssd_live.datasets.types import LabelledImage
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.overlay import numbered_colour
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.models.blazeface import BlazeFace
from ssd_live.models.box_code import to_corners
from ssd_live.models.default_boxes import FeatureMapBoxes, Place, place_of
from ssd_live.models.matching import match
from ssd_live.models.postprocess import detect, jaccard_overlap

_PANEL, _COLUMNS = (480, 360), 3
_FAINT = (150, 150, 150)

Boxes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FiredBox:
    """A detection, with the default box that made it and the place of that default box.

    `box` and `default_box` (4,) are x1, y1, x2, y2 in pixels of the image. `suppressed` maps the
    number of a feature map (from 0) to the number of its default boxes that also found the object
    and that NMS suppressed.
    """

    box: Boxes
    score: float
    class_id: int
    place: Place
    default_box: Boxes
    suppressed: Counter[int]


@dataclass(frozen=True, eq=False)
class Matched:
    """A labelled object, with the default boxes that are matched to it in training.

    `default_boxes` (M, 4) and `box` (4,) are x1, y1, x2, y2 in pixels of the image. `places` holds
    the feature map, the cell and the shape of each of the default boxes. `best_overlap` is the
    highest IoU of one of them with the object, or 0 if there are none.
    """

    box: Boxes
    class_id: int
    places: tuple[Place, ...]
    default_boxes: Boxes
    best_overlap: float


@dataclass(frozen=True)
class Explanation:
    """What `explain` returns: how a network found the objects of one image.

    `feature_maps` describes the feature maps of the network. `fired` are the detections, and
    `matched` are the labelled objects, if they are known. `default_boxes` (N, 4) are all default
    boxes of the network, x1, y1, x2, y2 in pixels of the image, in the order of `feature_maps`.
    """

    feature_maps: tuple[FeatureMapBoxes, ...]
    fired: tuple[FiredBox, ...]
    matched: tuple[Matched, ...]
    default_boxes: Boxes


def explain(
    model: ModelFile, image: Pixels, threshold: float, truth: LabelledImage | None
) -> Explanation:
    """Return an explanation of what the network of a model detects in an image (H, W, 3) uint8 BGR.

    The network runs in PyTorch. Only detections that score more than `threshold` are explained; if
    the score threshold of the model is higher, it is used instead. `truth` holds the labelled
    objects of the image, or is None if they are not known; objects without area inside the image
    match nothing and are left out. Raises `ModelFileError` if a weight of the model is missing or
    has another shape, and `UsageError` if there are labelled objects and the network was not
    trained with SSD's matching.
    """
    threshold = max(threshold, model.metadata.score_threshold)
    network = network_of(model)
    if truth is not None and isinstance(network, BlazeFace):
        raise UsageError(
            f"{model.name} was not trained with SSD's matching, so there is nothing to show for "
            "labelled objects; leave out --ground-truth"
        )
    frame, fit = Frame((image,)), model.metadata.input_fit
    with torch.inference_mode():
        every_box, every_score = answer_before_nms(network, model.metadata, fit.image(frame)[None])
    boxes, scores = every_box[0], every_score[0]
    found = detect(
        boxes, scores, threshold, model.metadata.iou_threshold, model.metadata.max_detections
    )
    size = frame.width, frame.height
    shown = fit.region(size) or Region(0, 0, *size)
    scale = np.array([shown.width, shown.height] * 2, np.float32)
    offset = np.array([shown.x, shown.y] * 2, np.float32)
    defaults = to_corners(network.default_boxes).numpy() * scale + offset
    fired, left = [], scores > threshold
    for box, score, class_id in zip(*found, strict=True):
        own = int(((boxes == box).all(1) & (scores[:, class_id] == score)).nonzero()[0])
        same = left[:, class_id] & (
            jaccard_overlap(box[None], boxes)[0] > model.metadata.iou_threshold
        )
        # A box is suppressed once, by the best detection that it overlaps.
        left[:, class_id] &= ~same
        maps = Counter(
            place_of(index, network.feature_maps).feature_map
            for index in same.nonzero()[:, 0].tolist()
            if index != own
        )
        fired.append(
            FiredBox(
                (box.numpy() * scale + offset).clip(0, np.array(size * 2, np.float32)),
                float(score),
                int(class_id),
                place_of(own, network.feature_maps),
                defaults[own],
                maps,
            )
        )
    matched = (
        _matched(truth, network.default_boxes, network.feature_maps, scale)
        if truth is not None
        else []
    )
    return Explanation(network.feature_maps, tuple(fired), tuple(matched), defaults)


def _matched(
    truth: LabelledImage,
    default_boxes: torch.Tensor,
    feature_maps: Sequence[FeatureMapBoxes],
    scale: Boxes,
) -> list[Matched]:
    # Boxes are cut at the image's edges, as in training.
    inside = np.clip(truth.boxes, 0, scale)
    solid = (inside[:, 2:] > inside[:, :2]).all(1)
    boxes = torch.from_numpy(inside[solid] / scale)
    matches = match(boxes, default_boxes)
    corners = to_corners(default_boxes)
    overlaps = jaccard_overlap(boxes, corners)
    found = []
    for number, (box, class_id) in enumerate(zip(inside[solid], truth.classes[solid], strict=True)):
        own = (matches == number).nonzero()[:, 0].tolist()
        places = tuple(place_of(index, feature_maps) for index in own)
        best = float(overlaps[number, own].max()) if own else 0.0
        found.append(Matched(box, int(class_id), places, corners[own].numpy() * scale, best))
    return found


def describe(place: Place, feature_maps: Sequence[FeatureMapBoxes]) -> str:
    """Return a text such as `map 3 (10 x 10), row 4, column 6, scale 0.37, ratio 2` for `place`.

    The text says where a default box is and which shape it has. `feature_maps` are those of the
    network. Maps, rows and columns count from 1 in the text.
    """
    rows, columns = feature_maps[place.feature_map].grid
    where = (
        f"map {place.feature_map + 1} ({rows} x {columns}), row {place.row + 1}, column "
        f"{place.column + 1}"
    )
    return f"{where}, scale {place.shape.scale:.2f}, ratio {place.shape.ratio:.3g}"


def draw(image: Pixels, explained: Explanation, classes: Sequence[str]) -> Pixels:
    """Return one image (H, W, 3) uint8 BGR with several panels that show an explanation.

    `image` is the explained image (H, W, 3) uint8 BGR, and `classes` are the class names. The first
    panel shows the detections, coloured by feature map. One panel for each feature map follows,
    with some default boxes of the map. If there are labelled objects, the last panel shows them
    with the default boxes matched to them.
    """
    panels = [_detections(image, explained, classes)]
    panels += [
        _feature_map(image, explained, number) for number in range(len(explained.feature_maps))
    ]
    if explained.matched:
        panels.append(_matches(image, explained, classes))
    return sheets.contact_sheet(panels, _COLUMNS)


def _detections(image: Pixels, explained: Explanation, classes: Sequence[str]) -> Pixels:
    fired = explained.fired
    maps = np.array([one.place.feature_map for one in fired], np.int64)
    texts = [
        f"{classes[one.class_id]} {one.score:.0%}, map {one.place.feature_map + 1}" for one in fired
    ]
    panel = sheets.tile(image, _stacked([one.box for one in fired]), maps, texts, _PANEL)
    return sheets.captioned(
        panel, f"{len(fired)} detections, coloured by the feature map that made them"
    )


def _feature_map(image: Pixels, explained: Explanation, number: int) -> Pixels:
    cell = explained.feature_maps[number]
    rows, columns = cell.grid
    first = sum(
        one.grid[0] * one.grid[1] * len(one.shapes) for one in explained.feature_maps[:number]
    )
    count = rows * columns * len(cell.shapes)
    own = explained.default_boxes[first : first + count]
    panel = sheets.tile(image, _stacked([]), np.zeros(0, np.int64), (), _PANEL)
    centres = sheets.placed(own[:: len(cell.shapes)], image, _PANEL).reshape(-1, 2, 2).mean(1)
    for x, y in np.rint(centres).astype(int).tolist():
        cv2.circle(panel, (x, y), 1, _FAINT, -1)
    middle = ((rows // 2) * columns + columns // 2) * len(cell.shapes)
    sheets.outline(panel, sheets.placed(own[middle : middle + len(cell.shapes)], image, _PANEL))
    fired = [one.default_box for one in explained.fired if one.place.feature_map == number]
    sheets.outline(panel, sheets.placed(_stacked(fired), image, _PANEL), numbered_colour(number), 2)
    # The caption is short because it must fit the panel with the largest numbers.
    words = (
        f"map {number + 1}: {rows} x {columns} cells x {len(cell.shapes)} = {count} boxes; "
        "white: one cell's"
    )
    return sheets.captioned(panel, f"{words}; coloured: {len(fired)} fired" if fired else words)


def _matches(image: Pixels, explained: Explanation, classes: Sequence[str]) -> Pixels:
    matched = explained.matched
    texts = [
        f"{classes[one.class_id]}: {len(one.places)}, best {one.best_overlap:.2f}"
        for one in matched
    ]
    panel = sheets.tile(
        image, _stacked([one.box for one in matched]), np.arange(len(matched)), texts, _PANEL
    )
    for number, one in enumerate(matched):
        sheets.outline(
            panel, sheets.placed(one.default_boxes, image, _PANEL), numbered_colour(number)
        )
    return sheets.captioned(panel, "objects, each with the default boxes matched to it in training")


def _stacked(boxes: Sequence[Boxes]) -> Boxes:
    return np.asarray(boxes, np.float32).reshape(-1, 4)
