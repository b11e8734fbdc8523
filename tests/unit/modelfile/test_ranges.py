"""The choice of the ranges of INT8 activations, on a network small enough to compute by hand."""

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.nms import BOXES, SCORES
from ssd_live.modelfile.ranges import OutputErrorRanges

# What calibration would choose: 0 to 200 in 255 steps.
STEP = 200 / 255


def network(matters: float, *, in_int8: bool) -> ModelProto:
    """One pixel, red and blue, makes one box with one score.

    The first number of the inner tensor is red / 255, and the second is blue. The second gets into
    the box by the factor `matters` only.
    """
    constants: dict[str, np.ndarray] = {
        "inward": np.array([[1 / 255, 0], [0, 1]], np.float32),
        "outward": np.array([[0, 0, 1, 1], [0, 0, matters, matters]], np.float32),
        "sure": np.array([[0.0], [0.0]], np.float32),
        "half": np.array(0.5, np.float32),
        "ends": np.array([0, 2, 2], np.int64)[[0]],
        "step": np.array(STEP, np.float32),
        "zero": np.array(0, np.uint8),
        "place": np.array([0, 2], np.int64),
    }
    inner = "inner"
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["real", "place"], ["two"], axis=3),
        helper.make_node("MatMul", ["two", "inward"], ["inner"]),
    ]
    if in_int8:
        nodes += [
            helper.make_node("QuantizeLinear", ["inner", "step", "zero"], ["whole"]),
            helper.make_node("DequantizeLinear", ["whole", "step", "zero"], ["again"]),
        ]
        inner = "again"
    nodes += [
        helper.make_node("MatMul", [inner, "outward"], ["corners"]),
        helper.make_node("Squeeze", ["corners", "ends"], [BOXES]),
        helper.make_node("MatMul", [inner, "sure"], ["none"]),
        helper.make_node("Add", ["none", "half"], ["some"]),
        helper.make_node("Squeeze", ["some", "ends"], [SCORES]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 1, 1, 3])],
        [helper.make_empty_tensor_value_info(name) for name in (BOXES, SCORES)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def images() -> list[Pixels]:
    dice = np.random.default_rng(1)
    return [dice.integers(40, 200, (1, 1, 3)).astype(np.uint8) for _ in range(30)]


def step_of(proto: ModelProto) -> float:
    (found,) = [one for one in proto.graph.initializer if one.name == "step"]
    return float(numpy_helper.to_array(found))


def test_values_that_do_not_matter_do_not_widen_the_range() -> None:
    proto = network(0, in_int8=True)
    OutputErrorRanges(network(0, in_int8=False), images()).choose(proto)
    assert step_of(proto) < 0.3 * STEP


def test_values_that_matter_stay_in_the_range() -> None:
    proto = network(1, in_int8=True)
    OutputErrorRanges(network(1, in_int8=False), images()).choose(proto)
    assert step_of(proto) == pytest.approx(STEP)


def test_a_second_version_of_the_network_gets_the_same_ranges() -> None:
    ranges = OutputErrorRanges(network(0, in_int8=False), images())
    one, other = network(0, in_int8=True), network(0, in_int8=True)
    ranges.choose(one)
    ranges.choose(other)
    assert step_of(one) == step_of(other) < STEP
