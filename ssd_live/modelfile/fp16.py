"""Convert the network of a graph to float16, as TensorRT requires since version 11.

Nodes that would lose too much precision stay in float32.
"""

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ssd_live.modelfile.network_graph import predictors, with_ancestors

# Operators that only move numbers. They may follow the predictors in float16.
_MOVES = frozenset({"Transpose", "Reshape", "Concat"})
# The operator that enlarges a feature map. ONNX wants its constants, which follow the map, in
# float32.
_RESIZE = "Resize"
# The L2 normalisation of section 3.1: float16 cannot hold the squares of conv4_3.
_NORM = "ReduceL2"
_NORM_PARTS = frozenset({"Clip", "Expand", "Div"})


def in_half_precision(proto: ModelProto) -> ModelProto:
    """Return a copy of the float32 graph `proto` in which the network computes in float16.

    The graph must end in `decoded_boxes` and `class_scores`. Its input, its outputs and these nodes
    stay in float32: the scaling of the pixels, L2 normalisation, softmax or sigmoid, and box
    decoding. The nodes of the copy are topologically sorted.

    ONNX Runtime's own converter is not used, because it turns the graphs of ssd_live into invalid
    ones: it casts a tensor again for every node that stays in float32.
    """
    typed = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    graph = typed.graph
    floats = {
        value.name
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    weights = {
        tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT
    }
    kept = in_float32(graph)
    halves: set[str] = set()
    added: dict[str, NodeProto | TensorProto] = {}
    nodes: list[NodeProto] = []
    for node in graph.node:
        is_half = node.name not in kept
        for place, name in enumerate(node.input):
            if node.op_type == _RESIZE and place > 0:
                continue
            wanted = f"{name}.half" if is_half else f"{name}.float"
            if is_half and name in weights:
                if wanted not in added:
                    added[wanted] = numpy_helper.from_array(
                        numpy_helper.to_array(weights[name]).astype(np.float16), wanted
                    )
            elif name in floats and (name in halves) != is_half:
                if wanted not in added:
                    kind = TensorProto.FLOAT16 if is_half else TensorProto.FLOAT
                    added[wanted] = cast = helper.make_node(
                        "Cast", [name], [wanted], name=f"{name}.cast", to=kind
                    )
                    nodes.append(cast)
            else:
                continue
            node.input[place] = wanted
        nodes.append(node)
        if is_half:
            halves.update(name for name in node.output if name in floats)
    used = {name for node in nodes for name in node.input}
    tensors = [
        tensor
        for tensor in (
            *graph.initializer,
            *(made for made in added.values() if isinstance(made, TensorProto)),
        )
        if tensor.name in used
    ]
    whole = helper.make_graph(nodes, graph.name, graph.input, graph.output, tensors)
    made = helper.make_model(whole, opset_imports=typed.opset_import, ir_version=typed.ir_version)
    return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def in_float32(graph: GraphProto) -> set[str]:
    """Return the names of the nodes that stay in float32 when the network becomes float16."""
    before_predictors = with_ancestors(graph, set(predictors(graph)))
    moves = _moves_after(graph, before_predictors)
    kept = {node.name for node in graph.node} - before_predictors - moves
    return kept | _norm_nodes(graph) | _before_first_convolution(graph)


def _moves_after(graph: GraphProto, half: set[str]) -> set[str]:
    """Return the names of the nodes that transpose, reshape or join the outputs of float16 nodes.

    They can be float16 too, because they only move values. `half` holds the names of the float16
    nodes. The nodes of the graph must be topologically sorted.
    """
    made = {output for node in graph.node if node.name in half for output in node.output}
    constants = {tensor.name for tensor in graph.initializer}
    found: set[str] = set()
    for node in graph.node:
        if node.name in half or node.op_type not in _MOVES:
            continue
        inputs = [name for name in node.input if name not in constants]
        if any(name in made for name in inputs) and all(
            name in made or node.op_type == "Reshape" for name in inputs
        ):
            found.add(node.name)
            made.update(node.output)
    return found


def _norm_nodes(graph: GraphProto) -> set[str]:
    norms = [node for node in graph.node if node.op_type == _NORM]
    found = {node.name for node in norms}
    made = {output for node in norms for output in node.output}
    for node in graph.node:
        if node.op_type in _NORM_PARTS and made.intersection(node.input):
            found.add(node.name)
            # The values after the division are around one again, so float16 can hold them.
            made.update(node.output if node.op_type != "Div" else ())
    return found


def _before_first_convolution(graph: GraphProto) -> set[str]:
    """Return the names of the nodes that cast, transpose and scale the pixels."""
    first = next(node for node in graph.node if node.op_type == "Conv")
    return with_ancestors(graph, {first.name}) - {first.name}
