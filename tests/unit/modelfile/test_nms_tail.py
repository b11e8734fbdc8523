"""The ONNX NMS tail on ONNX Runtime and OpenVINO, and PyTorch's own NMS, against one slow
reference.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from ssd_live.backends.openvino_nms import CANDIDATES, LEAST_SCORE, Table, with_detection_output
from ssd_live.modelfile.nms import (
    BOXES,
    FIXED_CANDIDATES,
    FIXED_ROUNDS,
    ONNX_BOXES,
    OUTPUTS,
    SCORES,
    graft_best_boxes,
    graft_fixed_nms,
    graft_onnx_nms,
    strip_nms,
)
from ssd_live.models.postprocess import detect
from ssd_live.selection.agreement import answer_of
from tests.oracles import Found, nms
from tests.tiny_model import tiny_metadata

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]
# Pictures' boxes (B, N, 4) and scores (B, N, C) -> what is found in each.
Finder = Callable[[Boxes, Scores], list[list[Found]]]

# Float32 holds it exactly, so that "over the threshold" means the same to everyone.
SCORE_THRESHOLD = 0.125
# No two boxes of the coarse grid below overlap by exactly this: there OpenVINO differs, see its own
# test.
IOU_THRESHOLD = 0.47
MAX_DETECTIONS = 200
RUNTIMES = ("onnxruntime", "openvino", "openvino's own", "torch")
# The tail of plain operators, on two of them.
FIXED = ("fixed onnxruntime", "fixed openvino")


def network_body(boxes: int, classes: int) -> ModelProto:
    """A model that hands its two inputs on as `decoded_boxes` and `class_scores`."""
    shapes: dict[str, list[str | int | None]] = {
        BOXES: ["batch", boxes, 4],
        SCORES: ["batch", boxes, classes],
    }
    inputs = [
        helper.make_tensor_value_info(f"{name}_in", TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    nodes = [helper.make_node("Identity", [f"{name}_in"], [name]) for name in shapes]
    graph = helper.make_graph(nodes, "body", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _with_tail(
    model: ModelProto,
    iou_threshold: float = IOU_THRESHOLD,
    graft: Callable[..., None] = graft_onnx_nms,
) -> ModelProto:
    graft(
        model.graph,
        score_threshold=SCORE_THRESHOLD,
        iou_threshold=iou_threshold,
        max_detections=MAX_DETECTIONS,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _on_onnxruntime(model: ModelProto) -> Finder:
    session: Any = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda boxes, scores: _rows(
        session.run(list(OUTPUTS), {f"{BOXES}_in": boxes, f"{SCORES}_in": scores})
    )


def _on_openvino(model: ModelProto) -> Finder:
    core = openvino.Core()
    compiled: Any = core.compile_model(
        core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )

    def find(boxes: Boxes, scores: Scores) -> list[list[Found]]:
        answer = compiled({f"{BOXES}_in": boxes, f"{SCORES}_in": scores})
        return _rows([answer[name] for name in OUTPUTS])

    return find


def _own(
    model: ModelProto,
    batch: int,
    iou_threshold: float = IOU_THRESHOLD,
    score_threshold: float = SCORE_THRESHOLD,
) -> Any:
    """OpenVINO's network with its own NMS in place of the tail, or None."""
    network = openvino.Core().read_model(model.SerializeToString())
    network.reshape({value.any_name: [batch, *value.partial_shape[1:]] for value in network.inputs})
    metadata = tiny_metadata(
        iou_threshold=iou_threshold, score_threshold=score_threshold, max_detections=MAX_DETECTIONS
    )
    return with_detection_output(openvino, network, metadata)


def _on_openvinos_own(model: ModelProto, iou_threshold: float = IOU_THRESHOLD) -> Finder:
    @cache
    def compiled(batch: int) -> Any:
        return openvino.Core().compile_model(
            _own(model, batch, iou_threshold), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )

    def find(boxes: Boxes, scores: Scores) -> list[list[Found]]:
        rows = compiled(len(boxes))({f"{BOXES}_in": boxes, f"{SCORES}_in": scores})[0]
        return _rows(Table(len(boxes), MAX_DETECTIONS).outputs(rows))

    return find


