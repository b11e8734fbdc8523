"""Append NMS tails: nodes that compute the outputs of a model file from its boxes and scores.

The boxes are the tensor `decoded_boxes` (B, N, 4), the scores are `class_scores` (B, N, C). Every
tail has the outputs of the `EfficientNMS_TRT` plugin: `num_detections` int32 (B, 1),
`detection_boxes` float32 (B, K, 4) as x1, y1, x2, y2 in 0..1, `detection_scores` float32 (B, K) and
`detection_classes` int32 (B, K), best first. Rows after `num_detections` are unspecified.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.graph_builder import GraphBuilder

BOXES = "decoded_boxes"
SCORES = "class_scores"
# The result of the standard tail's NMS, (M, 3): image, class and box of each kept detection.
KEPT = "nms_kept"
# TensorRT's parser looks for plugins in any domain that is not ONNX's own.
PLUGIN_DOMAIN = "ssd_live.trt"
# The limits of the fixed tail. Its cost grows with the square of the candidates, and each round
# costs one matrix product. The sample clip needs 15 rounds.
FIXED_CANDIDATES, FIXED_ROUNDS = 1024, 24
# The limit of the standard tail. All bundled networks but one have fewer boxes.
ONNX_BOXES = 2048
OUTPUTS = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
# The constant that `set_score_threshold` changes.
_SCORE_THRESHOLD = "nms_score"
# The type of the counts. float16 holds every whole number up to 2048, and TensorRT-RTX has no
# float32 matrix product on Turing GPUs.
_COUNTS = TensorProto.FLOAT16
_SECOND_AXIS, _THIRD_AXIS, _LAST_AXIS = (np.array([axis], np.int64) for axis in (1, 2, -1))


@dataclass(frozen=True)
class _Pairs:
    """The names of the tensors that hold all pairs of a box and a class.

    The pairs of an image are numbered class by class: class 0 with every box, then class 1 with
    every box, and so on. The tensor `boxes` is float32 (B, N, 4), `scores` is float32 (B, C, N),
    `shape` is the shape of `scores` as int64 (3,), and `box_count` is N as int64 ().
    """

    boxes: str
    scores: str
    shape: str
    box_count: str


@dataclass(frozen=True)
class _Candidates:
    """The names of the tensors that hold the K best pairs of each image, best first.

    A pair is a box and a class. The tensor `numbers` holds the numbers of the pairs, int64 (B, K),
    `scores` is float32 (B, K), `classes` is int64 (B, K), and `boxes` is float32 (B, K, 4).
    """

    numbers: str
    scores: str
    classes: str
    boxes: str


def graft_onnx_nms(
    graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> None:
    """Append an NMS tail of standard ONNX operators (opset 18) to a graph.

    The graph must end in `decoded_boxes` and `class_scores`, and it must have at least
    `max_detections` pairs of a box and a class. NMS runs for each class: it looks at pairs over
    `score_threshold` and drops a box whose IoU with a better one is over `iou_threshold`. The
    operator `NonMaxSuppression` selects the pairs to keep, their scores are scattered into zeros,
    and the largest `max_detections` of these values are the result. If there are more than
    `ONNX_BOXES` boxes, only the `ONNX_BOXES` boxes with the highest score in any class are used.

    If the IoU of two boxes is exactly the threshold, ONNX Runtime keeps both and OpenVINO does not.
    """
    tail = GraphBuilder(graph, "nms")
    boxes, scores = BOXES, SCORES
    if _box_count(graph) > ONNX_BOXES:
        boxes, scores = _add_cut(tail, ONNX_BOXES)
    pairs = _add_pairs(tail, boxes, scores)
    kept = tail.add(
        "NonMaxSuppression",
        pairs.boxes,
        pairs.scores,
        np.array([max_detections], np.int64),
        np.array([iou_threshold], np.float32),
        _score_constant(tail, score_threshold),
        output=KEPT,
    )
    kept_scores = tail.add("GatherND", pairs.scores, kept)
    zeros = tail.add("ConstantOfShape", pairs.shape)
    scattered = tail.add("ScatterND", zeros, kept, kept_scores)
    _, numbers = _add_top(tail, _add_flat(tail, scattered), max_detections, "detection_scores")
    _add_other_outputs(tail, pairs, numbers)
    _declare_outputs(graph, max_detections)


def graft_best_boxes(graph: GraphProto, *, max_detections: int) -> None:
    """Append a tail without NMS to a graph, so that the outputs of networks can be compared.

    Its result is the `max_detections` pairs of a box and a class with the highest scores. The graph
    must end in `decoded_boxes` and `class_scores`.
    """
    tail = GraphBuilder(graph, "nms")
    pairs = _add_pairs(tail, BOXES, SCORES)
    _, numbers = _add_top(tail, _add_flat(tail, pairs.scores), max_detections, "detection_scores")
    _add_other_outputs(tail, pairs, numbers)
    _declare_outputs(graph, max_detections)


def graft_fixed_nms(
    graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> None:
    """Append an NMS tail of plain operators, in which all tensors have fixed shapes, to a graph.

    It is for backends that have no NMS of their own. The graph must end in `decoded_boxes` and
    `class_scores`. NMS runs for each class. The `FIXED_CANDIDATES` best pairs of a box and a class
    are compared with each other, all at once, in `FIXED_ROUNDS` rounds. In each round, a pair is
    kept if none of the better pairs that were kept in the round before suppresses it. A pair
    suppresses another of its class if the IoU of their boxes is more than `iou_threshold`.

    The result is exact under two conditions: at most `FIXED_CANDIDATES` pairs score more than
    `score_threshold`, and no chain of boxes in which each suppresses the next is longer than
    `FIXED_ROUNDS`.
    """
    tail = GraphBuilder(graph, "nms")
    pairs = _add_pairs(tail, BOXES, SCORES)
    # A graph that leaves the number of pairs open must have enough of them.
    count = min(FIXED_CANDIDATES, _pair_count(graph) or FIXED_CANDIDATES)
    candidates = _add_candidates(tail, pairs, count)
    conflicts = _add_conflicts(tail, candidates, iou_threshold)
    over = tail.add("Greater", candidates.scores, _score_constant(tail, score_threshold))
    valid = tail.add("Unsqueeze", tail.add("Cast", over, to=_COUNTS), _LAST_AXIS)
    kept = _add_rounds(tail, conflicts, valid)
    kept = tail.add("Squeeze", tail.add("Cast", kept, to=TensorProto.FLOAT), _LAST_AXIS)
    kept_scores = tail.add("Mul", candidates.scores, kept)
    _, ranks = _add_top(tail, kept_scores, max_detections, "detection_scores")
    numbers = tail.add("GatherElements", candidates.numbers, ranks, axis=1)
    _add_other_outputs(tail, pairs, numbers)
    _declare_outputs(graph, max_detections)


def graft_efficient_nms(
    graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> None:
    """Append TensorRT's NMS plugin `EfficientNMS_TRT` as the NMS tail of a graph.

    The graph must end in `decoded_boxes` and `class_scores`. The plugin uses at most 4096 pairs of
    a box and a class. It suppresses a box at an IoU of `iou_threshold` or more.
    """
    GraphBuilder(graph, "nms").add_several(
        "EfficientNMS_TRT",
        BOXES,
        SCORES,
        outputs=OUTPUTS,
        domain=PLUGIN_DOMAIN,
        plugin_version="1",
        score_threshold=float(score_threshold),
        iou_threshold=float(iou_threshold),
        max_output_boxes=max_detections,
        # No column of the scores is background, boxes are corners, and scores need no activation.
        background_class=-1,
        box_coding=0,
        score_activation=0,
        class_agnostic=0,
    )
    _declare_outputs(graph, max_detections)


def _score_constant(tail: GraphBuilder, score_threshold: float) -> str:
    return tail.constant(np.array([score_threshold], np.float32), _SCORE_THRESHOLD)


def _add_cut(tail: GraphBuilder, count: int) -> tuple[str, str]:
    """Append nodes that keep, in each image, only the `count` boxes with the best highest score.

    Returns the names of the tensors with these boxes and with their scores. This is done because
    the later nodes take time for every box that they get, and a score threshold may leave out none:
    with an untrained SSD, all 8732 boxes score over 0.01.
    """
    best = tail.add("ReduceMax", SCORES, _THIRD_AXIS, keepdims=0)
    _, numbers = _add_top(tail, best, count)
    rows = tail.add("Unsqueeze", numbers, _THIRD_AXIS)
    boxes = tail.add("GatherND", BOXES, rows, batch_dims=1)
    scores = tail.add("GatherND", SCORES, rows, batch_dims=1)
    return boxes, scores


def _add_pairs(tail: GraphBuilder, boxes: str, scores: str) -> _Pairs:
    """Append nodes that pair every box with every class, and return the names of their tensors.

    `boxes` and `scores` are the names of tensors (B, N, 4) and (B, N, C).
    """
    by_class = tail.add("Transpose", scores, perm=[0, 2, 1])
    shape = tail.add("Shape", by_class)
    return _Pairs(boxes, by_class, shape, tail.add("Gather", shape, np.array(2, np.int64)))


def _add_flat(tail: GraphBuilder, scores: str) -> str:
    """Append a node that reshapes `scores` (B, C, N) to (B, C * N); return the result's name."""
    return tail.add("Reshape", scores, np.array([0, -1], np.int64))


