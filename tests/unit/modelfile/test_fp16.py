"""Half precision written into a graph: what is in float16, what is not, and that the
answers stay.
"""

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import GraphProto, ModelProto, TensorProto

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.export.graph import PixelsToDetections, to_onnx
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.fp16 import in_float32, in_half_precision
from ssd_live.modelfile.network_graph import body_of, predictors
from ssd_live.modelfile.nms import BOXES, SCORES, graft_onnx_nms
from ssd_live.models import create
from ssd_live.selection.agreement import BUDGETS, answers, compare_detections, sample_images
from ssd_live.system.atomic_files import sha256

BUNDLED = (
    "ssd300-mobilenetv2-oid",
    "ssdlite300-mobilenetv2-person",
    "blazeface-256",
    "blazeface-full-range",
)


@cache
def vgg_body() -> ModelProto:
    """SSD300 on VGG16 with random weights."""
    torch.manual_seed(0)
    return to_onnx(
        PixelsToDetections(
            create("ssd300-vgg16", 21).eval(), (123, 117, 104), (1, 1, 1), "softmax"
        ),
        (300, 300),
    )


def kinds(graph: GraphProto) -> dict[str, int]:
    """Element type of every tensor, by name."""
    found = {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    return found | {tensor.name: tensor.data_type for tensor in graph.initializer}


@pytest.mark.parametrize("name", BUNDLED)
def test_the_network_is_in_half_precision_and_both_ends_are_as_they_were(name: str) -> None:
    made = in_half_precision(body_of(find_model(name)))
    onnx.checker.check_model(made, full_check=True)
    types = kinds(made.graph)
    assert (types["image"], types[BOXES], types[SCORES]) == (
        TensorProto.UINT8,
        TensorProto.FLOAT,
        TensorProto.FLOAT,
    )
    convolutions = [node for node in made.graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 60
    assert {types[name] for node in convolutions for name in node.input} == {TensorProto.FLOAT16}
    for kind in ("Sigmoid", "Exp", "Div"):
        inputs = [
            types[name] for node in made.graph.node if node.op_type == kind for name in node.input
        ]
        # BlazeFace has no "Exp".
        assert set(inputs) <= {TensorProto.FLOAT}, kind
    assert "Sigmoid" in {node.op_type for node in made.graph.node}


@pytest.mark.parametrize("name", BUNDLED)
def test_half_precision_finds_the_same_within_its_budget(name: str) -> None:
    model = find_model(name)
    metadata = model.metadata
    proto = in_half_precision(body_of(model))
    graft_onnx_nms(
        proto.graph,
        score_threshold=metadata.score_threshold,
        iou_threshold=metadata.iou_threshold,
        max_detections=metadata.max_detections,
    )
    data = to_bytes(proto, metadata)
    half = ModelFile(Path("half.onnx"), data, sha256(data), metadata)
    images = sample_images(model)[:10]
    with (
        load_backend("onnxruntime", model, LoadOptions()) as exact,
        load_backend("onnxruntime", half, LoadOptions()) as lower,
    ):
        agreement = compare_detections(
            answers(exact, images), answers(lower, images), metadata.display_threshold
        )
    assert agreement.expected > 5
    assert agreement.share >= BUDGETS["fp16"]
    assert len(half.data) < 0.75 * len(to_bytes_of_float32(model))


def to_bytes_of_float32(model: ModelFile) -> bytes:
    return bytes(body_of(model).SerializeToString())


def test_the_reduction_of_the_l2_norm_stays_in_float32() -> None:
    made = in_half_precision(vgg_body())
    types = kinds(made.graph)
    (norm,) = [node for node in made.graph.node if node.op_type == "ReduceL2"]
    assert types[norm.input[0]] == TensorProto.FLOAT
    assert types[norm.output[0]] == TensorProto.FLOAT


def test_values_whose_squares_float16_cannot_hold_stay_finite() -> None:
    """As VGG16's conv4_3 has them."""
    proto = ModelProto.FromString(vgg_body().SerializeToString())
    image = np.random.default_rng(1).integers(0, 256, (1, 300, 300, 3)).astype(np.uint8)
    (norm,) = [node for node in proto.graph.node if node.op_type == "ReduceL2"]
    weight = next(
        tensor for tensor in proto.graph.initializer if tensor.name == first_weight(proto.graph)
    )
    # Everything after the first layer grows with it.
    weight.CopyFrom(
        onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * 40, weight.name)
    )
    looked_at = ModelProto.FromString(proto.SerializeToString())
    looked_at.graph.output.append(onnx.helper.make_empty_tensor_value_info(norm.output[0]))
    norms = onnxruntime.InferenceSession(
        looked_at.SerializeToString(), providers=["CPUExecutionProvider"]
    ).run([norm.output[0]], {"image": image})
    assert np.square(norms[0]).max() > np.finfo(np.float16).max
    exact, lower = run(proto, image), run(in_half_precision(proto), image)
    assert all(np.isfinite(value).all() for value in lower)
    assert all(np.abs(one - other).max() < 0.2 for one, other in zip(exact, lower, strict=True))


def first_weight(graph: GraphProto) -> str:
    return str(next(node.input[1] for node in graph.node if node.op_type == "Conv"))


def run(proto: ModelProto, image: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [np.asarray(value) for value in session.run([BOXES, SCORES], {"image": image})]


def test_what_decides_boxes_and_scores_is_in_float32_and_what_predicts_them_is_not() -> None:
    graph = vgg_body().graph
    kept = in_float32(graph)
    by_name = {node.name: node.op_type for node in graph.node}
    assert not kept.intersection(predictors(graph))
    assert {"Softmax", "Exp", "ReduceL2"} <= {by_name[name] for name in kept}
    assert "Conv" not in {by_name[name] for name in kept}


def test_the_graph_that_was_given_is_left_as_it_was() -> None:
    body = body_of(find_model(BUNDLED[0]))
    before = body.SerializeToString()
    in_half_precision(body)
    assert body.SerializeToString() == before