def _on_torch(
    boxes: Boxes, scores: Scores, iou_threshold: float = IOU_THRESHOLD
) -> list[list[Found]]:
    found = []
    for picture_boxes, picture_scores in zip(boxes, scores, strict=True):
        tensors = torch.from_numpy(picture_boxes), torch.from_numpy(picture_scores)
        best_boxes, best_scores, best_classes = detect(
            *tensors, SCORE_THRESHOLD, iou_threshold, MAX_DETECTIONS
        )
        found.append(found_in(best_boxes.numpy(), best_scores.numpy(), best_classes.numpy()))
    return found


def _rows(outputs: Sequence[NDArray[Any]]) -> list[list[Found]]:
    counts, boxes, scores, classes = outputs
    batch = len(boxes)
    assert (counts.shape, boxes.shape) == ((batch, 1), (batch, MAX_DETECTIONS, 4))
    assert (scores.shape, classes.shape) == ((batch, MAX_DETECTIONS), (batch, MAX_DETECTIONS))
    assert [output.dtype.name for output in outputs] == ["int32", "float32", "float32", "int32"]
    return [
        found_in(boxes[i, :count], scores[i, :count], classes[i, :count])
        for i, count in enumerate(counts[:, 0])
    ]


def found_in(boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any]) -> list[Found]:
    rows = zip(boxes.tolist(), scores.tolist(), classes.tolist(), strict=True)
    return [(class_id, score, (box[0], box[1], box[2], box[3])) for box, score, class_id in rows]


@cache
def _finder(runtime: str, boxes: int, classes: int) -> Finder:
    if runtime == "torch":
        return _on_torch
    if runtime.startswith("fixed"):
        fixed = _with_tail(network_body(boxes, classes), graft=graft_fixed_nms)
        return _on_onnxruntime(fixed) if runtime == "fixed onnxruntime" else _on_openvino(fixed)
    model = _with_tail(network_body(boxes, classes))
    return {
        "onnxruntime": _on_onnxruntime,
        "openvino": _on_openvino,
        "openvino's own": _on_openvinos_own,
    }[runtime](model)


def _expected(boxes: Boxes, scores: Scores) -> list[list[Found]]:
    return [
        nms(*picture, SCORE_THRESHOLD, IOU_THRESHOLD, MAX_DETECTIONS)
        for picture in zip(boxes, scores, strict=True)
    ]


def _assert_all_find(
    boxes: Boxes,
    scores: Scores,
    expected: list[list[Found]] | None = None,
    runtimes: Sequence[str] = (*RUNTIMES, *FIXED),
) -> None:
    """Detections are compared, never rows, but scores must fall."""
    wanted = _expected(boxes, scores) if expected is None else expected
    for runtime in runtimes:
        found = _finder(runtime, boxes.shape[1], scores.shape[2])(boxes, scores)
        assert [sorted(picture) for picture in found] == [sorted(picture) for picture in wanted], (
            runtime
        )
        for picture in found:
            values = [score for _, score, _ in picture]
            assert values == sorted(values, reverse=True), runtime