def _add_top(
    tail: GraphBuilder, scores: str, count: int, output: str | None = None
) -> tuple[str, str]:
    """Append a node that finds the K = `count` highest of the `scores` (B, M), highest first.

    Returns the names of the tensors with these scores and with their indices, int64, both (B, K).
    `output` is the name for the tensor with the scores if it is an output of the graph.
    """
    top, indices = tail.add_several(
        "TopK", scores, np.array([count], np.int64), outputs=[output, None], axis=1
    )
    return top, indices


def _add_other_outputs(tail: GraphBuilder, pairs: _Pairs, numbers: str) -> None:
    """Append nodes that compute the outputs of a model file other than `detection_scores`.

    The graph must already have `detection_scores`. `numbers` names a tensor int64 (B, K) with the
    number of the pair of each detection.
    """
    classes, rows = _add_places(tail, pairs, numbers)
    tail.add("Cast", classes, output="detection_classes", to=TensorProto.INT32)
    tail.add("GatherND", pairs.boxes, rows, output="detection_boxes", batch_dims=1)
    is_real = tail.add("Greater", "detection_scores", np.float32(0))
    ones = tail.add("Cast", is_real, to=TensorProto.INT32)
    tail.add("ReduceSum", ones, _SECOND_AXIS, output="num_detections", keepdims=1)


