"""Load published weights: recognise the network by the parameter names, and rename them.

Code in a weight file is never run.
"""

import json
import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import safe_open
from torch import Tensor

from ssd_live.errors import ModelFileError
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.ssd_paper import Preset
from ssd_live.models.zoo import create

State = dict[str, Tensor]

# The fact of a weight file that has the shapes of default boxes fitted to data.
BOX_SHAPES = "box_shapes"
# Training programs keep the weights under one of these keys, beside other things. Data-parallel
# training puts `module.` before every name.
_WRAPPERS = ("model_state_dict", "state_dict", "model")
_PARALLEL_PREFIX = "module."
# The presets of default boxes that code bases use for a number of classes, including the
# background: 20 classes of VOC, and 80 or 200 of COCO. With other numbers, users change the
# default boxes by hand.
_SSD_PYTORCH_PRESETS: dict[int, Preset] = {21: "voc", 201: "coco"}
_LUFFICC_PRESETS: dict[int, Preset] = {21: "voc", 81: "coco"}
_LUFFICC_PARTS = {
    "backbone.vgg.": "vgg.",
    "backbone.extras.": "extras.",
    "backbone.l2_norm.": "L2Norm.",
    "box_head.predictor.cls_headers.": "conf.",
    "box_head.predictor.reg_headers.": "loc.",
}


@dataclass(frozen=True)
class Recognised:
    """A network that was recognised from a weight file, with the weights of the file.

    `network` is its name in the zoo, and `preset` names its default boxes. `classes` is the number
    of classes, including the background. `model` is the network with the weights. `family` is the
    code base whose parameter names the file uses: "torchvision", "ssd.pytorch" or "lufficc/SSD".
    """

    network: str
    preset: Preset
    classes: int
    model: SSDNetwork
    family: str


@dataclass(frozen=True)
class _Names:
    """The network that the parameter names and shapes of a weight file belong to.

    The fields are those of `Recognised`, but `state` takes the place of `model`: it holds the
    weights under the names that ssd_live uses. `preset` is None if the weights do not show for
    which default boxes they were trained.
    """

    network: str
    preset: Preset | None
    classes: int
    family: str
    state: State


def recognise(path: Path, preset: Preset | None = None) -> Recognised:
    """Return the network that a weight file is for, with its weights loaded, in evaluation mode.

    `path` is a .pth, .pt or .safetensors file. The names and shapes of all its weights must be
    those of the network. The known networks are torchvision's SSD300 and SSDLite320, the SSD300 of
    ssd.pytorch, the SSD300 and SSD512 of lufficc/SSD, and the networks that `train` writes.
    `preset` names the default boxes of the weights. If it is None, the preset stored in the file is
    used, or else the one that the file's code base uses for this number of classes. Raises
    `ModelFileError` if the file cannot be read, if its network is unknown, if its default boxes are
    unknown, if the weights do not fit the network, or if a weight is not a finite number.
    """
    state = read_state(path)
    found = _identified(state, path)
    facts = _stored_facts(path)
    stored = facts.get("preset")
    preset = preset or (stored if stored in get_args(Preset) else None) or found.preset
    if preset is None:
        raise ModelFileError(
            f"{path}: weights of {found.family}'s {found.network} for {found.classes - 1} classes "
            "do not show which default boxes they were trained with; give --preset voc or "
            "--preset coco"
        )
    model = create(found.network, found.classes, preset, facts.get(BOX_SHAPES, ()))
    try:
        model.load_state_dict(found.state, strict=True)
    except RuntimeError as error:
        detail = str(error).splitlines()[-1].strip()
        raise ModelFileError(
            f"{path}: the weights have the names of {found.family}'s {found.network}, but do not "
            f"fit this network ({detail}); give a weight file of the unchanged network"
        ) from error
    if not all(
        torch.isfinite(tensor).all()
        for tensor in found.state.values()
        if tensor.is_floating_point()
    ):
        raise ModelFileError(
            f"{path}: some weights are not finite numbers; give weights from a run whose loss "
            "stayed finite"
        )
    return Recognised(found.network, preset, found.classes, model.eval(), found.family)


def _stored_facts(path: Path) -> dict[str, Any]:
    """Return the facts that `save_weights` stored in a weight file; there may be none."""
    if path.suffix != ".safetensors":
        return {}
    facts = {}
    with safe_open(path, framework="pt") as archive:
        for name, text in (archive.metadata() or {}).items():
            # Files of other programs have facts that are not JSON.
            with suppress(ValueError, RecursionError):
                facts[name] = json.loads(text)
    return facts


