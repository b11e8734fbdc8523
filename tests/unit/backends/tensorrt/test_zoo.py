"""TensorRT-RTX builds an engine of every network there is, on a machine without a GPU.
None is run.
"""

import threading

import pytest
import torch

from ssd_live.backends.tensorrt.builder import BuildOptions, build
from ssd_live.backends.tensorrt.variants import VARIANTS
from ssd_live.export.model_file import Description, export_network
from ssd_live.models import create
from ssd_live.training.start import preprocessing_of

CLASSES = ("cat", "dog", "bird")


@pytest.mark.parametrize(
    "network",
    [
        "ssd300-vgg16",
        "ssd512-vgg16",
        "ssd300-mobilenetv2",
        "ssdlite300-mobilenetv2",
        "ssdlite320-mobilenetv3-large",
    ],
)
def test_every_network_of_the_zoo_becomes_an_engine(network: str) -> None:
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
    model = export_network(create(network, len(CLASSES) + 1).eval(), described)
    engine = build(
        model,
        VARIANTS["tensorrt-rtx"],
        BuildOptions(),
        lambda share, phase: None,
        threading.Event(),
    )
    # Half-precision weights, and what the library adds.
    assert len(engine) > 0.4 * sum(
        parameter.numel() * 2 for parameter in create(network, len(CLASSES) + 1).parameters()
    )
