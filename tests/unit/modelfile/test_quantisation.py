"""What is done to NNCF's graph; that it computes the same, and that ONNX Runtime then has every
convolution in INT8.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.catalogue import DEFAULT_MODEL, file_for_precision, find_model
from ssd_live.modelfile.quantisation import feed_pixels, make_unsigned


def _run(model: ModelProto, values: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
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
    graph = helper.make_graph(
        nodes,
        "g",
        [x],
        [y],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
        value_info=[q],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("zero", [-128, -10, 0, 127])
def test_unsigned_activations_are_the_same_numbers(zero: int) -> None:
    values = np.random.default_rng(zero + 128).uniform(-30, 30, (200, 3)).astype(np.float32)
    model = _quantise_and_back(zero)
    expected = _run(model, values)
    make_unsigned(model.graph)
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.input[2] for node in model.graph.node if node.op_type != "Mul"]
    assert kinds == ["zero_unsigned", "zero_unsigned", "weights_zero"]
    np.testing.assert_array_equal(_run(model, values), expected)


def test_onnx_runtime_computes_every_inner_convolution_of_the_bundled_form_in_int8(
    tmp_path: Path,
) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    form = file_for_precision(find_model(DEFAULT_MODEL), "int8")
    onnxruntime.InferenceSession(form.data, options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    in_float = sum(
        count for kind, count in kinds.items() if "Conv" in kind and kind != "QLinearConv"
    )
    assert kinds["QLinearConv"] >= 59
    # The predictors, whose answers are wanted in float, and what the first box predictor reads.
    assert in_float <= 13


def _normalised_picture(scale: list[float], shift: list[float]) -> ModelProto:
    """A picture through normalisation and one convolution, quantised as NNCF does it, in steps that
    are no other than the picture's or far finer.
    """
    rng = np.random.default_rng(0)
    constants: dict[str, np.ndarray] = {
        "one": np.array(1, np.float32),
        "none": np.array(0, np.uint8),
        "fine": np.array(1e-4, np.float32),
        "middle": np.array(32768, np.uint16),
        "scale": np.array(scale, np.float32).reshape(1, -1, 1, 1),
        "shift": np.array(shift, np.float32).reshape(1, -1, 1, 1),
        "bias": rng.normal(size=4).astype(np.float32),
        "whole": rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
        "weight_scale": rng.uniform(0.001, 0.01, 4).astype(np.float32),
        "weight_zero": np.zeros(4, np.int8),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("QuantizeLinear", ["float", "one", "none"], ["float_q"]),
        helper.make_node("DequantizeLinear", ["float_q", "one", "none"], ["float_back"]),
        helper.make_node("Transpose", ["float_back"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["turned", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["normalised"]),
        helper.make_node("QuantizeLinear", ["normalised", "fine", "middle"], ["normalised_q"]),
        helper.make_node("DequantizeLinear", ["normalised_q", "fine", "middle"], ["x"]),
        helper.make_node(
            "DequantizeLinear", ["whole", "weight_scale", "weight_zero"], ["weights"], axis=0
        ),
        helper.make_node("Conv", ["x", "weights", "bias"], ["y"], pads=[1, 1, 1, 1]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 20, 20, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 20, 20])
    graph = helper.make_graph(
        nodes,
        "g",
        [image],
        [y],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _seen(model: ModelProto) -> np.ndarray:
    image = np.random.default_rng(1).integers(0, 256, (1, 20, 20, 3)).astype(np.uint8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"image": image})[0])


@pytest.mark.parametrize(("scale", "shift"), [(1 / 127.5, -1.0), (1 / 255, 0.0), (1 / 128, -0.75)])
def test_a_picture_in_bytes_gives_what_its_normalisation_gave(scale: float, shift: float) -> None:
    model = _normalised_picture([scale] * 3, [shift] * 3)
    expected = _seen(model)
    feed_pixels(model.graph)
    onnx.checker.check_model(model, full_check=True)
    (user,) = [
        node for node in model.graph.node if "image" in node.input and node.op_type != "Cast"
    ]
    assert user.op_type == "DequantizeLinear"
    found = _seen(model)
    np.testing.assert_allclose(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=2e-3)
    # Outside are zeros, which may be half a byte's step off.
    weights = 0.01 * 127 * 27
    np.testing.assert_allclose(found, expected, atol=2e-3 + 0.5 * scale * weights)


@pytest.mark.parametrize(
    ("scale", "shift"),
    [
        ([1 / 58, 1 / 57, 1 / 56], [-1.0] * 3),
        ([1.0] * 3, [-104.0, -117.0, -123.0]),
        ([1 / 255] * 3, [0.2] * 3),
    ],
)
def test_a_picture_whose_channels_differ_or_whose_zero_is_no_byte_stays_as_it_is(
    scale: list[float], shift: list[float]
) -> None:
    model = _normalised_picture(scale, shift)
    before = model.SerializeToString()
    feed_pixels(model.graph)
    assert model.SerializeToString() == before


def test_the_bundled_form_convolves_the_picture_itself(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        file_for_precision(find_model(DEFAULT_MODEL), "int8").data,
        options,
        providers=["CPUExecutionProvider"],
    )
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    (turned,) = [node for node in nodes if "image" in node.input]
    assert turned.op_type in ("Transpose", "QLinearConv")
    assert all(
        node.op_type == "QLinearConv"
        for node in nodes
        if turned.op_type == "Transpose" and turned.output[0] in node.input
    )
