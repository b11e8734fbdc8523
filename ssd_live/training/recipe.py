"""Read recipes: TOML files with everything about a training run, in which each value is checked."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ssd_live.errors import UsageError
from ssd_live.system.paths import assets_folder

# A key or a value that is longer is cut in messages.
_LONGEST_TEXT = 100
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Precision = Literal["fp32", "bf16", "fp16"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelPart(_Part):
    """The network of a recipe, and the weights that it starts from.

    `network` is a name in the zoo, and `preset` chooses the default boxes of the VGG16 networks.
    `weights` is empty for random weights, `trained:NAME` for a shipped, imported or trained model,
    or the path of a weight file, which may hold only the layers of VGG16. `vgg16_input` is the
    input that the VGG16 of such a file takes: "pixels" for pixels minus their mean, as for Caffe's
    VGG16, or "torchvision" for pixels that are also divided by their standard deviation. It may be
    empty if the file has the reduced layers fc6 and fc7 of SSD; then "pixels" is used. If
    `default_boxes` is "fitted", the shapes of the default boxes are fitted to the training data
    (`fit_default_boxes`); if it is "given", they are those of the network or of the weights.
    """

    network: str
    weights: str = ""
    preset: Literal["voc", "coco"] = "voc"
    vgg16_input: Literal["", "pixels", "torchvision"] = ""
    default_boxes: Literal["given", "fitted"] = "given"


class DataPart(_Part):
    """The labelled data of a recipe.

    `train` and `validation` are folders or files that `load_data` accepts. `train_split` names a
    part of each entry of `train`, and `validation_split` a part of `validation`. If `train` has
    several entries, the run trains on all of them together. If `validation` is empty, there is no
    validation. `classes` fixes the class names and their order; if it is empty, they come from the
    data. If `use_difficult` is true, the run also trains on objects that evaluation ignores.
    """

    train: tuple[str, ...]
    train_split: str = ""
    validation: str = ""
    validation_split: str = ""
    classes: tuple[str, ...] = ()
    use_difficult: bool = True


class TrainPart(_Part):
    """The settings of SGD, as in section 3 of the paper, and of the run.

    A step is one batch of `batch` images; `milestones`, `warm_up` and the intervals `save_every`,
    `evaluate_every` and `log_every` count steps. The learning rate rises during `warm_up`, and is
    multiplied by `decay` at each milestone. `clip_norm` is the largest norm of the gradients, and 0
    turns clipping off. `average` is the share of their values that the averaged weights (EMA) keep
    at a step. The first steps use a smaller share, and 0 turns averaging off. During the first
    `freeze_backbone` steps, the weights of the backbone do not change. `mosaic` is how often an
    augmented image is made of four images. `box_loss` is the loss of the boxes: that of the paper,
    or "giou", which counts how they overlap (`giou_loss`). If `evaluate_every` is 0, the network is
    validated only at the end. `workers` processes read the images. If `as_released` is true,
    training follows the code that was released with the paper where that code differs from the
    usual way: the rate of biases, the weight decay of the L2-normalisation scale, and details of
    the augmentation.
    """

    steps: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1, le=4096)] = 32
    learning_rate: Positive = 1e-3
    momentum: Share = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = ()
    decay: Share = 0.1
    warm_up: Annotated[int, Field(ge=0)] = 0
    clip_norm: Annotated[float, Field(ge=0)] = 0.0
    average: Share = 0.0
    freeze_backbone: Annotated[int, Field(ge=0)] = 0
    precision: Precision = "fp32"
    augment: bool = True
    mosaic: Share = 0.0
    box_loss: Literal["smooth_l1", "giou"] = "smooth_l1"
    as_released: bool = False
    seed: Annotated[int, Field(ge=0)] = 1
    workers: Annotated[int, Field(ge=0, le=256)] = 2
    save_every: Annotated[int, Field(ge=1)] = 500
    evaluate_every: Annotated[int, Field(ge=0)] = 0
    log_every: Annotated[int, Field(ge=1)] = 10

    @model_validator(mode="after")
    def _milestones_rise(self) -> "TrainPart":
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError("milestones must be in rising order, each only once")
        return self


class Recipe(_Part):
    """A checked recipe, which says everything about a training run.

    `name` becomes the name of the trained model and part of file names.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$")]
    model: ModelPart
    data: DataPart
    train: TrainPart


def _found(path: Path) -> Path:
    """Return `path`, or the path of the shipped recipe that has this name.

    `path` is the name of a recipe if it has no folder and no ending and no such file exists. If no
    shipped recipe has this name, return `path`.
    """
    if path.suffix or path.exists() or path.parent != Path():
        return path
    folders = (assets_folder() / "recipes", assets_folder().parent / "recipes")
    shipped = (folder / f"{path.name}.toml" for folder in folders)
    return next((found for found in shipped if found.is_file()), path)


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read and return the recipe in the TOML file `path`, with `changes` to its values.

    If `path` is a name without an ending, such as `finetune-small`, it is a recipe that ships with
    the program. A change is a text such as `train.steps=1000`; its value is TOML or a plain word.
    Raises `UsageError` with a message of one line if the file cannot be read, is not valid TOML, or
    has an unknown key or a wrong value, or if a change is wrong.
    """
    path = _found(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(found.name for found in path.parent.glob("*.toml")))
        hint = (
            f"; give one of the recipes in that folder: {known}"
            if known
            else "; give the path of a recipe"
        )
        raise UsageError(
            f"{path}: cannot be read ({(error.strerror or str(error)).lower()}){hint}"
        ) from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits is a plain ValueError. Deep nesting is a RecursionError.
        raise UsageError(
            f"{path}: is not valid TOML ({str(error).splitlines()[0]}); correct the "
            "file at that place"
        ) from error
    content.setdefault("name", path.stem)
    for change in changes:
        _apply(content, change)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first_error(error)}") from error


def _apply(content: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise UsageError(f"--set {change!r} must be part.key=value, for example train.steps=1000")
    place = content
    for part in parts[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise UsageError(
                f"--set {change!r}: {part} is a single value and has no keys; set it as a whole, "
                "for example train.steps=1000"
            )
    try:
        place[parts[-1]] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        place[parts[-1]] = text.strip()


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    where = _short(".".join(str(part) for part in first["loc"]))
    if first["type"] != "extra_forbidden":
        given = f", not {_short(repr(first['input']))}" if first["type"] != "missing" else ""
        return f"{where or 'the recipe'}: {first['msg'].lower()}{given}"
    parts: dict[str, type[BaseModel]] = {"model": ModelPart, "data": DataPart, "train": TrainPart}
    part = parts[str(first["loc"][0])] if len(first["loc"]) > 1 else Recipe
    near = difflib.get_close_matches(str(first["loc"][-1]), part.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(part.model_fields)}"
    return f"{where}: there is no such key; {hint}"


def _short(text: str) -> str:
    """Return the text, or its beginning if it is too long for a message."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