def _add_places(tail: GraphBuilder, pairs: _Pairs, numbers: str) -> tuple[str, str]:
    """Append nodes that compute the class and the index of the box from the number of a pair.

    A pair is a box and a class. `numbers` names a tensor (B, M) with the numbers of pairs. `pairs`
    are all pairs of an image. Returns the names of two tensors: the classes (B, M), and the indices
    of the boxes (B, M, 1).
    """
    classes = tail.add("Div", numbers, pairs.box_count)
    rows = tail.add("Mod", numbers, pairs.box_count)
    return classes, tail.add("Unsqueeze", rows, _LAST_AXIS)


def _add_candidates(tail: GraphBuilder, pairs: _Pairs, count: int) -> _Candidates:
    """Append nodes that find the pairs of a box and a class with the `count` highest scores."""
    scores, numbers = _add_top(tail, _add_flat(tail, pairs.scores), count)
    classes, rows = _add_places(tail, pairs, numbers)
    boxes = tail.add("GatherND", pairs.boxes, rows, batch_dims=1)
    return _Candidates(numbers, scores, classes, boxes)


def _add_conflicts(tail: GraphBuilder, candidates: _Candidates, iou_threshold: float) -> str:
    """Append nodes that compute which candidates suppress which others.

    Returns the name of a tensor (B, K, K). An element is 1 if the candidate of its column
    suppresses the candidate of its row whenever the candidate of the column is kept; otherwise it
    is 0.
    """
    common, allowed = _add_common_areas(tail, candidates.boxes, iou_threshold)
    is_same_class = tail.add("Equal", *_add_column_and_row(tail, candidates.classes))
    is_better = _add_is_better(tail, candidates)
    overlaps = tail.add("Greater", common, allowed)
    overlaps_in_class = tail.add("And", overlaps, is_same_class)
    conflicts = tail.add("And", overlaps_in_class, is_better)
    return tail.add("Cast", conflicts, to=_COUNTS)


