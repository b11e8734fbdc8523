"""The check after training: a model file that is its network passes, and one that is not
does not.
"""

import pytest
import torch

from ssd_live.export.trained import load_trained
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile, changed
from ssd_live.models.published import Preprocessing
from ssd_live.selection import agreement as agreement_module
from ssd_live.training.exported import agreement_with
from ssd_live.training.start import Normalise

# Of the first the sample has detections enough to compare; of the second the best boxes are
# compared.
MODELS = pytest.mark.parametrize(
    ("name", "basis"),
    [("ssd300-mobilenetv2-oid", "detections"), ("ssdlite300-mobilenetv2-person", "boxes")],
)


SAMPLE, FEWEST = 10, 30


@pytest.fixture(autouse=True)
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten images of the sample are enough here, and so are the detections in them."""
    monkeypatch.setattr(agreement_module, "MIN_DETECTIONS", FEWEST)


def shipped(name: str) -> ModelFile:
    model = find_model(name)
    return changed(model, lambda _: None, agreement_sample=model.metadata.agreement_sample[:SAMPLE])


def normalise(name: str, shift: float = 0.0) -> Normalise:
    how = find_model(name).metadata
    red, green, blue = how.mean
    return Normalise(
        Preprocessing(
            how.input_size, (red + shift, green + shift, blue + shift), how.scale, how.iou_threshold
        )
    )


@MODELS
def test_a_shipped_file_finds_what_its_network_finds(name: str, basis: str) -> None:
    agreement = agreement_with(load_trained(name)[0], normalise(name), shipped(name))
    assert agreement.basis == basis
    assert agreement.share > 0.999
    assert agreement.expected >= FEWEST


@MODELS
def test_a_network_with_other_weights_is_told_from_the_file(name: str, basis: str) -> None:
    network, _ = load_trained(name)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.02)
    assert not agreement_with(network, normalise(name), shipped(name)).within("fp32")


@MODELS
def test_other_preprocessing_is_told_from_the_files(name: str, basis: str) -> None:
    assert not agreement_with(load_trained(name)[0], normalise(name, -60), shipped(name)).within(
        "fp32"
    )
