"""The shipped model files give networks that answer as the original TensorFlow graphs did, and
only a file that belongs to the network is taken.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ssd_live.errors import ModelFileError, UnknownModelError
from ssd_live.export import trained
from ssd_live.export.graph import fuse_batch_norm
from ssd_live.export.trained import load_trained, separate_batch_norm
from ssd_live.models import TRAINED_MODELS, SSDNetwork, create
from ssd_live.system.paths import assets_folder

REFERENCE = Path(__file__).parents[2] / "data" / "reference_outputs.npz"
_REFERENCE_NAMES = {"ssd300-mobilenetv2-oid": "oidv4", "ssdlite300-mobilenetv2-person": "person"}


@cache
def _answer(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Box regression (1917, 4) and class logits (1917, C) for the reference photo."""
    bgr = np.load(REFERENCE)["input_bgr_uint8"]
    rgb = torch.from_numpy(bgr[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    network, _ = load_trained(name)
    with torch.inference_mode():
        boxes, logits = network(rgb / 127.5 - 1)
    return boxes[0].numpy(), logits[0].numpy()


def _assert_one_line(error: BaseException) -> None:
    assert str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("name", _REFERENCE_NAMES)
def test_box_encodings_equal_the_original_graph(name: str) -> None:
    y_first = np.load(REFERENCE)[f"{_REFERENCE_NAMES[name]}_box_encodings"]
    np.testing.assert_allclose(_answer(name)[0], y_first[:, [1, 0, 3, 2]], rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", _REFERENCE_NAMES)
def test_class_logits_equal_the_original_graph(name: str) -> None:
    np.testing.assert_allclose(
        _answer(name)[1],
        np.load(REFERENCE)[f"{_REFERENCE_NAMES[name]}_class_logits"],
        rtol=0,
        atol=1e-3,
    )


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [("ssd300-mobilenetv2-oid", 23, None), ("ssdlite300-mobilenetv2-person", 1, "person")],
)
def test_the_class_names_come_with_the_weights(name: str, count: int, first: str | None) -> None:
    _, classes = load_trained(name)
    assert len(set(classes)) == count
    assert first is None or classes[0].lower() == first


def test_an_unknown_trained_model_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(
        UnknownModelError, match=r"yolo.*ssd300-mobilenetv2-oid, ssdlite300-mobilenetv2-person"
    ):
        load_trained("yolo")


def test_a_shipped_model_file_that_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trained, "assets_folder", lambda: tmp_path)
    with pytest.raises(ModelFileError, match=r"ssd300-mobilenetv2-oid\.onnx") as caught:
        load_trained("ssd300-mobilenetv2-oid")
    _assert_one_line(caught.value)


def _with_statistics(seed: int) -> SSDNetwork:
    """A network whose BatchNorm has statistics like those of a trained one."""
    torch.manual_seed(seed)
    network = create("ssdlite300-mobilenetv2", 2).eval()
    for norm in _norms(network).values():
        nn.init.uniform_(norm.weight, 0.2, 2)
        nn.init.normal_(norm.bias)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.1, 3)
    return network


def _norms(network: SSDNetwork) -> dict[str, nn.BatchNorm2d]:
    return {n: each for n, each in network.named_modules() if isinstance(each, nn.BatchNorm2d)}


def _stored(network: SSDNetwork) -> dict[str, Tensor]:
    state = network.state_dict()
    return {
        f"{name}.{part}": state[f"{name}.{part}"]
        for name in _norms(network)
        for part in ("weight", "running_mean", "running_var")
    }


@torch.no_grad()
def _folded(network: SSDNetwork) -> SSDNetwork:
    """The network as a model file gives it: every BatchNorm is an identity and a bias."""
    folded = _with_statistics(0)
    folded.load_state_dict(network.state_dict())
    for name, norm in _norms(folded).items():
        convolution = folded.get_submodule(name.removesuffix("bn") + "conv")
        assert isinstance(convolution, nn.Conv2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        convolution.weight.mul_(factor.view(-1, 1, 1, 1))
        norm.bias.sub_(norm.running_mean * factor)
        nn.init.ones_(norm.weight)
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
    return folded


def test_a_folded_batch_norm_is_separated_again(tmp_path: Path) -> None:
    network = _with_statistics(1)
    folded = _folded(network)
    save_file(_stored(network), tmp_path / "norm.safetensors")
    image = torch.rand(1, 3, 300, 300)
    with torch.inference_mode():
        expected, before = network(image), folded(image)
    # What is separated must have been folded, or nothing is tested.
    assert not torch.allclose(
        folded.state_dict()["backbone.stem.conv.weight"],
        network.state_dict()["backbone.stem.conv.weight"],
    )
    separate_batch_norm(folded, tmp_path / "norm.safetensors")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(folded.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        after = folded(image)
    for one, other, third in zip(expected, before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(one, third, rtol=1e-3, atol=1e-3)


def test_a_shipped_network_has_the_batch_norm_that_it_was_trained_with() -> None:
    network, _ = load_trained("ssdlite300-mobilenetv2-person")
    norms = _norms(network)
    assert len(norms) == 76
    # An identity would have the variance 1 and the mean 0 everywhere.
    for norm in norms.values():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.running_mean.abs().max() > 0
        assert not torch.allclose(norm.running_var, torch.ones(()), rtol=0.01)
    image = torch.rand(1, 3, 300, 300)
    with torch.inference_mode():
        one = network(image)
        fuse_batch_norm(network)
        other = network(image)
    for expected, found in zip(one, other, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("damage", ["missing", "truncated", "incomplete", "of another network"])
def test_a_file_that_does_not_belong_to_the_network_is_refused(damage: str, tmp_path: Path) -> None:
    network = _with_statistics(1)
    path = tmp_path / "norm.safetensors"
    stored = _stored(network)
    if damage == "incomplete":
        del stored["backbone.stem.bn.running_var"]
    if damage == "of another network":
        stored["backbone.stem.bn.weight"] = torch.ones(5)
    if damage != "missing":
        save_file(stored, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelFileError, match=r"norm\.safetensors") as caught:
        separate_batch_norm(network, path)
    _assert_one_line(caught.value)


def test_every_shipped_network_with_batch_norm_has_its_file() -> None:
    for name, described in TRAINED_MODELS.items():
        if _norms(create(described.network, 2)):
            path = assets_folder() / "batch_norm" / f"{name}.safetensors"
            assert load_file(path)
