"""NMS in fixed shapes, which a CUDA graph can hold, finds what the plain one finds; here on the
processor.
"""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ssd_live.backends.base import LoadOptions
from ssd_live.backends.torch import TorchBackend
from ssd_live.backends.torch_network import answer_before_nms, network_of
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.models.postprocess import (
    boxes_and_scores,
    detect,
    detect_in_fixed_shapes,
    jaccard_overlap,
    non_maximum_suppression,
)
from ssd_live.models.ssd import SSDNetwork
from ssd_live.system.paths import assets_folder
from ssd_live.video.reader import VideoReader

SCORE_THRESHOLD, IOU_THRESHOLD, MAX_DETECTIONS = 0.1, 0.47, 50
# Box, score and class of everything that was found.
Found = list[tuple[tuple[float, ...], float, int]]


def plain(boxes: Tensor, scores: Tensor, most: int = MAX_DETECTIONS) -> list[Found]:
    """Picture by picture."""
    found = [
        detect(*picture, SCORE_THRESHOLD, IOU_THRESHOLD, most)
        for picture in zip(boxes, scores, strict=True)
    ]
    return [_listed(*one) for one in found]


def in_fixed_shapes(
    boxes: Tensor, scores: Tensor, most: int = MAX_DETECTIONS, **cuts: int
) -> list[Found]:
    counts, best, best_scores, classes = detect_in_fixed_shapes(
        boxes, scores, SCORE_THRESHOLD, IOU_THRESHOLD, most, **cuts
    )
    assert (counts.dtype, best.dtype, best_scores.dtype, classes.dtype) == (
        torch.int32,
        torch.float32,
        torch.float32,
        torch.int32,
    )
    assert counts.shape == (len(boxes), 1)
    assert int(counts.max()) <= best.shape[1] <= most
    assert best.isfinite().all()
    assert best_scores.isfinite().all()
    return [
        _listed(best[place, :count], best_scores[place, :count], classes[place, :count])
        for place, count in enumerate(counts[:, 0])
    ]


def _listed(boxes: Tensor, scores: Tensor, classes: Tensor) -> Found:
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    rows = zip(boxes.tolist(), scores.tolist(), classes.tolist(), strict=True)
    return sorted(
        ((tuple(box), score, class_id) for box, score, class_id in rows),
        key=lambda one: (-one[1], one[2], one[0]),
    )


def random_pictures(
    seed: int, batch: int = 3, count: int = 120, classes: int = 4
) -> tuple[Tensor, Tensor]:
    """Boxes that overlap a lot, and scores of which no two are equal."""
    dice = torch.Generator().manual_seed(seed)
    corners = torch.rand((batch, count, 2), generator=dice) * 0.6
    sides = torch.rand((batch, count, 2), generator=dice) * 0.3 + 0.05
    order = torch.stack([torch.randperm(count * classes, generator=dice) for _ in range(batch)])
    return torch.cat([corners, corners + sides], 2), ((order + 1) / (count * classes + 1)).reshape(
        batch, count, classes
    )


