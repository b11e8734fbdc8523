"""The graphs that engines are built from, run on the CPU: they find what the model file finds."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.backends.tensorrt.graph import EnginePrecision, graph_for
from ssd_live.backends.tensorrt.variants import VARIANTS
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import OUTPUTS
from ssd_live.selection.agreement import (
    BUDGETS,
    NormalisedDetections,
    answers,
    compare_detections,
    sample_images,
)
from ssd_live.system.atomic_files import sha256

MODELS = (
    "ssd300-mobilenetv2-oid",
    "ssdlite300-mobilenetv2-person",
    "blazeface-256",
    "blazeface-full-range",
)


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> ModelFile:
    return find_model(request.param)


def found(model: ModelFile) -> list[NormalisedDetections]:
    """On the whole sample."""
    with load_backend("onnxruntime", model, LoadOptions()) as backend:
        return answers(backend, sample_images(model))


def rtx_form(model: ModelFile, precision: EnginePrecision) -> ModelFile:
    data = graph_for(model, VARIANTS["tensorrt-rtx"], precision)
    return ModelFile(Path("graph.onnx"), data, sha256(data), model.metadata)


def test_the_fixed_tail_finds_the_very_same_on_real_pictures(model: ModelFile) -> None:
    threshold = model.metadata.display_threshold
    for expected, got in zip(found(model), found(rtx_form(model, "fp32")), strict=True):
        sure, also = expected.scores > threshold, got.scores > threshold
        order, other = (
            np.argsort(-expected.scores[sure], kind="stable"),
            np.argsort(-got.scores[also], kind="stable"),
        )
        np.testing.assert_allclose(got.scores[also][other], expected.scores[sure][order], atol=1e-6)
        np.testing.assert_allclose(
            np.sort(got.boxes[also], axis=0), np.sort(expected.boxes[sure], axis=0), atol=1e-6
        )


def test_half_precision_and_the_fixed_tail_together_stay_within_the_budget(
    model: ModelFile,
) -> None:
    agreement = compare_detections(
        found(model), found(rtx_form(model, "fp16")), model.metadata.display_threshold
    )
    assert agreement.expected > 10
    assert agreement.share >= BUDGETS["fp16"]


@pytest.mark.parametrize("flavour", list(VARIANTS))
def test_every_flavour_has_the_contract_of_a_model_file(flavour: str, model: ModelFile) -> None:
    graph = onnx.load_model_from_string(graph_for(model, VARIANTS[flavour], "fp16")).graph
    assert [value.name for value in graph.input] == ["image"]
    assert tuple(value.name for value in graph.output) == OUTPUTS
    assert ("EfficientNMS_TRT" in {node.op_type for node in graph.node}) == (flavour == "tensorrt")
    assert "NonMaxSuppression" not in {node.op_type for node in graph.node}


def test_the_graph_is_the_same_every_time(model: ModelFile) -> None:
    assert graph_for(model, VARIANTS["tensorrt-rtx"], "fp16") == graph_for(
        model, VARIANTS["tensorrt-rtx"], "fp16"
    )
