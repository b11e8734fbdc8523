"""An SSD network of a few layers, for tests of what goes on around a network."""

from torch import Tensor, nn

from ssd_live.models.default_boxes import BoxShape, FeatureMapBoxes
from ssd_live.models.published import Preprocessing
from ssd_live.models.ssd import SSD, Predictor
from ssd_live.training.start import InitialModel

SIDE = 64
_CHANNELS = 8


class Backbone(nn.Module):
    """Two feature maps, of 8 x 8 and 4 x 4 cells."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, _CHANNELS, 8, 8), nn.BatchNorm2d(_CHANNELS), nn.ReLU()
        )
        self.second = nn.Sequential(
            nn.Conv2d(_CHANNELS, _CHANNELS, 2, 2), nn.BatchNorm2d(_CHANNELS), nn.ReLU()
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        first = self.first(images)
        return [first, self.second(first)]


def toy(classes: int) -> InitialModel:
    """A toy with random weights; `classes` counts the background."""
    shapes = (BoxShape(0.3, 1.0), BoxShape(0.5, 1.2))
    heads = [
        nn.ModuleDict(
            {
                "box": Predictor(_CHANNELS, len(shapes), 4),
                "cls": Predictor(_CHANNELS, len(shapes), classes),
            }
        )
        for _ in range(2)
    ]
    network = SSD(
        Backbone(), [], heads, [FeatureMapBoxes((8, 8), shapes), FeatureMapBoxes((4, 4), shapes)]
    )
    how = Preprocessing((SIDE, SIDE), (127.5, 127.5, 127.5), (1 / 127.5,) * 3, 0.45)
    return InitialModel(network, how, [])