@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 4),
    count=st.integers(1, 150),
    classes=st.integers(1, 5),
)
@settings(max_examples=30, deadline=None)
def test_random_boxes_give_the_same(seed: int, batch: int, count: int, classes: int) -> None:
    pictures = random_pictures(seed, batch, count, classes)
    assert in_fixed_shapes(*pictures) == plain(*pictures)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_of_equal_scores_the_first_box_goes_first(seed: int) -> None:
    """Half precision makes many of them."""
    boxes, scores = random_pictures(seed)
    coarse = (scores * 4).round() / 4
    assert in_fixed_shapes(boxes, coarse, most=500) == plain(boxes, coarse, most=500)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_of_equal_scores_the_first_box_is_kept_whatever_order_the_library_gives(
    order: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU another one than on a processor."""
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9]]])
    scores = torch.full((1, 2, 1), 0.5)
    topk = Tensor.topk

    def shuffled(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
        best, places = topk(values, count)
        return (best[:, order], places[:, order]) if count == 2 else (best, places)

    monkeypatch.setattr(Tensor, "topk", shuffled)
    assert in_fixed_shapes(boxes, scores, most=1) == [[((0.0, 0.0, 1.0, 1.0), 0.5, 0)]]


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    boxes, scores = random_pictures(1)
    together = in_fixed_shapes(boxes, scores)
    alone = [
        in_fixed_shapes(boxes[place : place + 1], scores[place : place + 1])[0]
        for place in range(3)
    ]
    assert together == alone


@pytest.mark.parametrize("level", [0.0, SCORE_THRESHOLD])
def test_where_nothing_reaches_the_threshold_nothing_is_found(level: float) -> None:
    boxes, scores = random_pictures(2)
    assert in_fixed_shapes(boxes, torch.full_like(scores, level)) == [[], [], []]


def test_one_empty_picture_leaves_the_others() -> None:
    boxes, scores = random_pictures(3)
    scores[1] = 0
    found = in_fixed_shapes(boxes, scores)
    assert found == plain(boxes, scores)
    assert [bool(one) for one in found] == [True, False, True]


def test_boxes_without_an_area_suppress_nothing_and_give_no_nan() -> None:
    boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.5]] * 3 + [[0.2, 0.2, 0.2, 0.9]] * 2])
    scores = torch.linspace(0.9, 0.5, 5)[None, :, None]
    assert in_fixed_shapes(boxes, scores) == plain(boxes, scores)
    assert len(in_fixed_shapes(boxes, scores)[0]) == 5


def one_after_the_other(boxes: Tensor, scores: Tensor, iou_threshold: float) -> list[int]:
    """What NMS keeps, box by box."""
    kept: list[int] = []
    for number in sorted(range(len(boxes)), key=lambda number: (-float(scores[number]), number)):
        others = boxes[kept] if kept else boxes[:0]
        if not (jaccard_overlap(boxes[[number]], others) > iou_threshold).any():
            kept.append(number)
    return kept


@pytest.mark.parametrize(("count", "spread"), [(0, 1), (127, 1), (129, 1), (500, 1), (500, 0.1)])
def test_of_many_boxes_nms_keeps_the_same_as_one_after_the_other(count: int, spread: float) -> None:
    """With few that overlap, and with many; half of the scores are equal to others."""
    torch.manual_seed(count)
    corners, sides = torch.rand(count, 2) * spread, 0.02 + 0.2 * torch.rand(count, 2)
    boxes, scores = torch.cat([corners, corners + sides], 1), torch.rand(count)
    scores[::2] = scores[::2].round(decimals=1)
    kept = non_maximum_suppression(boxes, scores, IOU_THRESHOLD)
    assert kept.tolist() == one_after_the_other(boxes, scores, IOU_THRESHOLD)


# Its cuts.


def apart(count: int) -> tuple[Tensor, Tensor]:
    """So many boxes in a row that none touches another, the first one the best."""
    left = torch.arange(count) / count
    boxes = torch.stack([left, torch.zeros(count), left + 0.5 / count, torch.ones(count)], 1)
    return boxes[None], torch.linspace(0.9, 0.2, count)[None, :, None]


@pytest.mark.parametrize("candidates", [1, 7, 20, 30])
def test_no_more_candidates_are_looked_at_than_told(candidates: int) -> None:
    boxes, scores = apart(20)
    assert in_fixed_shapes(boxes, scores, candidates=candidates) == [
        plain(boxes, scores)[0][:candidates]
    ]


def test_what_is_cut_off_suppresses_nothing_but_is_not_found_either() -> None:
    boxes, scores = random_pictures(4, batch=1)
    best = set(in_fixed_shapes(boxes, scores, candidates=1024)[0])
    cut = set(in_fixed_shapes(boxes, scores, candidates=30)[0])
    assert cut < best


@pytest.mark.parametrize("most", [1, 5, 19, 20])
def test_no_more_is_found_than_told(most: int) -> None:
    boxes, scores = apart(20)
    assert (
        in_fixed_shapes(boxes, scores, most=most)
        == plain(boxes, scores, most)
        == [plain(boxes, scores)[0][:most]]
    )


def test_fewer_pairs_than_may_be_found_are_all_there_is() -> None:
    boxes, scores = apart(3)
    counts, best, *_ = detect_in_fixed_shapes(boxes, scores, SCORE_THRESHOLD, IOU_THRESHOLD, 200)
    assert (counts.tolist(), best.shape) == ([[3]], (1, 3, 4))


def chain(length: int) -> tuple[Tensor, Tensor]:
    """Boxes of which each overlaps only the next enough to suppress it: every second one is to be
    found.
    """
    left = torch.arange(length) * 0.01
    boxes = torch.stack([left, torch.zeros(length), left + 0.03, torch.ones(length)], 1)
    return boxes[None], torch.linspace(0.9, 0.2, length)[None, :, None]


@pytest.mark.parametrize("length", [2, 3, 24, 25])
def test_a_chain_as_long_as_the_rounds_is_undone(length: int) -> None:
    pictures = chain(length)
    assert in_fixed_shapes(*pictures) == plain(*pictures)
    assert len(plain(*pictures)[0]) == (length + 1) // 2


@pytest.mark.parametrize(("rounds", "same"), [(10, False), (39, True)])
def test_a_longer_chain_takes_more_rounds(rounds: int, same: bool) -> None:
    pictures = chain(40)
    assert (in_fixed_shapes(*pictures, rounds=rounds) == plain(*pictures)) is same


# The bundled networks.


@pytest.fixture(scope="module", params=["ssd300-mobilenetv2-oid", "ssdlite300-mobilenetv2-person"])
def model(request: pytest.FixtureRequest) -> ModelFile:
    return find_model(request.param)


class Looked(NamedTuple):
    """A network at some frames of the sample clip."""

    model: ModelFile
    network: SSDNetwork
    images: Pixels
    boxes: Tensor
    scores: Tensor

    def found(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        how = self.model.metadata
        return detect(
            self.boxes[place],
            self.scores[place],
            how.score_threshold,
            how.iou_threshold,
            how.max_detections,
        )


@pytest.fixture(scope="module")
def looked(model: ModelFile) -> Looked:
    with VideoReader(assets_folder() / "media" / "bikes.mp4") as reader:
        frames = [
            item for item in reader.read() if isinstance(item, Frame) and item.index in (0, 30, 60)
        ]
        images = np.stack([frame.network_input(model.metadata.input_size) for frame in frames])
    network = network_of(model)
    return Looked(model, network, images, *answer_before_nms(network, model.metadata, images))


def test_the_sample_clip_gives_the_same(looked: Looked) -> None:
    """As far as the candidates reach: the model's own threshold is so low that in some frames there
    are more.
    """
    how = looked.model.metadata
    found = detect_in_fixed_shapes(
        looked.boxes, looked.scores, how.score_threshold, how.iou_threshold, how.max_detections
    )
    for place, count in enumerate(found[0][:, 0]):
        least = float(looked.scores[place].flatten().topk(1024).values[-1])
        assert least < 0.2 * how.display_threshold
        wanted = [one for one in _listed(*looked.found(place)) if one[1] > least]
        boxes, scores, classes = (part[place, :count] for part in found[1:])
        assert [one for one in _listed(boxes, scores, classes) if one[1] > least] == wanted
        assert len(wanted) > 10


def test_what_a_network_means_is_computed_as_its_model_file_says(looked: Looked) -> None:
    """Written out: BGR pixels, mean and scale turned round with them, then what the paper makes of
    offsets and logits.
    """
    how, network = looked.model.metadata, looked.network
    mean, scale = (np.array(values[::-1], np.float32) for values in (how.mean, how.scale))
    pixels = torch.from_numpy(
        ((looked.images.astype(np.float32) - mean) * scale).transpose(0, 3, 1, 2).copy()
    )
    with torch.inference_mode():
        regression, logits = network(pixels)
        boxes, scores = boxes_and_scores(network, regression, logits, how.score_activation)
    np.testing.assert_allclose(looked.boxes.numpy(), boxes.numpy(), atol=1e-5)
    np.testing.assert_allclose(looked.scores.numpy(), scores.numpy(), atol=1e-5)


def test_the_backend_finds_what_its_network_means(looked: Looked) -> None:
    with TorchBackend(looked.model, LoadOptions(batch=3)) as backend:
        outputs = backend.submit(looked.images).result()
    for place in range(3):
        wanted = looked.found(place)
        count = int(outputs.num_detections[place, 0])
        assert count == len(wanted[1]) > 0
        for got, expected in zip(outputs[1:], wanted, strict=True):
            np.testing.assert_allclose(got[place, :count], expected.numpy(), atol=1e-4)
