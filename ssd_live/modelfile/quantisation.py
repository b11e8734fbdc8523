"""INT8 by NNCF: a calibrated model file with QDQ nodes, whose weights have a scale for each output channel."""

import contextlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, TensorProto, numpy_helper

from ssd_live.errors import MissingPackageError
from ssd_live.files import sha256
from ssd_live.modelfile.body import body_of, predictors, with_ancestors
from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.int8 import int8_place
from ssd_live.modelfile.nms import graft_onnx_nms
from ssd_live.pixels import Pixels


def quantised(model: ModelFile, images: Sequence[Pixels], in_float: Collection[str] = ()) -> ModelFile:
    """The INT8 form of a float32 model file, calibrated on images (height, width, 3) BGR at the network's size.

    Convolutions and what lies between them compute in INT8, but for the nodes named by `in_float`; box decoding and NMS stay in float32.
    Raises `MissingPackageError`.
    """
    metadata = model.metadata
    proto = body_of(model)
    quantisable = with_ancestors(proto.graph, predictors(proto.graph))
    with _quietly():
        nncf = _nncf()
        calibration = nncf.Dataset([image[None] for image in images], lambda image: {"image": image})
        proto = nncf.quantize(
            proto,
            calibration,
            subset_size=len(images),
            preset=nncf.QuantizationPreset.MIXED,
            # Slower to make, and the count of detections stays.
            fast_bias_correction=False,
            # ONNX Runtime has no convolution of activations with a scale for each channel, which NNCF gives depthwise ones.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_quantization_params=nncf.quantization.advanced_parameters.QuantizationParameters(per_channel=False)
            ),
            ignored_scope=nncf.IgnoredScope(names=[*(node.name for node in proto.graph.node if node.name not in quantisable), *in_float]),
        )
    _make_unsigned(proto.graph)
    graft_onnx_nms(
        proto.graph, score_threshold=metadata.score_threshold, iou_threshold=metadata.iou_threshold, max_detections=metadata.max_detections
    )
    described = metadata.model_copy(update={"precision": "int8", "quantised_from": model.sha256})
    data = to_bytes(proto, described)
    return ModelFile(int8_place(model), data, sha256(data), described)


def _make_unsigned(graph: GraphProto) -> None:
    """Count activations from 0 to 255 instead of from -128 to 127: the same numbers, but ONNX Runtime convolves only from one kind to the same."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    activations = {node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    made: dict[str, TensorProto] = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear" or (node.op_type == "DequantizeLinear" and node.input[0] in activations):
            zero = constants.get(node.input[2])
            if zero is not None and zero.data_type == TensorProto.INT8:
                name = f"{zero.name}_unsigned"
                made[name] = numpy_helper.from_array((numpy_helper.to_array(zero).astype(np.int16) + 128).astype(np.uint8), name)
                node.input[2] = name
    graph.initializer.extend(made.values())
    # Their types are said there.
    for value in [value for value in graph.value_info if value.name in activations]:
        graph.value_info.remove(value)


def _nncf() -> Any:
    # Its reporting of use goes by this variable.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
    except ImportError as error:
        raise MissingPackageError("quantizing needs NNCF; `pip install '.[quantize]'` brings it") from error
    nncf.set_log_level(logging.ERROR)
    return nncf


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Its progress goes to standard error: standard output is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
