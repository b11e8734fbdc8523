"""The graph that an engine is built from: half precision and the NMS tail of the library, made of
any model file without PyTorch.
"""

from typing import Literal

from ssd_live.backends.tensorrt.variants import Variant
from ssd_live.errors import ModelFileError
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.fp16 import in_half_precision
from ssd_live.modelfile.network_graph import body_of, predictors
from ssd_live.modelfile.nms import graft_best_boxes

EnginePrecision = Literal["fp16", "fp32"]


def graph_for(model: ModelFile, flavour: Variant, precision: EnginePrecision) -> bytes:
    """Serialised ONNX with the input `image` uint8 (B, H, W, 3) and the four outputs of every model
    file. Raises `ModelFileError`.
    """
    metadata = model.metadata
    proto = body_of(model)
    if precision == "fp16":
        if not predictors(proto.graph):
            raise ModelFileError(
                f"{model.path}: has no convolution that could compute in half precision; build it "
                "with --precision fp32"
            )
        proto = in_half_precision(proto)
    if metadata.iou_threshold >= 1:
        # Nothing is suppressed: that takes no NMS, and none of its cuts.
        graft_best_boxes(proto.graph, max_detections=metadata.max_detections)
        return bytes(proto.SerializeToString())
    flavour.graft(
        proto.graph,
        score_threshold=metadata.score_threshold,
        iou_threshold=metadata.iou_threshold,
        max_detections=metadata.max_detections,
    )
    # The plugin belongs to a domain of its own, which a model has to name.
    if flavour.name == "tensorrt":
        from onnx import helper

        from ssd_live.modelfile.nms import PLUGIN_DOMAIN

        proto.opset_import.append(helper.make_opsetid(PLUGIN_DOMAIN, 1))
    return bytes(proto.SerializeToString())
