"""Define the data format of the pipes between a window and its inference process."""

from typing import Any

import numpy as np

from ssd_live.backends.base import Outputs

# The status byte before the outputs of an image.
DONE, FAILED = 0, 1


def record_type(rows: int) -> np.dtype[Any]:
    """Return the NumPy dtype of one image's outputs as they are sent, in little-endian order.

    `rows` is the highest number of detections per image.
    """
    return np.dtype(
        [
            ("count", "<i4"),
            ("boxes", "<f4", (rows, 4)),
            ("scores", "<f4", (rows,)),
            ("classes", "<i4", (rows,)),
        ]
    )


def pack(outputs: Outputs, rows: int, index: int = 0) -> bytes:
    """Return the outputs of image `index` of a batch as bytes in the layout of `record_type`.

    `rows` is the highest number of detections per image. Further detections are left out.
    """
    record = np.zeros(1, record_type(rows))
    count = min(int(outputs.num_detections[index, 0]), rows)
    record["count"] = count
    for name, values in (
        ("boxes", outputs.boxes),
        ("scores", outputs.scores),
        ("classes", outputs.classes),
    ):
        record[name][0, :count] = values[index, :count]
    return record.tobytes()


def unpack(data: bytes, rows: int) -> Outputs:
    """Return the outputs, a batch of 1, of the image that `pack` converted to `data`.

    `rows` is the highest number of detections per image, as in `pack`.
    """
    record = np.frombuffer(data, record_type(rows))
    return Outputs(record["count"][:, None], record["boxes"], record["scores"], record["classes"])
