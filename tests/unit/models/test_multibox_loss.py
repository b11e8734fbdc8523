"""Matching, mining and loss, held against a slow and literal transcription of section 2.2 of the
paper.
"""

import math

import pytest
import torch
from torch import Tensor

from ssd_live.models import Target, create, multibox_loss
from ssd_live.models.matching import match
from ssd_live.models.multibox_loss import assign, giou_loss, hard_negatives


def iou(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def corners(box: list[float]) -> list[float]:
    return [box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2]


def literal_match(objects: list[list[float]], defaults: list[list[float]]) -> list[int]:
    """Object of each default box, or -1: the best pair first, again and again; then what overlaps
    by more than half.
    """
    table = [[iou(one, corners(default)) for default in defaults] for one in objects]
    matches = [-1] * len(defaults)
    free_objects, free_defaults = set(range(len(objects))), set(range(len(defaults)))
    while free_objects and free_defaults:
        pairs = [
            (-table[one][default], one, default)
            for one in sorted(free_objects)
            for default in sorted(free_defaults)
        ]
        _, one, default = min(pairs)
        matches[default] = one
        free_objects.remove(one)
        free_defaults.remove(default)
    for default in free_defaults:
        if objects:
            best = max(range(len(objects)), key=lambda one: (table[one][default], -one))
            if table[best][default] > 0.5:
                matches[default] = best
    return matches


def literal_loss(
    regression: Tensor, logits: Tensor, defaults: Tensor, targets: list[Target]
) -> tuple[float, float]:
    """Equations (1) to (3), one default box at a time."""
    localisation = confidence = 0.0
    positives = 0
    for image, target in enumerate(targets):
        matches = literal_match(target.boxes.tolist(), defaults.tolist())
        negatives = []
        for index, one in enumerate(matches):
            values = logits[image, index].double()
            log_sum = math.log(
                sum(math.exp(float(value - values.max())) for value in values)
            ) + float(values.max())
            if one < 0:
                negatives.append(log_sum - float(values[0]))
                continue
            positives += 1
            confidence += log_sum - float(values[int(target.classes[one])])
            x1, y1, x2, y2 = target.boxes[one].double().tolist()
            cx, cy, w, h = defaults[index].double().tolist()
            expected = [
                ((x1 + x2) / 2 - cx) / w / 0.1,
                ((y1 + y2) / 2 - cy) / h / 0.1,
                math.log((x2 - x1) / w) / 0.2,
                math.log((y2 - y1) / h) / 0.2,
            ]
            for said, wanted in zip(
                regression[image, index].double().tolist(), expected, strict=True
            ):
                distance = abs(said - wanted)
                localisation += 0.5 * distance**2 if distance < 1 else distance - 0.5
        count = sum(one >= 0 for one in matches)
        confidence += sum(sorted(negatives, reverse=True)[: 3 * count])
    return localisation / max(positives, 1), confidence / max(positives, 1)


def random_boxes(count: int, generator: torch.Generator) -> Tensor:
    corner = torch.rand(count, 2, generator=generator) * 0.7
    return torch.cat([corner, corner + 0.05 + torch.rand(count, 2, generator=generator) * 0.25], 1)


def grid_of_boxes() -> Tensor:
    """No two of one size: an object inside two equal boxes overlaps them equally, and rounding
    would choose.
    """
    boxes = torch.tensor(
        [
            (x, y, s, s)
            for s in (0.2, 0.4)
            for y in (0.2, 0.4, 0.6, 0.8)
            for x in (0.2, 0.4, 0.6, 0.8)
        ]
    )
    boxes[:, 2:] *= 1 + 0.003 * torch.arange(len(boxes))[:, None]
    return boxes


@pytest.mark.parametrize("seed", range(12))
def test_the_loss_equals_the_papers_on_random_cases(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    defaults = grid_of_boxes()
    targets = []
    for _ in range(4):
        count = int(torch.randint(0, 7, (), generator=generator))
        targets.append(
            Target(
                random_boxes(count, generator), torch.randint(1, 5, (count,), generator=generator)
            )
        )
    regression, logits = (
        torch.randn(4, len(defaults), 4, generator=generator),
        3 * torch.randn(4, len(defaults), 5, generator=generator),
    )
    loss = multibox_loss(regression, logits, defaults, targets)
    assert (float(loss.localisation), float(loss.confidence)) == pytest.approx(
        literal_loss(regression, logits, defaults, targets), rel=1e-4
    )


@pytest.mark.parametrize("seed", range(8))
def test_matching_equals_the_literal_search_also_where_objects_contend_for_a_box(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    defaults = grid_of_boxes()
    crowd = random_boxes(1, generator).repeat(5, 1) + 0.01 * torch.rand(5, 4, generator=generator)
    boxes = torch.cat([crowd, random_boxes(4, generator)])
    assert match(boxes, defaults).tolist() == literal_match(boxes.tolist(), defaults.tolist())


def test_more_objects_than_default_boxes_leave_no_default_box_free() -> None:
    defaults = grid_of_boxes()[:3]
    boxes = random_boxes(9, torch.Generator().manual_seed(4))
    matches = match(boxes, defaults)
    assert matches.tolist() == literal_match(boxes.tolist(), defaults.tolist())
    assert len(set(matches.tolist())) == 3
    assert -1 not in matches


def test_an_object_that_overlaps_nothing_still_gets_a_default_box() -> None:
    defaults = torch.tensor([[0.2, 0.2, 0.1, 0.1], [0.5, 0.5, 0.1, 0.1]])
    assert match(torch.tensor([[0.8, 0.8, 0.9, 0.9]]), defaults).tolist() == [0, -1]


def test_an_overlap_of_exactly_one_half_is_no_match() -> None:
    # The first default box is the object itself, the second is twice as high.
    defaults = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.25, 0.5, 0.5, 1.0]])
    assert match(torch.tensor([[0.0, 0.0, 0.5, 0.5]]), defaults).tolist() == [0, -1]


