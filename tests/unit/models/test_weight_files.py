"""Weights by others' names: recognised, loaded strictly, refused where they are something else, and
never executed.
"""

import contextlib
import io
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

from ssd_live.errors import ModelFileError
from ssd_live.modelfile.class_names import COCO, VOC, names_for
from ssd_live.models import create
from ssd_live.models.ssd_paper import Preset
from ssd_live.models.weight_files import read_state, recognise, save_weights
from ssd_live.training.checkpoint import load as load_checkpoint

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def vgg() -> State:
    torch.manual_seed(2)
    return create("ssd300-vgg16", 21).state_dict()


def ssd_pytorch_names(state: State) -> State:
    """The names of ssd.pytorch: one list `vgg` with poolings and ReLUs, one list `extras` of
    convolutions, `loc`, `conf`, `L2Norm`.
    """
    renamed = {"L2Norm.weight": state["backbone.scale_weight"]}
    is_512 = "head.classification_head.module_list.6.weight" in state
    vgg = [(f"features.{index}", index) for index in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)]
    vgg += [
        ("extra.0.1", 24),
        ("extra.0.3", 26),
        ("extra.0.5", 28),
        ("extra.0.7.1", 31),
        ("extra.0.7.3", 33),
    ]
    for kind in ("weight", "bias"):
        renamed |= {f"vgg.{index}.{kind}": state[f"backbone.{name}.{kind}"] for name, index in vgg}
        renamed |= {
            f"extras.{number}.{kind}": state[
                f"backbone.extra.{number // 2 + 1}.{number % 2 * 2}.{kind}"
            ]
            for number in range(8 + 2 * is_512)
        }
        renamed |= {
            f"loc.{number}.{kind}": state[f"head.regression_head.module_list.{number}.{kind}"]
            for number in range(6 + is_512)
        }
        renamed |= {
            f"conf.{number}.{kind}": state[f"head.classification_head.module_list.{number}.{kind}"]
            for number in range(6 + is_512)
        }
    return renamed


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def test_torchvision_names_are_recognised(tmp_path: Path, vgg: State) -> None:
    found = recognise(saved(tmp_path / "a.pth", vgg))
    assert (found.network, found.family, found.classes, found.preset) == (
        "ssd300-vgg16",
        "torchvision",
        21,
        "coco",
    )
    boxes = create("ssd300-vgg16", 21, "coco").default_boxes
    assert torch.equal(found.model.default_boxes, boxes)


def test_ssdlite_is_recognised(tmp_path: Path) -> None:
    found = recognise(
        saved(tmp_path / "a.pth", create("ssdlite320-mobilenetv3-large", 91).state_dict())
    )
    assert (found.network, found.classes, found.preset) == (
        "ssdlite320-mobilenetv3-large",
        91,
        "coco",
    )


def test_ssd_pytorch_names_give_the_same_network(tmp_path: Path, vgg: State) -> None:
    found = recognise(saved(tmp_path / "a.pth", ssd_pytorch_names(vgg)))
    assert found.family == "ssd.pytorch"
    assert all(torch.equal(tensor, vgg[name]) for name, tensor in found.model.state_dict().items())


def lufficc_names(state: State) -> State:
    """The names of lufficc/SSD, which numbers the layers as ssd.pytorch does."""
    parts = {
        "vgg": "backbone.vgg",
        "extras": "backbone.extras",
        "L2Norm": "backbone.l2_norm",
        "conf": "box_head.predictor.cls_headers",
        "loc": "box_head.predictor.reg_headers",
    }
    found = {}
    for name, tensor in ssd_pytorch_names(state).items():
        part, _, rest = name.partition(".")
        found[f"{parts[part]}.{rest}"] = tensor
    return found


@pytest.mark.parametrize(("network", "classes"), [("ssd300-vgg16", 21), ("ssd512-vgg16", 81)])
def test_lufficcs_names_give_the_same_network(tmp_path: Path, network: str, classes: int) -> None:
    preset = "voc" if classes == 21 else "coco"
    state = create(network, classes).state_dict()
    found = recognise(saved(tmp_path / "a.pth", {"model": lufficc_names(state), "iteration": 1}))
    assert (found.network, found.family, found.classes, found.preset) == (
        network,
        "lufficc/SSD",
        classes,
        preset,
    )
    loaded = found.model.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.items())


