"""The child process: chooses and loads a network, then answers picture after picture over its standard streams.

It writes lines of JSON (`{"progress": ...}`, then `{"ready": ...}` or `{"error": ...}`), and after `ready`, for each picture of raw bytes
that it reads, one status byte: 0 and the raw outputs, or 1 and a line of JSON.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from ssd_live.backends.base import Backend
from ssd_live.choosing import choose
from ssd_live.detector import load_chosen
from ssd_live.errors import SsdLiveError
from ssd_live.inference.wire import DONE, FAILED, pack
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.metadata import Metadata


def main(arguments: Sequence[str]) -> int:
    """`arguments` are model, backend and precision, as a user gives them."""
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        _serve(arguments, sys.stdin.buffer, answers)
    except SsdLiveError as error:
        _tell(answers, {"error": str(error), "kind": type(error).__name__})
        return 1
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0


def _serve(arguments: Sequence[str], pictures: IO[bytes], answers: IO[bytes]) -> None:
    name, backend, precision = arguments
    model = find_model(name)

    def notify(line: str) -> None:
        _tell(answers, {"progress": line})

    choice = choose(model, backend, precision, notify=notify)  # type: ignore[arg-type]
    metadata = model.metadata
    with load_chosen(model, choice, notify=notify) as loaded:
        image = np.zeros((1, metadata.input_size[1], metadata.input_size[0], 3), np.uint8)
        loaded.submit(image).result()
        chosen = {"backend": choice.backend, "device": choice.device, "precision": choice.precision, "description": loaded.description}
        described = metadata.model_dump(mode="json", exclude={"agreement_sample"})
        _tell(answers, {"ready": {**chosen, "sha256": model.sha256, "metadata": described}})
        buffer = image.data.cast("B")
        while _read_into(pictures, buffer):
            _answer(loaded, image, metadata, answers)


def _answer(loaded: Backend, image: Any, metadata: Metadata, answers: IO[bytes]) -> None:
    try:
        outputs = loaded.submit(image).result()
    except SsdLiveError as error:
        answers.write(bytes([FAILED]))
        _tell(answers, {"error": str(error), "kind": type(error).__name__})
        return
    answers.write(bytes([DONE]) + pack(outputs, metadata.max_detections))


def _read_into(stream: IO[bytes], buffer: memoryview) -> bool:
    """Fill the buffer; False at the end of the stream."""
    filled = 0
    while filled < len(buffer):
        count: int = stream.readinto(buffer[filled:])  # type: ignore[attr-defined]
        if not count:
            return False
        filled += count
    return True


def _tell(answers: IO[bytes], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
