"""Append NMS tails: nodes that compute the outputs of a model file from its boxes and scores.

The boxes are the tensor `decoded_boxes` (B, N, 4), the scores are `class_scores` (B, N, C). Every
tail has the outputs of the `EfficientNMS_TRT` plugin: `num_detections` int32 (B, 1),
`detection_boxes` float32 (B, K, 4) as x1, y1, x2, y2 in 0..1, `detection_scores` float32 (B, K) and
`detection_classes` int32 (B, K), best first. Rows after `num_detections` are unspecified.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

BOXES = "decoded_boxes"
SCORES = "class_scores"
# The result of the standard tail's NMS, (M, 3): image, class and box of each kept detection.
KEPT = "nms_kept"
# TensorRT's parser looks for plugins in any domain that is not ONNX's own.
PLUGIN_DOMAIN = "ssd_live.trt"
# The limits of the fixed tail. Its cost grows with the square of the candidates, and each round
# costs one matrix product. The sample clip needs 15 rounds.
FIXED_CANDIDATES, FIXED_ROUNDS = 1024, 24
# The type of the counts. float16 holds every whole number up to 2048, and TensorRT-RTX has no
# float32 matrix product on Turing GPUs.
_COUNTS = TensorProto.FLOAT16
# The limit of the standard tail. The bundled networks have fewer boxes.
ONNX_BOXES = 2048
OUTPUTS = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")


def graft_onnx_nms(
    graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> None:
    """Append an NMS tail of standard ONNX operators (opset 18) to a graph.

    The graph must end in `decoded_boxes` and `class_scores`, and it must have at least
    `max_detections` pairs of a box and a class. NMS runs for each class. `NonMaxSuppression`
    selects the pairs to keep, their scores are scattered into zeros, and the largest
    `max_detections` of these values are the result. If there are more than `ONNX_BOXES` boxes, only
    the `ONNX_BOXES` boxes with the highest score in any class are used.

    If the IoU of two boxes is exactly the threshold, ONNX Runtime keeps both and OpenVINO does not.
    """
    kept = _graft_cut(graph, ONNX_BOXES) if _boxes(graph) > ONNX_BOXES else (BOXES, SCORES)
    constants: dict[str, np.ndarray] = {
        "nms_limit": np.array([max_detections], np.int64),
        "nms_iou": np.array([iou_threshold], np.float32),
        "nms_score": np.array([score_threshold], np.float32),
    }
    nodes = [
        helper.make_node(
            "NonMaxSuppression",
            [kept[0], "nms_scores", "nms_limit", "nms_iou", "nms_score"],
            [KEPT],
        ),
        helper.make_node("GatherND", ["nms_scores", KEPT], ["nms_kept_scores"]),
        helper.make_node("ConstantOfShape", ["nms_shape"], ["nms_zeros"]),
        helper.make_node("ScatterND", ["nms_zeros", KEPT, "nms_kept_scores"], ["nms_scattered"]),
    ]
    _graft_best(graph, "nms_scattered", nodes, constants, max_detections, kept)


def _graft_cut(graph: GraphProto, count: int) -> tuple[str, str]:
    """Append nodes that keep the `count` boxes with the highest score in any class.

    Returns the names of the tensors with these boxes and with their scores. Boxes that score little
    in every class would cost all later nodes as much as the others: an untrained SSD has 8732 boxes
    over 0.01.
    """
    constants = {
        "nms_cut_axis": np.array([2], np.int64),
        "nms_cut_count": np.array([count], np.int64),
    }
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    graph.node.extend(
        [
            helper.make_node("ReduceMax", [SCORES, "nms_cut_axis"], ["nms_cut_best"], keepdims=0),
            helper.make_node(
                "TopK",
                ["nms_cut_best", "nms_cut_count"],
                ["nms_cut_scores", "nms_cut_number"],
                axis=1,
            ),
            helper.make_node("Unsqueeze", ["nms_cut_number", "nms_cut_axis"], ["nms_cut_row"]),
            helper.make_node("GatherND", [BOXES, "nms_cut_row"], ["nms_cut_boxes"], batch_dims=1),
            helper.make_node(
                "GatherND", [SCORES, "nms_cut_row"], ["nms_cut_classes"], batch_dims=1
            ),
        ]
    )
    return "nms_cut_boxes", "nms_cut_classes"


def graft_best_boxes(graph: GraphProto, *, max_detections: int) -> None:
    """Append a tail without NMS, whose result is the `max_detections` best pairs.

    A pair is a box and a class. The tail is for comparing networks.
    """
    _graft_best(
        graph, "nms_scores", [], {"nms_limit": np.array([max_detections], np.int64)}, max_detections
    )


def graft_fixed_nms(
    graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> None:
    """Append an NMS tail of plain operators, in which all tensors have fixed shapes.

    It is for backends that have no NMS of their own. NMS runs for each class. The
    `FIXED_CANDIDATES` best pairs of a box and a class are compared with each other, all at once, in
    `FIXED_ROUNDS` rounds. In each round, a pair is kept if none of the better pairs that the round
    before kept suppresses it.

    The result is exact under two conditions: at most `FIXED_CANDIDATES` pairs score more than
    `score_threshold`, and no chain of boxes in which each suppresses the next is longer than
    `FIXED_ROUNDS`.
    """
    pairs = _pairs(graph)
    count = min(FIXED_CANDIDATES, pairs) if pairs else FIXED_CANDIDATES
    constants: dict[str, np.ndarray] = {
        "nms_count": np.array([count], np.int64),
        "nms_limit": np.array([max_detections], np.int64),
        "nms_iou": np.array(iou_threshold, np.float32),
        "nms_score": np.array([score_threshold], np.float32),
        "nms_half": np.array(0.5, np.float16),
        "nms_second": np.array([1], np.int64),
        "nms_sides": np.array([1, 1, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Reshape", ["nms_scores", "nms_flat"], ["nms_every"]),
        helper.make_node(
            "TopK", ["nms_every", "nms_count"], ["nms_candidates", "nms_pair"], axis=1
        ),
        *_place_nodes("nms_pair", "nms_candidate_class", "nms_candidate_row"),
        helper.make_node(
            "GatherND", [BOXES, "nms_candidate_row"], ["nms_candidate_boxes"], batch_dims=1
        ),
        *_overlap_nodes(),
        *_same_class_nodes(),
        *_better_nodes(),
        helper.make_node("Greater", ["nms_overlap", "nms_shared"], ["nms_overlaps"]),
        helper.make_node("And", ["nms_overlaps", "nms_same"], ["nms_conflict_anywhere"]),
        helper.make_node(
            "And", ["nms_conflict_anywhere", "nms_better"], ["nms_conflict_with_better"]
        ),
        helper.make_node("Cast", ["nms_conflict_with_better"], ["nms_conflict"], to=_COUNTS),
        helper.make_node("Greater", ["nms_candidates", "nms_score"], ["nms_over"]),
        helper.make_node("Cast", ["nms_over"], ["nms_over_number"], to=_COUNTS),
        helper.make_node("Unsqueeze", ["nms_over_number", "nms_last"], ["nms_valid"]),
    ]
    alive = "nms_valid"
    for number in range(FIXED_ROUNDS):
        nodes += [
            helper.make_node("MatMul", ["nms_conflict", alive], [f"nms_against_{number}"]),
            helper.make_node("Less", [f"nms_against_{number}", "nms_half"], [f"nms_free_{number}"]),
            helper.make_node(
                "Cast", [f"nms_free_{number}"], [f"nms_free_number_{number}"], to=_COUNTS
            ),
            helper.make_node(
                "Mul", [f"nms_free_number_{number}", "nms_valid"], [f"nms_alive_{number}"]
            ),
        ]
        alive = f"nms_alive_{number}"
    nodes += [
        helper.make_node("Cast", [alive], ["nms_alive"], to=TensorProto.FLOAT),
        helper.make_node("Squeeze", ["nms_alive", "nms_last"], ["nms_survives"]),
        helper.make_node("Mul", ["nms_candidates", "nms_survives"], ["nms_surviving_scores"]),
        helper.make_node(
            "TopK", ["nms_surviving_scores", "nms_limit"], ["detection_scores", "nms_rank"], axis=1
        ),
        helper.make_node("GatherElements", ["nms_pair", "nms_rank"], ["nms_index"], axis=1),
    ]
    _graft(graph, nodes, constants, max_detections)


def graft_efficient_nms(
    graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> None:
    """Append TensorRT's NMS plugin `EfficientNMS_TRT` as the tail of a graph.

    The plugin uses at most 4096 pairs of a box and a class. It suppresses a box at an IoU of
    `iou_threshold` or more.
    """
    attributes: dict[str, Any] = {
        "plugin_version": "1",
        "score_threshold": float(score_threshold),
        "iou_threshold": float(iou_threshold),
        "max_output_boxes": max_detections,
        # No column of the scores is background, boxes are corners, and scores need no activation.
        "background_class": -1,
        "box_coding": 0,
        "score_activation": 0,
        "class_agnostic": 0,
    }
    graph.node.append(
        helper.make_node(
            "EfficientNMS_TRT", [BOXES, SCORES], list(OUTPUTS), domain=PLUGIN_DOMAIN, **attributes
        )
    )
    _set_outputs(graph, max_detections)


def _graft_best(
    graph: GraphProto,
    scores: str,
    nodes: Sequence[NodeProto],
    constants: dict[str, np.ndarray],
    max_detections: int,
    kept: tuple[str, str] = (BOXES, SCORES),
) -> None:
    """Append `nodes`, and nodes that turn their best scores into the four outputs.

    `nodes` compute the tensor named `scores` (B, C, N) from `nms_scores` (B, C, N). `kept` are the
    names of the tensors with the boxes and scores to choose from.
    """
    best = [
        *nodes,
        helper.make_node("Reshape", [scores, "nms_flat"], ["nms_candidates"]),
        helper.make_node(
            "TopK", ["nms_candidates", "nms_limit"], ["detection_scores", "nms_index"], axis=1
        ),
    ]
    _graft(graph, best, constants, max_detections, kept)


def _graft(
    graph: GraphProto,
    nodes: Sequence[NodeProto],
    constants: dict[str, np.ndarray],
    max_detections: int,
    kept: tuple[str, str] = (BOXES, SCORES),
) -> None:
    """Append `nodes`, and nodes that make the four outputs from their results.

    `nodes` compute `detection_scores` and `nms_index`, both (B, K), from `nms_scores` (B, C, N).
    `kept` are the names of the tensors with the boxes and scores to choose from.
    """
    constants = constants | {
        "nms_flat": np.array([0, -1], np.int64),
        "nms_last": np.array([-1], np.int64),
        "nms_first": np.array([1], np.int64),
        "nms_zero": np.array(0, np.float32),
        "nms_box_axis": np.array(2, np.int64),
    }
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    graph.node.extend(
        [
            helper.make_node("Transpose", [kept[1]], ["nms_scores"], perm=[0, 2, 1]),
            helper.make_node("Shape", ["nms_scores"], ["nms_shape"]),
            helper.make_node("Gather", ["nms_shape", "nms_box_axis"], ["nms_box_count"]),
            *nodes,
            *_place_nodes("nms_index", "nms_class", "nms_box_row"),
            helper.make_node("Cast", ["nms_class"], ["detection_classes"], to=TensorProto.INT32),
            helper.make_node(
                "GatherND", [kept[0], "nms_box_row"], ["detection_boxes"], batch_dims=1
            ),
            helper.make_node("Greater", ["detection_scores", "nms_zero"], ["nms_real"]),
            helper.make_node("Cast", ["nms_real"], ["nms_ones"], to=TensorProto.INT32),
            helper.make_node(
                "ReduceSum", ["nms_ones", "nms_first"], ["num_detections"], keepdims=1
            ),
        ]
    )
    _set_outputs(graph, max_detections)


def _place_nodes(index: str, class_id: str, row: str) -> list[NodeProto]:
    """Return nodes that compute classes (B, M) and box rows (B, M, 1) from pair numbers (B, M).

    The arguments are the names of the tensors. A pair is a box and a class; the pairs are numbered
    class by class.
    """
    return [
        helper.make_node("Div", [index, "nms_box_count"], [class_id]),
        helper.make_node("Mod", [index, "nms_box_count"], [f"{row}_number"]),
        helper.make_node("Unsqueeze", [f"{row}_number", "nms_last"], [row]),
    ]


def _overlap_nodes() -> list[NodeProto]:
    """Return nodes that compute how much every two of the K candidates overlap.

    `nms_overlap` (B, K, K) is the area that two candidates have in common. `nms_shared` (B, K, K)
    is the largest such area that the IoU threshold allows.
    """
    corners = ["nms_x1", "nms_y1", "nms_x2", "nms_y2"]
    nodes = [helper.make_node("Split", ["nms_candidate_boxes", "nms_sides"], corners, axis=2)]
    nodes += [
        helper.make_node("Transpose", [corner], [f"{corner}_across"], perm=[0, 2, 1])
        for corner in corners
    ]
    for axis in "xy":
        nodes += [
            helper.make_node("Max", [f"nms_{axis}1", f"nms_{axis}1_across"], [f"nms_{axis}_low"]),
            helper.make_node("Min", [f"nms_{axis}2", f"nms_{axis}2_across"], [f"nms_{axis}_high"]),
            helper.make_node(
                "Sub", [f"nms_{axis}_high", f"nms_{axis}_low"], [f"nms_{axis}_between"]
            ),
            helper.make_node("Relu", [f"nms_{axis}_between"], [f"nms_{axis}_common"]),
            helper.make_node("Sub", [f"nms_{axis}2", f"nms_{axis}1"], [f"nms_{axis}_side"]),
        ]
    return [
        *nodes,
        helper.make_node("Mul", ["nms_x_common", "nms_y_common"], ["nms_overlap"]),
        helper.make_node("Mul", ["nms_x_side", "nms_y_side"], ["nms_area"]),
        helper.make_node("Transpose", ["nms_area"], ["nms_area_across"], perm=[0, 2, 1]),
        helper.make_node("Add", ["nms_area", "nms_area_across"], ["nms_both_areas"]),
        helper.make_node("Sub", ["nms_both_areas", "nms_overlap"], ["nms_union"]),
        # There is no division, because the union of two empty boxes is zero.
        helper.make_node("Mul", ["nms_union", "nms_iou"], ["nms_shared"]),
    ]


def _same_class_nodes() -> list[NodeProto]:
    """Return nodes that compute `nms_same` (B, K, K).

    It is true where two candidates have the same class.
    """
    return [
        helper.make_node("Unsqueeze", ["nms_candidate_class", "nms_last"], ["nms_class_down"]),
        helper.make_node("Unsqueeze", ["nms_candidate_class", "nms_second"], ["nms_class_across"]),
        helper.make_node("Equal", ["nms_class_down", "nms_class_across"], ["nms_same"]),
    ]


def _better_nodes() -> list[NodeProto]:
    """Return nodes that compute `nms_better` (B, K, K).

    It is true where the candidate of the column has a higher score than the candidate of the row.
    Of equal scores, the one with the lower pair number counts as higher, because TopK does not
    promise to sort them in this way.
    """
    return [
        # float32 holds whole numbers of this size exactly.
        helper.make_node("Cast", ["nms_pair"], ["nms_pair_number"], to=TensorProto.FLOAT),
        *(
            helper.make_node("Unsqueeze", [name, axis], [f"{name}_{way}"])
            for name in ("nms_candidates", "nms_pair_number")
            for axis, way in (("nms_last", "down"), ("nms_second", "across"))
        ),
        helper.make_node(
            "Greater", ["nms_candidates_across", "nms_candidates_down"], ["nms_higher"]
        ),
        helper.make_node(
            "Equal", ["nms_candidates_across", "nms_candidates_down"], ["nms_as_high"]
        ),
        helper.make_node(
            "Less", ["nms_pair_number_across", "nms_pair_number_down"], ["nms_first_box"]
        ),
        helper.make_node("And", ["nms_as_high", "nms_first_box"], ["nms_tie_won"]),
        helper.make_node("Or", ["nms_higher", "nms_tie_won"], ["nms_better"]),
    ]


def _pairs(graph: GraphProto) -> int:
    """Return the number of pairs of a box and a class, or 0 if the graph leaves it open."""
    _, boxes, classes = _score_sizes(graph)
    return boxes * classes


def _boxes(graph: GraphProto) -> int:
    """Return the number of boxes, or 0 if the graph leaves it open."""
    return _score_sizes(graph)[1]


def _score_sizes(graph: GraphProto) -> list[int]:
    scores = next(value for value in (*graph.value_info, *graph.output) if value.name == SCORES)
    return [int(dim.dim_value) for dim in scores.type.tensor_type.shape.dim]


def set_score_threshold(graph: GraphProto, score_threshold: float) -> None:
    """Change the score threshold of the NMS tail of a graph, in place.

    Raises `KeyError` if the graph has no tail with a score threshold as a constant of its own.
    """
    for tensor in graph.initializer:
        if tensor.name == "nms_score":
            tensor.CopyFrom(
                numpy_helper.from_array(np.array([score_threshold], np.float32), tensor.name)
            )
            return
    raise KeyError("nms_score")


def strip_nms(graph: GraphProto) -> None:
    """Remove the NMS tail of a graph, in place.

    The outputs then are `decoded_boxes` and `class_scores`. Raises `KeyError` if one of them is
    missing.
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


def _set_outputs(graph: GraphProto, max_detections: int) -> None:
    """Declare the four outputs of a model file as the outputs of the graph.

    `decoded_boxes` and `class_scores` stay declared with their shapes, as intermediate values.
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
    """Replace the values of a repeated protobuf field, which cannot be assigned."""
    kept = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(kept)