def test_boxes_that_only_touch_do_not_match() -> None:
    defaults = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.75, 0.25, 0.5, 0.5]])
    assert match(torch.tensor([[0.5, 0.0, 1.0, 0.5]]), defaults).tolist() == [-1, 0]


def test_equal_objects_get_a_default_box_each() -> None:
    defaults = grid_of_boxes()
    matches = match(torch.tensor([[0.1, 0.1, 0.3, 0.3]]).repeat(3, 1), defaults)
    assert set(matches.tolist()) == {-1, 0, 1, 2}


def test_a_batch_without_objects_has_no_loss_and_can_still_be_trained_on() -> None:
    defaults = grid_of_boxes()
    nothing = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    regression = torch.randn(2, len(defaults), 4, requires_grad=True)
    logits = torch.randn(2, len(defaults), 5, requires_grad=True)
    loss = multibox_loss(regression, logits, defaults, [nothing, nothing])
    (loss.localisation + loss.confidence).backward()  # type: ignore[no-untyped-call]
    assert loss.localisation.item() == loss.confidence.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_hardest_negatives_are_three_for_each_match_of_the_same_image() -> None:
    losses = torch.tensor([[5.0, 1, 2, 3, 4, 0], [9.0, 8, 7, 6, 5, 4]])
    positive = torch.tensor([[True, False, False, False, False, False], [False] * 6])
    assert hard_negatives(losses, positive).tolist() == [
        [False, False, True, True, True, False],
        [False] * 6,
    ]


def test_there_are_never_more_negatives_than_unmatched_boxes() -> None:
    positive = torch.tensor([[True, True, False, False]])
    assert hard_negatives(torch.rand(1, 4), positive).tolist() == [[False, False, True, True]]


def test_the_loss_is_finite_in_half_precision_with_extreme_logits() -> None:
    network = create("ssd300-vgg16", 21)
    targets = [Target(torch.tensor([[0.1, 0.1, 0.9, 0.9]]), torch.tensor([20]))]
    count = len(network.default_boxes)
    loss = multibox_loss(
        torch.full((1, count, 4), 6e4).half(),
        torch.full((1, count, 21), -6e4).half(),
        network.default_boxes,
        targets,
    )
    assert math.isfinite(loss.localisation)
    assert math.isfinite(loss.confidence)


