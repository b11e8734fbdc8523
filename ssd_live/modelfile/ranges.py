"""Choose the ranges of INT8 activations by the error at the outputs of the network.

Calibration takes the smallest and the largest value that it saw. Where a few values are far from
the others and matter little for what the network finds, a smaller range is better, because its
steps are finer.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.nms import BOXES, SCORES
from ssd_live.modelfile.tensor_values import session_for

# A range is made smaller by this factor as long as the error falls.
_SMALLER = 0.7
_IMAGES = 10
# Every box counts a little, because a network without training is sure of none.
_LEAST_SCORE = 1e-3
_SMALLEST_SIDE = 0.01
# Names in the graph that rounds one tensor.
_STEP, _ZERO = "step_of_range", "zero_of_range"

Values = NDArray[np.float32]


class OutputErrorRanges:
    """Chooses the ranges of INT8 activations by the error at the outputs of the network.

    `exact` is the network in float32. `images` are (height, width, 3) uint8 BGR at its input size.
    What is chosen for a tensor is kept for the next INT8 version of the network.
    """

    def __init__(self, exact: ModelProto, images: Sequence[Pixels]) -> None:
        self._exact = exact
        self._images = images[:: max(1, -(-len(images) // _IMAGES))]
        self._expected: list[Sequence[Values]] = []
        self._factors: dict[str, float] = {}

    def choose(self, proto: ModelProto) -> None:
        """Choose the ranges of the network `proto`, which is changed in place.

        Its activations are uint8 and have one scale each. Each range is chosen with everything else
        in float32, and is only made smaller. Raises `MissingPackageError` if ONNX Runtime is not
        installed.
        """
        computed = {name for node in self._exact.graph.node for name in node.output}
        constants = {tensor.name: tensor for tensor in proto.graph.initializer}
        for node in proto.graph.node:
            if node.op_type != "QuantizeLinear" or node.input[0] not in computed:
                continue
            name = node.input[0]
            if name not in self._factors:
                step, zero = (
                    numpy_helper.to_array(constants[part]).reshape(()) for part in node.input[1:3]
                )
                self._factors[name] = self._best_factor(name, step, zero)
            for scale in _scales_of(node, proto.graph):
                smaller = numpy_helper.to_array(constants[scale]) * np.float32(self._factors[name])
                constants[scale].CopyFrom(
                    numpy_helper.from_array(np.asarray(smaller, np.float32), scale)
                )

    def _best_factor(self, name: str, step: np.ndarray, zero: np.ndarray) -> float:
        """Return the factor, at most 1, for the range of a tensor.

        `step` is its scale and `zero` its zero point, as calibration chose them.
        """
        if not self._expected:
            session = session_for(self._exact, [BOXES, SCORES])
            self._expected = [
                session.run([BOXES, SCORES], {"image": image[None]}) for image in self._images
            ]
        session = session_for(_with_rounding(self._exact, name, zero), [BOXES, SCORES])

        def error(factor: float) -> float:
            smaller = np.asarray(step * np.float32(factor), np.float32)
            return sum(
                _difference(
                    expected,
                    session.run([BOXES, SCORES], {"image": image[None], _STEP: smaller}),
                )
                for image, expected in zip(self._images, self._expected, strict=True)
            )

        factor, least = 1.0, error(1.0)
        while (smaller := error(factor * _SMALLER)) < least:
            factor, least = factor * _SMALLER, smaller
        return factor


def _scales_of(node: NodeProto, graph: GraphProto) -> Iterable[str]:
    """Return the names of the scales of a QuantizeLinear node and of the nodes that read it."""
    return {node.input[1]} | {
        other.input[1]
        for other in graph.node
        if other.op_type == "DequantizeLinear" and other.input[0] == node.output[0]
    }


def _with_rounding(exact: ModelProto, name: str, zero: np.ndarray) -> ModelProto:
    """Return a copy of a network in which the tensor `name` is rounded as in INT8.

    `zero` is its zero point, a uint8. Its scale is another input of the network.
    """
    made = ModelProto()
    made.CopyFrom(exact)
    nodes = list(made.graph.node)
    maker = next(place for place, node in enumerate(nodes) if name in node.output)
    rounded = f"{name}_rounded"
    for node in nodes[maker + 1 :]:
        node.input[:] = [rounded if other == name else other for other in node.input]
    whole = f"{name}_whole"
    nodes[maker + 1 : maker + 1] = [
        helper.make_node("QuantizeLinear", [name, _STEP, _ZERO], [whole]),
        helper.make_node("DequantizeLinear", [whole, _STEP, _ZERO], [rounded]),
    ]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.append(numpy_helper.from_array(zero, _ZERO))
    made.graph.input.append(helper.make_tensor_value_info(_STEP, TensorProto.FLOAT, []))
    return made


def _difference(expected: Sequence[Values], found: Sequence[Values]) -> float:
    """Return how far boxes (1, N, 4) and scores (1, N, C) are from the expected ones.

    The difference of a box is the mean distance of its edges, as a fraction of its sides, and the
    largest difference of its scores. Each box counts by its best score.
    """
    (boxes, scores), (other_boxes, other_scores) = expected, found
    weights = np.maximum(scores[0].max(1), _LEAST_SCORE)
    sides = np.maximum(boxes[0, :, 2:] - boxes[0, :, :2], _SMALLEST_SIDE)
    edges = (np.abs(other_boxes - boxes)[0].reshape(-1, 2, 2) / sides[:, None]).mean((1, 2))
    confidence = np.abs(other_scores - scores)[0].max(1)
    return float(np.average(edges + confidence, weights=weights))
