"""The CUDA kernels, compiled for the CPU, against NumPy and OpenCV. SSD_LIVE_TEST_CASES sets how
many random cases there are.
"""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ssd_live.backends.tensorrt.kernels import (
    CANDIDATES,
    PTX_PATH,
    SOURCES,
    NmsShape,
    source_digest,
)
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.imaging.pixels import Pixels, YuvMatrix, yuv_to_bgr_matrix

CASES = int(os.environ.get("SSD_LIVE_TEST_CASES", "150"))
SIZES = ((300, 300), (320, 320), (192, 192), (512, 512))
Array = NDArray[Any]


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels as a library for the CPU, with one rounding an operation like the GPU's."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("the kernels' tests need a C++ compiler named c++")
    library = tmp_path_factory.mktemp("kernels") / "kernels.so"
    flags = (
        "-std=c++17",
        "-O2",
        "-ffp-contract=off",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-x",
        "c++",
    )
    source = Path(__file__).with_name("on_cpu.cpp")
    subprocess.run([compiler, *flags, "-I", SOURCES[0].parent, source, "-o", library], check=True)
    return ctypes.CDLL(str(library))


def test_the_compiled_kernels_are_those_of_the_sources() -> None:
    """Else run tools/compile_kernels.py."""
    assert PTX_PATH.read_text().splitlines()[0] == f"// sources: {source_digest()}"


def test_nms_finds_what_the_slow_reference_finds(on_cpu: ctypes.CDLL) -> None:
    for seed in range(CASES):
        dice = np.random.default_rng(seed)
        limit = int(dice.choice([1, 10, 200, CANDIDATES]))
        score, iou = (
            float(dice.choice([0.0, 0.01, 0.3, 0.99])),
            float(dice.choice([0.3, 0.45, 0.5, 0.9])),
        )
        boxes, scores = random_pictures(dice)
        found = nms_of_kernels(on_cpu, boxes, scores, limit, score, iou)
        for image, right in enumerate(slow_nms(boxes, scores, limit, score, iou)):
            assert_same(found, image, right, boxes)


def test_nms_ignores_scores_and_boxes_that_are_not_numbers(on_cpu: ctypes.CDLL) -> None:
    boxes = np.array([[[0, 0, 1, 1], [0, 0, 1, 1], [np.nan] * 4]], np.float32)
    scores = np.array([[[np.nan], [0.5], [0.4]]], np.float32)
    counts, _, found, _ = nms_of_kernels(on_cpu, boxes, scores, 10, 0.01, 0.5)
    assert counts.tolist() == [[2]]
    assert found[0, :2].tolist() == pytest.approx([0.5, 0.4])


