"""SSD as it was released, step by step: default boxes, matching, mining, loss, decoding and NMS.

Each section has a plain transcription of the Caffe code that came with the paper (the branch `ssd`
of weiliu89/caffe: `ssd_pascal.py`, `ssd_coco.py` and their variants for 512, `prior_box_layer.cpp`,
`bbox_util.cpp`, `multibox_loss_layer.cpp` and `detection_output_layer.cpp`), written from its
documentation and sources, one box at a time, in Python numbers. The golden numbers were computed
with these transcriptions. Our code must give the same; where it differs on purpose, the test says
by how much. docs/paper.md has the table of differences.
"""

import math
from functools import cache

import pytest
import torch

from ssd_live.models import Target, create, multibox_loss
from ssd_live.models.box_code import PRIOR_VARIANCES, decode, encode, to_centres, to_corners
from ssd_live.models.default_boxes import default_boxes
from ssd_live.models.matching import match
from ssd_live.models.multibox_loss import hard_negatives
from ssd_live.models.postprocess import detect
from ssd_live.models.ssd_paper import Preset, boxes_vgg16

Box = tuple[float, float, float, float]

# --- The prototxt: which default boxes each feature map has -------------------------------------

# For each network: side of the input, cells of each map, step in pixels, and the two numbers that
# `ssd_pascal.py` and `ssd_coco.py` set: the sides of the first map's boxes in percent of the input,
# and the range of the others.
NETWORKS = {
    (300, "voc"): ((38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300), (10, 20), (20, 90)),
    (300, "coco"): ((38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300), (7, 15), (15, 90)),
    (512, "voc"): ((64, 32, 16, 8, 4, 2, 1), (8, 16, 32, 64, 128, 256, 512), (7, 15), (15, 90)),
    (512, "coco"): ((64, 32, 16, 8, 4, 2, 1), (8, 16, 32, 64, 128, 256, 512), (4, 10), (10, 90)),
}
RATIOS = {
    300: ([2], [2, 3], [2, 3], [2, 3], [2], [2]),
    512: ([2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]),
}


def released_sizes(side: int, preset: str) -> list[tuple[float, float]]:
    """`min_size` and `max_size` of each map in pixels, as the scripts compute them."""
    grids, _, first, (low, high) = NETWORKS[side, preset]
    step = (high - low) // (len(grids) - 2)
    percents = [first, *((ratio, ratio + step) for ratio in range(low, high + 1, step))]
    return [(side * small / 100, side * large / 100) for small, large in percents]


@cache
def released_boxes(side: int, preset: str, *, whole_pixels: bool) -> list[Box]:
    """Default boxes (cx, cy, w, h, shares of the image), as `prior_box_layer.cpp` loops over them.

    The layer keeps the two sizes as whole pixels. No box is clipped (`clip: false`).
    """
    grids, steps, *_ = NETWORKS[side, preset]
    boxes: list[Box] = []
    for grid, step, (small, large), ratios in zip(
        grids, steps, released_sizes(side, preset), RATIOS[side], strict=True
    ):
        if whole_pixels:
            small, large = int(small), int(large)
        for row in range(grid):
            for column in range(grid):
                cx, cy = (column + 0.5) * step / side, (row + 0.5) * step / side
                boxes.append((cx, cy, small / side, small / side))
                middle = math.sqrt(small * large)
                boxes.append((cx, cy, middle / side, middle / side))
                for ratio in ratios:
                    for wide in (ratio, 1 / ratio):
                        w, h = small * math.sqrt(wide), small / math.sqrt(wide)
                        boxes.append((cx, cy, w / side, h / side))
    return boxes


@pytest.mark.parametrize(
    ("side", "preset", "sizes"),
    [
        (300, "voc", [(30, 60), (60, 111), (111, 162), (162, 213), (213, 264), (264, 315)]),
        (300, "coco", [(21, 45), (45, 99), (99, 153), (153, 207), (207, 261), (261, 315)]),
        (
            512,
            "voc",
            [
                (35.84, 76.8),
                (76.8, 153.6),
                (153.6, 230.4),
                (230.4, 307.2),
                (307.2, 384),
                (384, 460.8),
                (460.8, 537.6),
            ],
        ),
        (
            512,
            "coco",
            [
                (20.48, 51.2),
                (51.2, 133.12),
                (133.12, 215.04),
                (215.04, 296.96),
                (296.96, 378.88),
                (378.88, 460.8),
                (460.8, 542.72),
            ],
        ),
    ],
)
def test_the_sizes_are_those_of_the_released_prototxt(
    side: int, preset: str, sizes: list[tuple[float, float]]
) -> None:
    for (small, large), expected in zip(released_sizes(side, preset), sizes, strict=True):
        assert (small, large) == pytest.approx(expected)


