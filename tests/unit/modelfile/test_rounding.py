"""The choice of INT8 weights and biases, on convolutions small enough to compute by hand."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.rounding import OutputErrorRounding

SIDE, STEPS = 12, 127
Array = np.ndarray


def _images(count: int = 8) -> list[Pixels]:
    """Images whose three channels are alike, as in photos."""
    dice = np.random.default_rng(1)
    grey = dice.integers(40, 200, (count, SIDE, SIDE, 1))
    return [
        np.asarray(np.clip(one + dice.integers(-20, 21, (SIDE, SIDE, 3)), 0, 255), np.uint8)
        for one in grey
    ]


def _model(convolutions: list[dict[str, Array]], attributes: dict[str, Any]) -> ModelProto:
    """The image through the convolutions, one after the other. Those with steps are in INT8."""
    constants: dict[str, Array] = {}
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["x0"], "transpose", perm=[0, 3, 1, 2]),
    ]
    for number, one in enumerate(convolutions):
        constants |= {f"{name}{number}": value for name, value in one.items()}
        weights = f"weights{number}"
        if "steps" in one:
            weights = f"real_weights{number}"
            nodes.append(
                helper.make_node(
                    "DequantizeLinear",
                    [f"steps{number}", f"scale{number}", f"zero{number}"],
                    [weights],
                    axis=0,
                )
            )
        nodes.append(
            helper.make_node(
                "Conv",
                [f"x{number}", weights, f"bias{number}"],
                [f"x{number + 1}"],
                f"conv{number}",
                **attributes,
            )
        )
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE, SIDE, 3])
    last = helper.make_empty_tensor_value_info(f"x{len(convolutions)}")
    graph = helper.make_graph(
        nodes,
        "g",
        [image],
        [last],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _pair(
    shapes: list[tuple[int, ...]], **attributes: Any
) -> tuple[ModelProto, ModelProto, list[dict[str, Array]]]:
    """A network in float32, the same with weights rounded to the nearest, and its weights."""
    dice = np.random.default_rng(2)
    exact, rounded = [], []
    for shape in shapes:
        weights = dice.normal(size=shape).astype(np.float32)
        bias = dice.normal(size=shape[0]).astype(np.float32)
        scale = (np.abs(weights.reshape(len(weights), -1)).max(1) / STEPS).astype(np.float32)
        steps = np.round(weights / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
        exact.append({"weights": weights, "bias": bias})
        rounded.append(
            {"steps": steps, "scale": scale, "zero": np.zeros(len(scale), np.int8), "bias": bias}
        )
    return _model(exact, attributes), _model(rounded, attributes), exact


def _run(model: ModelProto, images: list[Pixels]) -> Array:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])


def _constant(model: ModelProto, name: str) -> Array:
    (found,) = [one for one in model.graph.initializer if one.name == name]
    return np.asarray(numpy_helper.to_array(found))


@pytest.mark.parametrize(
    ("kernel", "attributes"),
    [
        (1, {}),
        (3, {}),
        (3, {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        (3, {"pads": [2, 2, 2, 2], "dilations": [2, 2]}),
    ],
)
def test_the_outputs_are_nearer_than_with_the_nearest_steps(
    kernel: int, attributes: dict[str, Any]
) -> None:
    exact, proto, _ = _pair([(16, 3, kernel, kernel)], **attributes)
    images = _images()
    right = _run(exact, images)
    before = np.square(_run(proto, images) - right).mean()
    OutputErrorRounding(exact, images).choose_weights(proto)
    after = np.square(_run(proto, images) - right).mean()
    assert after < 0.95 * before
    steps = _constant(proto, "steps0")
    assert steps.dtype == np.int8
    assert np.abs(steps.astype(int)).max() <= STEPS


def largest_sum(steps: Array) -> int:
    """Of two weights of one sign whose products may be added in 16 bits.

    Runtimes add neighbours in the order of rows, columns and channels. An odd number of channels
    runs over into the next cell of the kernel.
    """
    line = steps.astype(int).transpose(0, 2, 3, 1).reshape(len(steps), -1)
    first, second = line[:, :-1], line[:, 1:]
    if steps.shape[1] % 2 == 0:
        first, second = first[:, ::2], second[:, ::2]
    return int(np.where(first * second > 0, np.abs(first + second), 0).max())


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_no_sum_of_two_products_overflows_16_bits(channels: int, kernel: int) -> None:
    dice = np.random.default_rng(4)
    first = {
        "weights": dice.uniform(0.1, 1, (channels, 3, 1, 1)).astype(np.float32),
        "bias": np.zeros(channels, np.float32),
    }
    weights = dice.uniform(0.1, 1, (16, channels, kernel, kernel)).astype(np.float32)
    scale = (weights.reshape(16, -1).max(1) / STEPS).astype(np.float32)
    steps = np.round(weights / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
    bias = np.zeros(16, np.float32)
    exact = _model([first, {"weights": weights, "bias": bias}], {})
    proto = _model(
        [first, {"steps": steps, "scale": scale, "zero": np.zeros(16, np.int8), "bias": bias}], {}
    )
    assert largest_sum(steps) > 128
    images = _images()
    OutputErrorRounding(exact, images).choose_weights(proto)
    assert largest_sum(_constant(proto, "steps1")) <= 128
    right = _run(exact, images)
    assert np.abs(_run(proto, images) - right).mean() < 0.01 * np.abs(right).mean()


def test_grouped_convolutions_keep_their_weights() -> None:
    exact, proto, _ = _pair([(3, 1, 3, 3)], group=3)
    nearest = _constant(proto, "steps0").copy()
    OutputErrorRounding(exact, _images()).choose_weights(proto)
    assert np.array_equal(_constant(proto, "steps0"), nearest)


def test_after_the_correction_every_mean_output_is_that_of_float32() -> None:
    exact, proto, _ = _pair([(8, 3, 1, 1), (8, 8, 3, 3), (4, 8, 1, 1)])
    images = _images()
    before = np.abs((_run(proto, images) - _run(exact, images)).mean((0, 2, 3)))
    OutputErrorRounding(exact, images).correct_biases(proto)
    after = np.abs((_run(proto, images) - _run(exact, images)).mean((0, 2, 3)))
    assert before.max() > 0.1
    assert after.max() < 1e-3 * before.max()


def test_a_second_version_of_the_network_gets_the_same_weights() -> None:
    exact, proto, _ = _pair([(8, 3, 1, 1)])
    other = ModelProto()
    other.CopyFrom(proto)
    rounding = OutputErrorRounding(exact, _images())
    rounding.choose_weights(proto)
    rounding.choose_weights(other)
    assert np.array_equal(_constant(proto, "steps0"), _constant(other, "steps0"))
