"""Load the networks of the trained models that ship, with the weights of their model files."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ssd_live.backends.torch_network import network_of
from ssd_live.errors import ModelFileError, UnknownModelError
from ssd_live.export.graph import flip_input_channels
from ssd_live.modelfile.file import read_model_file
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.zoo import TRAINED_MODELS
from ssd_live.system.paths import assets_folder


def load_trained(name: str) -> tuple[SSDNetwork, list[str]]:
    """Return a network with the trained weights that ship with the program, and its class names.

    `name` is a key of `TRAINED_MODELS`. The network is in evaluation mode, its input channels are
    in RGB order, and its weights are float32. The class names leave out the background. Raises
    `UnknownModelError` if the name is unknown, and `ModelFileError` if a file is missing or damaged
    or does not belong to the network.
    """
    if name not in TRAINED_MODELS:
        raise UnknownModelError(
            f"there are no trained weights for {name!r}; choose one of "
            f"{', '.join(sorted(TRAINED_MODELS))}"
        )
    model = read_model_file(assets_folder() / "models" / f"{name}.onnx")
    network = network_of(model)
    flip_input_channels(network)
    if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        separate_batch_norm(network, assets_folder() / "batch_norm" / f"{name}.safetensors")
    return network, list(model.metadata.classes)


def separate_batch_norm(network: SSDNetwork, path: Path) -> None:
    """Undo the folding of every BatchNorm of `network` into its convolution, in place.

    A model file has the convolutions with the BatchNorm folded in, which is all that inference
    needs. Training needs the BatchNorm itself. The file `path` has its `weight`, `running_mean` and
    `running_var` for each channel; its bias follows from the folded one. The outputs of the network
    stay the same up to rounding. Raises `ModelFileError` if the file is missing or damaged or
    belongs to another network.
    """
    try:
        stored = load_file(path)
        for name, norm in network.named_modules():
            if isinstance(norm, nn.BatchNorm2d):
                _separate(norm, _convolution_before(network, name), stored, name)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise ModelFileError(
            f"{path}: the BatchNorm of the network cannot be read ({error}); install ssd_live again"
        ) from error


def _convolution_before(network: SSDNetwork, norm: str) -> nn.Conv2d:
    found = network.get_submodule(f"{norm.removesuffix('bn')}conv")
    assert isinstance(found, nn.Conv2d)
    return found


@torch.no_grad()
def _separate(
    norm: nn.BatchNorm2d, convolution: nn.Conv2d, stored: dict[str, Tensor], name: str
) -> None:
    # Jacob et al. 2018, equation 14, solved for the weights.
    weight, mean, variance = (
        stored[f"{name}.{part}"] for part in ("weight", "running_mean", "running_var")
    )
    factor = weight / torch.sqrt(variance + norm.eps)
    convolution.weight.div_(factor.view(-1, 1, 1, 1))
    norm.bias.add_(mean * factor)
    norm.weight.copy_(weight)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
