"""The INT8 form of a model: which file it is, and how it is made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.errors import ModelFileError, UsageError
from ssd_live.modelfile.catalogue import (
    DEFAULT_MODEL,
    file_for_precision,
    find_model,
    int8_form,
    int8_identity,
    int8_place,
    model_paths,
)
from ssd_live.modelfile.file import ModelFile, changed, write_model_file
from ssd_live.modelfile.network_graph import body_of, predictors, with_ancestors
from ssd_live.selection.agreement import (
    BUDGETS,
    answers,
    compare_detections,
    sample_images,
)
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.choose import choose
from ssd_live.selection.measure import candidates
from ssd_live.system.paths import assets_folder
from tests.tiny_model import tiny_model
from tests.unit.modelfile.test_rounding import largest_sum


@pytest.fixture(autouse=True)
def own_engines_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    made = replace(tiny_model([[0.1, 0.1, 0.5, 0.5]], [[0.9, 0.1]]), path=tmp_path / "tiny.onnx")
    write_model_file(made.path, made)
    return made


def form_of(model: ModelFile, path: Path, **metadata: object) -> ModelFile:
    """A file that says of itself that it is the INT8 form; what is in it does not matter here."""
    made = changed(
        model, lambda _: None, **{"precision": "int8", "quantised_from": model.sha256, **metadata}
    )
    write_model_file(path, made)
    return made


def test_a_model_without_an_int8_form_says_how_to_make_one(model: ModelFile) -> None:
    assert int8_form(model) is None
    assert int8_identity(model) == ""
    with pytest.raises(UsageError, match=r"make one with `quantize tiny`"):
        file_for_precision(model, "int8")


def test_other_precisions_are_the_model_itself(model: ModelFile) -> None:
    assert file_for_precision(model, "bf16") is model


def test_the_form_beside_the_model_or_in_engines_is_found(model: ModelFile) -> None:
    for place in (model.path.parent / "int8" / "tiny.onnx", int8_place(model)):
        made = form_of(model, place)
        found = file_for_precision(model, "int8")
        assert (found.sha256, found.path) == (made.sha256, place)
        place.unlink()


def test_a_form_of_another_file_of_the_same_name_is_not_taken(model: ModelFile) -> None:
    form_of(model, int8_place(model), quantised_from="0" * 64)
    assert int8_form(model) is None


def test_a_damaged_form_is_not_taken(model: ModelFile) -> None:
    form_of(model, int8_place(model))
    int8_place(model).write_bytes(b"damaged")
    assert int8_form(model) is None


def test_a_new_form_is_measured_anew(model: ModelFile) -> None:
    before = int8_identity(model)
    form_of(model, int8_place(model))
    assert int8_identity(model) != before


def test_forms_are_no_models_of_their_own_in_the_list() -> None:
    assert not [name for name, path in model_paths().items() if path.parent.name == "int8"]


def test_a_float_file_is_not_run_as_int8(model: ModelFile) -> None:
    with pytest.raises(UsageError, match="is not an INT8 model"):
        load_backend("onnxruntime", model, LoadOptions(precision="int8"))


def test_int8_is_offered_where_there_is_a_form() -> None:
    bundled, person = find_model(DEFAULT_MODEL), find_model("ssdlite300-mobilenetv2-person")
    assert BackendChoice("openvino", "CPU", "int8") in candidates(bundled)
    assert all(choice.precision != "int8" for choice in candidates(person))
    assert choose(bundled, "openvino", "int8") == BackendChoice("openvino", "CPU", "int8")
    with pytest.raises(UsageError, match="cannot run this model in int8"):
        choose(person, "openvino", "int8")
    with pytest.raises(UsageError, match="cannot run this model in int8"):
        choose(bundled, "torch", "int8")


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_the_bundled_form_finds_the_same_within_the_budget(runtime: str) -> None:
    model = find_model(DEFAULT_MODEL)
    images = sample_images(model)
    with load_backend("onnxruntime", model, LoadOptions()) as exact:
        expected = answers(exact, images)
    with load_backend(
        runtime, file_for_precision(model, "int8"), LoadOptions(precision="int8")
    ) as lower:
        assert (
            compare_detections(
                expected, answers(lower, images), model.metadata.display_threshold
            ).share
            >= BUDGETS["int8"]
        )


def quantised_after_predictors(form: ModelFile) -> list[str]:
    """Boxes are told in fractions of a pixel: 256 steps to the picture are too few."""
    graph = body_of(form).graph
    before = with_ancestors(graph, predictors(graph))
    return [
        node.name
        for node in graph.node
        if node.name not in before and "QuantizeLinear" in node.op_type
    ]


def test_the_predictors_are_the_last_convolutions_of_every_map() -> None:
    found = predictors(body_of(find_model(DEFAULT_MODEL)).graph)
    assert len(found) == 12
    assert len(set(found)) == 12


def test_the_form_that_ships_is_of_the_model_that_ships() -> None:
    model = find_model(DEFAULT_MODEL)
    form = int8_form(model)
    assert form is not None
    assert form.path == assets_folder() / "models" / "int8" / f"{DEFAULT_MODEL}.onnx"
    assert not quantised_after_predictors(form)
    assert np.isclose(form.metadata.display_threshold, model.metadata.display_threshold)


def test_no_sum_of_the_form_that_ships_overflows_16_bits() -> None:
    """Depthwise convolutions have one input channel; runtimes add their products in 32 bits."""
    form = int8_form(find_model(DEFAULT_MODEL))
    assert form is not None
    graph = body_of(form).graph
    makers = {node.output[0]: node for node in graph.node}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    weights = [
        numpy_helper.to_array(constants[makers[node.input[1]].input[0]])
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in makers
    ]
    sums = [largest_sum(steps) for steps in weights if steps.shape[1] > 1]
    assert len(sums) > 30
    assert max(sums) <= 128


def test_a_form_that_is_no_onnx_is_named_when_given_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no")
    with pytest.raises(ModelFileError):
        find_model(str(path))
