"""Measure one backend on one model file in a child process, so that a crash of the backend does not
end the program.

The child process prints nothing but errors. It writes its speed and its detections to a file.
"""

import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssd_live.backends import ENGINE_BACKENDS, load_backend
from ssd_live.backends.base import LoadOptions, Pending, Precision, Workload
from ssd_live.errors import BackendError, ModelFileError, SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import file_for_precision
from ssd_live.modelfile.file import ModelFile, read_model_file
from ssd_live.selection.agreement import (
    NormalisedDetections,
    answers,
    before_nms,
    enough_detections,
    sample_images,
)
from ssd_live.selection.contract import contract_error
from ssd_live.system.child_process import end_with_parent, own_program, run_child

TRIAL_COMMAND = "run-trial"
MEASURE_SECONDS = 1.0
_WARM_UP_SECONDS = 0.2
_TIMEOUT_SECONDS = 120.0
# Some backends must build an engine first.
_ENGINE_TIMEOUT_SECONDS = 1800.0


@dataclass(frozen=True)
class Trial:
    """The measured speed and the results of one backend on the agreement sample of a model file.

    The speed is from uint8 images to detections. `latency_ms` is the time for one image alone.
    `throughput_fps` is the number of images per second with all slots in use. `detections` holds
    the detections in each image of the sample. `boxes` holds the best boxes before NMS in each
    image; it is empty if there are enough detections for a comparison.
    """

    latency_ms: float
    throughput_fps: float
    detections: list[NormalisedDetections]
    boxes: list[NormalisedDetections]


def run_trial(model: Path, backend: str, device: str, precision: Precision) -> Trial:
    """Measure a backend on the model file `model` in a child process, and return the results.

    `device` is a name that the backend's function `devices` returns. Raises `BackendError` if the
    process fails, crashes or exceeds its time limit: 120 s, or 30 minutes if an engine may have to
    be built.
    """
    with tempfile.TemporaryDirectory(prefix="ssd_live-") as folder:
        result = Path(folder) / "trial.npz"
        command = [
            *own_program("ssd_live.selection.trial", TRIAL_COMMAND),
            str(model.resolve()),
            backend,
            device,
            precision,
            str(result),
        ]
        code, told = run_child(
            command, _ENGINE_TIMEOUT_SECONDS if backend in ENGINE_BACKENDS else _TIMEOUT_SECONDS
        )
        if code < 0:
            raise BackendError(
                f"the test run crashed (signal {-code}); update the package of the backend and the "
                "drivers"
            )
        if code or not result.is_file():
            lines = [line for line in told.splitlines() if line.strip()]
            raise BackendError(
                lines[-1].removeprefix("error: ")
                if lines
                else f"the test run ended with code {code} and no message; update the package of "
                "the backend and the drivers"
            )
        with np.load(result) as archive:
            speed = json.loads(str(archive["speed"]))
            return Trial(
                speed["latency_ms"],
                speed["throughput_fps"],
                _unpack(archive, "detections"),
                _unpack(archive, "boxes"),
            )


def run_as_child(arguments: Sequence[str]) -> int:
    """Run a trial in a child process that `run_trial` has started, and return the exit code.

    The child process ends when its parent ends. `arguments` are those of `main`.
    """
    end_with_parent()
    return main(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure a backend on a model file, and return the exit code of the process, 0 or 1.

    The arguments are the model file, the backend, the device, the precision, and the file to which
    the result is written. If there is an error, its message is printed to standard error, and the
    exit code is 1.
    """
    path, backend, device, precision, result = arguments
    try:
        model = file_for_precision(read_model_file(Path(path)), precision)
        _try(model, backend, device, precision, Path(result))  # type: ignore[arg-type]
    except SsdLiveError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _try(model: ModelFile, backend: str, device: str, precision: Precision, result: Path) -> None:
    images = sample_images(model) or [np.zeros((*model.metadata.input_size[::-1], 3), np.uint8)]

    def options(workload: Workload) -> LoadOptions:
        return LoadOptions(device=device, precision=precision, workload=workload)

    with load_backend(backend, model, options("latency")) as loaded:
        if wrong := contract_error(loaded.submit(images[0][None]).result(), model.metadata):
            raise ModelFileError(f"its outputs are not valid: {wrong}")
        found = answers(loaded, images)
        latency = 1000 / _measure(loaded.submit, 1, images)
    with load_backend(backend, model, options("throughput")) as loaded:
        throughput = _measure(loaded.submit, loaded.slots, images)
    boxes: list[NormalisedDetections] = []
    if not enough_detections(found, model.metadata.lowest_shown):
        with load_backend(backend, before_nms(model), options("latency")) as loaded:
            boxes = answers(loaded, images)
    speed = json.dumps({"latency_ms": latency, "throughput_fps": throughput})
    np.savez(result, speed=np.array(speed), **_pack(found, "detections"), **_pack(boxes, "boxes"))  # type: ignore[arg-type]


def _measure(submit: Callable[[Pixels], Pending], slots: int, images: Sequence[Pixels]) -> float:
    """Return how many images per second a backend computes with `slots` batches in flight.

    `submit` is the function of the backend that starts a batch. Each batch holds one image; the
    `images` are used in turn, again and again.
    """
    pending: deque[Pending] = deque()
    count, started = 0, time.perf_counter()
    warm = started + _WARM_UP_SECONDS
    while (now := time.perf_counter()) < warm + MEASURE_SECONDS or count == 0:
        if now < warm:
            count, started = 0, now
        pending.append(submit(images[count % len(images)][None]))
        if len(pending) == slots:
            pending.popleft().result()
            count += 1
    elapsed = time.perf_counter() - started
    for left in pending:
        left.result()
    return count / elapsed


def _pack(found: Sequence[NormalisedDetections], prefix: str) -> dict[str, object]:
    empty = NormalisedDetections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32)
    )
    everything = [empty, *found]
    return {
        f"{prefix}_counts": np.array([len(answer.scores) for answer in found], np.int64),
        f"{prefix}_boxes": np.concatenate([answer.boxes for answer in everything]),
        f"{prefix}_scores": np.concatenate([answer.scores for answer in everything]),
        f"{prefix}_classes": np.concatenate([answer.classes for answer in everything]),
    }


def _unpack(archive: "np.lib.npyio.NpzFile", prefix: str) -> list[NormalisedDetections]:
    counts = archive[f"{prefix}_counts"]
    ends = np.cumsum(counts)
    boxes, scores, classes = (
        archive[f"{prefix}_boxes"],
        archive[f"{prefix}_scores"],
        archive[f"{prefix}_classes"],
    )
    return [
        NormalisedDetections(boxes[a:b], scores[a:b], classes[a:b])
        for a, b in zip(ends - counts, ends, strict=True)
    ]


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