def of_classes(state: State, classes: int) -> State:
    """The weights with class predictors for another number of classes."""
    return {
        name: torch.zeros(len(tensor) // 21 * classes, *tensor.shape[1:])
        if "classification_head" in name
        else tensor
        for name, tensor in state.items()
    }


@pytest.mark.parametrize("names", [ssd_pytorch_names, lufficc_names])
def test_weights_that_do_not_show_their_default_boxes_need_the_preset(
    tmp_path: Path, vgg: State, names: Callable[[State], State]
) -> None:
    path = saved(tmp_path / "a.pth", names(of_classes(vgg, 4)))
    with pytest.raises(ModelFileError, match=r"for 3 classes do not show.*--preset voc or"):
        recognise(path)
    for preset in get_args(Preset):
        found = recognise(path, preset)
        assert (found.preset, found.classes) == (preset, 4)
        boxes = create("ssd300-vgg16", 4, preset).default_boxes
        assert torch.equal(found.model.default_boxes, boxes)


def test_the_preset_that_train_stored_is_used(tmp_path: Path) -> None:
    network = create("ssd512-vgg16", 4, "voc")
    path = tmp_path / "a.safetensors"
    save_weights(path, network, {"preset": "voc"})
    assert recognise(path).preset == "voc"
    save_weights(path, network, {})
    with pytest.raises(ModelFileError, match="--preset"):
        recognise(path)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s},
        lambda s: {f"module.{k}": v for k, v in s.items()},
    ],
)
def test_wrapped_weights_are_unwrapped(
    tmp_path: Path, vgg: State, wrap: Callable[[State], object]
) -> None:
    assert recognise(saved(tmp_path / "a.pth", wrap(vgg))).network == "ssd300-vgg16"


def test_a_missing_weight_is_named(tmp_path: Path, vgg: State) -> None:
    with pytest.raises(ModelFileError, match=r"do not fit.*backbone\.extra\.2\.0\.weight"):
        recognise(
            saved(
                tmp_path / "a.pth",
                {
                    name: tensor
                    for name, tensor in vgg.items()
                    if name != "backbone.extra.2.0.weight"
                },
            )
        )


def test_weights_of_another_network_are_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"known network.*conv1\.weight.*ssd300_vgg16"):
        recognise(saved(tmp_path / "a.pth", {"conv1.weight": torch.zeros(1)}))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, vgg: State) -> None:
    broken = vgg | {"backbone.scale_weight": torch.full((512,), float("nan"))}
    with pytest.raises(ModelFileError, match="not finite numbers"):
        recognise(saved(tmp_path / "a.pth", broken))


class Payload:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._mark),)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"vgg.0.weight": Payload(tmp_path / "ran")}))
    with pytest.raises(ModelFileError):
        recognise(path)
    torch.save({"state_dict": Payload(tmp_path / "ran")}, path)
    with pytest.raises(ModelFileError, match="never run"):
        recognise(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("data", [b"", b"no weights", b"PK\x03\x04 half a file"])
def test_a_file_that_holds_no_weights_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


def test_class_names_are_known_by_their_number() -> None:
    assert names_for(20) == VOC
    assert (len(names_for(90)), names_for(90)[0], names_for(90)[89]) == (90, "person", "toothbrush")
    assert sum(not name.startswith("unused") for name in COCO) == 80
    assert names_for(2) == ["class 1", "class 2"]


@pytest.mark.parametrize("reader", [read_state, load_checkpoint])
@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_raise_no_other_error(
    tmp_path: Path, reader: Callable[[Path], object], seed: int
) -> None:
    """Bytes of a small archive are changed; a reader may also not notice it."""
    dice = random.Random(seed)
    content = io.BytesIO()
    torch.save({"version": 1, "a": torch.ones(3), "b": [1, {"c": "d"}]}, content)
    data = bytearray(content.getvalue())
    for _ in range(1 + seed % 8):
        data[dice.randrange(len(data))] = dice.randrange(256)
    path = tmp_path / "a.pt"
    path.write_bytes(data if seed % 3 else data[: dice.randrange(len(data))])
    with contextlib.suppress(ModelFileError):
        reader(path)