def random_picture(
    generator: np.random.Generator, count: int, classes: int
) -> tuple[Boxes, Scores]:
    """Boxes in clumps, so that much is suppressed; no two scores are equal."""
    clumps = generator.uniform(0.1, 0.7, (max(count // 8, 1), 2))
    low = clumps[generator.integers(len(clumps), size=count)] + generator.normal(
        0, 0.03, (count, 2)
    )
    boxes = np.concatenate([low, low + generator.uniform(0.05, 0.3, (count, 2))], axis=1).clip(0, 1)
    scores = generator.permutation(count * classes).reshape(count, classes) / (count * classes)
    return boxes.astype(np.float32), scores.astype(np.float32)


def _rising_scores(count: int, classes: int) -> Scores:
    """All different, all over the threshold, all exact in float32."""
    return (0.25 + np.arange(count * classes) / 2048).reshape(count, classes).astype(np.float32)


def grid_boxes(count: int) -> Boxes:
    """`count` boxes of which no two touch, in a 32 x 32 grid."""
    cells = np.arange(count)
    low = np.stack([cells % 32, cells // 32], axis=1) / 32
    return np.concatenate([low, low + 1 / 64], axis=1).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_random_pictures_give_what_the_reference_finds(seed: int) -> None:
    boxes, scores = random_picture(np.random.default_rng(seed), 120, 5)
    _assert_all_find(boxes[None], scores[None])


_CORNER = st.integers(0, 12)
_SIDE = st.integers(0, 4)
_LEVEL = st.integers(0, 16)
_COARSE_BOX = st.tuples(_CORNER, _CORNER, _SIDE, _SIDE, _LEVEL, _LEVEL)


@settings(deadline=None, max_examples=60)
@given(st.lists(_COARSE_BOX, max_size=40))
def test_coarse_boxes_with_equal_scores_give_what_the_reference_finds(
    rows: list[tuple[int, ...]],
) -> None:
    # On a coarse grid many boxes and scores equal each other, some scores are exactly the
    # threshold, and some boxes are empty.
    boxes = np.zeros((100, 4), np.float32)
    scores = np.zeros((100, 2), np.float32)
    for index, (x, y, width, height, one, other) in enumerate(rows):
        boxes[index] = np.array([x, y, x + width, y + height]) / 16
        scores[index] = np.array([one, other]) / 16
    _assert_all_find(boxes[None], scores[None])


@pytest.mark.parametrize("direction", ["falling", "rising"])
def test_a_chain_of_boxes_that_each_suppress_the_next_keeps_every_other(direction: str) -> None:
    boxes, scores, expected = chain(60, direction)
    _assert_all_find(boxes, scores, [expected], RUNTIMES)


@pytest.mark.parametrize("direction", ["falling", "rising"])
def test_the_fixed_tail_is_exact_for_chains_as_long_as_its_rounds(direction: str) -> None:
    boxes, scores, expected = chain(FIXED_ROUNDS + 1, direction)
    _assert_all_find(boxes, scores, [expected], FIXED)


def test_beyond_its_rounds_the_fixed_tail_errs_at_the_end_of_the_chain_alone() -> None:
    boxes, scores, expected = chain(FIXED_ROUNDS + 8, "falling")
    for runtime in FIXED:
        (found,) = _finder(runtime, 200, 1)(boxes, scores)
        exact = (FIXED_ROUNDS + 1) // 2 + 1
        assert found[:exact] == expected[:exact]
        assert {one[1] for one in found} <= {
            float(score) for score in scores[0, : FIXED_ROUNDS + 8, 0]
        }


def test_the_fixed_tail_looks_at_its_best_pairs_alone() -> None:
    count = FIXED_CANDIDATES + 100
    boxes = np.concatenate(
        [grid_boxes(FIXED_CANDIDATES), np.tile(np.array([0.9, 0.9, 1, 1], np.float32), (100, 1))]
    )
    scores = np.full((1, count, 1), 0.75, np.float32)
    # What scores less than all of these would be among the answers if these were one object.
    scores[0, :FIXED_CANDIDATES] += np.linspace(0.2, 0.1, FIXED_CANDIDATES, dtype=np.float32)[
        :, None
    ]
    boxes[:FIXED_CANDIDATES] = boxes[0]
    for runtime in FIXED:
        (found,) = _finder(runtime, count, 1)(boxes[None], scores)
        assert len(found) == 1
    assert len(nms(boxes, scores[0], SCORE_THRESHOLD, IOU_THRESHOLD, MAX_DETECTIONS)) == 2


def chain(length: int, direction: str) -> tuple[Boxes, Scores, list[Found]]:
    """Each is shifted by a quarter of its width: IoU 0.6 with the next, 1/3 with the one after
    that.
    """
    steps = np.arange(length)
    boxes = np.zeros((1, 200, 4), np.float32)
    boxes[0, :length] = np.stack(
        [steps / 128, 0 * steps, (steps + 4) / 128, 0 * steps + 0.25], axis=1
    )
    scores = np.zeros((1, 200, 1), np.float32)
    scores[0, :length, 0] = 0.95 - 0.0125 * (
        steps if direction == "falling" else length - 1 - steps
    )
    best_first = steps if direction == "falling" else steps[::-1]
    return (
        boxes,
        scores,
        [(0, float(scores[0, i, 0]), _corners(boxes[0, i])) for i in best_first[::2]],
    )


def _corners(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2


def test_boxes_of_equal_score_that_do_not_touch_are_all_found() -> None:
    boxes = grid_boxes(100)
    scores = np.full((100, 2), 0.5, np.float32)
    expected = [(class_id, 0.5, _corners(box)) for box in boxes for class_id in range(2)]
    _assert_all_find(boxes[None], scores[None], [expected])


def test_of_overlapping_boxes_with_equal_scores_the_first_is_found() -> None:
    boxes = np.zeros((1, 200, 4), np.float32)
    boxes[0, 1:3] = [(0.125, 0, 0.1875, 0.0625), (0.125, 0, 0.1875, 0.125)]
    scores = np.zeros((1, 200, 1), np.float32)
    scores[0, :3, 0] = 0.25, 0.5, 0.5
    _assert_all_find(boxes, scores)


def test_of_equal_boxes_with_equal_scores_one_is_found() -> None:
    boxes = np.tile(np.array([0.25, 0.25, 0.5, 0.5], np.float32), (200, 1))
    _assert_all_find(
        boxes[None], np.full((1, 200, 1), 0.5, np.float32), [[(0, 0.5, (0.25, 0.25, 0.5, 0.5))]]
    )


def test_classes_do_not_suppress_each_other() -> None:
    boxes = np.tile(np.array([0.25, 0.25, 0.5, 0.5], np.float32), (100, 1))
    scores = np.zeros((100, 2), np.float32)
    scores[0, 0], scores[1, 1] = 0.75, 0.5
    expected = [(0, 0.75, (0.25, 0.25, 0.5, 0.5)), (1, 0.5, (0.25, 0.25, 0.5, 0.5))]
    _assert_all_find(boxes[None], scores[None], [expected])


def _exactly_half_overlapping() -> tuple[Boxes, Scores]:
    boxes = np.zeros((1, 200, 4), np.float32)
    boxes[0, :2] = [(0, 0, 0.5, 0.5), (0, 0, 0.5, 0.25)]
    scores = np.zeros((1, 200, 1), np.float32)
    scores[0, :2, 0] = 0.75, 0.5
    return boxes, scores


def test_an_overlap_of_exactly_the_threshold_does_not_suppress() -> None:
    boxes, scores = _exactly_half_overlapping()
    expected = [[(0, 0.75, (0, 0, 0.5, 0.5)), (0, 0.5, (0, 0, 0.5, 0.25))]]
    assert [nms(boxes[0], scores[0], SCORE_THRESHOLD, 0.5, MAX_DETECTIONS)] == expected
    assert _on_onnxruntime(_with_tail(network_body(200, 1), 0.5))(boxes, scores) == expected
    assert _on_torch(boxes, scores, 0.5) == expected
    assert _on_openvinos_own(_with_tail(network_body(200, 1), 0.5), 0.5)(boxes, scores) == expected


def test_an_overlap_of_exactly_the_threshold_suppresses_in_onnx_nms_on_openvino() -> None:
    # OpenVINO's kernel compares with >=, against ONNX's definition; a release that no longer does
    # lets this difference be forgotten.
    assert _on_openvino(_with_tail(network_body(200, 1), 0.5))(*_exactly_half_overlapping()) == [
        [(0, 0.75, (0, 0, 0.5, 0.5))]
    ]


def test_a_score_of_exactly_the_threshold_is_not_found() -> None:
    just_over = float(np.nextafter(np.float32(SCORE_THRESHOLD), np.float32(1)))
    scores = np.zeros((1, 200, 1), np.float32)
    scores[0, :2, 0] = SCORE_THRESHOLD, just_over
    boxes = grid_boxes(200)
    _assert_all_find(boxes[None], scores, [[(0, just_over, _corners(boxes[1]))]])


@pytest.mark.parametrize("score", [0.0, 0.1])
def test_nothing_over_the_threshold_finds_nothing(score: float) -> None:
    _assert_all_find(grid_boxes(100)[None], np.full((1, 100, 2), score, np.float32), [[]])


def test_everything_is_found_when_there_are_as_many_as_rows() -> None:
    boxes, scores = grid_boxes(100), _rising_scores(100, 2)
    expected = _expected(boxes[None], scores[None])
    assert len(expected[0]) == MAX_DETECTIONS
    _assert_all_find(boxes[None], scores[None], expected)


def test_of_more_than_200_the_best_200_of_all_classes_are_found() -> None:
    count, classes = 300, 3
    scores = (
        np.random.default_rng(7)
        .permutation(_rising_scores(count, classes).ravel())
        .reshape(count, classes)
    )
    boxes = grid_boxes(count)
    best = np.sort(scores.ravel())[-MAX_DETECTIONS:]
    expected = [
        (c, float(scores[b, c]), _corners(boxes[b])) for b, c in np.argwhere(scores >= best[0])
    ]
    assert len(expected) == MAX_DETECTIONS
    _assert_all_find(boxes[None], scores[None], [expected])


def test_more_than_200_of_one_class_are_cut_to_the_best_200() -> None:
    count = 260
    boxes, scores = grid_boxes(count), _rising_scores(count, 1)
    expected = [(0, float(scores[i, 0]), _corners(boxes[i])) for i in range(60, count)]
    _assert_all_find(boxes[None], scores[None], [expected])


def test_each_picture_of_a_batch_gets_its_own_answer() -> None:
    generator = np.random.default_rng(11)
    pictures = [random_picture(generator, 120, 5) for _ in range(3)]
    boxes, scores = (
        np.stack([boxes for boxes, _ in pictures]),
        np.stack([scores for _, scores in pictures]),
    )
    scores[1] = 0  # nothing between two full ones
    expected = _expected(boxes, scores)
    assert [bool(picture) for picture in expected] == [True, False, True]
    _assert_all_find(boxes, scores, expected)


@pytest.mark.parametrize("on_runtime", [_on_onnxruntime, _on_openvino])
def test_a_tail_that_was_stripped_and_grafted_again_gives_the_same_answers(
    on_runtime: Callable[[ModelProto], Finder],
) -> None:
    model = _with_tail(network_body(120, 5))
    strip_nms(model.graph)
    again = on_runtime(_with_tail(model))
    boxes, scores = (part[None] for part in random_picture(np.random.default_rng(3), 120, 5))
    assert [sorted(picture) for picture in again(boxes, scores)] == [
        sorted(picture) for picture in _expected(boxes, scores)
    ]


def test_stripping_leaves_the_graph_as_it_was_before_the_tail() -> None:
    body, model = network_body(120, 5), _with_tail(network_body(120, 5))
    strip_nms(model.graph)
    assert list(model.graph.node) == list(body.graph.node)
    assert list(model.graph.output) == list(body.graph.output)
    assert not model.graph.initializer


def test_a_graft_keeps_the_two_tensors_named_for_the_next_one() -> None:
    model = _with_tail(network_body(120, 5))
    assert {BOXES, SCORES} <= {value.name for value in model.graph.value_info}
    assert tuple(value.name for value in model.graph.output) == OUTPUTS


def test_stripping_a_graph_without_the_two_tensors_is_an_error() -> None:
    model = network_body(120, 5)
    model.graph.output.pop()
    with pytest.raises(KeyError, match=SCORES):
        strip_nms(model.graph)


# The standard tail's cut.


def _many(generator: np.random.Generator, over: int) -> tuple[Boxes, Scores]:
    """More boxes than the tail looks at, in no order; so many of them score over the threshold in
    some class, in two classes at most.
    """
    count, classes = ONNX_BOXES + 500, 3
    boxes, _ = random_picture(generator, count, classes)
    scores = generator.uniform(0, SCORE_THRESHOLD * 0.9, (count, classes))
    rows = generator.permutation(count)[:over]
    scores[rows, generator.integers(classes, size=over)] = (
        SCORE_THRESHOLD + generator.permutation(over) / over * 0.4 + 0.01
    )
    scores[rows[::2], 0] += 0.2
    return boxes, scores.astype(np.float32)


@pytest.mark.parametrize("over", [0, 1, 700, ONNX_BOXES])
def test_of_many_boxes_all_that_score_over_the_threshold_are_looked_at(over: int) -> None:
    pictures = [_many(np.random.default_rng(over + number), over) for number in range(2)]
    boxes, scores = (np.stack(parts) for parts in zip(*pictures, strict=True))
    _assert_all_find(boxes, scores, runtimes=("onnxruntime", "openvino"))


def test_of_more_boxes_over_the_threshold_the_best_are_looked_at() -> None:
    boxes, scores = _many(np.random.default_rng(3), ONNX_BOXES + 300)
    best = np.argsort(-scores.max(1))[:ONNX_BOXES]
    _assert_all_find(
        boxes[None],
        scores[None],
        _expected(boxes[best][None], scores[best][None]),
        ("onnxruntime", "openvino"),
    )


def test_few_boxes_are_not_cut() -> None:
    names = {node.op_type for node in _with_tail(network_body(ONNX_BOXES, 3)).graph.node}
    more = {node.op_type for node in _with_tail(network_body(ONNX_BOXES + 1, 3)).graph.node}
    assert more - names == {"ReduceMax"}


# OpenVINO's own NMS.


def test_of_each_class_openvinos_own_looks_at_its_best_boxes_alone() -> None:
    count = CANDIDATES + 2
    boxes = np.concatenate([np.tile(grid_boxes(1), (CANDIDATES, 1)), grid_boxes(3)[1:]])
    scores = np.linspace(0.9, 0.5, count, dtype=np.float32)[:, None] * np.array(
        [1, 0.99], np.float32
    )
    assert [len(picture) for picture in _expected(boxes[None], scores[None])] == [6]
    (found,) = _finder("openvino's own", count, 2)(boxes[None], scores[None])
    assert sorted(found) == sorted((c, float(scores[0, c]), _corners(boxes[0])) for c in range(2))


def test_openvinos_own_is_not_taken_under_a_low_score() -> None:
    model = _with_tail(network_body(120, 5))
    assert _own(model, 1, score_threshold=LEAST_SCORE) is not None
    assert _own(model, 1, score_threshold=float(np.nextafter(LEAST_SCORE, 0))) is None


def test_openvinos_own_is_not_taken_where_only_the_best_boxes_are_looked_at() -> None:
    assert _own(_with_tail(network_body(ONNX_BOXES, 3)), 1) is not None
    assert _own(_with_tail(network_body(ONNX_BOXES + 1, 3)), 1) is None


def test_openvinos_own_is_not_taken_where_nothing_is_suppressed() -> None:
    model = network_body(120, 5)
    graft_best_boxes(model.graph, max_detections=MAX_DETECTIONS)
    assert _own(model, 1) is None


def test_openvinos_own_may_answer_again_while_earlier_answers_are_kept() -> None:
    first, second = (Table(2, MAX_DETECTIONS) for _ in range(2))
    rows = np.zeros((2 * MAX_DETECTIONS, 7), np.float32)
    rows[:3, :3] = (0, 1, 0.5), (0, 0, 0.75), (1, 1, 0.25)
    rows[3, 0] = -1
    outputs = first.outputs(rows)
    rows[:2, 0] = (1, -1)
    assert second.outputs(rows).num_detections.tolist() == [[0], [1]]
    assert outputs.num_detections.tolist() == [[2], [1]]
    assert [answer_of(outputs, index).scores.tolist() for index in range(2)] == [
        [0.75, 0.5],
        [0.25],
    ]
    assert [answer_of(outputs, index).classes.tolist() for index in range(2)] == [[0, 1], [1]]
