"""Choose the INT8 weights and the biases of a network by the error at the outputs of its layers.

Rounding each weight to the nearest step leaves errors that add up, because the inputs of a
convolution are alike. The weights are therefore rounded one after the other, and the weights that
are not rounded yet make up for the error so far (E. Frantar et al., "GPTQ", 2022, section 3). Then
the bias of each convolution makes up for the mean error that is left at its output.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.network_graph import with_ancestors
from ssd_live.modelfile.tensor_values import staged_values, tensor_values

# How many places of each image give inputs of a convolution, and the largest number of its inputs.
_PLACES, _MOST_INPUTS = 300, 5000
# Added to the diagonal, in parts of its mean, so that rare inputs are not rounded at any cost.
_DAMPING = 0.01
# The largest whole number of a weight, and the largest sum of two whose products are added in 16
# bits.
_MOST_STEPS, _MOST_OF_PAIR = 127, 128
# What the size of a step is multiplied with on trial. Larger steps mean that less is cut off.
_STEP_FACTORS = (0.85, 1.0, 1.25, 1.6, 2.0)
# How many inputs are rounded before the error is taken over to the inputs after them.
_BLOCK = 64
_IMAGES_FOR_BIASES = 20

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class _Convolution:
    """A convolution with INT8 weights.

    `exact` is its node in the float32 graph. `steps` holds the weights as whole numbers, `scale`
    the value of one step for each output channel, and `bias` the biases.
    """

    exact: NodeProto
    steps: TensorProto
    scale: TensorProto
    bias: TensorProto | None
    output: str


class OutputErrorRounding:
    """Chooses the INT8 weights and biases of a network by the errors at the outputs of its layers.

    `exact` is the network in float32. `images` are (height, width, 3) uint8 BGR at its input size.
    What is measured on the float32 network is kept for the next INT8 version of it.
    """

    def __init__(self, exact: ModelProto, images: Sequence[Pixels]) -> None:
        self._exact, self._images = exact, images
        constants = {tensor.name: tensor for tensor in exact.graph.initializer}
        self._nodes = {node.name: node for node in exact.graph.node if node.op_type == "Conv"}
        self._weights = {
            name: numpy_helper.to_array(constants[node.input[1]])
            for name, node in self._nodes.items()
            if node.input[1] in constants
        }
        self._steps: dict[str, tuple[Matrix, Matrix]] = {}
        self._some = images[:: max(1, -(-len(images) // _IMAGES_FOR_BIASES))]
        self._means: dict[str, Matrix] = {}

    def choose_weights(self, proto: ModelProto) -> None:
        """Choose the INT8 weights of the network `proto`, which is changed in place.

        Depthwise and other grouped convolutions keep their weights, because they have few inputs.
        Raises `MissingPackageError` if ONNX Runtime is not installed.
        """
        chosen = [one for one in _convolutions(self._nodes, proto.graph) if _group(one.exact) == 1]
        missing = [one for one in chosen if one.exact.name not in self._steps]
        squares = self._squares(
            [one for one in missing if self._weights[one.exact.name][0].size <= _MOST_INPUTS]
        )
        for one in missing:
            name = one.exact.name
            scale = numpy_helper.to_array(one.scale).astype(np.float64).ravel()
            self._steps[name] = _best_steps(self._weights[name], scale, squares.pop(name, None))
        for one in chosen:
            for tensor, values in zip(
                (one.steps, one.scale), self._steps[one.exact.name], strict=True
            ):
                old = numpy_helper.to_array(tensor)
                new = values.astype(old.dtype).reshape(old.shape)
                tensor.CopyFrom(numpy_helper.from_array(new, tensor.name))

    def correct_biases(self, proto: ModelProto) -> None:
        """Change the biases of the network `proto` so that its mean outputs are those of float32.

        Convolutions are corrected in the order of computation, because an error at one reaches the
        next. Those that do not depend on each other are corrected together. Raises
        `MissingPackageError` if ONNX Runtime is not installed.
        """
        found = [one for one in _convolutions(self._nodes, proto.graph) if one.bias is not None]
        missing = [one.exact.output[0] for one in found if one.exact.output[0] not in self._means]
        if missing:
            self._means |= dict(zip(missing, _means(self._exact, missing, self._some), strict=True))
        groups = list(_independent(found, proto.graph))
        stages = [[one.output for one in group] for group in groups]
        for group, values in zip(groups, staged_values(proto, stages, self._some), strict=True):
            for place, one in enumerate(group):
                outputs = [tensors[place] for tensors in values]
                error = self._means[one.exact.output[0]] - _mean(outputs)
                assert one.bias is not None
                bias = numpy_helper.to_array(one.bias) + error
                one.bias.CopyFrom(numpy_helper.from_array(bias.astype(np.float32), one.bias.name))
                for output in outputs:
                    output += error.astype(np.float32)[:, None, None]

    def _squares(self, convolutions: Sequence["_Convolution"]) -> dict[str, Matrix]:
        """Return the mean products (I, I) of every two of a convolution's I inputs, by its name."""
        squares = {
            one.exact.name: np.zeros((self._weights[one.exact.name][0].size,) * 2, np.float32)
            for one in convolutions
        }
        names = list(dict.fromkeys(one.exact.input[0] for one in convolutions))
        if not names:
            return {}
        dice = np.random.default_rng(0)
        for values in tensor_values(self._exact, names, self._images):
            inputs = dict(zip(names, values, strict=True))
            for one in convolutions:
                name = one.exact.name
                patches = _patches(
                    one.exact, inputs[one.exact.input[0]][0], self._weights[name].shape[2:], dice
                )
                squares[name] += patches @ patches.T / patches.shape[1]
        return {name: products.astype(np.float64) for name, products in squares.items()}