def read_state(path: Path) -> State:
    """Read and return the tensors of the weight file `path`, by name.

    Floating-point tensors become float32. Code that the file may contain is never run. Raises
    `ModelFileError` if the file is missing, cannot be read, or contains anything but named tensors.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such file; give the path of a weight file")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as archive:
                content: Any = {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118 - not a dict
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path}: contains more than weights, and ssd_live never runs code from a file; save "
            "only the weights, with torch.save(model.state_dict(), FILE)"
        ) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise ModelFileError(
            f"{path}: the weights cannot be read; copy or download the file again"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise ModelFileError(
            f"{path}: contains no named weights; save them with torch.save(model.state_dict(), "
            "FILE)"
        )
    state = {str(name).removeprefix(_PARALLEL_PREFIX): tensor for name, tensor in content.items()}
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


def save_weights(path: Path, model: SSDNetwork, facts: dict[str, Any]) -> None:
    """Write the weights of the network `model` to the safetensors file `path`.

    `facts` holds facts about the network by name; they are stored as JSON values in the metadata of
    the file, with the shapes of default boxes that are fitted to data. Raises `OutputError` if the
    file cannot be written.
    """
    from safetensors.torch import save

    from ssd_live.system.atomic_files import atomic_write

    if model.fitted_shapes:
        facts = {**facts, BOX_SHAPES: model.fitted_shapes}
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


def _identified(state: State, path: Path) -> _Names:
    """Find the network that the weights `state` belong to.

    `path` is only for messages. Raises `ModelFileError` if no known network has these parameter
    names, or if the parameter that shows the number of classes is missing.
    """
    try:
        if "vgg.0.weight" in state and "conf.0.weight" in state:
            classes = len(state["conf.0.bias"]) // 4
            return _Names(
                "ssd300-vgg16",
                _SSD_PYTORCH_PRESETS.get(classes),
                classes,
                "ssd.pytorch",
                _from_ssd_pytorch(state),
            )
        if "backbone.vgg.0.weight" in state:
            classes = len(state["box_head.predictor.cls_headers.0.bias"]) // 4
            is_512 = "box_head.predictor.cls_headers.6.bias" in state
            return _Names(
                "ssd512-vgg16" if is_512 else "ssd300-vgg16",
                _LUFFICC_PRESETS.get(classes),
                classes,
                "lufficc/SSD",
                _from_lufficc(state),
            )
        if "backbone.scale_weight" in state:
            classes = len(state["head.classification_head.module_list.0.bias"]) // 4
            if "head.classification_head.module_list.6.bias" in state:
                # torchvision has no SSD512; only this program writes such files.
                return _Names("ssd512-vgg16", None, classes, "torchvision", state)
            # torchvision's SSD300 has the default boxes for COCO, whatever its classes are.
            return _Names("ssd300-vgg16", "coco", classes, "torchvision", state)
        if "backbone.features.0.0.0.weight" in state:
            classes = len(state["head.classification_head.module_list.0.1.bias"]) // 6
            return _Names("ssdlite320-mobilenetv3-large", "coco", classes, "torchvision", state)
    except KeyError as error:
        raise ModelFileError(
            f"{path}: the weight {error} is missing; give a file with all weights of the network"
        ) from error
    raise ModelFileError(
        f"{path}: the weights are not those of a known network (the first weight in the file is "
        f"named {next(iter(state))!r}); give weights of torchvision's ssd300_vgg16 or "
        "ssdlite320_mobilenet_v3_large, of ssd.pytorch's SSD300, or of lufficc/SSD"
    )


def _from_lufficc(state: State) -> State:
    """Return the weights of an SSD300 or SSD512 of lufficc/SSD under the names of ssd_live.

    lufficc/SSD numbers the layers as ssd.pytorch does.
    """
    renamed = {}
    for name, tensor in state.items():
        for theirs, ssd_pytorch in _LUFFICC_PARTS.items():
            if name.startswith(theirs):
                renamed[f"{ssd_pytorch}{name.removeprefix(theirs)}"] = tensor
    return _from_ssd_pytorch(renamed)


def _from_ssd_pytorch(state: State) -> State:
    """Return the weights of an SSD network of ssd.pytorch under the names of ssd_live.

    ssd.pytorch numbers all layers of a list. Its list of VGG16 layers includes the poolings and
    ReLUs, but its list of extra layers contains only convolutions.
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
