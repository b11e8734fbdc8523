"""List the published weights by name, with their addresses and the facts for their model files."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing and post-processing that a network was trained for.

    `input_size` is (width, height) in pixels. `mean` and `scale` have one value for each RGB
    channel of pixels in 0..255: the network takes `(pixel - mean) * scale`. `activation` turns
    logits into scores, and `iou_threshold` is the IoU over which NMS suppresses a box.
    """

    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    iou_threshold: float
    activation: Literal["softmax", "sigmoid"] = "softmax"


# torchvision subtracts the RGB means of ImageNet and keeps the range of 255. Caffe's VGG did the
# same with rounded means.
_TORCHVISION_VGG_MEAN = (0.48235 * 255, 0.45882 * 255, 0.40784 * 255)
_CAFFE_VGG_MEAN = (123.0, 117.0, 104.0)
_ONE = (1.0, 1.0, 1.0)

PREPROCESSING: dict[tuple[str, str], Preprocessing] = {
    ("torchvision", "ssd300-vgg16"): Preprocessing((300, 300), _TORCHVISION_VGG_MEAN, _ONE, 0.45),
    ("torchvision", "ssd512-vgg16"): Preprocessing((512, 512), _TORCHVISION_VGG_MEAN, _ONE, 0.45),
    ("torchvision", "ssdlite320-mobilenetv3-large"): Preprocessing(
        (320, 320), (127.5, 127.5, 127.5), (1 / 127.5, 1 / 127.5, 1 / 127.5), 0.55
    ),
    ("ssd.pytorch", "ssd300-vgg16"): Preprocessing((300, 300), _CAFFE_VGG_MEAN, _ONE, 0.45),
    ("lufficc/SSD", "ssd300-vgg16"): Preprocessing((300, 300), _CAFFE_VGG_MEAN, _ONE, 0.45),
    ("lufficc/SSD", "ssd512-vgg16"): Preprocessing((512, 512), _CAFFE_VGG_MEAN, _ONE, 0.45),
}


@dataclass(frozen=True)
class Published:
    """A file of weights that can be downloaded from `url`.

    The name of the file ends in the first eight digits of its SHA-256. `training_data` and
    `licence` become part of the metadata of the model file.
    """

    url: str
    training_data: str
    licence: str

    @property
    def digits(self) -> str:
        """The first eight hexadecimal digits of the file's SHA-256, taken from its name."""
        return self.url.rsplit("-", 1)[1].removesuffix(".pth")


_TORCHVISION = "https://download.pytorch.org/models"
PUBLISHED: dict[str, Published] = {
    "ssd300-vgg16-coco": Published(
        f"{_TORCHVISION}/ssd300_vgg16_coco-b556d3b4.pth", "COCO 2017", "BSD-3-Clause (torchvision)"
    ),
    "ssdlite320-mobilenetv3-large-coco": Published(
        f"{_TORCHVISION}/ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
        "COCO 2017",
        "BSD-3-Clause (torchvision)",
    ),
}
