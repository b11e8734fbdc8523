"""SSD itself, in PyTorch: default boxes, box code, networks and their weights."""

from ssd_live.models.ssd import SSD
from ssd_live.models.zoo import TRAINED_MODELS, create, load_trained

__all__ = ["SSD", "TRAINED_MODELS", "create", "load_trained"]
