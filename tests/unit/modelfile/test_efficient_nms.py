"""The tail of TensorRT's plugin, run by a reference that follows the plugin's documentation:
nothing here runs TensorRT.
"""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from ssd_live.modelfile.nms import (
    BOXES,
    OUTPUTS,
    PLUGIN_DOMAIN,
    SCORES,
    graft_efficient_nms,
    strip_nms,
)
from tests.oracles import Found, iou, nms
from tests.unit.modelfile.test_nms_tail import (
    IOU_THRESHOLD,
    MAX_DETECTIONS,
    SCORE_THRESHOLD,
    chain,
    found_in,
    grid_boxes,
    network_body,
    random_picture,
)

CANDIDATES = 4096


class EfficientNMS_TRT(OpRun):  # noqa: N801 - the plugin's own name
    """At most 4096 pairs of box and class an image; suppresses at an overlap of at least the
    threshold; rows past the count are nought.
    """

    op_domain = PLUGIN_DOMAIN

    def _run(
        self, boxes: NDArray[Any], scores: NDArray[Any], **attributes: Any
    ) -> tuple[NDArray[Any], ...]:
        assert (
            attributes["plugin_version"],
            attributes["background_class"],
            attributes["box_coding"],
        ) == ("1", -1, 0)
        assert (attributes["score_activation"], attributes["class_agnostic"]) == (0, 0)
        limit = attributes["max_output_boxes"]
        outputs = (
            np.zeros((len(boxes), 1), np.int32),
            np.zeros((len(boxes), limit, 4), np.float32),
            np.zeros((len(boxes), limit), np.float32),
            np.zeros((len(boxes), limit), np.int32),
        )
        for image, (own_boxes, own_scores) in enumerate(zip(boxes, scores, strict=True)):
            kept = _kept(
                own_boxes, own_scores, attributes["score_threshold"], attributes["iou_threshold"]
            )[:limit]
            outputs[0][image] = len(kept)
            for place, (row, class_id) in enumerate(kept):
                outputs[1][image, place], outputs[2][image, place], outputs[3][image, place] = (
                    own_boxes[row],
                    own_scores[row, class_id],
                    class_id,
                )
        return outputs


def _kept(
    boxes: NDArray[Any], scores: NDArray[Any], score_threshold: float, iou_threshold: float
) -> list[tuple[int, int]]:
    pairs = [(int(row), int(class_id)) for row, class_id in np.argwhere(scores > score_threshold)]
    pairs.sort(key=lambda pair: -scores[pair])
    kept: list[tuple[int, int]] = []
    for row, class_id in pairs[:CANDIDATES]:
        if all(
            iou(boxes[row], boxes[better]) < iou_threshold
            for better, own in kept
            if own == class_id
        ):
            kept.append((row, class_id))
    return kept


def _found(
    boxes: NDArray[Any], scores: NDArray[Any], iou_threshold: float = IOU_THRESHOLD
) -> list[Found]:
    model = _with_plugin(network_body(*scores.shape), iou_threshold)
    answer: Any = ReferenceEvaluator(model, new_ops=[EfficientNMS_TRT]).run(
        None, {f"{BOXES}_in": boxes[None], f"{SCORES}_in": scores[None]}
    )
    count = int(answer[0][0, 0])
    return found_in(answer[1][0, :count], answer[2][0, :count], answer[3][0, :count])


def _with_plugin(model: ModelProto, iou_threshold: float = IOU_THRESHOLD) -> ModelProto:
    model.opset_import.append(helper.make_opsetid(PLUGIN_DOMAIN, 1))
    graft_efficient_nms(
        model.graph,
        score_threshold=SCORE_THRESHOLD,
        iou_threshold=iou_threshold,
        max_detections=MAX_DETECTIONS,
    )
    return model


@pytest.mark.parametrize("seed", range(4))
def test_below_its_cuts_the_plugin_finds_what_the_reference_finds(seed: int) -> None:
    boxes, scores = random_picture(np.random.default_rng(seed), 120, 5)
    assert sorted(_found(boxes, scores)) == sorted(
        nms(boxes, scores, SCORE_THRESHOLD, IOU_THRESHOLD, MAX_DETECTIONS)
    )


def test_long_chains_are_followed_to_their_end() -> None:
    boxes, scores, expected = chain(60, "falling")
    assert sorted(_found(boxes[0], scores[0])) == sorted(expected)


def test_nothing_over_the_threshold_finds_nothing() -> None:
    assert _found(grid_boxes(200), np.full((200, 2), 0.1, np.float32)) == []


def test_an_overlap_of_exactly_the_threshold_suppresses() -> None:
    boxes = np.zeros((200, 4), np.float32)
    boxes[:2] = [(0, 0, 0.5, 0.5), (0, 0, 0.5, 0.25)]
    scores = np.zeros((200, 1), np.float32)
    scores[:2, 0] = 0.75, 0.5
    assert _found(boxes, scores, 0.5) == [(0, 0.75, (0, 0, 0.5, 0.5))]
    assert len(nms(boxes, scores, SCORE_THRESHOLD, 0.5, MAX_DETECTIONS)) == 2


def test_no_more_than_4096_pairs_are_looked_at() -> None:
    count = CANDIDATES + 4
    boxes = np.tile(np.array([0.1, 0.1, 0.2, 0.2], np.float32), (count, 1))
    # Far from the others and in nobody's way, but scoring least.
    boxes[-4:] = [0.8, 0.8, 0.9, 0.9]
    scores = np.linspace(0.9, 0.2, count, dtype=np.float32)[:, None]
    assert len(_found(boxes, scores)) == 1
    assert len(nms(boxes, scores, SCORE_THRESHOLD, IOU_THRESHOLD, MAX_DETECTIONS)) == 2


def test_the_plugin_can_be_taken_off_again() -> None:
    body, model = network_body(120, 5), _with_plugin(network_body(120, 5))
    assert tuple(value.name for value in model.graph.output) == OUTPUTS
    strip_nms(model.graph)
    assert list(model.graph.node) == list(body.graph.node)
    del model.opset_import[-1]
    onnx.checker.check_model(model, full_check=True)
