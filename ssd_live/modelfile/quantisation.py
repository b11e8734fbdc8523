"""Make the INT8 version of a model with NNCF.

It is a calibrated model file with QDQ nodes, which convert values to INT8 and back. Weights have
one scale for each output channel.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from ssd_live.errors import MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import int8_place
from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.network_graph import body_of, predictors, with_ancestors
from ssd_live.modelfile.nms import graft_onnx_nms, strip_nms
from ssd_live.modelfile.ranges import OutputErrorRanges
from ssd_live.modelfile.rounding import OutputErrorRounding
from ssd_live.system.atomic_files import sha256


class Calibration:
    """What the INT8 versions of a model are calibrated with.

    `images` are (height, width, 3) uint8 BGR at the network's input size. What is measured on the
    float32 network is kept, so use one calibration for all versions of a model.
    """

    def __init__(self, model: ModelFile, images: Sequence[Pixels]) -> None:
        network = body_of(model)
        self.images = images
        self.ranges = OutputErrorRanges(network, images)
        self.rounding = OutputErrorRounding(network, images)


def quantised(
    model: ModelFile, calibration: Calibration, in_float: Collection[str] = ()
) -> ModelFile:
    """Return the INT8 version of a float32 model file.

    NNCF measures the value ranges of the network on the images of `calibration`, which then chooses
    smaller ranges where they are better, the weights and the biases. Convolutions and the nodes
    between them compute in INT8, except the nodes whose names are in `in_float`. Box decoding and
    NMS stay in float32.

    Nothing is written; the path of the result is where `quantize` writes it by default. Raises
    `MissingPackageError` if NNCF or ONNX Runtime is not installed.
    """
    metadata = model.metadata
    proto = body_of(model)
    quantisable = with_ancestors(proto.graph, predictors(proto.graph))
    with _quietly():
        nncf = _nncf()
        images = nncf.Dataset(
            [image[None] for image in calibration.images], lambda image: {"image": image}
        )
        proto = nncf.quantize(
            proto,
            images,
            subset_size=len(calibration.images),
            preset=nncf.QuantizationPreset.MIXED,
            # ONNX Runtime has no convolution for activations with a scale for each channel, which
            # NNCF gives to depthwise convolutions.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # The rounding below does this after the weights are chosen.
                disable_bias_correction=True,
                # The rounding below chooses weights with which sums do not overflow.
                overflow_fix=nncf.quantization.advanced_parameters.OverflowFix.DISABLE,
                activations_quantization_params=nncf.quantization.advanced_parameters.QuantizationParameters(
                    per_channel=False
                ),
            ),
            ignored_scope=nncf.IgnoredScope(
                names=[
                    *(node.name for node in proto.graph.node if node.name not in quantisable),
                    *in_float,
                ]
            ),
        )
    make_unsigned(proto.graph)
    feed_pixels(proto.graph)
    calibration.ranges.choose(proto)
    calibration.rounding.choose_weights(proto)
    calibration.rounding.correct_biases(proto)
    # This also removes the nodes that nothing uses any more.
    strip_nms(proto.graph)
    graft_onnx_nms(
        proto.graph,
        score_threshold=metadata.score_threshold,
        iou_threshold=metadata.iou_threshold,
        max_detections=metadata.max_detections,
    )
    described = metadata.model_copy(update={"precision": "int8", "quantised_from": model.sha256})
    data = to_bytes(proto, described)
    return ModelFile(int8_place(model), data, sha256(data), described)


def make_unsigned(graph: GraphProto) -> None:
    """Change the graph so that it stores activations as integers 0 to 255 instead of -128 to 127.

    The real values that the integers stand for stay the same. This is done because ONNX Runtime
    runs a convolution in INT8 only if its input and output have the same type. The graph is changed
    in place.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    activations = {node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    made: dict[str, TensorProto] = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear" or (
            node.op_type == "DequantizeLinear" and node.input[0] in activations
        ):
            zero = constants.get(node.input[2])
            if zero is not None and zero.data_type == TensorProto.INT8:
                name = f"{zero.name}_unsigned"
                made[name] = numpy_helper.from_array(
                    (numpy_helper.to_array(zero).astype(np.int16) + 128).astype(np.uint8), name
                )
                node.input[2] = name
    graph.initializer.extend(made.values())
    # The value infos still declare the old types.
    for value in [value for value in graph.value_info if value.name in activations]:
        graph.value_info.remove(value)


