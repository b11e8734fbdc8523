"""Compute tensors inside a network with ONNX Runtime."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, helper

from ssd_live.errors import MissingPackageError
from ssd_live.imaging.pixels import Pixels

_ERRORS_ONLY = 3


def tensor_values(
    proto: ModelProto, names: Sequence[str], images: Sequence[Pixels]
) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the tensors with these names, for each of the images.

    `images` are (height, width, 3) uint8 BGR at the network's input size; each is a batch of one.
    Raises `MissingPackageError` if ONNX Runtime is not installed.
    """
    session = session_for(proto, names)
    for image in images:
        yield session.run(list(names), {"image": image[None]})


def session_for(proto: ModelProto, names: Sequence[str]) -> Any:
    """Return an ONNX Runtime session that computes the tensors with these names.

    Raises `MissingPackageError` if ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "quantizing needs onnxruntime; run `pip install onnxruntime`"
        ) from error
    cut = ModelProto()
    cut.CopyFrom(proto)
    del cut.graph.output[:]
    cut.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    # It warns of each constant that the cut graph does not use.
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(
        cut.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