def _add_common_areas(tail: GraphBuilder, boxes: str, iou_threshold: float) -> tuple[str, str]:
    """Append nodes that compute how much every two of the K `boxes` (B, K, 4) overlap.

    Returns the names of two tensors (B, K, K). The first is the area that two boxes have in common.
    The second is the area that they cover together, multiplied by `iou_threshold`. The IoU of two
    boxes is over the threshold if the first is greater than the second.
    """
    x1, y1, x2, y2 = tail.add_several(
        "Split", boxes, np.array([1, 1, 1, 1], np.int64), outputs=[None] * 4, axis=2
    )
    x1_across, y1_across, x2_across, y2_across = (
        _add_across(tail, corner) for corner in (x1, y1, x2, y2)
    )
    common_width, width = _add_common_side(tail, (x1, x2), (x1_across, x2_across))
    common_height, height = _add_common_side(tail, (y1, y2), (y1_across, y2_across))
    common = tail.add("Mul", common_width, common_height)
    area = tail.add("Mul", width, height)
    both_areas = tail.add("Add", area, _add_across(tail, area))
    union = tail.add("Sub", both_areas, common)
    # There is no division, because the union of two empty boxes is zero.
    return common, tail.add("Mul", union, np.float32(iou_threshold))


def _add_across(tail: GraphBuilder, values: str) -> str:
    """Append a node that turns a column (B, K, 1) into a row (B, 1, K); return the row's name."""
    return tail.add("Transpose", values, perm=[0, 2, 1])


def _add_common_side(
    tail: GraphBuilder, down: tuple[str, str], across: tuple[str, str]
) -> tuple[str, str]:
    """Append nodes that compute the lengths of K boxes along one axis.

    `down` and `across` name the tensors with the low and the high ends of the boxes: `down` as
    columns (B, K, 1) and `across` as rows (B, 1, K). Returns the names of two tensors: the length
    that every two boxes have in common (B, K, K), and the length of each box (B, K, 1).
    """
    low = tail.add("Max", down[0], across[0])
    high = tail.add("Min", down[1], across[1])
    common = tail.add("Relu", tail.add("Sub", high, low))
    return common, tail.add("Sub", down[1], down[0])


def _add_is_better(tail: GraphBuilder, candidates: _Candidates) -> str:
    """Append nodes that compute which candidates are better than which others.

    Returns the name of a tensor (B, K, K). An element is true if the candidate of its column has a
    higher score than the candidate of its row. If the scores are equal, the candidate with the
    lower pair number is the better one. The order of the candidates is not used for this, because
    TopK does not promise any order of equal scores.
    """
    # float32 holds whole numbers of this size exactly.
    numbers = tail.add("Cast", candidates.numbers, to=TensorProto.FLOAT)
    score_down, score_across = _add_column_and_row(tail, candidates.scores)
    number_down, number_across = _add_column_and_row(tail, numbers)
    is_higher = tail.add("Greater", score_across, score_down)
    is_equal = tail.add("Equal", score_across, score_down)
    is_first = tail.add("Less", number_across, number_down)
    return tail.add("Or", is_higher, tail.add("And", is_equal, is_first))


def _add_column_and_row(tail: GraphBuilder, values: str) -> tuple[str, str]:
    """Append nodes that turn `values` (B, K) into a column (B, K, 1) and into a row (B, 1, K).

    Returns the names of the column and of the row.
    """
    return tail.add("Unsqueeze", values, _LAST_AXIS), tail.add("Unsqueeze", values, _SECOND_AXIS)