def test_processes_that_share_a_batch_divide_by_the_boxes_of_all_of_it() -> None:
    """Equation (1): N is the number of matched default boxes of the batch."""
    torch.manual_seed(0)
    boxes = torch.cat([torch.rand(40, 2), torch.full((40, 2), 0.3)], 1)
    regression, logits = torch.randn(2, 40, 4), torch.randn(2, 40, 3)
    # The first image has one object, the second five: their shares of the boxes differ.
    targets = [
        Target(torch.tensor([[0.1, 0.1, 0.4, 0.4]]), torch.tensor([1])),
        Target(
            torch.rand(5, 2).repeat(1, 2) + torch.tensor([0, 0, 0.3, 0.3]), torch.ones(5).long()
        ),
    ]
    whole = multibox_loss(regression, logits, boxes, targets)
    counts: list[torch.Tensor] = []

    def counted(count: torch.Tensor) -> torch.Tensor:
        counts.append(count)
        return count

    for image in range(2):
        multibox_loss(
            regression[image : image + 1],
            logits[image : image + 1],
            boxes,
            targets[image : image + 1],
            counted,
        )
    assert counts[0] != counts[1]
    mean = torch.stack(counts).float().mean()
    shares = [
        multibox_loss(
            regression[image : image + 1],
            logits[image : image + 1],
            boxes,
            targets[image : image + 1],
            lambda _: mean,
        )
        for image in range(2)
    ]
    for part in range(2):
        together = torch.stack([share[part] for share in shares]).mean()
        torch.testing.assert_close(together, whole[part])


def _slow_giou(one: list[float], other: list[float]) -> float:
    """By counting cells of a fine grid."""
    steps = 200
    inside = [0, 0, 0]
    low = [min(a, b) for a, b in zip(one[:2], other[:2], strict=True)]
    high = [max(a, b) for a, b in zip(one[2:], other[2:], strict=True)]
    for i in range(steps):
        for j in range(steps):
            x = low[0] + (i + 0.5) / steps * (high[0] - low[0])
            y = low[1] + (j + 0.5) / steps * (high[1] - low[1])
            in_one = one[0] < x < one[2] and one[1] < y < one[3]
            in_other = other[0] < x < other[2] and other[1] < y < other[3]
            inside[0] += in_one and in_other
            inside[1] += in_one or in_other
            inside[2] += 1
    return 1 - inside[0] / inside[1] + (inside[2] - inside[1]) / inside[2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([0.1, 0.2, 0.5, 0.6], [0.1, 0.2, 0.5, 0.6]),
        ([0.1, 0.2, 0.5, 0.6], [0.3, 0.1, 0.7, 0.5]),
        ([0.0, 0.0, 0.2, 0.2], [0.6, 0.7, 0.9, 0.8]),
        ([0.0, 0.0, 0.9, 0.9], [0.2, 0.3, 0.4, 0.5]),
    ],
)
def test_the_generalised_overlap_is_that_of_its_definition(
    one: list[float], other: list[float]
) -> None:
    found = giou_loss(torch.tensor([one]), torch.tensor([other]))
    assert float(found) == pytest.approx(_slow_giou(one, other), abs=0.02)
    assert float(giou_loss(torch.tensor([other]), torch.tensor([one]))) == pytest.approx(
        float(found)
    )


def test_boxes_without_a_size_have_a_finite_loss_and_gradient() -> None:
    boxes = torch.tensor([[0.2, 0.2, 0.2, 0.2]], requires_grad=True)
    loss = giou_loss(boxes, torch.tensor([[0.2, 0.2, 0.2, 0.2]])).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert boxes.grad is not None
    assert torch.isfinite(boxes.grad).all()


def test_the_overlap_may_be_the_loss_of_the_boxes() -> None:
    """It is zero if the network is right, and lower the nearer it is."""
    torch.manual_seed(1)
    network = create("ssd300-mobilenetv2", 3)
    boxes = network.default_boxes
    targets = [Target(torch.tensor([[0.2, 0.3, 0.6, 0.7]]), torch.tensor([1]))] * 2
    right, _ = assign(targets[0], boxes)
    right = torch.where(torch.isfinite(right), right, 0.0)
    logits = torch.zeros(2, len(boxes), 3)
    losses = [
        float(
            multibox_loss(
                (right + away).expand(2, -1, -1), logits, boxes, targets, box_loss="giou"
            ).localisation
        )
        for away in (0.0, 0.3, 3.0)
    ]
    assert losses[0] == pytest.approx(0.0, abs=1e-5)
    assert losses[0] < losses[1] < losses[2]
