"""Weights that others published, recognised by their parameters' names and turned into ours.
Nothing in a file is ever executed.
"""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ssd_live.errors import ModelFileError
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.ssd_paper import Preset
from ssd_live.models.zoo import create

State = dict[str, Tensor]

# Keys under which training programs keep the weights among other things, and what data parallelism
# puts before every name.
_WRAPPERS = ("model_state_dict", "state_dict", "model")
_PARALLEL_PREFIX = "module."


@dataclass(frozen=True)
class Recognised:
    """A network with the weights of a file; `classes` counts the background, `family` says whose
    names the file had.
    """

    network: str
    preset: Preset
    classes: int
    model: SSDNetwork
    family: str


def recognise(path: Path) -> Recognised:
    """The network that the weights in a file (.pth, .pt, .safetensors) are for, filled with them
    strictly, in evaluation mode.

    torchvision's SSD300 and SSDLite320, and ssd.pytorch's SSD300. Raises `ModelFileError`.
    """
    state = read_state(path)
    network, preset, classes, family, state = _identified(state, path)
    model = create(network, classes, preset)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise ModelFileError(
            f"{path}: looks like {family}'s {network} but does not fit it ({detail}); take "
            "another file"
        ) from error
    if not all(
        torch.isfinite(tensor).all() for tensor in state.values() if tensor.is_floating_point()
    ):
        raise ModelFileError(f"{path}: has weights that are no numbers; take another file")
    return Recognised(network, preset, classes, model.eval(), family)


def read_state(path: Path) -> State:
    """Names and float32 tensors of a file, without running what a pickle may hold. Raises
    `ModelFileError`.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such file; check the path")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as archive:
                content: Any = {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118 - not a dict
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path}: holds more than weights, which is never run; save only the state_dict"
        ) from error
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ModelFileError(
            f"{path}: is no file of weights that can be read; take a fresh copy"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise ModelFileError(f"{path}: holds no named weights; save a state_dict")
    state = {str(name).removeprefix(_PARALLEL_PREFIX): tensor for name, tensor in content.items()}
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


def save_weights(path: Path, model: SSDNetwork, facts: dict[str, Any]) -> None:
    """As safetensors, with facts about them as JSON in its metadata. Raises `OutputError`."""
    from safetensors.torch import save

    from ssd_live.system.atomic_files import atomic_write

    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    with atomic_write(path) as file:
        file.write(
            save(
                state,
                metadata={
                    key: json.dumps(value, ensure_ascii=False) for key, value in facts.items()
                },
            )
        )


def _identified(state: State, path: Path) -> tuple[str, Preset, int, str, State]:
    """network, preset, classes with the background, family, and the weights by our names."""
    try:
        if "vgg.0.weight" in state and "conf.0.weight" in state:
            classes = len(state["conf.0.bias"]) // 4
            return (
                "ssd300-vgg16",
                "voc" if classes == 21 else "coco",
                classes,
                "ssd.pytorch",
                _from_ssd_pytorch(state),
            )
        if "backbone.scale_weight" in state:
            maps = sum(
                name.startswith("head.classification_head.module_list.") and name.endswith(".bias")
                for name in state
            )
            network = "ssd512-vgg16" if maps == 7 else "ssd300-vgg16"
            classes = len(state["head.classification_head.module_list.0.bias"]) // 4
            return network, "voc" if classes == 21 else "coco", classes, "torchvision", state
        if "backbone.features.0.0.0.weight" in state:
            classes = len(state["head.classification_head.module_list.0.1.bias"]) // 6
            return "ssdlite320-mobilenetv3-large", "coco", classes, "torchvision", state
    except KeyError as error:
        raise ModelFileError(f"{path}: lacks the weights {error}; take a whole file") from error
    raise ModelFileError(
        f"{path}: its weights are of no known network (the first is {next(iter(state))!r}); known "
        "are torchvision's ssd300_vgg16 and "
        "ssdlite320_mobilenet_v3_large, and ssd.pytorch's SSD300"
    )


def _from_ssd_pytorch(state: State) -> State:
    """ssd.pytorch numbers all layers of a list, poolings and ReLUs included; its extras have no
    ReLUs in between.
    """
    renamed = {}
    for name, tensor in state.items():
        part, *rest = name.split(".")
        if part == "vgg":
            index = int(rest[0])
            place = (
                f"features.{index}"
                if index < 23
                else {31: "extra.0.7.1", 33: "extra.0.7.3"}.get(index, f"extra.0.{index - 23}")
            )
            renamed[f"backbone.{place}.{rest[1]}"] = tensor
        elif part == "extras":
            layer, second = divmod(int(rest[0]), 2)
            renamed[f"backbone.extra.{layer + 1}.{2 * second}.{rest[1]}"] = tensor
        elif part == "L2Norm":
            renamed["backbone.scale_weight"] = tensor
        elif part in ("loc", "conf"):
            kind = "regression_head" if part == "loc" else "classification_head"
            renamed[f"head.{kind}.module_list.{'.'.join(rest)}"] = tensor
    return renamed
