"""`export`: from a trained network of the zoo to the one-file model."""

from pathlib import Path

from onnx import ModelProto

from ssd_live.export.graph import PixelsToDetections, to_onnx
from ssd_live.files import sha256
from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import graft_onnx_nms
from ssd_live.modelfile.weights import store_as_float16_where_exact
from ssd_live.models.zoo import TRAINED_MODELS, load_trained

SCORE_THRESHOLD = 0.01
MAX_DETECTIONS = 200


def export_model(name: str) -> ModelFile:
    """The trained model `name` as a model file in memory, without an agreement sample.

    Raises `UnknownModelError`, `ModelFileError`.
    """
    network, classes = load_trained(name)
    trained = TRAINED_MODELS[name]
    metadata = Metadata(
        name=name,
        network=trained.network,
        classes=tuple(classes),
        # Column 0 is the background, so the first class was number 1 in training.
        category_ids=tuple(range(1, len(classes) + 1)),
        input_size=trained.input_size,
        mean=trained.mean,
        scale=trained.scale,
        score_activation=trained.activation,
        score_threshold=SCORE_THRESHOLD,
        iou_threshold=trained.iou_threshold,
        max_detections=MAX_DETECTIONS,
        display_threshold=trained.display_threshold,
        training_data=trained.training_data,
        licence=trained.licence,
        provenance=trained.provenance,
    )
    proto = to_onnx(PixelsToDetections(network, trained.mean, trained.scale, trained.activation), trained.input_size)
    _forget_the_exporter(proto)
    graft_onnx_nms(
        proto.graph, score_threshold=metadata.score_threshold, iou_threshold=metadata.iou_threshold, max_detections=metadata.max_detections
    )
    store_as_float16_where_exact(proto.graph)
    data = to_bytes(proto, metadata)
    return ModelFile(Path(f"{name}.onnx"), data, sha256(data), metadata)


def _forget_the_exporter(proto: ModelProto) -> None:
    """Drop the exporter's notes: they hold stack traces with this machine's paths."""
    proto.doc_string = ""
    proto.producer_name, proto.producer_version = "ssd_live", ""
    del proto.graph.metadata_props[:]
    proto.graph.doc_string = ""
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.value_info, *proto.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
