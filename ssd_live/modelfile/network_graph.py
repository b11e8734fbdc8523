"""Take the network out of a model file, without its NMS and with float32 weights.

This module also finds the convolutions that predict boxes and classes.
"""

from collections.abc import Collection

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, numpy_helper

from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.nms import strip_nms


def body_of(model: ModelFile) -> ModelProto:
    """Return a copy of the network of a model file, without its NMS.

    It is the graph from the input `image` to `decoded_boxes` and `class_scores`. Its weights are
    float32, and every node has a unique name.
    """
    proto = onnx.load_model_from_string(model.data)
    strip_nms(proto.graph)
    _widen(proto.graph)
    # Other code identifies nodes by name, but ONNX does not require names.
    taken: set[str] = set()
    for number, node in enumerate(proto.graph.node):
        if not node.name or node.name in taken:
            node.name = f"node_{number}_of_{node.op_type}"
        taken.add(node.name)
    return proto


def predictors(graph: GraphProto, output: str | None = None) -> list[str]:
    """Return the names of the convolutions that predict the box offsets and the class logits.

    These are the last convolutions before the outputs of the graph, or before `output`. Those of
    one output are in the order of the feature maps.
    """
    makers = {name: node for node in graph.node for name in node.output}
    found: dict[str, None] = {}
    pending = [output] if output else [value.name for value in reversed(graph.output)]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.op_type == "Conv":
            found[node.name] = None
        else:
            pending.extend(reversed(node.input))
    return list(found)


def with_ancestors(graph: GraphProto, names: Collection[str]) -> set[str]:
    """Return `names`, the names of nodes, and the names of all nodes that these depend on."""
    makers = {output: node for node in graph.node for output in node.output}
    pending = [node for node in graph.node if node.name in names]
    found: set[str] = set()
    while pending:
        node = pending.pop()
        if node.name not in found:
            found.add(node.name)
            pending.extend(makers[name] for name in node.input if name in makers)
    return found


def _widen(graph: GraphProto) -> None:
    """Change weights that are stored as float16 and cast to float32 into float32 weights.

    The casts are removed, because they would hide the weights from programs that look for them. The
    graph is changed in place.
    """
    casts = {
        node.input[0]: node.output[0]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0].endswith(".float16")
    }
    for tensor in graph.initializer:
        if tensor.name in casts:
            tensor.CopyFrom(
                numpy_helper.from_array(
                    numpy_helper.to_array(tensor).astype(np.float32), casts[tensor.name]
                )
            )
    kept = [
        type(node).FromString(node.SerializeToString())
        for node in graph.node
        if not (node.op_type == "Cast" and node.input[0] in casts)
    ]
    del graph.node[:]
    graph.node.extend(kept)