# The number of boxes, the sum of all centres (x and y), widths and heights, and one box of the
# middle, as cx, cy, w, h.
GOLDEN_BOXES = {
    (300, "voc"): (8732, 8887.8933, 1510.4293, 1510.4293, (0.7333333, 0.76, 0.1414214, 0.0707107)),
    (300, "coco"): (8732, 8887.8933, 1172.198, 1172.198, (0.7333333, 0.76, 0.0989949, 0.0494975)),
    (512, "voc"): (
        24564,
        24564.0,
        3146.1417,
        3146.1417,
        (0.9765625, 0.7421875, 0.0989949, 0.0494975),
    ),
    (512, "coco"): (
        24564,
        24564.0,
        2192.4711,
        2192.4711,
        (0.9765625, 0.7421875, 0.0565685, 0.0282843),
    ),
}


@pytest.mark.parametrize(("side", "preset"), NETWORKS)
def test_the_default_boxes_are_the_released_ones(side: int, preset: Preset) -> None:
    """Without the limits of the presets, and with sizes in fractions of a pixel."""
    ours = default_boxes(boxes_vgg16(side, preset)).double()
    released = torch.tensor(released_boxes(side, preset, whole_pixels=False), dtype=torch.float64)
    torch.testing.assert_close(ours, released, atol=1e-6, rtol=0)
    count, centres, widths, heights, middle = GOLDEN_BOXES[side, preset]
    assert len(ours) == count
    assert float(ours[:, :2].sum()) == pytest.approx(centres, rel=1e-6)
    assert float(ours[:, 2].sum()) == pytest.approx(widths, rel=1e-6)
    assert float(ours[:, 3].sum()) == pytest.approx(heights, rel=1e-6)
    assert ours[count // 2].tolist() == pytest.approx(middle, abs=1e-6)


# How many default boxes of our networks differ from the released ones because of the limits that
# the widely used weights were trained with (centres and sizes, or sizes only, within the image),
# and how many differ because the release cuts the sizes to whole pixels, with the largest
# difference in pixels.
DIFFERENCES = {
    (300, "voc"): (134, 0, 0.0),
    (300, "coco"): (2, 0, 0.0),
    (512, "voc"): (42, 24552, 1.386),
    (512, "coco"): (42, 24564, 1.663),
}


@pytest.mark.parametrize(("side", "preset"), NETWORKS)
def test_so_many_default_boxes_differ_on_purpose(side: int, preset: Preset) -> None:
    limited, cut, pixels = DIFFERENCES[side, preset]
    exact = torch.tensor(released_boxes(side, preset, whole_pixels=False), dtype=torch.float64)
    whole = torch.tensor(released_boxes(side, preset, whole_pixels=True), dtype=torch.float64)
    ours = create(f"ssd{side}-vgg16", 21, preset=preset).default_boxes.double()
    assert int(((ours - exact).abs() > 1e-5).any(1).sum()) == limited
    differences = (exact - whole).abs().amax(1)
    assert int((differences > 1e-9).sum()) == cut
    assert float(differences.max()) * side == pytest.approx(pixels, abs=1e-3)


# --- bbox_util.cpp: matching, encoding and decoding ----------------------------------------------


def overlap(a: Box, b: Box) -> float:
    """Jaccard overlap of two boxes, x1, y1, x2, y2."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area_a + area_b - width * height)


def corners(box: Box) -> Box:
    cx, cy, w, h = box
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def released_match(objects: list[Box], boxes: list[Box]) -> dict[int, int]:
    """Default box -> object: the best pairs first (bipartite), then what overlaps by 0.5 or more
    (per prediction).
    """
    table = {
        (box, one): value
        for box, default in enumerate(boxes)
        for one, target in enumerate(objects)
        if (value := overlap(corners(default), target)) > 1e-6
    }
    matches: dict[int, int] = {}
    pool = set(range(len(objects)))
    while pool:
        left = [
            (-value, box, one)
            for (box, one), value in table.items()
            if box not in matches and one in pool
        ]
        if not left:
            break
        _, box, one = min(left)
        matches[box] = one
        pool.remove(one)
    paired = set(matches)
    best: dict[int, float] = {}
    for (box, one), value in table.items():
        if box not in paired and value >= 0.5 and value > best.get(box, 0.0):
            best[box], matches[box] = value, one
    return matches


VARIANCES = (0.1, 0.1, 0.2, 0.2)


def released_offsets(target: Box, default: Box) -> Box:
    """`EncodeBBox` with CENTER_SIZE, the code type of all released networks."""
    x1, y1, x2, y2 = target
    cx, cy, w, h = default
    return (
        ((x1 + x2) / 2 - cx) / w / VARIANCES[0],
        ((y1 + y2) / 2 - cy) / h / VARIANCES[1],
        math.log((x2 - x1) / w) / VARIANCES[2],
        math.log((y2 - y1) / h) / VARIANCES[3],
    )


def released_box(offsets: Box, default: Box) -> Box:
    """`DecodeBBox` with CENTER_SIZE; x1, y1, x2, y2."""
    cx, cy, w, h = default
    return corners(
        (
            VARIANCES[0] * offsets[0] * w + cx,
            VARIANCES[1] * offsets[1] * h + cy,
            math.exp(VARIANCES[2] * offsets[2]) * w,
            math.exp(VARIANCES[3] * offsets[3]) * h,
        )
    )


# Four objects, x1, y1, x2, y2: a person on the left, a dog before them, a distant car, and a table
# that fills the picture. Classes count from 1.
OBJECTS: list[Box] = [
    (0.12, 0.20, 0.38, 0.92),
    (0.25, 0.55, 0.55, 0.95),
    (0.71, 0.31, 0.767, 0.352),
    (0.02, 0.05, 0.97, 0.98),
]
CLASSES = [15, 12, 7, 11]

# For each network: how many default boxes each object has, and the sum of their numbers.
GOLDEN_MATCHES = {
    (300, "voc"): ((7, 12, 1, 8), 226099),
    (300, "coco"): ((7, 7, 1, 8), 188638),
    (512, "voc"): ((4, 24, 1, 6), 820406),
    (512, "coco"): ((4, 18, 4, 4), 646076),
}


@pytest.mark.parametrize(("side", "preset"), NETWORKS)
def test_matching_is_the_released_one(side: int, preset: Preset) -> None:
    boxes = released_boxes(side, preset, whole_pixels=False)
    expected = released_match(OBJECTS, boxes)
    ours = match(torch.tensor(OBJECTS), torch.tensor(boxes, dtype=torch.float32)).tolist()
    assert {box: one for box, one in enumerate(ours) if one >= 0} == expected
    counts = tuple(list(expected.values()).count(one) for one in range(len(OBJECTS)))
    assert (counts, sum(expected)) == GOLDEN_MATCHES[side, preset]


GOLDEN_OFFSETS = (-1.6666667, 1.0000000, -0.7155042, 0.9116078)
GOLDEN_DECODED = (0.1317896, 0.2089040, 0.4982104, 0.6110960)


def test_offsets_are_encoded_and_decoded_as_released() -> None:
    default = (0.3, 0.5, 0.3, 0.6)
    expected = released_offsets(OBJECTS[0], default)
    assert expected == pytest.approx(GOLDEN_OFFSETS, abs=1e-6)
    target, box = torch.tensor(OBJECTS[0]), torch.tensor(default)
    assert encode(to_centres(target), box).tolist() == pytest.approx(expected, abs=1e-5)
    assert (*PRIOR_VARIANCES, *PRIOR_VARIANCES) == (0.1, 0.2, 0.1, 0.2)
    offsets = (0.5, -1.5, 1.0, -2.0)
    decoded = released_box(offsets, default)
    assert decoded == pytest.approx(GOLDEN_DECODED, abs=1e-6)
    ours = to_corners(decode(torch.tensor(offsets), box))
    assert ours.tolist() == pytest.approx(decoded, abs=1e-6)


# --- multibox_loss_layer.cpp: mining and the two losses ------------------------------------------


def predictions(count: int, classes: int) -> tuple[list[Box], list[list[float]]]:
    """Numbers that look random and are the same everywhere: offsets and logits of each box."""

    def wave(index: int, column: int) -> float:
        return math.sin(12.9898 * (index + 1) + 78.233 * (column + 1))

    offsets = [tuple(2 * wave(index, column) for column in range(4)) for index in range(count)]
    logits = [
        [3 * wave(index, 10 + column) + (4 if column == 0 else 0) for column in range(classes)]
        for index in range(count)
    ]
    return offsets, logits  # type: ignore[return-value]


def softmax(logits: list[float]) -> list[float]:
    largest = max(logits)
    powers = [math.exp(value - largest) for value in logits]
    return [power / sum(powers) for power in powers]


def released_negatives(
    losses: list[float], matches: dict[int, int], overlaps: list[float]
) -> set[int]:
    """`MineHardExamples` with MAX_NEGATIVE: of the boxes that match nothing and overlap by less
    than 0.5 (`neg_overlap`), those with the highest loss, three for each match.
    """
    candidates = [
        (-losses[box], box)
        for box in range(len(losses))
        if box not in matches and overlaps[box] < 0.5
    ]
    return {box for _, box in sorted(candidates)[: 3 * len(matches)]}


def released_loss(
    offsets: list[Box], logits: list[list[float]], boxes: list[Box]
) -> tuple[float, float, set[int]]:
    """Localisation loss, confidence loss (both divided by the number of matches), and the hard
    negatives.
    """
    matches = released_match(OBJECTS, boxes)
    overlaps = [max(overlap(corners(box), one) for one in OBJECTS) for box in boxes]
    background = [-math.log(softmax(values)[0]) for values in logits]
    negatives = released_negatives(background, matches, overlaps)
    localisation = 0.0
    confidence = sum(background[box] for box in negatives)
    for box, one in matches.items():
        for said, wanted in zip(
            offsets[box], released_offsets(OBJECTS[one], boxes[box]), strict=True
        ):
            distance = abs(said - wanted)
            localisation += 0.5 * distance**2 if distance < 1 else distance - 0.5
        confidence -= math.log(softmax(logits[box])[CLASSES[one]])
    return localisation / len(matches), confidence / len(matches), negatives


# Localisation and confidence loss, and the sum of the numbers of the hard negatives.
GOLDEN_LOSSES = {
    (300, "voc"): (4.0046416, 14.9922731, 375459),
    (300, "coco"): (4.1711289, 14.5843700, 296564),
    (512, "voc"): (5.1015937, 16.2653314, 1292232),
}


@pytest.mark.parametrize(("side", "preset"), [(300, "voc"), (300, "coco"), (512, "voc")])
def test_mining_and_loss_are_the_released_ones(side: int, preset: str) -> None:
    boxes = released_boxes(side, preset, whole_pixels=False)
    offsets, logits = predictions(len(boxes), 21)
    localisation, confidence, negatives = released_loss(offsets, logits, boxes)
    golden = GOLDEN_LOSSES[side, preset]
    assert (localisation, confidence) == pytest.approx(golden[:2], rel=1e-6)
    assert sum(negatives) == golden[2]
    defaults = torch.tensor(boxes, dtype=torch.float32)
    target = Target(torch.tensor(OBJECTS), torch.tensor(CLASSES))
    loss = multibox_loss(torch.tensor([offsets]), torch.tensor([logits]), defaults, [target])
    assert float(loss.localisation) == pytest.approx(localisation, rel=1e-5)
    assert float(loss.confidence) == pytest.approx(confidence, rel=1e-5)
    background = -torch.tensor(logits, dtype=torch.float64).log_softmax(-1)[:, 0]
    positive = match(target.boxes, defaults) >= 0
    mask = hard_negatives(background[None], positive[None])[0]
    assert set(mask.nonzero()[:, 0].tolist()) == negatives


# --- detection_output_layer.cpp ------------------------------------------------------------------


def released_detections(
    boxes: list[Box], scores: list[list[float]]
) -> list[tuple[int, float, Box]]:
    """Class (from 1), score and box: scores over 0.01, the best 400 boxes of a class, NMS at 0.45,
    the best 200 of all.
    """
    found = []
    for label in range(1, len(scores[0])):
        order = sorted(
            (box for box in range(len(boxes)) if scores[box][label] > 0.01),
            key=lambda box: -scores[box][label],
        )[:400]
        kept: list[int] = []
        for box in order:
            if all(overlap(boxes[box], boxes[other]) <= 0.45 for other in kept):
                kept.append(box)
        found += [(label, scores[box][label], boxes[box]) for box in kept]
    return sorted(found, key=lambda one: -one[1])[:200]


# Boxes, detections, and the sums of the classes and of the scores.
GOLDEN_DETECTIONS = (487, 200, 430, 86.0723087)


def test_detections_are_the_released_ones() -> None:
    """The release clips boxes after NMS and we do before it, so the boxes lie inside the image."""
    defaults = [
        box
        for box in released_boxes(300, "voc", whole_pixels=False)
        if min(corners(box)) > 0.1 and max(corners(box)) < 0.9
    ][::7]
    offsets, logits = predictions(len(defaults), 6)
    boxes = [
        released_box((x / 4, y / 4, w / 4, h / 4), default)
        for (x, y, w, h), default in zip(offsets, defaults, strict=True)
    ]
    assert min(min(box) for box in boxes) > 0
    assert max(max(box) for box in boxes) < 1
    scores = [softmax(values) for values in logits]
    expected = released_detections(boxes, scores)
    assert (len(defaults), len(expected)) == GOLDEN_DETECTIONS[:2]
    assert sum(one[0] for one in expected) == GOLDEN_DETECTIONS[2]
    assert sum(one[1] for one in expected) == pytest.approx(GOLDEN_DETECTIONS[3], rel=1e-6)
    kept, confidences, classes = detect(
        torch.tensor(boxes, dtype=torch.float64),
        torch.tensor(scores, dtype=torch.float64)[:, 1:],
        0.01,
        0.45,
        200,
    )
    assert [label + 1 for label in classes.tolist()] == [one[0] for one in expected]
    assert confidences.tolist() == pytest.approx([one[1] for one in expected])
    torch.testing.assert_close(
        kept, torch.tensor([one[2] for one in expected], dtype=torch.float64)
    )
