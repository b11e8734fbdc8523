"""Build SSD networks in PyTorch: default boxes, box code, loss and networks."""

from ssd_live.models.multibox_loss import Loss, Target, multibox_loss
from ssd_live.models.ssd import SSD, SSDNetwork
from ssd_live.models.zoo import TRAINED_MODELS, create

__all__ = [
    "SSD",
    "TRAINED_MODELS",
    "Loss",
    "SSDNetwork",
    "Target",
    "create",
    "multibox_loss",
]
