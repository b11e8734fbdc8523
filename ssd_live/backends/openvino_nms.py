"""OpenVINO's own NMS in place of a model file's, where little is left to suppress: one operator
with a fixed shape.

`DetectionOutput` is the last layer of SSD's first implementation, in Caffe. It takes scores as the
network has them (box by box), and gives the best in one table, where the file's tail turns the
scores about, scatters what is kept into zeros and sorts all of them again.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.modelfile.metadata import Metadata
from ssd_live.modelfile.nms import BOXES, KEPT, SCORES

# Under this score there may be hundreds of boxes of each class, and the operator compares each with
# every other.
LEAST_SCORE = 0.1
# Of each class, before NMS: the cut of the paper's implementation, so that an untrained network is
# not slow.
CANDIDATES = 400
_IMAGE, _CLASS, _SCORE, _BOX = 0, 1, 2, slice(3, 7)
_COLUMNS = 7


def with_detection_output(openvino: Any, network: Any, metadata: Metadata) -> Any | None:
    """A network of fixed shape with `DetectionOutput` behind its boxes and scores; None where the
    file's own tail is the one to take.

    That is where it suppresses nothing, looks only at its best boxes, or has a low threshold.
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

    # Boxes are decoded: to the corners of prior boxes that are nothing, with variances that change
    # nothing, they are added as they are.
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
    return openvino.Model([best.output(0)], network.get_parameters(), metadata.name)


class Table:
    """Where the rows of one request are put in the layout of `Outputs`, again and again."""

    def __init__(self, batch: int, most: int) -> None:
        self._rows = np.zeros((batch, most, _COLUMNS), np.float32)

    def outputs(self, found: NDArray[np.float32]) -> Outputs:
        """From rows (1, 1, B * K, 7) of image, class, score and box, picture after picture, up to
        one whose image is -1; views of this table.
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
            # The operator gives them class by class.
            picture[:count] = own[np.argsort(-own[:, _SCORE], kind="stable")]
            stop += count
        return Outputs(
            counts[:, None],
            self._rows[..., _BOX],
            self._rows[..., _SCORE],
            self._rows[..., _CLASS].astype(np.int32),
        )
