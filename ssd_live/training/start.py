"""Create the network of a recipe, with the weights that the recipe names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ssd_live.errors import ModelFileError, UnknownModelError, UsageError
from ssd_live.export.trained import load_trained
from ssd_live.models.default_boxes import ShapeNumbers
from ssd_live.models.published import PREPROCESSING, Preprocessing
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.weight_files import BOX_SHAPES, read_state
from ssd_live.models.zoo import TRAINED_MODELS, create
from ssd_live.system.paths import engines_folder
from ssd_live.training.recipe import ModelPart

State = dict[str, Tensor]

_TENSORFLOW = Preprocessing(
    (300, 300), (127.5, 127.5, 127.5), (1 / 127.5, 1 / 127.5, 1 / 127.5), 0.5
)
# The preprocessing of torchvision's classifiers, RGB: pixels / 255, minus the mean, divided by the
# spread.
_TORCHVISION_MEAN, _TORCHVISION_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_OF_NETWORK = {
    "ssd300-mobilenetv2": _TENSORFLOW,
    "ssdlite300-mobilenetv2": _TENSORFLOW,
    **{name: how for (family, name), how in PREPROCESSING.items() if family == "torchvision"},
}


@dataclass(frozen=True)
class InitialModel:
    """A network to train, and the preprocessing of its images.

    `fresh` holds the names of the weights that start at random values, because no values were given
    for them or the given values have another shape.
    """

    network: SSDNetwork
    preprocessing: Preprocessing
    fresh: list[str]


def preprocessing_of(network: str) -> Preprocessing:
    """Return the preprocessing for a network of the zoo, by its name.

    Raises `UsageError` if networks of this name are not trained here.
    """
    if network not in _OF_NETWORK:
        raise UsageError(
            f"{network} cannot be trained here, because it needs another loss; set model.network "
            f"to one of {', '.join(sorted(_OF_NETWORK))}"
        )
    return _OF_NETWORK[network]


def begin(part: ModelPart, classes: int, names: Sequence[str] = ()) -> InitialModel:
    """Return the network of a recipe, with the weights that the recipe names.

    `part` is the part `[model]` of the recipe. `classes` is the number of classes with the
    background, and `names` are their names without it. If the weights are of a network with other
    classes, what predicts the background and the classes with the same names is kept; upper and
    lower case do not matter. The default boxes are those of the weights, if these were trained with
    fitted ones. Raises `UnknownModelError` if the network or the named weights do not exist,
    `ModelFileError` if the weights cannot be read or none of them fit, and `UsageError` if the
    network cannot be trained here, if the weights are those of another network or another preset,
    or if a file of VGG16 does not say which input it is for.
    """
    how = preprocessing_of(part.network)
    given = _given(part)
    network = create(part.network, classes, part.preset, given.shapes)
    own = network.state_dict()
    state = _with_known_classes(given.state, own, given.names, names)
    fitting = {
        name: tensor
        for name, tensor in state.items()
        if name in own and own[name].shape == tensor.shape
    }
    if state and not fitting:
        raise ModelFileError(
            f"{part.weights}: none of its weights fit {part.network}; give weights of that network"
        )
    network.load_state_dict(own | fitting)
    return InitialModel(
        network,
        how,
        sorted(name for name in own if name not in fitting and "num_batches" not in name),
    )


def _with_known_classes(
    state: State, own: State, old_names: Sequence[str], names: Sequence[str]
) -> State:
    """Return the given weights, with class predictors for the classes of the network.

    `own` are the weights of the network, whose classes are `names`; those of `state` are
    `old_names`. A predictor has a row for each default box and each class, and the background comes
    first. Rows of classes that are not among `old_names` come from `own`.
    """
    places = {name.casefold(): place for place, name in enumerate(old_names, 1)}
    known = {place: places.get(name.casefold()) for place, name in enumerate(names, 1)}
    before, after = len(old_names) + 1, len(names) + 1
    if not any(known.values()):
        return state
    changed = {}
    for name, tensor in own.items():
        old = state.get(name)
        if ".cls.predict." not in name or old is None:
            continue
        boxes = len(tensor) // after
        if len(tensor) != boxes * after or len(old) != boxes * before:
            continue
        given = old.reshape(boxes, before, *old.shape[1:])
        rows = tensor.reshape(boxes, after, *tensor.shape[1:]).clone()
        if given.shape[2:] != rows.shape[2:]:
            continue
        rows[:, 0] = given[:, 0]
        for place, earlier in known.items():
            if earlier is not None:
                rows[:, place] = given[:, earlier]
        changed[name] = rows.reshape(tensor.shape)
    return {**state, **changed}


class _Given(NamedTuple):
    """The weights that a recipe names, and the names of their classes, if they are known.

    `shapes` are the shapes of the default boxes if they were fitted to data; otherwise it is empty.
    """

    state: State
    names: Sequence[str] = ()
    shapes: ShapeNumbers = ()


def _given(part: ModelPart) -> _Given:
    if not part.weights:
        return _Given({})
    if part.weights.startswith("trained:"):
        return _trained(part.weights.removeprefix("trained:"), part)
    path = Path(part.weights).expanduser()
    if _is_own(path):
        return _own_weights(path, part)
    state = read_state(path)
    if "vgg.0.weight" in state or "features.0.weight" in state or "0.weight" in state:
        weights = vgg16_weights(state, path)
        if _needs_pixels(part, state, path):
            return _Given(weights)
        return _Given(_for_pixels(weights, preprocessing_of(part.network)))
    return _Given(state)


def _needs_pixels(part: ModelPart, state: State, path: Path) -> bool:
    """Return whether the VGG16 of a file takes pixels minus their mean, as SSD gives them to it.

    Raises `UsageError` if neither the recipe nor the file says so.
    """
    reduced = any(name.endswith("31.weight") for name in state)
    if not part.vgg16_input and not reduced:
        raise UsageError(
            f"{path}: does not say which input its VGG16 is for; set model.vgg16_input to "
            'torchvision for weights that torchvision trained (vgg16-397923af.pth), or to "pixels" '
            "for weights that came from Caffe"
        )
    return part.vgg16_input != "torchvision"


def _for_pixels(weights: State, how: Preprocessing) -> State:
    """Return the weights of torchvision's VGG16, changed so that they take the input of SSD.

    torchvision divides the pixels by 255, subtracts a mean and divides by a standard deviation. SSD
    gives the network pixels that are prepared as `how` says, and the weights of the first
    convolution are changed to make up for the difference. Only at the border of the image, where
    the convolution pads with zeros, is the result not exactly the same.
    """
    first = "backbone.features.0"
    mean, spread = torch.tensor(_TORCHVISION_MEAN), torch.tensor(_TORCHVISION_SPREAD)
    weight = weights[f"{first}.weight"] / spread.view(1, 3, 1, 1)
    shift = (torch.tensor(how.mean) / 255 - mean).view(1, 3, 1, 1)
    scale = torch.tensor(how.scale).view(1, 3, 1, 1) * 255
    return weights | {
        f"{first}.weight": weight / scale,
        f"{first}.bias": weights[f"{first}.bias"] + (weight * shift).sum((1, 2, 3)),
    }


def _is_own(path: Path) -> bool:
    """Return whether a file has weights that this program has written."""
    try:
        with safe_open(path, framework="pt") as archive:
            return "classes" in (archive.metadata() or {})
    except (OSError, SafetensorError):
        return False


def _trained(name: str, part: ModelPart) -> _Given:
    if name in TRAINED_MODELS:
        if TRAINED_MODELS[name].network != part.network:
            raise UsageError(
                f"{name} has weights of {TRAINED_MODELS[name].network}, not of {part.network}; "
                "change model.network in the recipe"
            )
        network, names = load_trained(name)
        return _Given(dict(network.state_dict()), names)
    path = engines_folder() / "weights" / f"{name}.safetensors"
    if not path.is_file():
        known = sorted(
            [*TRAINED_MODELS, *(found.stem for found in path.parent.glob("*.safetensors"))]
        )
        raise UnknownModelError(
            f"there are no weights {name!r} to start from; choose one of {', '.join(known)}"
        )
    return _own_weights(path, part)


def _own_weights(path: Path, part: ModelPart) -> _Given:
    """Return the weights in a file that this program has written."""
    try:
        with safe_open(path, framework="pt") as archive:
            facts = {key: json.loads(value) for key, value in (archive.metadata() or {}).items()}
            state = {key: archive.get_tensor(key) for key in archive.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelFileError(
            f"{path}: the weights cannot be read ({error}); train or import the model again"
        ) from error
    for what, wanted in (("network", part.network), ("preset", part.preset)):
        if facts.get(what, wanted) != wanted:
            raise UsageError(
                f"{path.stem} has the {what} {facts[what]}, not {wanted}; change model.{what} in "
                "the recipe"
            )
    names = [str(name) for name in facts.get("classes", ())]
    return _Given(state, names, facts.get(BOX_SHAPES, ()))


def vgg16_weights(state: State, path: Path) -> State:
    """Return the weights of a VGG16 file under the names that the networks of ssd_live use.

    `state` holds the tensors of the file. The file may name its layers `vgg.N`, `features.N` or
    `N`. It may have fc6 and fc7 as convolutions that are already reduced (31 and 33), in full size
    (`classifier.0` and `classifier.3`), or not at all. In full size, every fourth channel and every
    third row and column of the kernel is taken, as the paper does ("subsample parameters"). `path`
    is only for messages. Raises `ModelFileError` if another convolution is missing.
    """
    plain = {
        name.removeprefix("vgg.").removeprefix("features."): tensor
        for name, tensor in state.items()
    }
    renamed = {}
    for index in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28):
        place = f"features.{index}" if index < 23 else f"extra.0.{index - 23}"
        for kind in ("weight", "bias"):
            if f"{index}.{kind}" not in plain:
                raise ModelFileError(
                    f"{path}: {index}.{kind} of VGG16 is missing; give all weights of VGG16"
                )
            renamed[f"backbone.{place}.{kind}"] = plain[f"{index}.{kind}"]
    for name, place, whole in (("31", "7.1", "classifier.0"), ("33", "7.3", "classifier.3")):
        for kind in ("weight", "bias"):
            if f"{name}.{kind}" in plain:
                renamed[f"backbone.extra.0.{place}.{kind}"] = plain[f"{name}.{kind}"]
            elif f"{whole}.{kind}" in state:
                renamed[f"backbone.extra.0.{place}.{kind}"] = _reduced(
                    state[f"{whole}.{kind}"], place
                )
    return renamed


def _reduced(tensor: Tensor, place: str) -> Tensor:
    """Return a subsampled weight or bias of the layers fc6 or fc7 of VGG16.

    `place` is "7.1" for fc6 and "7.3" for fc7. The weights of fc6 are reduced from (4096, 512 x 7 x
    7) to (1024, 512, 3, 3), those of fc7 from (4096, 4096) to (1024, 1024, 1, 1), and the biases
    from (4096,) to (1024,).
    """
    if tensor.dim() == 1:
        return tensor[::4]
    if place == "7.1":
        return tensor.view(4096, 512, 7, 7)[::4, :, ::3, ::3]
    return tensor.view(4096, 4096, 1, 1)[::4, ::4]


class Normalise(nn.Module):
    """A layer that turns uint8 RGB images (B, 3, H, W) into the float32 input of a network.

    `how` gives the mean and the scale of each channel.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, how: Preprocessing) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(how.mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(how.scale).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return `(images - mean) * scale` as float32 (B, 3, H, W)."""
        return (images.float() - self.mean) * self.scale