def _add_rounds(tail: GraphBuilder, conflicts: str, valid: str) -> str:
    """Append the rounds of the fixed NMS tail, which find the candidates to keep.

    `conflicts` (B, K, K) is the result of `_add_conflicts`. `valid` (B, K, 1) is 1 for candidates
    over the score threshold and 0 for the others. Returns the name of a tensor of the shape of
    `valid`, which is 1 for the kept candidates and 0 for the others.
    """
    kept = valid
    for _ in range(FIXED_ROUNDS):
        against = tail.add("MatMul", conflicts, kept)
        is_free = tail.add("Less", against, np.float16(0.5))
        kept = tail.add("Mul", tail.add("Cast", is_free, to=_COUNTS), valid)
    return kept


def _pair_count(graph: GraphProto) -> int:
    """Return how many pairs of a box and a class an image has, or 0 if the graph leaves it open."""
    _, boxes, classes = _score_sizes(graph)
    return boxes * classes


def _box_count(graph: GraphProto) -> int:
    """Return how many boxes an image has before NMS, or 0 if the graph leaves it open."""
    return _score_sizes(graph)[1]


def _score_sizes(graph: GraphProto) -> list[int]:
    scores = next(value for value in (*graph.value_info, *graph.output) if value.name == SCORES)
    return [int(dim.dim_value) for dim in scores.type.tensor_type.shape.dim]


def set_score_threshold(graph: GraphProto, score_threshold: float) -> None:
    """Change the score threshold of the NMS tail of a graph, in place.

    Raises `KeyError` if the graph has no NMS tail, or if the tail was not made by `graft_onnx_nms`
    or `graft_fixed_nms`.
    """
    for tensor in graph.initializer:
        if tensor.name == _SCORE_THRESHOLD:
            tensor.CopyFrom(
                numpy_helper.from_array(np.array([score_threshold], np.float32), tensor.name)
            )
            return
    raise KeyError(_SCORE_THRESHOLD)


def strip_nms(graph: GraphProto) -> None:
    """Remove the NMS tail of a graph, in place.

    Afterwards the outputs of the graph are `decoded_boxes` and `class_scores`. Raises `KeyError` if
    the graph does not declare both tensors.
    """
    shapes = {value.name: value for value in (*graph.value_info, *graph.output)}
    outputs = [shapes[BOXES], shapes[SCORES]]
    makers = {name: node for node in graph.node for name in node.output}
    needed: set[str] = set()
    pending = [BOXES, SCORES]
    while pending:
        name = pending.pop()
        if name in makers and name not in needed:
            needed.update(makers[name].output)
            pending.extend(makers[name].input)
    nodes = [node for node in graph.node if needed.intersection(node.output)]
    used = {name for node in nodes for name in node.input}
    initializers = [tensor for tensor in graph.initializer if tensor.name in used]
    _replace(graph.node, nodes)
    _replace(graph.initializer, initializers)
    _replace(graph.output, outputs)


def _declare_outputs(graph: GraphProto, max_detections: int) -> None:
    """Declare the four outputs of a model file as the outputs of the graph.

    Before, the outputs of the graph must be `decoded_boxes` and `class_scores`. They stay declared
    with their shapes, as intermediate values.
    """
    ends = {value.name: value for value in graph.output}
    graph.value_info.extend([ends[BOXES], ends[SCORES]])
    batch = (
        ends[BOXES].type.tensor_type.shape.dim[0].dim_param
        or ends[BOXES].type.tensor_type.shape.dim[0].dim_value
    )
    declared = (
        (TensorProto.INT32, [batch, 1]),
        (TensorProto.FLOAT, [batch, max_detections, 4]),
        (TensorProto.FLOAT, [batch, max_detections]),
        (TensorProto.INT32, [batch, max_detections]),
    )
    outputs = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, (kind, shape) in zip(OUTPUTS, declared, strict=True)
    ]
    _replace(graph.output, outputs)


def _replace(field: Any, values: Sequence[Any]) -> None:
    """Replace the values of a repeated protobuf field in place, because it cannot be assigned."""
    kept = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(kept)
