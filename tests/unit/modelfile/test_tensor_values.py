"""Tensors inside a network, computed stage by stage or all at once."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.tensor_values import staged_values, tensor_values

SIDE = 4
# Each stage is computed from tensors of the stages before: the second one also from the image.
STAGES = [["first"], ["left", "right"], ["last"]]


def _network() -> ModelProto:
    """A network whose `last` needs `first` twice: through the two branches, and by a shortcut."""
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["real"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["pixels", "half"], ["first"]),
        helper.make_node("Relu", ["first"], ["positive"]),
        helper.make_node("Add", ["positive", "one"], ["left"]),
        helper.make_node("Sub", ["positive", "pixels"], ["right"]),
        helper.make_node("Mul", ["left", "right"], ["product"]),
        helper.make_node("Add", ["product", "first"], ["last"]),
    ]
    constants: list[NDArray[Any]] = [np.array(0.5, np.float32), np.array(1, np.float32)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIDE, SIDE, 3])],
        [helper.make_empty_tensor_value_info("last")],
        [
            numpy_helper.from_array(value, name)
            for value, name in zip(constants, ("half", "one"), strict=True)
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _images() -> list[NDArray[np.uint8]]:
    dice = np.random.default_rng(0)
    return [dice.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(3)]


def test_stages_give_what_the_whole_network_gives() -> None:
    names = [name for stage in STAGES for name in stage]
    wanted = list(tensor_values(_network(), names, _images()))
    found = [
        [value for stage in stages for value in stage]
        for stages in zip(*staged_values(_network(), STAGES, _images()), strict=True)
    ]
    assert len(found) == len(wanted) == 3
    for some, others in zip(found, wanted, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def test_what_is_changed_in_a_stage_reaches_the_stages_after_it() -> None:
    steps = staged_values(_network(), STAGES, _images())
    first = [values[0].copy() for values in next(steps)]
    for left, right in next(steps):
        left += 1
        right *= 2
    for before, (last,), image in zip(first, next(steps), _images(), strict=True):
        pixels = image.transpose(2, 0, 1)[None].astype(np.float32)
        assert np.array_equal(last, (before + 2) * 2 * (before - pixels) + before)


def test_no_node_is_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[list[str]] = []
    real = onnxruntime.InferenceSession

    def session(data: bytes, *arguments: Any, **named: Any) -> Any:
        model = ModelProto.FromString(data)
        parts.append([node.output[0] for node in model.graph.node])
        return real(data, *arguments, **named)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    list(staged_values(_network(), STAGES, _images()))
    # `real` and `pixels` are no tensors of a stage, so the second stage computes them again.
    assert parts == [
        ["real", "pixels", "first"],
        ["real", "pixels", "positive", "left", "right"],
        ["product", "last"],
    ]