def feed_pixels(graph: GraphProto) -> None:
    """Change the graph so that the first convolution takes the bytes of the image directly.

    Then nothing is rounded on the way, and ONNX Runtime does not have to scale a float image, which
    would take a fifth of its time. The graph is changed in place, but only if one scale and one
    zero point (0 to 255) for all channels turn the bytes into the network's input. The zero point
    is rounded to a whole number, and the bias of the convolution is corrected for the difference.
    At the border of the image, where the convolution pads with zeros, an error of up to half a
    pixel value (0.5 of 255) remains.
    """
    found = _normalisation(graph)
    if found is None:
        return
    transpose, convolution, scale, shift = found
    zeros = -shift / scale
    zero = round(zeros[0])
    if np.ptp(scale) or abs(zeros - zero).max() > 0.5 or not 0 <= zero <= 255:
        return
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    whole, steps = (
        numpy_helper.to_array(constants[name]).astype(np.float64)
        for name in makers[convolution.input[1]].input[:2]
    )
    missing = (whole.sum((2, 3)) * steps[:, None] * scale * (zero - zeros)).sum(1)
    bias = constants[convolution.input[2]]
    bias.CopyFrom(
        numpy_helper.from_array(
            (numpy_helper.to_array(bias) + missing).astype(np.float32), bias.name
        )
    )
    graph.initializer.append(
        numpy_helper.from_array(scale[:1].astype(np.float32).reshape(()), "image_scale")
    )
    graph.initializer.append(numpy_helper.from_array(np.array(zero, np.uint8), "image_zero"))
    graph.node.insert(
        0,
        helper.make_node(
            "DequantizeLinear",
            ["image", "image_scale", "image_zero"],
            ["image_values"],
            "image_values",
        ),
    )
    transpose.input[0] = "image_values"
    convolution.input[0] = transpose.output[0]


def _normalisation(graph: GraphProto) -> tuple[NodeProto, NodeProto, np.ndarray, np.ndarray] | None:
    """Return how the image is normalised before the first convolution.

    The result is the node that transposes the image, the first convolution, and the scale (3,) and
    the shift (3,) of the channels: the convolution takes `pixel * scale + shift`. The result is
    None if the graph normalises the image in another way, or if the first convolution is not INT8.
    """
    constants = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if np.prod(tensor.dims) <= 3
    }
    makers = {node.output[0]: node for node in graph.node}
    transpose: NodeProto | None = None
    name, scale, shift = "image", np.ones(3), np.zeros(3)
    while True:
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1:
            return None
        (node,) = users
        others = [
            constants[other].astype(np.float64).ravel()
            for other in node.input
            if other in constants
        ]
        if node.op_type == "Conv":
            weights = makers.get(node.input[1])
            in_int8 = (
                weights is not None
                and weights.op_type == "DequantizeLinear"
                and len(node.input) == 3
            )
            return (transpose, node, scale, shift) if in_int8 and transpose is not None else None
        if node.op_type == "Transpose":
            transpose = node
        elif node.op_type == "Mul" and others:
            scale, shift = scale * others[0], shift * others[0]
        elif node.op_type == "Add" and others:
            shift = shift + others[0]
        elif node.op_type not in ("Cast", "QuantizeLinear", "DequantizeLinear"):
            return None
        name = node.output[0]


def _nncf() -> Any:
    # This variable turns off NNCF's usage reports.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
    except ImportError as error:
        raise MissingPackageError(
            "quantizing needs NNCF; run `pip install '.[quantize]'`"
        ) from error
    nncf.set_log_level(logging.ERROR)
    return nncf


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Send what NNCF prints in the with-block to standard error.

    Standard output is only for the results of a command.
    """
    with contextlib.redirect_stdout(sys.stderr):
        yield
