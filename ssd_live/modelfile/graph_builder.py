"""Append nodes to an ONNX graph without inventing a name for every tensor between them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, helper, numpy_helper

# The name of a tensor, or the value of a constant.
Input = str | NDArray[Any] | np.generic


class GraphBuilder:
    """A builder that appends nodes to a graph and names the tensors that they compute.

    A name consists of `prefix`, a number and the operator, such as `nms_3_Mul`. The graph must have
    no tensors with such names before. The same calls always give the same names.
    """

    def __init__(self, graph: GraphProto, prefix: str) -> None:
        self._graph = graph
        self._prefix = prefix
        self._issued = 0
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def add(
        self, operator: str, *inputs: Input, output: str | None = None, **attributes: Any
    ) -> str:
        """Append a node that has one output, and return the name of the output.

        `operator` is the ONNX operator, such as "Mul". Each of the `inputs` is the name of a tensor
        or the value of a constant. `output` is the name of the output; if it is None, the builder
        makes a name. `attributes` are the attributes of the node.
        """
        (name,) = self.add_several(operator, *inputs, outputs=[output], **attributes)
        return name

    def add_several(
        self, operator: str, *inputs: Input, outputs: Sequence[str | None], **attributes: Any
    ) -> tuple[str, ...]:
        """Append a node that has several outputs, and return their names.

        The arguments are those of `add`, except that `outputs` has one entry for each output: its
        name, or None if the builder makes the name.
        """
        names = tuple(self._issue(operator) if name is None else name for name in outputs)
        sources = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self._graph.node.append(helper.make_node(operator, sources, names, **attributes))
        return names

    def constant(self, value: NDArray[Any] | np.generic, name: str | None = None) -> str:
        """Add a constant to the graph and return its name.

        Without a `name`, the builder makes one, and constants of equal type, shape and value are
        stored only once. A constant with a `name` is always stored by itself, so that its value can
        be changed later.
        """
        array = np.asarray(value)
        key = (array.dtype.str, array.shape, array.tobytes())
        if name is None and key in self._constants:
            return self._constants[key]
        added = self._issue("constant") if name is None else name
        self._graph.initializer.append(numpy_helper.from_array(array, added))
        if name is None:
            self._constants[key] = added
        return added

    def _issue(self, kind: str) -> str:
        self._issued += 1
        return f"{self._prefix}_{self._issued}_{kind}"
