"""Make model files smaller without changing a bit of the weights.

A float32 tensor of which every value is exact in float16 is stored as float16, followed by a cast.
"""

import numpy as np
from onnx import GraphProto, TensorProto, helper, numpy_helper

# With fewer values, a cast node costs more than it saves.
_MIN_VALUES = 64


def store_as_float16_where_exact(graph: GraphProto) -> int:
    """Store float32 initializers as float16 where this is exact, and return how many were changed.

    It is exact if every value of the initializer is the same after conversion to float16 and back.
    A cast node gives the float32 values back. Initializers with fewer than 64 values stay as they
    are. The graph is changed in place.
    """
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < _MIN_VALUES or not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.float16"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *(type(node).FromString(node.SerializeToString()) for node in graph.node)]
    del graph.node[:]
    graph.node.extend(nodes)
    return len(casts)
