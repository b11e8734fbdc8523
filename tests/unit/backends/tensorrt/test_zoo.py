"""TensorRT-RTX builds an engine of every network there is, on a machine without a GPU.
None is run.
"""

import threading

import pytest
import torch

from ssd_live.backends.tensorrt.builder import BuildOptions, build
from ssd_live.backends.tensorrt.variants import VARIANTS
from ssd_live.export.model_file import Description, export_network
from ssd_live.export.random_weights import random_model
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.models import create
from ssd_live.models.zoo import TRAINED_MODELS
from ssd_live.training.start import preprocessing_of

CLASSES = ("cat", "dog", "bird")
NETWORKS = (
    "ssd300-vgg16",
    "ssd512-vgg16",
    "ssd300-mobilenetv2",
    "ssdlite300-mobilenetv2",
    "ssdlite320-mobilenetv3-large",
    "blazeface-256",
    "blazeface-full-range",
)


def exported(network: str) -> ModelFile:
    """The network of this name with random weights, or with its own if it ships."""
    shipped = {trained.network: name for name, trained in TRAINED_MODELS.items()}
    if network in shipped:
        return find_model(shipped[network])
    if "vgg16" in network:
        return random_model(network)
    torch.manual_seed(1)
    how = preprocessing_of(network)
    described = Description(
        name=network,
        network=network,
        classes=CLASSES,
        input_size=how.input_size,
        mean=how.mean,
        scale=how.scale,
        activation="softmax",
        iou_threshold=0.45,
        display_threshold=0.5,
        training_data="none",
        licence="none",
        provenance="random weights",
    )
    return export_network(create(network, len(CLASSES) + 1).eval(), described)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_of_the_zoo_becomes_an_engine(network: str) -> None:
    model = exported(network)
    engine = build(
        model,
        VARIANTS["tensorrt-rtx"],
        BuildOptions(),
        lambda share, phase: None,
        threading.Event(),
    )
    with torch.device("meta"):
        its = create(network, len(model.metadata.classes) + 1)
    # Half-precision weights, and what the library adds.
    assert len(engine) > 0.4 * sum(parameter.numel() * 2 for parameter in its.parameters())
