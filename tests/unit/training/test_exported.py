"""The check after training: a model file that is its network passes, and one that is not
does not.
"""

import pytest
import torch

from ssd_live.modelfile.catalogue import find_model
from ssd_live.models import load_trained
from ssd_live.models.published import Preprocessing
from ssd_live.training.exported import agreement_with
from ssd_live.training.start import Normalise

# Of the first the sample has detections enough to compare; of the second the best boxes are
# compared.
MODELS = pytest.mark.parametrize(
    ("name", "basis"),
    [("ssd300-mobilenetv2-oid", "detections"), ("ssdlite300-mobilenetv2-person", "boxes")],
)


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
    agreement = agreement_with(load_trained(name)[0], normalise(name), find_model(name))
    assert agreement.basis == basis
    assert agreement.share > 0.999
    assert agreement.expected >= 200


@MODELS
def test_a_network_with_other_weights_is_told_from_the_file(name: str, basis: str) -> None:
    network, _ = load_trained(name)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.02)
    assert not agreement_with(network, normalise(name), find_model(name)).within("fp32")


@MODELS
def test_other_preprocessing_is_told_from_the_files(name: str, basis: str) -> None:
    assert not agreement_with(load_trained(name)[0], normalise(name, -60), find_model(name)).within(
        "fp32"
    )
