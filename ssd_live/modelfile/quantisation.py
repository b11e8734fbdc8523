"""INT8 by NNCF: a calibrated model file with QDQ nodes, whose weights have a scale for each output channel."""

import contextlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ssd_live.errors import MissingPackageError
from ssd_live.files import sha256
from ssd_live.modelfile.body import body_of
from ssd_live.modelfile.file import ModelFile, to_bytes
from ssd_live.modelfile.int8 import int8_place
from ssd_live.modelfile.nms import graft_onnx_nms
from ssd_live.pixels import Pixels


def quantised(model: ModelFile, images: Sequence[Pixels], in_float: Collection[str] = ()) -> ModelFile:
    """The INT8 form of a float32 model file, calibrated on images (height, width, 3) BGR at the network's size.

    Convolutions and what lies between them compute in INT8, but for the nodes named by `in_float`; box decoding and NMS stay in float32.
    Raises `MissingPackageError`.
    """
    metadata = model.metadata
    proto = body_of(model)
    with _quietly():
        nncf = _nncf()
        calibration = nncf.Dataset([image[None] for image in images], lambda image: {"image": image})
        proto = nncf.quantize(
            proto,
            calibration,
            subset_size=len(images),
            preset=nncf.QuantizationPreset.MIXED,
            # Slower to make, and the count of detections stays.
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(names=list(in_float)) if in_float else None,
        )
    graft_onnx_nms(
        proto.graph, score_threshold=metadata.score_threshold, iou_threshold=metadata.iou_threshold, max_detections=metadata.max_detections
    )
    described = metadata.model_copy(update={"precision": "int8", "quantised_from": model.sha256})
    data = to_bytes(proto, described)
    return ModelFile(int8_place(model), data, sha256(data), described)


def _nncf() -> Any:
    # Its reporting of use goes by this variable.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
    except ImportError as error:
        raise MissingPackageError("quantizing needs NNCF; `pip install '.[quantize]'` brings it") from error
    nncf.set_log_level(logging.ERROR)
    return nncf


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Its progress goes to standard error: standard output is for results."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