def _independent(
    convolutions: Sequence["_Convolution"], graph: GraphProto
) -> Iterator[list["_Convolution"]]:
    """Yield `convolutions` in order, grouped so that none depends on another of its group."""
    makers = {output: node for node in graph.node for output in node.output}
    group: list[_Convolution] = []
    for one in convolutions:
        before = with_ancestors(graph, [makers[one.output].name])
        if any(makers[other.output].name in before for other in group):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _convolutions(originals: Mapping[str, NodeProto], graph: GraphProto) -> list[_Convolution]:
    """Return the convolutions with INT8 weights of `graph`, in the order of computation.

    `originals` are the convolutions of the float32 graph, by name.
    """
    makers = {node.output[0]: node for node in graph.node}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type != "Conv" or node.name not in originals:
            continue
        weights = makers.get(node.input[1])
        if weights is not None and weights.op_type == "DequantizeLinear":
            found.append(
                _Convolution(
                    originals[node.name],
                    constants[weights.input[0]],
                    constants[weights.input[1]],
                    constants.get(node.input[2]) if len(node.input) > 2 else None,
                    node.output[0],
                )
            )
    return found


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _group(node: NodeProto) -> int:
    return int(_attributes(node).get("group", 1))


def _patches(
    node: NodeProto, inputs: NDArray[np.float32], kernel: Sequence[int], dice: np.random.Generator
) -> NDArray[np.float32]:
    """Return the inputs that a convolution multiplies by its weights, for P random output cells.

    `inputs` is (C, H, W), and `kernel` is (height, width). `dice` draws the cells; P is at most
    300. The result is (C * height * width, P).
    """
    attributes = _attributes(node)
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    padded = np.pad(inputs, ((0, 0), (top, bottom), (left, right)))
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    counts = [
        (side - far) // stride + 1
        for side, far, stride in zip(padded.shape[1:], reach, strides, strict=True)
    ]
    count = counts[0] * counts[1]
    places = dice.choice(count, min(count, _PLACES), replace=False)
    rows = places // counts[1] * strides[0] + np.arange(kernel[0])[:, None, None] * dilations[0]
    columns = places % counts[1] * strides[1] + np.arange(kernel[1])[None, :, None] * dilations[1]
    return np.asarray(padded[:, rows, columns].reshape(-1, len(places)), np.float32)


