"""Compute tensors inside a network with ONNX Runtime."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, helper

from ssd_live.errors import MissingPackageError
from ssd_live.imaging.pixels import Pixels

_ERRORS_ONLY = 3


def tensor_values(
    proto: ModelProto, names: Sequence[str], images: Sequence[Pixels]
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the tensors with these names, for each of the images.

    `images` are (height, width, 3) uint8 BGR at the network's input size; each is a batch of one.
    Raises `MissingPackageError` if ONNX Runtime is not installed.
    """
    session = session_for(proto, names)
    for image in images:
        yield session.run(list(names), {"image": image[None]})


def staged_values(
    proto: ModelProto, stages: Sequence[Sequence[str]], images: Sequence[Pixels]
) -> Iterator[list[list[NDArray[np.float32]]]]:
    """Yield the tensors of each stage, for each of the images, and compute none of them twice.

    `stages` are the names of float32 tensors, in the order of computation. Later stages are
    computed from the yielded tensors, which the caller may change in place. `images` are as for
    `tensor_values`. The tensors of a stage are held in memory for all images, and those of earlier
    stages as long as a later one needs them. Raises `MissingPackageError` if ONNX Runtime is not
    installed.
    """
    parts: list[tuple[list[NodeProto], set[str]]] = []
    known = {"image"}
    for names in stages:
        parts.append(_between(proto.graph, known, names))
        known |= set(names)
    values: list[dict[str, NDArray[Any]]] = [{"image": image[None]} for image in images]
    for place, names in enumerate(stages):
        nodes, inputs = parts[place]
        session = _session(_part(proto, nodes, {name: values[0][name] for name in inputs}, names))
        found = [session.run(list(names), {name: one[name] for name in inputs}) for one in values]
        yield found
        needed = {name for _, inputs in parts[place + 1 :] for name in inputs}
        for one, tensors in zip(values, found, strict=True):
            one |= dict(zip(names, tensors, strict=True))
            for name in one.keys() - needed:
                del one[name]


def _between(
    graph: GraphProto, known: Collection[str], names: Sequence[str]
) -> tuple[list[NodeProto], set[str]]:
    """Return the nodes that compute `names` from known tensors, and the names of these tensors."""
    makers = {output: node for node in graph.node for output in node.output}
    inputs: set[str] = set()
    made: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in known:
            inputs.add(name)
        elif name in makers and name not in made:
            made |= set(makers[name].output)
            pending += makers[name].input
    return [node for node in graph.node if made & set(node.output)], inputs


def _part(
    proto: ModelProto,
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, NDArray[Any]],
    names: Sequence[str],
) -> ModelProto:
    """Return a model of some nodes of a network, with the tensors `names` as its outputs.

    `inputs` are examples of its inputs, which give their data types and shapes.
    """
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "part",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
            )
            for name, value in inputs.items()
        ],
        [helper.make_empty_tensor_value_info(name) for name in names],
        [tensor for tensor in proto.graph.initializer if tensor.name in used],
    )
    return helper.make_model(graph, opset_imports=proto.opset_import, ir_version=proto.ir_version)


def session_for(proto: ModelProto, names: Sequence[str]) -> Any:
    """Return an ONNX Runtime session that computes the tensors with these names.

    Raises `MissingPackageError` if ONNX Runtime is not installed.
    """
    cut = ModelProto()
    cut.CopyFrom(proto)
    del cut.graph.output[:]
    cut.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return _session(cut)


def _session(proto: ModelProto) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "quantizing needs onnxruntime; run `pip install onnxruntime`"
        ) from error
    options = onnxruntime.SessionOptions()
    # It warns of each constant that the graph does not use.
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
