"""The measure of agreement on cases made by hand, and the samples that it is taken on."""

import base64

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from ssd_live.backends import load_backend
from ssd_live.backends.base import LoadOptions
from ssd_live.errors import ModelFileError
from ssd_live.imaging.boxes import iou_matrix
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import changed
from ssd_live.modelfile.nms import BOXES, SCORES, strip_nms
from ssd_live.selection.agreement import (
    BOXES_PER_FRAME,
    BUDGETS,
    MIN_DETECTIONS,
    SAMPLE_FRAMES,
    SAMPLE_FRAMES_FOR_BOXES,
    Agreement,
    NormalisedDetections,
    answers,
    before_nms,
    compare_boxes,
    compare_detections,
    encode_sample,
    enough_detections,
    sample_images,
    with_sample,
)
from tests.oracles import iou
from tests.tiny_model import SIDE, as_text, tiny_model

THRESHOLD = 0.4
Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
LEFT: Box = (0.0, 0.0, 0.4, 1.0)
RIGHT: Box = (0.6, 0.0, 1.0, 1.0)


def _answer(*found: tuple[Box, float, int]) -> NormalisedDetections:
    boxes = np.array([box for box, _, _ in found], np.float32).reshape(-1, 4)
    return NormalisedDetections(
        boxes,
        np.array([score for _, score, _ in found], np.float32),
        np.array([number for _, _, number in found], np.int32),
    )


def _share(reference: NormalisedDetections, other: NormalisedDetections) -> float:
    return compare_detections([reference], [other], THRESHOLD).share


def test_equal_answers_agree() -> None:
    answer = _answer((LEFT, 0.9, 0), (RIGHT, 0.5, 1))
    assert compare_detections([answer], [answer], THRESHOLD) == Agreement(2, 2, 2, 2, "detections")


def test_the_order_of_rows_does_not_matter() -> None:
    assert (
        _share(_answer((LEFT, 0.5, 0), (RIGHT, 0.5, 0)), _answer((RIGHT, 0.5, 0), (LEFT, 0.5, 0)))
        == 1
    )


def test_another_class_is_not_the_same_thing() -> None:
    assert _share(_answer((WHOLE, 0.9, 0)), _answer((WHOLE, 0.9, 1))) == 0


@pytest.mark.parametrize(("overlap", "share"), [(0.71, 1), (0.69, 0)])
def test_boxes_match_from_an_iou_of_0_7_on(overlap: float, share: float) -> None:
    assert _share(_answer((WHOLE, 0.9, 0)), _answer(((0, 0, overlap, 1), 0.9, 0))) == share


@pytest.mark.parametrize(("score", "share"), [(0.79, 0), (0.81, 1), (0.99, 1)])
def test_scores_match_up_to_a_difference_of_0_1(score: float, share: float) -> None:
    assert _share(_answer((WHOLE, 0.9, 0)), _answer((WHOLE, score, 0))) == share


def test_a_score_difference_of_0_11_is_too_much_either_way() -> None:
    assert _share(_answer((WHOLE, 0.8, 0)), _answer((WHOLE, 0.91, 0))) == 0


@pytest.mark.parametrize(("score", "expected"), [(0.3999, 0), (0.4005, 0), (0.4015, 1)])
def test_what_is_within_the_margin_of_the_threshold_is_exempt(score: float, expected: int) -> None:
    assert (
        compare_detections([_answer((WHOLE, score, 0))], [_answer()], THRESHOLD).expected
        == expected
    )


def test_a_match_may_lie_under_the_threshold_itself() -> None:
    agreement = compare_detections(
        [_answer((WHOLE, 0.42, 0))], [_answer((WHOLE, 0.38, 0))], THRESHOLD
    )
    assert agreement == Agreement(1, 1, 0, 0, "detections")
    assert agreement.share == 1


def test_each_detection_serves_once() -> None:
    agreement = compare_detections(
        [_answer((WHOLE, 0.9, 0), (WHOLE, 0.88, 0))], [_answer((WHOLE, 0.9, 0))], THRESHOLD
    )
    assert (agreement.found, agreement.expected, agreement.share) == (1, 2, 0.5)


def test_what_only_the_other_finds_counts_too() -> None:
    agreement = compare_detections(
        [_answer((LEFT, 0.9, 0))], [_answer((LEFT, 0.9, 0), (RIGHT, 0.9, 0))], THRESHOLD
    )
    assert agreement == Agreement(1, 1, 1, 2, "detections")
    assert agreement.share == 0.5


def test_what_only_the_reference_finds_counts_too() -> None:
    agreement = compare_detections(
        [_answer((LEFT, 0.9, 0), (RIGHT, 0.9, 0))], [_answer((LEFT, 0.9, 0))], THRESHOLD
    )
    assert agreement == Agreement(1, 2, 1, 1, "detections")
    assert agreement.share == 0.5


def test_nothing_at_all_agrees_with_nothing() -> None:
    assert _share(_answer(), _answer()) == 1


def test_nothing_does_not_agree_with_something() -> None:
    assert _share(_answer(), _answer((WHOLE, 0.9, 0))) == 0
    assert _share(_answer((WHOLE, 0.9, 0)), _answer()) == 0