def _best_steps(
    weights: NDArray[np.float32], scale: Matrix, squares: Matrix | None
) -> tuple[Matrix, Matrix]:
    """Return the weights (O, C, h, w) as whole numbers of steps (O, I), and the step sizes (O,).

    `scale` (O,) is the step size with which the largest weight of each output is the largest whole
    number. `squares` (I, I) holds the mean products of every two inputs; if it is None, each weight
    is rounded for itself. For each output, the step size with the least error is taken.
    """
    exact = weights.reshape(len(weights), -1).astype(np.float64)
    order, factors = np.arange(exact.shape[1]), None
    if squares is not None:
        order = np.argsort(-np.diag(squares), kind="stable")
        damped = squares[order][:, order]
        damped[np.diag_indices_from(damped)] += _DAMPING * np.diag(squares).mean() + 1e-9
        factors = np.linalg.cholesky(np.linalg.inv(damped)).T
    place = np.argsort(order)
    partners = place[_partners(weights.shape[1:])[order]]
    best, sizes = np.zeros_like(exact), np.zeros(len(exact))
    least = np.full(len(exact), np.inf)
    for factor in _STEP_FACTORS:
        size = scale * factor
        steps = _rounded(exact[:, order].T, size, factors, partners).T[:, place]
        missing = steps * size[:, None] - exact
        errors = ((missing if squares is None else missing @ squares) * missing).sum(1)
        better = errors < least
        best[better], sizes[better], least[better] = steps[better], size[better], errors[better]
    return best, sizes


def _rounded(
    weights: Matrix, size: Matrix, factors: Matrix | None, partners: NDArray[np.intp]
) -> Matrix:
    """Return the weights (I, O) as whole numbers of steps, rounded from the first input on.

    `size` (O,) is the step size of each output. `factors` (I, I) says how the weights of later
    inputs make up for an error; if it is None, they do not. `partners` (I, P) holds the inputs with
    which each input shares a sum of 16 bits.
    """
    left, steps = weights.copy(), np.zeros_like(weights)
    for start in range(0, len(left), _BLOCK):
        stop = min(start + _BLOCK, len(left))
        errors = np.zeros((stop - start, left.shape[1]))
        for place in range(start, stop):
            others = steps[partners[place]]
            highest = np.minimum(_MOST_STEPS, _MOST_OF_PAIR - others.max(0))
            lowest = np.maximum(-_MOST_STEPS, -_MOST_OF_PAIR - others.min(0))
            steps[place] = np.clip(np.round(left[place] / size), lowest, highest)
            if factors is not None:
                error = (left[place] - steps[place] * size) / factors[place, place]
                left[place + 1 : stop] -= np.outer(factors[place, place + 1 : stop], error)
                errors[place - start] = error
        if factors is not None:
            left[stop:] -= factors[start:stop, stop:].T @ errors
    return steps


def _partners(shape: Sequence[int]) -> NDArray[np.intp]:
    """Return, for each input of a convolution, the inputs (I, P) that it shares a sum with.

    `shape` is (C, h, w), and I is their product. A CPU without VNNI adds the products of two
    neighbouring channels in 16 bits. If C is odd, these pairs run over into the next cell of the
    kernel, so both neighbours count.
    """
    places = np.arange(int(np.prod(shape))).reshape(shape)
    if shape[0] % 2 == 0:
        return places.reshape(-1, 2, *shape[1:])[:, ::-1].reshape(-1, 1)
    line = places.transpose(1, 2, 0).ravel()
    partners = np.empty((len(line), 2), np.intp)
    partners[line, 0], partners[line, 1] = np.roll(line, 1), np.roll(line, -1)
    return partners


def _means(proto: ModelProto, names: Sequence[str], images: Sequence[Pixels]) -> list[Matrix]:
    """Return the mean (C,) over all images and cells of each tensor (1, C, H, W) in `names`."""
    means = [[_mean([value]) for value in values] for values in tensor_values(proto, names, images)]
    return [np.mean(values, 0) for values in zip(*means, strict=True)]


def _mean(values: Sequence[NDArray[np.float32]]) -> Matrix:
    """Return the mean (C,) of tensors (1, C, H, W)."""
    means = [value.mean((0, 2, 3), dtype=np.float64) for value in values]
    return np.asarray(np.mean(means, 0))
