"""The builder names tensors, sorts nodes by construction, and stores equal constants once."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.graph_builder import GraphBuilder
from ssd_live.modelfile.nms import BOXES, SCORES, graft_onnx_nms, set_score_threshold


def _start() -> ModelProto:
    """Return a model with the input `x` float32 (2,), the output `y` float32 (2,), and no node."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y"))
    graph = helper.make_graph([], "graph", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _add_three_x_plus_three(graph: GraphProto) -> None:
    builder = GraphBuilder(graph, "test")
    low, high = builder.add_several(
        "Split", "x", np.array([1, 1], np.int64), outputs=[None, None], axis=0
    )
    joined = builder.add("Concat", low, high, axis=0)
    tripled = builder.add("Mul", joined, np.float32(3))
    builder.add("Add", tripled, np.float32(3), output="y")


def _constants(graph: GraphProto) -> dict[str, list[float]]:
    return {
        tensor.name: numpy_helper.to_array(tensor).ravel().tolist() for tensor in graph.initializer
    }


def test_what_was_appended_is_computed() -> None:
    model = _start()
    _add_three_x_plus_three(model.graph)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(["y"], {"x": np.array([1, 2], np.float32)})
    assert y.tolist() == [6, 9]


def test_the_same_calls_give_the_same_graph() -> None:
    one, other = _start(), _start()
    for model in (one, other):
        _add_three_x_plus_three(model.graph)
    assert one == other


def test_a_constant_that_is_used_twice_is_stored_once() -> None:
    model = _start()
    _add_three_x_plus_three(model.graph)
    assert list(_constants(model.graph).values()) == [[1, 1], [3]]


@pytest.mark.parametrize("other", [np.float16(3), np.array([3], np.float32), np.float32(-3)])
def test_constants_of_another_type_shape_or_value_are_stored_each(
    other: np.generic | np.ndarray,
) -> None:
    builder = GraphBuilder(_start().graph, "test")
    assert builder.constant(np.float32(3)) != builder.constant(other)


def test_a_constant_with_a_name_is_not_shared() -> None:
    builder = GraphBuilder(_start().graph, "test")
    value = np.float32(3)
    names = [builder.constant(value), builder.constant(value, "mine"), builder.constant(value)]
    assert names[0] == names[2] != names[1] == "mine"


def test_a_new_score_threshold_leaves_an_equal_iou_threshold_alone() -> None:
    shapes: dict[str, list[int | str | None]] = {BOXES: ["batch", 5, 4], SCORES: ["batch", 5, 2]}
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    graph = helper.make_graph([], "graph", [], ends)
    graft_onnx_nms(graph, score_threshold=0.5, iou_threshold=0.5, max_detections=5)
    set_score_threshold(graph, 0.25)
    (nms,) = [node for node in graph.node if node.op_type == "NonMaxSuppression"]
    constants = _constants(graph)
    assert [constants[name] for name in nms.input[2:]] == [[5], [0.5], [0.25]]