def test_pictures_are_summed_up_and_never_mixed() -> None:
    left, right = _answer((LEFT, 0.9, 0)), _answer((RIGHT, 0.9, 0))
    assert compare_detections([left, right], [left, right], THRESHOLD) == Agreement(
        2, 2, 2, 2, "detections"
    )
    assert compare_detections([left, right], [right, left], THRESHOLD) == Agreement(
        0, 2, 0, 2, "detections"
    )


def test_of_boxes_only_the_best_hundred_a_picture_must_be_found() -> None:
    rows = [((0.0, 0.0, 1.0, 1.0), 0.9 - 0.001 * i, i) for i in range(BOXES_PER_FRAME + 20)]
    reference, without_the_last = _answer(*rows), _answer(*rows[:BOXES_PER_FRAME])
    assert compare_boxes([reference], [without_the_last]) == Agreement(100, 100, 100, 100, "boxes")
    assert compare_boxes([reference], [_answer(*rows[1:])]).found == 99


def test_the_error_of_matching_boxes_is_told_by_edge() -> None:
    """In parts of the side: 0.4 wide and 1 high."""
    reference = _answer((LEFT, 0.9, 0), (RIGHT, 0.8, 0))
    other = _answer(((0.02, 0.0, 0.4, 0.9), 0.9, 0), ((0.64, 0.0, 1.0, 1.0), 0.8, 0))
    agreement = compare_detections([reference], [other], THRESHOLD)
    assert agreement.share == 1
    assert agreement.box_shift == pytest.approx((0.075, 0, 0, -0.05), abs=1e-6)
    assert agreement.box_error == pytest.approx((0.05 + 0.1 + 0.1) / 8, abs=1e-6)
    assert agreement.box_text == (
        "box edges differ by 3.1% of the side (left +7.5%, top +0.0%, right +0.0%, bottom -5.0%)"
    )


def test_a_box_without_area_agrees_with_itself() -> None:
    answer = _answer(((0.5, 0.2, 0.5, 0.9), 0.9, 0), ((0.1, 0.1, 0.1, 0.1), 0.8, 1))
    agreement = compare_detections([answer], [answer], THRESHOLD)
    assert (agreement.share, agreement.box_error) == (1, 0)
    moved = _answer(((0.6, 0.2, 0.6, 0.9), 0.9, 0), ((0.1, 0.2, 0.1, 0.2), 0.8, 1))
    assert compare_detections([answer], [moved], THRESHOLD).share == 0


@pytest.mark.parametrize(
    ("error", "shift", "said"),
    [
        (0.0, 0.0, ""),
        (0.029, 0.019, ""),
        (0.031, 0.0, "box edges differ by 3.1%"),
        (0.025, -0.021, "bottom -2.1%"),
    ],
)
def test_boxes_that_are_too_far_off_are_over_the_budget(
    error: float, shift: float, said: str
) -> None:
    agreement = Agreement(100, 100, 100, 100, "detections", error, (0.0, 0.0, 0.0, shift))
    assert said in agreement.shortfall("int8")
    assert agreement.within("int8") == (not said)
    assert not agreement.within("fp32") or not error


@pytest.mark.parametrize(
    ("found", "fp32", "bf16"),
    [(99, True, True), (98, False, True), (95, False, True), (94, False, False)],
)
def test_16_bits_may_differ_more_than_32(found: int, fp32: bool, bf16: bool) -> None:
    agreement = Agreement(found, 100, 100, 100, "detections")
    assert (agreement.within("fp32"), agreement.within("bf16"), agreement.within("fp16")) == (
        fp32,
        bf16,
        bf16,
    )
    assert BUDGETS["fp32"] == 0.99


def test_enough_detections_means_over_the_threshold() -> None:
    over, under = _answer(*[(WHOLE, 0.5, 0)] * 100), _answer(*[(WHOLE, 0.3, 0)] * 100)
    assert MIN_DETECTIONS == 200
    assert enough_detections([over, over], THRESHOLD)
    assert not enough_detections([over, under, under], THRESHOLD)


def test_the_iou_matrix_equals_the_slow_reference() -> None:
    corners = np.random.default_rng(0).uniform(0, 1, (40, 2, 2)).astype(np.float32)
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    boxes[0] = 0.5  # an empty one
    expected = [[iou(one, other) for other in boxes[:25]] for one in boxes]
    np.testing.assert_allclose(iou_matrix(boxes, boxes[:25]), expected, rtol=0, atol=1e-5)


def _rows(answer: NormalisedDetections) -> list[tuple[int, float, tuple[float, ...]]]:
    return sorted(
        zip(
            answer.classes.tolist(),
            answer.scores.tolist(),
            map(tuple, answer.boxes.tolist()),
            strict=True,
        )
    )


