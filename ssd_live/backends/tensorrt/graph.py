"""Make the graph that an engine is built from.

The graph computes in float16 if that is requested, and has NMS that the library can run. It can be
made from any model file, without PyTorch.
"""

from typing import Literal

from ssd_live.backends.tensorrt.variants import Variant
from ssd_live.errors import ModelFileError
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.fp16 import in_half_precision
from ssd_live.modelfile.network_graph import body_of, predictors
from ssd_live.modelfile.nms import graft_best_boxes

EnginePrecision = Literal["fp16", "fp32"]


def graph_for(model: ModelFile, variant: Variant, precision: EnginePrecision) -> bytes:
    """Return the graph that an engine of a model is built from, as serialised ONNX.

    The graph has the input `image` uint8 (B, H, W, 3) and the four outputs of every model file.
    Raises `ModelFileError` if fp16 is requested for a model without a convolution.
    """
    metadata = model.metadata
    proto = body_of(model)
    if precision == "fp16":
        if not predictors(proto.graph):
            raise ModelFileError(
                f"{model.path}: has no convolution that can compute in float16; build it with "
                "--precision fp32"
            )
        proto = in_half_precision(proto)
    if metadata.iou_threshold >= 1:
        # Nothing is suppressed, so NMS and its limits on the number of boxes are not needed.
        graft_best_boxes(proto.graph, max_detections=metadata.max_detections)
        return bytes(proto.SerializeToString())
    variant.graft(
        proto.graph,
        score_threshold=metadata.score_threshold,
        iou_threshold=metadata.iou_threshold,
        max_detections=metadata.max_detections,
    )
    # The NMS plugin has an operator domain of its own, which the model must import.
    if variant.name == "tensorrt":
        from onnx import helper

        from ssd_live.modelfile.nms import PLUGIN_DOMAIN

        proto.opset_import.append(helper.make_opsetid(PLUGIN_DOMAIN, 1))
    return bytes(proto.SerializeToString())
