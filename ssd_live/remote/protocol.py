"""What goes through the pipes between a window and its inference process."""

from typing import Any

import numpy as np

from ssd_live.backends.base import Outputs

# The status byte before an answer.
DONE, FAILED = 0, 1


def record_type(rows: int) -> np.dtype[Any]:
    """How one picture's outputs lie in memory, little-endian."""
    return np.dtype(
        [
            ("count", "<i4"),
            ("boxes", "<f4", (rows, 4)),
            ("scores", "<f4", (rows,)),
            ("classes", "<i4", (rows,)),
        ]
    )


def pack(outputs: Outputs, rows: int, index: int = 0) -> bytes:
    """The outputs of one picture of a batch."""
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
    record = np.frombuffer(data, record_type(rows))
    return Outputs(record["count"][:, None], record["boxes"], record["scores"], record["classes"])