def test_before_nms_the_best_200_boxes_come_out_with_nothing_suppressed() -> None:
    model = find_model("ssd300-mobilenetv2-oid")
    image = sample_images(model)[0]
    with load_backend("onnxruntime", before_nms(model), LoadOptions()) as backend:
        answer = answers(backend, [image])[0]
    boxes, scores = _raw(model.data, image)
    assert len(answer.scores) == 200
    best = np.sort(scores.ravel())[-200:]
    expected = sorted(
        (int(c), float(scores[b, c]), tuple(boxes[b].tolist()))
        for b, c in np.argwhere(scores >= best[0])
    )
    assert [row[0] for row in _rows(answer)] == [row[0] for row in expected]
    np.testing.assert_allclose(
        [row[1] for row in _rows(answer)], [row[1] for row in expected], rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        [row[2] for row in _rows(answer)], [row[2] for row in expected], rtol=0, atol=1e-5
    )


def _raw(data: bytes, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import onnxruntime

    proto = onnx.load_model_from_string(data)
    strip_nms(proto.graph)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    boxes, scores = session.run([BOXES, SCORES], {"image": image[None]})
    return boxes[0], scores[0]


@pytest.mark.parametrize("backend_name", ["onnxruntime", "openvino"])
def test_before_nms_equal_boxes_all_come_out(backend_name: str) -> None:
    # Large boxes that are clipped to the picture are equal in real answers as well.
    model = tiny_model([WHOLE] * 5, [(0.9 - 0.1 * i, 0.0) for i in range(5)])
    with load_backend(backend_name, before_nms(model), LoadOptions()) as backend:
        answer = answers(backend, [np.zeros((SIDE, SIDE, 3), np.uint8)])[0]
    assert answer.scores.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])


@pytest.mark.parametrize("backend_name", ["onnxruntime", "openvino"])
def test_with_nms_equal_boxes_come_out_once(backend_name: str) -> None:
    model = tiny_model([WHOLE] * 5, [(0.9 - 0.1 * i, 0.0) for i in range(5)])
    with load_backend(backend_name, model, LoadOptions()) as backend:
        answer = answers(backend, [np.zeros((SIDE, SIDE, 3), np.uint8)])[0]
    assert (answer.scores.tolist(), answer.boxes.tolist(), answer.classes.tolist()) == (
        [pytest.approx(0.9)],
        [list(WHOLE)],
        [0],
    )


def test_before_nms_leaves_the_model_itself_alone() -> None:
    model = tiny_model()
    data = model.data
    assert before_nms(model).metadata.iou_threshold == 1
    assert (model.data, model.metadata.iou_threshold) == (data, 0.5)


@pytest.mark.parametrize("name", ["ssd300-mobilenetv2-oid", "ssdlite300-mobilenetv2-person"])
def test_the_bundled_samples_are_pictures_of_the_networks_size(name: str) -> None:
    model = find_model(name)
    images = sample_images(model)
    assert len(images) >= SAMPLE_FRAMES_FOR_BOXES
    assert {(image.shape, image.dtype.name) for image in images} == {((300, 300, 3), "uint8")}
    assert len({image.tobytes() for image in images}) == len(images)


def _jpeg(side: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((side, side, 3), 90, np.uint8))[1].tobytes())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "A===",
        "Köln",
        as_text(b"not a picture"),
        as_text(_jpeg(SIDE + 1)),
        as_text(_jpeg(SIDE)[:20]),
    ],
    ids=["empty", "unpadded", "padding", "not base64", "not a picture", "wrong size", "truncated"],
)
def test_a_damaged_sample_is_refused(text: str) -> None:
    model = changed(tiny_model(), lambda proto: None, agreement_sample=(as_text(_jpeg(SIDE)), text))
    with pytest.raises(
        ModelFileError, match=r"tiny\.onnx: a frame of its agreement sample is damaged"
    ) as caught:
        sample_images(model)
    assert "\n" not in str(caught.value)


def test_a_sample_comes_back_as_the_picture_that_it_was() -> None:
    image = cv2.resize(
        np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8),
        (SIDE, SIDE),
        interpolation=cv2.INTER_CUBIC,
    )
    model = changed(
        tiny_model(),
        lambda proto: None,
        agreement_sample=encode_sample([np.asarray(image, np.uint8)]),
    )
    difference = np.abs(sample_images(model)[0].astype(int) - image)
    assert difference.mean() < 8


def test_the_sample_takes_the_frames_with_most_to_compare() -> None:
    images = [np.full((SIDE, SIDE, 3), 2 * index, np.uint8) for index in range(SAMPLE_FRAMES + 3)]
    found = [_answer(*[(WHOLE, 0.9, 0)] * (1 if index < 3 else 10)) for index in range(len(images))]
    sampled = sample_images(with_sample(tiny_model(), images, found))
    assert [round(float(image.mean()) / 2) for image in sampled] == list(
        range(3, SAMPLE_FRAMES + 3)
    )


def test_a_sample_for_boxes_takes_fewer_frames() -> None:
    images = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 60
    assert (
        len(with_sample(tiny_model(), images, [_answer()] * 60).metadata.agreement_sample)
        == SAMPLE_FRAMES_FOR_BOXES
    )


def test_a_sample_is_base64_of_jpeg() -> None:
    assert (
        base64.b64decode(encode_sample([np.zeros((SIDE, SIDE, 3), np.uint8)])[0])[:3]
        == b"\xff\xd8\xff"
    )
