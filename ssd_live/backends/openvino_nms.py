"""Replace the NMS of a model file with OpenVINO's own operator if few boxes are left to suppress.

`DetectionOutput` is one operator with a fixed shape. It was the last layer of the first
implementation of SSD, in Caffe. It takes the scores in the network's order (box by box) and returns
the best ones in one table. The NMS of the model file is slower: it transposes the scores, scatters
the kept ones into zeros and sorts them all again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import BOXES, KEPT, SCORES

# With a lower score threshold there may be hundreds of boxes of each class, and the operator
# compares each box with every other one.
LEAST_SCORE = 0.1
# The most boxes of each class that enter NMS. The implementation of the paper has the same limit.
# The limit keeps an untrained network from being slow.
CANDIDATES = 400
_IMAGE, _CLASS, _SCORE, _BOX = 0, 1, 2, slice(3, 7)
_COLUMNS = 7


def with_detection_output(openvino: Any, network: Any, metadata: Metadata) -> Any | None:
    """Return a network that ends in `DetectionOutput`, or None if the file's own NMS must stay.

    `DetectionOutput` is OpenVINO's own NMS operator. `openvino` is the imported module. `network`
    is the network of a model file as OpenVINO read it, with fixed shapes, and `metadata` is the
    metadata of this file. The NMS of the file must stay in three cases: it does not suppress any
    box, it gets only a part of the boxes, those with the highest scores, or its score threshold is
    below `LEAST_SCORE`.
    """
    tensors = {
        name: output
        for node in network.get_ops()
        for output in node.outputs()
        for name in output.get_names()
    }
    if (
        metadata.score_threshold < LEAST_SCORE
        or KEPT not in tensors
        or tensors[KEPT].get_node().input_value(0) != tensors[BOXES]
    ):
        return None
    operators = openvino.opset8
    batch, count, classes = tensors[SCORES].get_shape()

    def flat(name: str, columns: int) -> Any:
        return operators.reshape(
            tensors[name], np.array([batch, count * columns], np.int64), special_zero=False
        )

    # The boxes are decoded already. The operator adds them to the corners of the default boxes
    # ("priors"), so priors of zero and variances that are encoded in the target leave them
    # unchanged.
    priors = operators.constant(np.zeros((1, 1, count * 4), np.float32))
    best = operators.detection_output(
        flat(BOXES, 4),
        flat(SCORES, classes),
        priors,
        {
            "background_label_id": -1,
            "top_k": CANDIDATES,
            "keep_top_k": [metadata.max_detections],
            "code_type": "caffe.PriorBoxParameter.CORNER",
            "variance_encoded_in_target": True,
            "share_location": True,
            "normalized": True,
            "nms_threshold": metadata.iou_threshold,
            "confidence_threshold": metadata.score_threshold,
        },
    )
    # Without a name, OpenVINO makes one of a number that grows with every network that a process
    # loads. It finds a compiled network by its names, so it would find none but the first.
    best.output(0).set_names({"detections"})
    return openvino.Model([best.output(0)], network.get_parameters(), metadata.name)


class Table:
    """A reusable buffer that holds the detections of one batch in the layout of `Outputs`.

    `batch` is the number of images, and `most` the largest number of detections per image.
    """

    def __init__(self, batch: int, most: int) -> None:
        self._rows = np.zeros((batch, most, _COLUMNS), np.float32)

    def outputs(self, found: NDArray[np.float32]) -> Outputs:
        """Convert `found`, the result of `DetectionOutput`, and return it as `Outputs`.

        `found` is (1, 1, B * K, 7). Each row is one detection: image number, class, score, and the
        box as x1, y1, x2, y2 in 0..1. The rows are sorted by image. The first row whose image
        number is -1 marks the end. The boxes and scores that are returned are views of this buffer,
        so the next call overwrites them.
        """
        rows = found.reshape(-1, _COLUMNS)
        end = int(rows[:, _IMAGE].argmin())
        if rows[end, _IMAGE] >= 0:
            end = len(rows)
        counts = np.bincount(rows[:end, _IMAGE].astype(np.intp), minlength=len(self._rows)).astype(
            np.int32
        )
        stop = 0
        for picture, count in zip(self._rows, counts, strict=True):
            own = rows[stop : stop + count]
            # The operator sorts its rows by class, and `Outputs` by score.
            picture[:count] = own[np.argsort(-own[:, _SCORE], kind="stable")]
            stop += count
        return Outputs(
            counts[:, None],
            self._rows[..., _BOX],
            self._rows[..., _SCORE],
            self._rows[..., _CLASS].astype(np.int32),
        )
