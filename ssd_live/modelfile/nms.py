"""NMS tails: the nodes after `decoded_boxes` and `class_scores` that give a model file its four outputs.

Every tail has the outputs of the `EfficientNMS_TRT` plugin: `num_detections` int32 (B, 1), `detection_boxes` float32 (B, K, 4) xyxy in 0..1,
`detection_scores` float32 (B, K) and `detection_classes` int32 (B, K), best first; rows past `num_detections` are unspecified.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

BOXES = "decoded_boxes"
SCORES = "class_scores"
OUTPUTS = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")


def graft_onnx_nms(graph: GraphProto, *, score_threshold: float, iou_threshold: float, max_detections: int) -> None:
    """Append per-class NMS from standard ONNX operators (opset 18) to a graph that ends in `decoded_boxes` and `class_scores`.

    `NonMaxSuppression` names the survivors; their scores are scattered into zeros, whose largest `max_detections` are the answer.
    The graph must have at least `max_detections` box and class pairs. (At exactly the IoU threshold ONNX keeps a box and OpenVINO does not.)
    """
    constants: dict[str, np.ndarray] = {
        "nms_limit": np.array([max_detections], np.int64),
        "nms_iou": np.array([iou_threshold], np.float32),
        "nms_score": np.array([score_threshold], np.float32),
    }
    nodes = [
        helper.make_node("NonMaxSuppression", [BOXES, "nms_scores", "nms_limit", "nms_iou", "nms_score"], ["nms_kept"]),
        helper.make_node("GatherND", ["nms_scores", "nms_kept"], ["nms_kept_scores"]),
        helper.make_node("ConstantOfShape", ["nms_shape"], ["nms_zeros"]),
        helper.make_node("ScatterND", ["nms_zeros", "nms_kept", "nms_kept_scores"], ["nms_scattered"]),
    ]
    _graft_best(graph, "nms_scattered", nodes, constants, max_detections)


def graft_best_boxes(graph: GraphProto, *, max_detections: int) -> None:
    """Append a tail that suppresses nothing: the answer is the `max_detections` best pairs of box and class. For comparing networks."""
    _graft_best(graph, "nms_scores", [], {"nms_limit": np.array([max_detections], np.int64)}, max_detections)


def _graft_best(graph: GraphProto, scores: str, nodes: Sequence[NodeProto], constants: dict[str, np.ndarray], max_detections: int) -> None:
    """Append `nodes`, which make `scores` (B, C, N) of `nms_scores` (B, C, N), and the best of these as the four outputs."""
    constants = constants | {
        "nms_flat": np.array([0, -1], np.int64),
        "nms_last": np.array([-1], np.int64),
        "nms_first": np.array([1], np.int64),
        "nms_zero": np.array(0, np.float32),
        "nms_box_axis": np.array(2, np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(
        [
            helper.make_node("Transpose", [SCORES], ["nms_scores"], perm=[0, 2, 1]),
            helper.make_node("Shape", ["nms_scores"], ["nms_shape"]),
            *nodes,
            helper.make_node("Reshape", [scores, "nms_flat"], ["nms_candidates"]),
            helper.make_node("TopK", ["nms_candidates", "nms_limit"], ["detection_scores", "nms_index"], axis=1),
            helper.make_node("Gather", ["nms_shape", "nms_box_axis"], ["nms_box_count"]),
            helper.make_node("Div", ["nms_index", "nms_box_count"], ["nms_class"]),
            helper.make_node("Mod", ["nms_index", "nms_box_count"], ["nms_box"]),
            helper.make_node("Cast", ["nms_class"], ["detection_classes"], to=TensorProto.INT32),
            helper.make_node("Unsqueeze", ["nms_box", "nms_last"], ["nms_box_row"]),
            helper.make_node("GatherND", [BOXES, "nms_box_row"], ["detection_boxes"], batch_dims=1),
            helper.make_node("Greater", ["detection_scores", "nms_zero"], ["nms_real"]),
            helper.make_node("Cast", ["nms_real"], ["nms_ones"], to=TensorProto.INT32),
            helper.make_node("ReduceSum", ["nms_ones", "nms_first"], ["num_detections"], keepdims=1),
        ]
    )
    _set_outputs(graph, max_detections)


def set_score_threshold(graph: GraphProto, score_threshold: float) -> None:
    """Change the score over which a grafted tail looks at boxes. Raises `KeyError` where there is no such tail."""
    for tensor in graph.initializer:
        if tensor.name == "nms_score":
            tensor.CopyFrom(numpy_helper.from_array(np.array([score_threshold], np.float32), tensor.name))
            return
    raise KeyError("nms_score")


def strip_nms(graph: GraphProto) -> None:
    """Remove whatever follows `decoded_boxes` and `class_scores`, which become the outputs. Raises `KeyError` where one is not there."""
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
    """Declare the four outputs; the two tensors that the tail grew on stay named, with their shapes, as intermediate values."""
    ends = {value.name: value for value in graph.output}
    graph.value_info.extend([ends[BOXES], ends[SCORES]])
    batch = ends[BOXES].type.tensor_type.shape.dim[0].dim_param or ends[BOXES].type.tensor_type.shape.dim[0].dim_value
    declared = (
        (TensorProto.INT32, [batch, 1]),
        (TensorProto.FLOAT, [batch, max_detections, 4]),
        (TensorProto.FLOAT, [batch, max_detections]),
        (TensorProto.INT32, [batch, max_detections]),
    )
    outputs = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in zip(OUTPUTS, declared, strict=True)]
    _replace(graph.output, outputs)


def _replace(field: Any, values: Sequence[Any]) -> None:
    """Protobuf's repeated fields cannot be assigned."""
    kept = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(kept)
