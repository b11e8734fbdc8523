"""Try one backend on one model file in a child process, so that a crash of the backend does not end
the program.

The child process loads the model and writes its detections to a file. Then it writes a line of JSON
to its standard output: `{"ready": true}` or `{"error": ...}`. For each line on its standard input
it measures the speed once, and answers with a line of JSON. It ends when its input ends.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ssd_live.backends import ENGINE_BACKENDS, load_backend
from ssd_live.backends.base import Backend, LoadOptions, Pending, Workload
from ssd_live.closing import Closing
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
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.contract import contract_error
from ssd_live.system.child_process import own_environment, own_program

TRIAL_COMMAND = "run-trial"
# How long each speed is measured in one round.
MEASURE_SECONDS = 0.35
_WARM_UP_SECONDS = 0.1
TIMEOUT_SECONDS = 120.0
# Some backends must build an engine first.
_ENGINE_TIMEOUT_SECONDS = 1800.0
_END_SECONDS = 1.0


class Speed(NamedTuple):
    """The speed of a backend, from uint8 images to detections.

    `latency_ms` is the time for one image alone. `throughput_fps` is the number of images per
    second with all slots in use.
    """

    latency_ms: float
    throughput_fps: float


@dataclass(frozen=True)
class TrialResults:
    """What a backend finds in the agreement sample of a model file.

    `detections` holds the detections in each image of the sample. `boxes` holds the best boxes
    before NMS in each image; it is empty if there are enough detections for a comparison.
    """

    detections: list[NormalisedDetections]
    boxes: list[NormalisedDetections]


class Trial(Closing):
    """A child process that has loaded the model file `model` on the backend `choice`.

    The constructor starts the process and waits until the model is loaded. Then `results` says what
    the backend finds, and each call of `round` measures its speed once. Raises `BackendError` if
    the process fails, crashes or exceeds its time limit: 120 s, or 30 minutes if an engine may have
    to be built.
    """

    def __init__(self, model: Path, choice: BackendChoice) -> None:
        self._limit = (
            _ENGINE_TIMEOUT_SECONDS if choice.backend in ENGINE_BACKENDS else TIMEOUT_SECONDS
        )
        self._folder = tempfile.TemporaryDirectory(prefix="ssd_live-")
        self._stderr = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed with the process
        file = Path(self._folder.name) / "results.npz"
        words = [str(model.resolve()), choice.backend, choice.device, choice.precision, str(file)]
        # The child stays in the process session of the parent (no setsid), because Linux compares
        # priorities only within one.
        self._process = subprocess.Popen(
            [*own_program("ssd_live.selection.trial", TRIAL_COMMAND), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=own_environment(),
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, name="trial", daemon=True).start()
        try:
            self._answer()
            with np.load(file) as archive:
                self.results = TrialResults(
                    _unpack(archive, "detections"), _unpack(archive, "boxes")
                )
        except BaseException:
            self.close()
            raise

    def round(self) -> Speed:
        """Measure the speed once, and return it. Raises `BackendError` as the constructor does."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"round\n")
            self._process.stdin.flush()
        except OSError:
            raise self._death() from None
        return Speed(**self._answer())

    def close(self) -> None:
        """End the child process, and delete its files."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()
        self._folder.cleanup()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(b"")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self._limit)
        except queue.Empty:
            raise BackendError(
                f"the child process did not answer within {self._limit:.0f} s; close other "
                "programs and try again, or choose another --backend"
            ) from None
        if not line.endswith(b"\n"):
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BackendError(answer["error"])
        return answer

    def _death(self) -> BackendError:
        code = self._process.wait()
        if code < 0:
            return BackendError(
                f"the trial crashed (signal {-code}); update the package of the backend and the "
                "drivers"
            )
        self._stderr.seek(0)
        told = self._stderr.read().decode(errors="backslashreplace")
        lines = [line for line in told.splitlines() if line.strip()]
        return BackendError(
            lines[-1]
            if lines
            else f"the trial ended with code {code} and no message; update the package of the "
            "backend and the drivers"
        )


def main(arguments: Sequence[str]) -> int:
    """Try a backend on a model file, and return the exit code of the process, 0 or 1.

    The arguments are the model file, the backend, the device, the precision, and the file to which
    the results are written. The standard input and output are used as the module describes.
    """
    # Text that a library prints must not get between the answers.
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    rounds: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_read_rounds, args=(rounds,), name="input", daemon=True).start()
    path, backend, device, precision, file = arguments
    choice = BackendChoice(backend, device, precision)  # type: ignore[arg-type]
    try:
        model = file_for_precision(read_model_file(Path(path)), choice.precision)
        images = sample_images(model) or [np.zeros((*model.metadata.input_size[::-1], 3), np.uint8)]
        with _load(model, choice, "latency") as one, _load(model, choice, "throughput") as many:
            _write_results(model, choice, one, images, Path(file))
            _tell(replies, {"ready": True})
            while rounds.get():
                latency = 1000 / images_per_second(one.submit, 1, images)
                throughput = images_per_second(many.submit, many.slots, images)
                _tell(replies, Speed(latency, throughput)._asdict())
    except SsdLiveError as error:
        _tell(replies, {"error": str(error)})
        return 1
    return 0


def _read_rounds(rounds: "queue.Queue[bytes]") -> None:
    """Pass the lines of the standard input to `rounds`. End the process when the input ends.

    The input ends if the parent has ended or does not need this process any more. The process then
    ends even while it loads a model, because loading may take minutes.
    """
    while line := os.read(0, 64):
        rounds.put(line)
    os._exit(0)


def _tell(replies: IO[bytes], answer: dict[str, Any]) -> None:
    replies.write(json.dumps(answer).encode() + b"\n")


def _load(model: ModelFile, choice: BackendChoice, workload: Workload) -> Backend:
    return load_backend(
        choice.backend,
        model,
        LoadOptions(device=choice.device, precision=choice.precision, workload=workload),
    )


def _write_results(
    model: ModelFile, choice: BackendChoice, loaded: Backend, images: Sequence[Pixels], file: Path
) -> None:
    if wrong := contract_error(loaded.submit(images[0][None]).result(), model.metadata):
        raise ModelFileError(f"its outputs are not valid: {wrong}")
    found = answers(loaded, images)
    boxes: list[NormalisedDetections] = []
    if not enough_detections(found, model.metadata.lowest_shown):
        with _load(before_nms(model), choice, "latency") as before:
            boxes = answers(before, images)
    np.savez(file, **_pack(found, "detections"), **_pack(boxes, "boxes"))  # type: ignore[arg-type]


def images_per_second(
    submit: Callable[[Pixels], Pending], slots: int, images: Sequence[Pixels]
) -> float:
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
    # With a slow model, most of the time goes into those that are still in flight.
    for left in pending:
        left.result()
    return (count + len(pending)) / (time.perf_counter() - started)


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
    sys.exit(main(sys.argv[1:]))
