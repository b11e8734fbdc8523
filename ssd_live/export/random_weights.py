"""Make model files with random weights to measure speed, which hardly depends on the weights."""

import torch

from ssd_live.export.model_file import Description, export_network
from ssd_live.modelfile.class_names import VOC
from ssd_live.modelfile.file import ModelFile
from ssd_live.models.published import PREPROCESSING
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.zoo import create

_SEED = 0
# The bias of the background class. As in a trained network, most scores then are under the score
# threshold.
_BACKGROUND_LOGIT = 8.0


def random_model(network: str, background_logit: float = _BACKGROUND_LOGIT) -> ModelFile:
    """Return, in memory, a model file of a VGG16 network with random weights.

    The model has VOC's 20 classes. `network` is a network name such as `ssd300-vgg16`.
    `background_logit` is the bias of the background class. If it is 0, nearly every box is over the
    score threshold for each class, so that NMS has the most work. Raises `KeyError` if the network
    has no published preprocessing.
    """
    torch.manual_seed(_SEED)
    how = PREPROCESSING["torchvision", network]
    described = Description(
        name=f"{network}-random",
        network=network,
        classes=tuple(VOC),
        input_size=how.input_size,
        mean=how.mean,
        scale=how.scale,
        activation=how.activation,
        iou_threshold=how.iou_threshold,
        display_threshold=0.5,
        training_data="none",
        licence="none",
        provenance="random weights",
    )
    classes = len(VOC) + 1
    made = create(network, classes).eval()
    _prefer_background(made, classes, background_logit)
    return export_network(made, described)


@torch.no_grad()
def _prefer_background(network: SSDNetwork, classes: int, logit: float) -> None:
    for layer in network.head.classification_head.module_list:  # type: ignore[union-attr]
        layer.bias.view(-1, classes)[:, 0] = logit
