"""How `quantize` chooses among INT8 versions.

Real backends run versions that stand for good and bad ones: the float32 model itself, and copies of
it with shifted boxes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.commands.quantize import search
from ssd_live.commands.quantize.search import (
    Candidate,
    attempts,
    best_version,
    calibration_and_held_out,
    likeness,
)
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import DEFAULT_MODEL, find_model
from ssd_live.modelfile.file import ModelFile, changed
from ssd_live.modelfile.network_graph import body_of, predictors
from ssd_live.modelfile.nms import BOXES, SCORES
from ssd_live.selection.agreement import Agreement, NormalisedDetections, answers, sample_images
from tests.clips import SAMPLE


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return find_model(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def found(model: ModelFile) -> list[NormalisedDetections]:
    with load_backend("onnxruntime", model, LoadOptions()) as backend:
        return answers(backend, sample_images(model)[:12])


def _changed_boxes(model: ModelFile, change: float) -> ModelFile:
    """The model with the biases of its first box predictor moved."""
    (name, *_) = predictors(body_of(model).graph, BOXES)

    def change_bias(proto: ModelProto) -> None:
        constants = {tensor.name: tensor for tensor in proto.graph.initializer}
        makers = {node.output[0]: node for node in proto.graph.node}
        (node,) = [one for one in proto.graph.node if one.name == name]
        place = node.input[2]
        if place not in constants:
            place = makers[place].input[0]
        bias = numpy_helper.to_array(constants[place])
        constants[place].CopyFrom(numpy_helper.from_array(bias + bias.dtype.type(change), place))

    return changed(model, change_bias)


def test_box_and_class_predictors_are_told_apart_in_the_order_of_the_maps(
    model: ModelFile,
) -> None:
    graph = body_of(model).graph
    boxes, scores = predictors(graph, BOXES), predictors(graph, SCORES)
    assert len(boxes) == len(scores) == 6
    assert set(predictors(graph)) == {*boxes, *scores}
    order = [node.name for node in graph.node]
    assert [order.index(name) for name in boxes] == sorted(order.index(name) for name in boxes)
    first, more, most = attempts(graph)
    assert first.in_float == (boxes[0],)
    assert set(more.in_float) == {*boxes, *scores}
    assert len(most.in_float) == 12 + 6


def test_what_is_held_out_is_not_calibrated_on(model: ModelFile) -> None:
    calibration, held_out = calibration_and_held_out(model, SAMPLE)
    assert len(calibration) > 30
    assert len(held_out) > 52
    known = {image.tobytes() for image in held_out}
    assert not any(image.tobytes() in known for image in calibration)


def test_a_single_image_serves_as_both(model: ModelFile, tmp_path: Path) -> None:
    photo = SAMPLE.with_name("astronaut.png")
    calibration, held_out = calibration_and_held_out(model, photo)
    assert len(calibration) == 1
    assert np.array_equal(calibration[0], held_out[-1])


def test_the_likeness_of_the_reference_is_100_and_falls_with_the_error(
    found: list[NormalisedDetections],
) -> None:
    dice = np.random.default_rng(0)

    def shaken(by: float) -> list[NormalisedDetections]:
        return [
            NormalisedDetections(
                one.boxes + dice.normal(0, by, one.boxes.shape).astype(np.float32),
                one.scores,
                one.classes,
            )
            for one in found
        ]

    values = [likeness(found, shaken(by), 0.4) for by in (0.0, 0.01, 0.03)]
    assert values[0] == pytest.approx(100)
    assert values[0] > values[1] > values[2]
    none = [NormalisedDetections(one.boxes[:0], one.scores[:0], one.classes[:0]) for one in found]
    assert likeness(found, none, 0.4) == 0


def _search(
    model: ModelFile,
    forms: Sequence[ModelFile],
    monkeypatch: pytest.MonkeyPatch,
    runtimes: tuple[str, ...] = ("onnxruntime",),
) -> tuple[Candidate, int]:
    """The chosen version, if these were made, and how many were tried."""
    left = iter(forms)
    tried: list[ModelFile] = []

    def quantised(*_: Any) -> ModelFile:
        tried.append(next(left))
        return tried[-1]

    monkeypatch.setattr(search, "quantised", quantised)
    monkeypatch.setattr(search, "RUNTIMES", runtimes)
    images: list[Pixels] = sample_images(model)[::4]
    return best_version(model, images[:1], images, None), len(tried)


def test_a_version_that_loses_nothing_ends_the_search(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, tried = _search(model, [model, model, model], monkeypatch, search.RUNTIMES)
    assert tried == 1
    assert best.score == pytest.approx(100, abs=0.1)
    assert not best.shortfall


def test_the_best_version_is_taken(model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = _changed_boxes(model, 1.5), _changed_boxes(model, 0.6)
    best, tried = _search(model, [bad, good, bad], monkeypatch)
    assert tried == 3
    assert best.file is good


def test_of_versions_as_good_the_fastest_is_taken(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _changed_boxes(model, 0.6), _changed_boxes(model, 0.599)
    best, _ = _search(model, [first, second, second], monkeypatch)
    assert best.file is first


def test_boxes_that_are_shifted_are_over_the_budget(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = _changed_boxes(model, 2.5)
    best, _ = _search(model, [bad, bad, bad], monkeypatch)
    assert best.shortfall


@pytest.mark.parametrize(("score", "said"), [(90.0, ""), (89.1, ""), (88.9, "its mAP is 88.90")])
def test_a_loss_of_map_over_a_point_is_over_the_budget(
    model: ModelFile, score: float, said: str
) -> None:
    agreement = Agreement(1, 1, 1, 1, "detections")
    attempt = attempts(body_of(model).graph)[0]
    labelled = Candidate(model, attempt, agreement, score, 90.0, labelled=True)
    assert said in labelled.shortfall
    assert bool(said) == bool(labelled.shortfall)
