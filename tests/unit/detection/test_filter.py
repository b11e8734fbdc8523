"""From a backend's outputs to detections."""

from typing import Any

import numpy as np
import pytest

from ssd_live.backends import load_backend, openvino
from ssd_live.backends import openvino_nms as detection_output
from ssd_live.backends.base import LoadOptions, Outputs
from ssd_live.detection.filter import accept_all, detection_filter
from ssd_live.errors import BackendError, UsageError
from ssd_live.imaging.frame import Region, letterbox
from ssd_live.modelfile.catalogue import find_model
from ssd_live.selection.agreement import NormalisedDetections, answers, sample_images
from ssd_live.selection.load import with_score_threshold
from tests.tiny_model import tiny_metadata

METADATA = find_model("ssd300-mobilenetv2-oid").metadata


def outputs(*rows: tuple[float, int]) -> Outputs:
    """One picture; every box is the right lower quarter."""
    boxes = np.array([[[0.5, 0.5, 1.0, 1.0]] * 4], np.float32)
    scores, classes = np.full((1, 4), 0.99, np.float32), np.zeros((1, 4), np.int32)
    for index, (score, class_id) in enumerate(rows):
        scores[0, index], classes[0, index] = score, class_id
    return Outputs(np.array([[len(rows)]], np.int32), boxes, scores, classes)


def test_rows_past_the_count_are_not_looked_at() -> None:
    assert len(detection_filter(METADATA).detections(outputs((0.9, 3)), 0, (100, 100))) == 1


def test_boxes_are_in_pixels_of_the_whole_picture() -> None:
    wanted = detection_filter(METADATA)
    assert wanted.detections(outputs((0.9, 3)), 0, (200, 100)).boxes.tolist() == [
        [100, 50, 200, 100]
    ]
    inside = wanted.detections(outputs((0.9, 3)), 0, (200, 100), Region(20, 10, 100, 40))
    assert inside.boxes.tolist() == [[70, 30, 120, 50]]


def test_boxes_of_a_letterboxed_region_are_cut_at_its_edges_and_none_lies_in_the_bars() -> None:
    """A region of 200 x 100 pixels in an input of 80 x 80, with bars of 20 pixels."""
    region = Region(30, 10, 200, 100)
    boxes = np.array(
        [
            [
                [0.25, 0.25, 0.75, 0.75],  # the middle half of the width, and all of the height
                [0.5, 0.0, 0.75, 0.5],  # half of it in the upper bar
                [0.5, 0.0, 0.75, 0.25],  # all of it in the upper bar
                [0.5, 0.8, 0.6, 0.9],  # all of it in the lower bar
            ]
        ],
        np.float32,
    )
    scores = np.array([[0.9, 0.8, 0.7, 0.6]], np.float32)
    answer = Outputs(np.array([[4]], np.int32), boxes, scores, np.zeros((1, 4), np.int32))
    shown = letterbox(region, (80, 80))
    found = accept_all(tiny_metadata()).detections(answer, 0, (400, 300), shown)
    np.testing.assert_allclose(found.boxes, [[80, 10, 180, 110], [130, 10, 180, 60]], atol=1e-4)
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])


def test_a_score_that_reaches_the_threshold_counts() -> None:
    found = detection_filter(METADATA, 0.5).detections(
        outputs((0.5, 1), (0.4999, 2), (0.7, 3)), 0, (10, 10)
    )
    assert found.class_ids.tolist() == [3, 1]
    assert found.names == [METADATA.classes[3], METADATA.classes[1]]


