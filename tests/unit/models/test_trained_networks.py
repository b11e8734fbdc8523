"""The shipped weights in our networks answer as the original TensorFlow graphs did, and nothing but
the right weights is taken.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ssd_live.errors import ModelFileError, UnknownModelError
from ssd_live.models import TRAINED_MODELS, SSDNetwork, create, load_trained
from ssd_live.models.zoo import load_tensorflow_weights

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


@cache
def _network() -> SSDNetwork:
    return create("ssd300-mobilenetv2", 24)


def _weights() -> dict[str, Tensor]:
    return dict(_network().state_dict())


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


def test_the_weights_that_a_network_has_itself_are_taken() -> None:
    load_tensorflow_weights(create("ssd300-mobilenetv2", 24), _weights())


def test_a_missing_tensor_is_refused() -> None:
    weights = _weights()
    del weights["extras.0.conv.weight"]
    with pytest.raises(ModelFileError, match=r"extras\.0\.conv\.weight") as caught:
        load_tensorflow_weights(_network(), weights)
    _assert_one_line(caught.value)


def test_a_missing_batch_norm_statistic_is_refused() -> None:
    network = create("ssdlite300-mobilenetv2", 2)
    weights = dict(network.state_dict())
    del weights["backbone.stem.bn.running_var"]
    with pytest.raises(ModelFileError, match=r"backbone\.stem\.bn\.running_var"):
        load_tensorflow_weights(network, weights)


def test_an_extra_tensor_is_refused() -> None:
    with pytest.raises(ModelFileError, match="surplus") as caught:
        load_tensorflow_weights(_network(), _weights() | {"surplus": torch.zeros(3)})
    _assert_one_line(caught.value)


@pytest.mark.parametrize(
    "name", ["backbone.stem.weight", "heads.0.cls.predict.bias", "heads.0.box.predict.bias"]
)
@pytest.mark.parametrize("surplus", [4, 1])
def test_a_tensor_of_the_wrong_shape_is_refused(name: str, surplus: int) -> None:
    weights = _weights()
    weights[name] = torch.cat([weights[name], weights[name][:surplus]])
    with pytest.raises(ModelFileError) as caught:
        load_tensorflow_weights(_network(), weights)
    _assert_one_line(caught.value)


def test_an_unknown_network_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(
        UnknownModelError,
        match=r"ssd512'.*ssd300-mobilenetv2, ssd300-vgg16, .*ssdlite300-mobilenetv2",
    ):
        create("ssd512", 21)


def test_an_unknown_trained_model_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(
        UnknownModelError, match=r"yolo.*ssd300-mobilenetv2-oid, ssdlite300-mobilenetv2-person"
    ):
        load_trained("yolo")


def _with_weights_file(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setitem(
        TRAINED_MODELS, "mine", replace(TRAINED_MODELS["ssd300-mobilenetv2-oid"], weights=str(path))
    )


def test_a_weights_file_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _with_weights_file(monkeypatch, tmp_path / "none.safetensors")
    with pytest.raises(ModelFileError, match=r"none\.safetensors") as caught:
        load_trained("mine")
    _assert_one_line(caught.value)


def test_a_truncated_weights_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(TRAINED_MODELS["ssd300-mobilenetv2-oid"].weights_path.read_bytes()[:1_000_000])
    _with_weights_file(monkeypatch, path)
    with pytest.raises(ModelFileError, match=r"half\.safetensors") as caught:
        load_trained("mine")
    _assert_one_line(caught.value)


@pytest.mark.parametrize(
    "metadata", [None, {"other": "1"}, {"classes": "not JSON"}, {"classes": "5"}]
)
def test_a_weights_file_without_class_names_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "nameless.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata)
    _with_weights_file(monkeypatch, path)
    with pytest.raises(ModelFileError, match=r"nameless\.safetensors") as caught:
        load_trained("mine")
    _assert_one_line(caught.value)
