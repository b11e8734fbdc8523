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

from ssd_live.errors import MissingPackageError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.network_graph import with_ancestors

# How many places of each image give inputs of a convolution, and the largest number of its inputs.
_PLACES, _MOST_INPUTS = 300, 5000
# Added to the diagonal, in parts of its mean, so that rare inputs are not rounded at any cost.
_DAMPING = 0.01
# Half of the range of INT8 to both sides, as NNCF leaves it so that sums do not overflow.
_MOST_STEPS = 64
_IMAGES_FOR_BIASES = 20
_ERRORS_ONLY = 3

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
        self._steps: dict[str, Matrix] = {}
        self._some = images[:: max(1, -(-len(images) // _IMAGES_FOR_BIASES))]
        self._means: dict[str, Matrix] = {}

    def choose_weights(self, proto: ModelProto) -> None:
        """Choose the INT8 weights of the network `proto`, which is changed in place.

        Depthwise and other grouped convolutions keep their weights, because they have few inputs.
        Raises `MissingPackageError` if ONNX Runtime is not installed.
        """
        chosen = [
            one
            for one in _convolutions(self._nodes, proto.graph)
            if _group(one.exact) == 1 and self._weights[one.exact.name][0].size <= _MOST_INPUTS
        ]
        squares = self._squares([one for one in chosen if one.exact.name not in self._steps])
        for one in chosen:
            name, old = one.exact.name, numpy_helper.to_array(one.steps)
            if name not in self._steps:
                weights = self._weights[name].reshape(len(old), -1)
                scale = numpy_helper.to_array(one.scale).astype(np.float64).ravel()
                limit = min(int(np.abs(old.astype(int)).max()), _MOST_STEPS)
                self._steps[name] = _rounded(weights, scale, squares.pop(name), limit)
            steps = self._steps[name].astype(old.dtype).reshape(old.shape)
            one.steps.CopyFrom(numpy_helper.from_array(steps, one.steps.name))

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
        for group in _independent(found, proto.graph):
            means = _means(proto, [one.output for one in group], self._some)
            for one, mean in zip(group, means, strict=True):
                assert one.bias is not None
                error = self._means[one.exact.output[0]] - mean
                bias = numpy_helper.to_array(one.bias) + error
                one.bias.CopyFrom(numpy_helper.from_array(bias.astype(np.float32), one.bias.name))

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
        for values in _run(self._exact, names, self._images):
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


def _rounded(weights: NDArray[np.float32], scale: Matrix, squares: Matrix, limit: int) -> Matrix:
    """Return the weights (O, I) as whole numbers of steps, at most `limit` to both sides.

    `scale` (O,) is the size of a step for each output. `squares` (I, I) holds the means of the
    products of every two inputs. The weights of the inputs with the largest mean squares are
    rounded first, and the weights that are not rounded yet make up for the errors.
    """
    order = np.argsort(-np.diag(squares), kind="stable")
    left = weights.astype(np.float64)[:, order]
    damped = squares[order][:, order]
    damped[np.diag_indices_from(damped)] += _DAMPING * np.diag(squares).mean() + 1e-9
    factors = np.linalg.cholesky(np.linalg.inv(damped)).T
    steps = np.zeros_like(left)
    for place in range(len(order)):
        steps[:, place] = np.clip(np.round(left[:, place] / scale), -limit, limit)
        error = (left[:, place] - steps[:, place] * scale) / factors[place, place]
        left[:, place + 1 :] -= np.outer(error, factors[place, place + 1 :])
    return steps[:, np.argsort(order)]


def _means(proto: ModelProto, names: Sequence[str], images: Sequence[Pixels]) -> list[Matrix]:
    """Return the mean (C,) over all images and cells of each tensor (1, C, H, W) in `names`."""
    sums = [np.zeros(1) for _ in names]
    for values in _run(proto, names, images):
        sums = [
            total + value.mean((0, 2, 3), dtype=np.float64)
            for total, value in zip(sums, values, strict=True)
        ]
    return [total / len(images) for total in sums]


def _run(
    proto: ModelProto, names: Sequence[str], images: Sequence[Pixels]
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the tensors with these names, for each of the images."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "quantizing needs onnxruntime; run `pip install onnxruntime`"
        ) from error
    cut = ModelProto()
    cut.CopyFrom(proto)
    del cut.graph.output[:]
    cut.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    # It warns of each constant that the cut graph does not use.
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(
        cut.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    for image in images:
        yield session.run(list(names), {"image": image[None]})
