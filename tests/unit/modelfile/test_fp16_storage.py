"""Weights stored as float16 where no bit is lost."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.fp16_storage import store_as_float16_where_exact


def _model_that_returns(*weights: NDArray[np.generic]) -> ModelProto:
    """Initializers `w0`, `w1`, ... come out as `y0`, `y1`, ... ."""
    names = range(len(weights))
    kinds = [helper.np_dtype_to_tensor_dtype(weight.dtype) for weight in weights]
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"w{i}"], [f"y{i}"]) for i in names],
        "weights",
        [],
        [helper.make_tensor_value_info(f"y{i}", kinds[i], list(weights[i].shape)) for i in names],
        [numpy_helper.from_array(weight, f"w{i}") for i, weight in enumerate(weights)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _returned(model: ModelProto) -> list[NDArray[Any]]:
    onnx.checker.check_model(model, full_check=True)
    session: Any = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {}))


def _exact(count: int = 1000) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 1, count).astype(np.float16).astype(np.float32)


def _inexact(count: int = 1000) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, count).astype(np.float32)


def _stored_kinds(model: ModelProto) -> set[int]:
    return {tensor.data_type for tensor in model.graph.initializer}


def test_exact_weights_take_half_the_room() -> None:
    model = _model_that_returns(_exact(100_000))
    before = model.ByteSize()
    assert store_as_float16_where_exact(model.graph) == 1
    assert _stored_kinds(model) == {TensorProto.FLOAT16}
    assert model.ByteSize() < 0.51 * before


def test_exact_weights_come_out_with_every_bit() -> None:
    extremes = np.array(
        [65504, -65504, 6.103515625e-05, 2**-24, -(2**-24), 0.0, -0.0, np.inf, -np.inf] * 10,
        np.float32,
    )
    weights = [_exact().reshape(10, 100), extremes]
    model = _model_that_returns(*weights)
    assert store_as_float16_where_exact(model.graph) == 2
    for weight, out in zip(weights, _returned(model), strict=True):
        assert out.dtype == np.float32
        assert np.array_equal(out.view(np.uint32), weight.view(np.uint32))


def test_inexact_weights_stay_as_they_are() -> None:
    nearly = _exact()
    nearly[500] = np.nextafter(nearly[500], np.float32(9))
    too_large, too_small = np.full(100, 65520, np.float32), np.full(100, 2.0**-26, np.float32)
    model = _model_that_returns(_inexact(), nearly, too_large, too_small)
    before = model.SerializeToString()
    assert store_as_float16_where_exact(model.graph) == 0
    assert model.SerializeToString() == before


def test_exact_and_inexact_weights_are_told_apart_in_one_graph() -> None:
    model = _model_that_returns(_exact(), _inexact())
    assert store_as_float16_where_exact(model.graph) == 1
    exact, inexact = _returned(model)
    assert np.array_equal(exact, _exact())
    assert np.array_equal(inexact, _inexact())


def test_small_and_whole_number_tensors_stay_as_they_are() -> None:
    model = _model_that_returns(np.ones(8, np.float32), np.arange(1000), np.ones(1000, np.float64))
    assert store_as_float16_where_exact(model.graph) == 0
    assert _stored_kinds(model) == {TensorProto.FLOAT, TensorProto.INT64, TensorProto.DOUBLE}


def test_storing_twice_changes_nothing_more() -> None:
    model = _model_that_returns(_exact())
    store_as_float16_where_exact(model.graph)
    once = model.SerializeToString()
    assert store_as_float16_where_exact(model.graph) == 0
    assert model.SerializeToString() == once
