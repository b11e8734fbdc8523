"""Build the PyTorch network of a model file with the weights of the file.

The code of the network comes from the zoo (`models.zoo`).
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor

from ssd_live.errors import ModelFileError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.metadata import Metadata
from ssd_live.models.postprocess import boxes_and_scores
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.zoo import create


class NetworkPredictor:
    """A callable that predicts boxes and scores before NMS.

    It takes images (B, H, W, 3) uint8 BGR on the network's device. For the N default boxes and the
    C classes without the background, it returns float32 boxes (B, N, 4) xyxy in 0..1 and float32
    scores (B, N, C).
    """

    def __init__(self, network: SSDNetwork, metadata: Metadata) -> None:
        self.network, self.metadata = network, metadata
        weight = next(network.parameters())
        self._type = weight.dtype
        # The network takes BGR like the model file, and the metadata lists RGB.
        self._mean, self._scale = (
            torch.tensor(values[::-1], device=weight.device).view(1, 3, 1, 1)
            for values in (metadata.mean, metadata.scale)
        )

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pixels = images.permute(0, 3, 1, 2).float()
        regression, logits = self.network(((pixels - self._mean) * self._scale).to(self._type))
        return boxes_and_scores(self.network, regression, logits, self.metadata.score_activation)


@torch.inference_mode()
def answer_before_nms(
    network: SSDNetwork, metadata: Metadata, images: Pixels
) -> tuple[Tensor, Tensor]:
    """Return the boxes and the scores of a network before NMS, on the CPU.

    `images` is (B, H, W, 3) uint8 BGR at the network's size. The boxes are float32 (B, N, 4) xyxy
    in 0..1, and the scores float32 (B, N, C). See `NetworkPredictor`.
    """
    boxes, scores = NetworkPredictor(network, metadata)(
        torch.from_numpy(images).to(next(network.parameters()).device)
    )
    return boxes.cpu(), scores.cpu()


def network_of(model: ModelFile) -> SSDNetwork:
    """Return the PyTorch network of a model file in evaluation mode.

    Its input channels are in BGR order. Raises `ModelFileError` if a weight is missing or has
    another shape, or if the file has default boxes of another network.
    """
    how = model.metadata
    network = create(how.network, len(how.classes) + 1, how.preset, how.box_shapes)
    load_weights_of_model_file(network, model)
    return network.eval()


def load_weights_of_model_file(network: SSDNetwork, model: ModelFile) -> None:
    """Load the weights of a model file into a newly created network.

    The input channels of the network are then in BGR order, as in the file. Raises `ModelFileError`
    if a weight is missing or has another shape.

    The exporter keeps the names of the parameters and folds each BatchNorm into the convolution
    before it. Every BatchNorm of the network therefore becomes the identity plus the folded bias.
    """
    graph = onnx.load_model_from_string(model.data).graph
    stored = {
        tensor.name.removesuffix(".float16").removeprefix("model."): tensor
        for tensor in graph.initializer
    }
    biases = {
        node.input[1]: node.input[2]
        for node in graph.node
        if node.op_type == "Conv" and len(node.input) == 3
    }

    def value(name: str) -> Tensor | None:
        tensor = stored.get(name.removeprefix("model."))
        return (
            None
            if tensor is None
            else torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        )

    def bias(convolution: str, channels: int) -> Tensor:
        """Return the bias of a convolution, or zeros if the file has none.

        The bias is found through the node of the convolution, because the exporter gives a folded
        bias a new name, stores equal biases once, and leaves out a bias that is all zero.
        """
        found = value(biases.get(f"model.{convolution}.weight", ""))
        return torch.zeros(channels) if found is None else found

    state = network.state_dict()
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            convolution = (
                f"{name.removesuffix('bn')}conv"
                if name.endswith("bn")
                else f"{name.removesuffix('1')}0"
            )
            state |= {
                f"{name}.weight": torch.ones(module.num_features),
                f"{name}.bias": bias(convolution, module.num_features),
                f"{name}.running_mean": torch.zeros(module.num_features),
                f"{name}.running_var": torch.full((module.num_features,), 1 - module.eps),
            }
        elif isinstance(module, torch.nn.Conv2d):
            weight = value(f"{name}.weight")
            if weight is None:
                raise ModelFileError(
                    f"{model.path}: lacks {name}.weight, so PyTorch cannot run the model; choose "
                    "--backend openvino"
                )
            state[f"{name}.weight"] = weight
            if module.bias is not None:
                state[f"{name}.bias"] = bias(name, module.out_channels)
    if "backbone.scale_weight" in state:
        state["backbone.scale_weight"] = _norm_scale(network, stored, model)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelFileError(
            f"{model.path}: its weights do not fit {model.metadata.network}; choose "
            "--backend openvino"
        ) from error


def _norm_scale(network: SSDNetwork, stored: dict[str, TensorProto], model: ModelFile) -> Tensor:
    """Return the learned factors that scale the normalised feature map of conv4_3.

    `stored` has the tensors of the model file by name. The exporter may store the factors in
    another shape. Raises `ModelFileError` if the file does not contain them.
    """
    expected = network.state_dict()["backbone.scale_weight"]
    for name, tensor in stored.items():
        values = numpy_helper.to_array(tensor)
        if "scale_weight" in name or values.shape == (1, len(expected), 1, 1):
            return torch.from_numpy(values.astype(np.float32)).reshape(expected.shape)
    raise ModelFileError(
        f"{model.path}: lacks the scale factors of conv4_3, so PyTorch cannot run the model; "
        "choose --backend openvino"
    )