def test_each_class_has_its_own_threshold_if_the_model_has_them() -> None:
    metadata = tiny_metadata(class_thresholds=(0.6, 0.3))
    rows = outputs((0.6, 0), (0.5, 0), (0.3, 1), (0.2, 1))
    wanted = detection_filter(metadata)
    found = wanted.detections(rows, 0, (10, 10))
    assert found.class_ids.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.6, 0.3])
    every = accept_all(metadata).detections(rows, 0, (10, 10))
    assert len(every) == 4
    assert wanted.of(every).scores.tolist() == found.scores.tolist()
    # NMS may ignore what is below the lowest of them.
    assert wanted.threshold == 0.3
    assert wanted.header == {"threshold": 0.3, "class_thresholds": [0.6, 0.3]}


def test_a_threshold_of_the_user_is_for_all_classes() -> None:
    wanted = detection_filter(tiny_metadata(class_thresholds=(0.6, 0.3)), 0.5)
    found = wanted.detections(outputs((0.5, 0), (0.4, 1)), 0, (10, 10))
    assert found.class_ids.tolist() == [0]
    assert wanted.header == {"threshold": 0.5}


def test_classes_are_named_in_any_case() -> None:
    found = detection_filter(METADATA, 0.1, [" car ", "PERSON"]).detections(
        outputs((0.9, 22), (0.8, 3), (0.7, 0)), 0, (10, 10)
    )
    assert found.names == ["Car", "Person"]


@pytest.mark.parametrize("threshold", [-0.1, 1.01, float("nan"), 0.009])
def test_thresholds_outside_the_models_are_refused(threshold: float) -> None:
    with pytest.raises(UsageError):
        detection_filter(METADATA, threshold)


@pytest.mark.parametrize("threshold", [0.05, 0.4])
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_nms_over_a_fixed_threshold_only_finds_the_same_over_it(
    backend: str, threshold: float
) -> None:
    model = find_model("ssd300-mobilenetv2-oid")
    images = sample_images(model)[:12]
    with (
        load_backend(backend, model, LoadOptions()) as full,
        load_backend(backend, with_score_threshold(model, threshold), LoadOptions()) as fixed,
    ):
        pairs = list(zip(answers(full, images), answers(fixed, images), strict=True))

    def over(answer: NormalisedDetections) -> list[tuple[object, ...]]:
        kept = answer.scores >= threshold
        return sorted(
            (c, round(float(s), 5), *b.round(4))
            for s, c, b in zip(
                answer.scores[kept], answer.classes[kept].tolist(), answer.boxes[kept], strict=True
            )
        )

    assert all(over(a) == over(b) for a, b in pairs)
    assert sum(len(over(a)) for a, _ in pairs) > 10
    assert all((b.scores >= threshold).all() for _, b in pairs)


@pytest.mark.parametrize(("threshold", "taken"), [(0.05, False), (0.4, True)])
def test_openvino_suppresses_by_itself_over_a_sure_threshold(
    threshold: float, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks: list[object] = []
    make = detection_output.with_detection_output

    def watched(*words: Any) -> Any:
        networks.append(make(*words))
        return networks[-1]

    monkeypatch.setattr(openvino, "with_detection_output", watched)
    load_backend(
        "openvino",
        with_score_threshold(find_model("ssd300-mobilenetv2-oid"), threshold),
        LoadOptions(),
    ).close()
    assert [network is not None for network in networks] == [taken]


def test_boxes_that_are_not_numbers_are_left_out_and_unknown_classes_are_told() -> None:
    """As a network gives them whose numbers overflow."""
    boxes = np.array([[[0.1, 0.1, 0.2, 0.2], [np.nan] * 4, [0, 0, np.inf, 1]]], np.float32)
    scores = np.array([[0.9, 0.8, 0.7]], np.float32)
    found = Outputs(np.array([[3]], np.int32), boxes, scores, np.zeros((1, 3), np.int32))
    keep = accept_all(tiny_metadata())
    assert keep.detections(found, 0, (10, 10)).scores.tolist() == pytest.approx([0.9])
    with pytest.raises(BackendError, match="a class that is not among the 2"):
        keep.detections(found._replace(classes=np.full((1, 3), 2, np.int32)), 0, (10, 10))