def test_nms_follows_chains_of_any_length(on_cpu: ctypes.CDLL) -> None:
    """Each box suppresses the next one, so every second one stays; plain operators in rounds lose
    such a chain.
    """
    count, step = 600, 0.25
    left = np.arange(count, dtype=np.float32) * step
    boxes = np.stack([left, np.zeros(count), left + 1, np.ones(count)], 1).astype(np.float32)[None]
    scores = np.linspace(1, 0.5, count, dtype=np.float32)[None, :, None].copy()
    counts, _, found, _ = nms_of_kernels(on_cpu, boxes, scores, CANDIDATES, 0.01, 0.5)
    assert counts.tolist() == [[count // 2]]
    assert np.array_equal(found[0, : count // 2], scores[0, ::2, 0])


def test_more_detections_than_a_block_has_threads_are_refused() -> None:
    with pytest.raises(UsageError, match="1025 detections per image is not between 1 and 1024"):
        NmsShape(1, 10, 1, CANDIDATES + 1)


def test_the_network_input_is_that_of_a_frame(on_cpu: ctypes.CDLL) -> None:
    different = pixels = 0
    for seed in range(CASES):
        dice = np.random.default_rng(seed)
        width, height = (int(side) for side in dice.integers(2, 700, 2))
        matrix = YuvMatrix(str(dice.choice(["bt601", "bt709", "bt2020"])), bool(dice.integers(2)))
        chroma = (-(-height // 2), -(-width // 2))
        luma, u, v = (
            dice.integers(0, 256, size, np.uint8) for size in ((height, width), chroma, chroma)
        )
        size = SIZES[seed % len(SIZES)]
        right = Frame((luma, u, v), "yuv420p", matrix).network_input(size).astype(int)
        planar = input_of_kernels(on_cpu, luma, u, v, matrix, size)
        assert np.abs(planar - right).max() <= 1
        interleaved = np.stack([u, v], 2)
        assert np.array_equal(
            input_of_kernels(on_cpu, luma, interleaved[..., 0], interleaved[..., 1], matrix, size),
            planar,
        )
        different, pixels = different + int((planar != right).sum()), pixels + right.size
    # Both round to whole numbers in the end, from sums that differ in their last bit.
    assert different < 0.05 * pixels


def random_pictures(dice: np.random.Generator) -> tuple[Array, Array]:
    """Boxes (B, N, 4) that overlap a lot, a little or are empty, and scores (B, N, C); some with
    many equal scores, some over the cut.
    """
    images, count, classes = (
        int(dice.integers(1, 4)),
        int(dice.choice([1, 5, 60, 300, 1500, 3000])),
        int(dice.integers(1, 6)),
    )
    corners = dice.random((images, count, 2), np.float32) * np.float32(0.7)
    sides = dice.random((images, count, 2), np.float32) * np.float32(dice.choice([0.02, 0.3, 0.0]))
    scores = dice.random((images, count, classes), np.float32) ** int(dice.choice([1, 6]))
    if dice.random() < 0.4:
        scores = (scores * 8).round() / np.float32(8)
    return np.concatenate([corners, corners + sides], 2), scores


def slow_nms(
    boxes: Array, scores: Array, limit: int, score: float, iou: float
) -> list[list[tuple[float, int, int]]]:
    """Of each image (-score, class, box), best first: greedy suppression, class by class."""
    pictures = []
    for one_boxes, one_scores in zip(boxes, scores, strict=True):
        kept = []
        for class_id in range(scores.shape[2]):
            column = one_scores[:, class_id]
            left = np.flatnonzero(column > np.float32(score))
            left = left[np.argsort(-column[left], kind="stable")][:CANDIDATES]
            while len(left):
                best, left = left[0], left[1:]
                kept.append((-float(column[best]), class_id, int(best)))
                left = left[~overlaps(one_boxes[best], one_boxes[left], iou)]
        pictures.append(sorted(kept)[:limit])
    return pictures


def overlaps(box: Array, others: Array, iou: float) -> Array:
    """Whether the IoU of a box (4,) with each of others (N, 4) is over the threshold."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, np.float32(0))
    common = sides[:, 0] * sides[:, 1]
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(
        common > ((box[2] - box[0]) * (box[3] - box[1]) + areas - common) * np.float32(iou)
    )


def assert_same(
    found: tuple[Array, Array, Array, Array],
    image: int,
    right: list[tuple[float, int, int]],
    boxes: Array,
) -> None:
    counts, found_boxes, found_scores, found_classes = found
    count = len(right)
    assert counts[image, 0] == count
    assert found_scores[image, :count].tolist() == [-score for score, _, _ in right]
    assert found_classes[image, :count].tolist() == [class_id for _, class_id, _ in right]
    assert np.array_equal(
        found_boxes[image, :count], boxes[image][[box for _, _, box in right]].reshape(-1, 4)
    )
    assert not found_boxes[image, count:].any()


def nms_of_kernels(
    library: ctypes.CDLL, boxes: Array, scores: Array, limit: int, score: float, iou: float
) -> tuple[Array, Array, Array, Array]:
    images, count, classes = scores.shape
    outputs = (
        np.full((images, 1), -1, np.int32),
        np.full((images, limit, 4), np.nan, np.float32),
        np.full((images, limit), np.nan, np.float32),
        np.full((images, limit), -1, np.int32),
    )
    sizes, thresholds = (
        (images, count, classes, limit),
        (ctypes.c_float(score), ctypes.c_float(iou)),
    )
    library.nms(
        address(boxes),
        address(scores),
        *sizes,
        *thresholds,
        *(address(output) for output in outputs),
    )
    return outputs


def input_of_kernels(
    library: ctypes.CDLL,
    luma: Pixels,
    u: Pixels,
    v: Pixels,
    matrix: YuvMatrix,
    size: tuple[int, int],
) -> NDArray[np.int64]:
    """Chroma planes may be views of one interleaved plane."""
    width, height = size
    output = np.zeros((height, width, 3), np.uint8)
    values = np.ascontiguousarray(yuv_to_bgr_matrix(matrix))
    library.network_input(
        address(luma),
        luma.strides[0],
        *reversed(luma.shape),
        address(u),
        address(v),
        u.strides[0],
        *reversed(u.shape),
        u.strides[1],
        address(values),
        address(output),
        width,
        height,
    )
    return output.astype(np.int64)


def address(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
