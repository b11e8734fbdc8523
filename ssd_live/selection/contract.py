"""Check the outputs of a network against what every model file gives."""

import numpy as np
from numpy.typing import NDArray

from ssd_live.backends.base import Outputs
from ssd_live.modelfile.metadata import Metadata


def contract_error(outputs: Outputs, metadata: Metadata) -> str:
    """Return what is wrong with the outputs of one image, or an empty text.

    Names, types, shapes and values must be those that `Outputs` describes, with the classes of
    `metadata`. Numbers must be finite.
    """
    counts, boxes, scores, classes = (np.asarray(value) for value in outputs)
    if counts.shape != (1, 1) or not np.issubdtype(counts.dtype, np.integer):
        return f"`num_detections` is {_form(counts)}, not (1, 1) of whole numbers"
    if scores.ndim != 2 or scores.shape[0] != 1 or not np.issubdtype(scores.dtype, np.floating):
        return f"`detection_scores` is {_form(scores)}, not (1, K) of real numbers"
    if boxes.shape != (*scores.shape, 4) or not np.issubdtype(boxes.dtype, np.floating):
        return f"`detection_boxes` is {_form(boxes)}, not {(*scores.shape, 4)} of real numbers"
    if classes.shape != scores.shape or not np.issubdtype(classes.dtype, np.integer):
        return f"`detection_classes` is {_form(classes)}, not {scores.shape} of whole numbers"
    count = int(counts[0, 0])
    if not 0 <= count <= scores.shape[1]:
        return f"it finds {count} objects, and has room for {scores.shape[1]}"
    if not (np.isfinite(boxes[0, :count]).all() and np.isfinite(scores[0, :count]).all()):
        return "a box or a score is not a finite number"
    known = len(metadata.classes)
    if count and not (classes[0, :count].min() >= 0 and classes[0, :count].max() < known):
        return f"it finds an object of a class that is not among its {known}"
    return ""


def _form(array: NDArray[np.generic]) -> str:
    return f"{array.shape} of {array.dtype}"
