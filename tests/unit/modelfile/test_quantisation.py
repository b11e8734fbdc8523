"""What is done to NNCF's graph; that it computes the same, and that ONNX Runtime then has every convolution in INT8."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.int8 import form_for
from ssd_live.modelfile.quantisation import _make_unsigned


def _run(model: ModelProto, values: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": values})[0])


def _quantise_and_back(zero: int) -> ModelProto:
    """The input in steps of a tenth, and weights that are constants of the same kind."""
    constants: dict[str, np.ndarray] = {
        "scale": np.array(0.1, np.float32),
        "zero": np.array(zero, np.int8),
        "weights": np.array([-128, 0, 127], np.int8),
        "weights_zero": np.array(0, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["back"]),
        helper.make_node("DequantizeLinear", ["weights", "scale", "weights_zero"], ["w"]),
        helper.make_node("Mul", ["back", "w"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in ("x", "y"))
    q = helper.make_tensor_value_info("q", TensorProto.INT8, ["n", 3])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(value, name) for name, value in constants.items()], value_info=[q])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("zero", [-128, -10, 0, 127])
def test_unsigned_activations_are_the_same_numbers(zero: int) -> None:
    values = np.random.default_rng(zero + 128).uniform(-30, 30, (200, 3)).astype(np.float32)
    model = _quantise_and_back(zero)
    expected = _run(model, values)
    _make_unsigned(model.graph)
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.input[2] for node in model.graph.node if node.op_type != "Mul"]
    assert kinds == ["zero_unsigned", "zero_unsigned", "weights_zero"]
    np.testing.assert_array_equal(_run(model, values), expected)


def test_onnx_runtime_computes_every_inner_convolution_of_the_bundled_form_in_int8(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    form = form_for(find_model(DEFAULT_MODEL), "int8")
    onnxruntime.InferenceSession(form.data, options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    in_float = sum(count for kind, count in kinds.items() if "Conv" in kind and kind != "QLinearConv")
    assert kinds["QLinearConv"] >= 60
    # The predictors, whose answers are wanted in float.
    assert in_float <= 12
