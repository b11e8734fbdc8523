"""Make a model file from a trained network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from onnx import ModelProto

from ssd_live.export.graph import PixelsToDetections, to_onnx
from ssd_live.export.trained import load_trained
from ssd_live.imaging.frame import Resize
from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.fp16_storage import store_as_float16_where_exact
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import graft_onnx_nms
from ssd_live.models.ssd import SSDNetwork
from ssd_live.models.ssd_paper import Preset
from ssd_live.models.zoo import TRAINED_MODELS
from ssd_live.system.atomic_files import sha256

_SHARED_FIELDS = [
    "network",
    "input_size",
    "resize",
    "mean",
    "scale",
    "activation",
    "iou_threshold",
    "display_threshold",
    "training_data",
    "licence",
    "provenance",
]
SCORE_THRESHOLD = 0.01
MAX_DETECTIONS = 200


@dataclass(frozen=True)
class Description:
    """The part of a model file's metadata that differs from model to model.

    `name` is the name of the model, and `network` is the network's name in the zoo. `classes` are
    the class names without the background. `input_size` is (width, height) in pixels. The network
    gets `(pixel - mean) * scale`, in RGB order. `activation` turns logits into scores.
    `iou_threshold` is that of NMS, and only scores of at least `display_threshold` are shown; both
    are in 0..1. `class_thresholds` are such thresholds of the classes; it may be empty.
    `training_data`, `licence` and `provenance` are texts for the user. `preset`
    chooses the default boxes of the VGG16 networks. `resize` says how an image becomes a network
    input.
    """

    name: str
    network: str
    classes: tuple[str, ...]
    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    activation: Literal["sigmoid", "softmax"]
    iou_threshold: float
    display_threshold: float
    training_data: str
    licence: str
    provenance: str
    preset: Preset = "voc"
    class_thresholds: tuple[float, ...] = ()
    resize: Resize = "stretch, linear"


def export_model(name: str) -> ModelFile:
    """Return the bundled model `name` as a model file in memory, without an agreement sample.

    The agreement sample is the frames on which backends are compared. Raises `UnknownModelError` if
    there is no such model, and `ModelFileError` if its weights are damaged or its graph is not
    valid.
    """
    network, classes = load_trained(name)
    trained = TRAINED_MODELS[name]
    described = {field: getattr(trained, field) for field in _SHARED_FIELDS}
    return export_network(network, Description(name=name, classes=tuple(classes), **described))


def export_network(network: SSDNetwork, described: Description) -> ModelFile:
    """Return a network with its metadata as a model file in memory, without an agreement sample.

    Raises `ModelFileError` if the exported graph is not valid ONNX.
    """
    metadata = metadata_of(described).model_copy(update={"box_shapes": network.fitted_shapes})
    proto = to_onnx(
        PixelsToDetections(network, described.mean, described.scale, described.activation),
        described.input_size,
    )
    _forget_the_exporter(proto)
    graft_onnx_nms(
        proto.graph,
        score_threshold=metadata.score_threshold,
        iou_threshold=metadata.iou_threshold,
        max_detections=metadata.max_detections,
    )
    store_as_float16_where_exact(proto.graph)
    data = to_bytes(proto, metadata)
    return ModelFile(Path(f"{described.name}.onnx"), data, sha256(data), metadata)


def metadata_of(described: Description) -> Metadata:
    """Return the complete metadata of the model file that `export_network` makes.

    It consists of `described` and of the values that are the same in all exported files: the score
    threshold (0.01) and the highest number of detections in an image (200).
    """
    return Metadata(
        name=described.name,
        network=described.network,
        preset=described.preset,
        classes=described.classes,
        # Column 0 is the background, so the first class was number 1 in training.
        category_ids=tuple(range(1, len(described.classes) + 1)),
        input_size=described.input_size,
        resize=described.resize,
        mean=described.mean,
        scale=described.scale,
        score_activation=described.activation,
        score_threshold=SCORE_THRESHOLD,
        iou_threshold=described.iou_threshold,
        max_detections=MAX_DETECTIONS,
        display_threshold=described.display_threshold,
        class_thresholds=described.class_thresholds,
        training_data=described.training_data,
        licence=described.licence,
        provenance=described.provenance,
    )


def _forget_the_exporter(proto: ModelProto) -> None:
    """Remove the texts that PyTorch's exporter added to a model, in place.

    They contain file paths of this machine.
    """
    proto.doc_string = ""
    proto.producer_name, proto.producer_version = "ssd_live", ""
    del proto.graph.metadata_props[:]
    proto.graph.doc_string = ""
    for part in (
        *proto.graph.node,
        *proto.graph.input,
        *proto.graph.output,
        *proto.graph.value_info,
        *proto.graph.initializer,
    ):
        part.doc_string = ""
        del part.metadata_props[:]
