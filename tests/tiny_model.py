"""A model file of a few nodes that finds what it is told to find, for tests that need a real file
but no network.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import BOXES, SCORES, graft_onnx_nms
from ssd_live.system.atomic_files import sha256

SIDE = 32
MAX_DETECTIONS = 200


def tiny_metadata(**changes: Any) -> Metadata:
    fields: dict[str, Any] = {
        "name": "tiny",
        "network": "none",
        "classes": ("cat", "dog"),
        "category_ids": (17, 18),
        "input_size": (SIDE, SIDE),
        "mean": (127.5, 127.5, 127.5),
        "scale": (1 / 127.5, 1 / 127.5, 1 / 127.5),
        "score_activation": "sigmoid",
        "score_threshold": 0.01,
        "iou_threshold": 0.5,
        "display_threshold": 0.4,
        "training_data": "none",
        "licence": "CC0-1.0",
        "provenance": "tests",
    }
    return Metadata.model_validate(fields | changes)


def tiny_proto(
    boxes: Sequence[Sequence[float]] = (), scores: Sequence[Sequence[float]] = ()
) -> ModelProto:
    """For any picture `decoded_boxes` are `boxes` and `class_scores` are `scores`, filled up with
    zeros to 200 boxes of two classes.
    """
    rows = max(MAX_DETECTIONS, len(boxes))
    all_boxes, all_scores = np.zeros((1, rows, 4), np.float32), np.zeros((1, rows, 2), np.float32)
    if len(boxes):
        all_boxes[0, : len(boxes)], all_scores[0, : len(scores)] = boxes, scores
    constants: dict[str, NDArray[Any]] = {
        "boxes": all_boxes,
        "scores": all_scores,
        "over_any_pixel": np.array(1000, np.float32),
        "rows_and_columns": np.array([1, 2], np.int64),
        "last": np.array([-1], np.int64),
    }
    # Nought for every picture, but a runtime cannot know it and so does not fold the network into a
    # constant.
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["pixels", "rows_and_columns"], ["brightest"], keepdims=0),
        helper.make_node("Sub", ["brightest", "over_any_pixel"], ["below_nought"]),
        helper.make_node("Relu", ["below_nought"], ["noughts"]),
        helper.make_node("ReduceMax", ["noughts", "last"], ["nought"], keepdims=1),
        helper.make_node("Unsqueeze", ["nought", "last"], ["nought_a_picture"]),
        helper.make_node("Add", ["boxes", "nought_a_picture"], [BOXES]),
        helper.make_node("Add", ["scores", "nought_a_picture"], [SCORES]),
    ]
    graph: GraphProto = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info(BOXES, TensorProto.FLOAT, ["batch", rows, 4]),
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, ["batch", rows, 2]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    graft_onnx_nms(graph, score_threshold=0.01, iou_threshold=0.5, max_detections=MAX_DETECTIONS)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def tiny_model(
    boxes: Sequence[Sequence[float]] = (), scores: Sequence[Sequence[float]] = (), **changes: Any
) -> ModelFile:
    """`tiny_proto` as a model file in memory, its metadata fields replaced by `changes`."""
    metadata = tiny_metadata(**changes)
    data = to_bytes(tiny_proto(boxes, scores), metadata)
    return ModelFile(Path("tiny.onnx"), data, sha256(data), metadata)


def as_text(data: bytes) -> str:
    """Bytes as they stand in the metadata's agreement sample."""
    return base64.b64encode(data).decode()
