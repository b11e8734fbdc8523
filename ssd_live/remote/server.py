"""Run the inference process: choose a backend, load a network, and run it on images from a pipe.

The process writes lines of JSON to its standard output: any number of `{"progress": ...}`, then
`{"ready": ...}` or `{"error": ...}`. After `ready` it reads the raw bytes of images from its
standard input. For each image it writes a reply (`reply_type`), and after a reply that says
`FAILED` a line of JSON. The replies come in the order of the images.
"""

import json
import os
import queue
import select
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np

from ssd_live.backends.base import Backend, Outputs, Workload
from ssd_live.errors import BackendError, SsdLiveError
from ssd_live.imaging.pixels import Pixels
from ssd_live.modelfile.catalogue import find_model
from ssd_live.modelfile.file import ModelFile
from ssd_live.modelfile.metadata import Metadata
from ssd_live.remote.network import FAILED, reply_type
from ssd_live.selection.choice import batch_for
from ssd_live.selection.choose import Decision, decide
from ssd_live.selection.load import load_chosen
from ssd_live.selection.table import measured_at


def main(arguments: Sequence[str]) -> int:
    """Run the inference process until its input ends, and return the exit code.

    `arguments` are the model, the backend and the precision, as the user gives them for the options
    of those names, and the largest number of images in flight. The exit code is 0, or 1 if
    the network cannot be loaded. In that case, the error is written to the standard output as JSON.
    """
    # Text that a library prints must not get between the outputs.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    is_loaded = threading.Event()
    threading.Thread(target=_watch_input, args=(is_loaded,), name="input", daemon=True).start()
    try:
        _serve(arguments, sys.stdin.buffer, answers, is_loaded)
    except SsdLiveError as error:
        _tell(answers, {"error": str(error), "kind": type(error).__name__})
        return 1
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0


def _watch_input(is_loaded: threading.Event) -> None:
    """End this process if its input ends while the network is loaded.

    The parent has then ended, and loading may still take minutes. Afterwards, images are read until
    the input ends. Windows cannot tell that the input has ended without reading it.
    """
    if hasattr(select, "poll"):
        end = select.poll()
        end.register(0, select.POLLHUP)
        ((_, events),) = end.poll()
        if events & (select.POLLHUP | select.POLLERR) and not is_loaded.is_set():
            os._exit(1)


def _serve(
    arguments: Sequence[str], pictures: IO[bytes], answers: IO[bytes], is_loaded: threading.Event
) -> None:
    name, backend, precision = arguments[:3]
    users = int(arguments[3])
    model = find_model(name)

    def notify(line: str) -> None:
        _tell(answers, {"progress": line})

    workload: Workload = "latency" if users == 1 else "throughput"
    decision = decide(model, backend, precision, workload=workload, notify=notify)  # type: ignore[arg-type]
    try:
        loading = _loading(model, decision, workload, users, notify)
    except BackendError as error:
        if not decision.may_improve:
            raise
        # What the rule chose does not run here. Measuring finds what does.
        notify(f"{decision.choice} cannot be used: {error}")
        decision = decide(
            model,
            backend,
            precision,  # type: ignore[arg-type]
            workload=workload,
            measure=True,
            notify=notify,
        )
        loading = _loading(model, decision, workload, users, notify)
    choice, measurement = decision.choice, decision.measurement
    metadata = model.metadata
    batch = batch_for(choice, users)
    with loading as loaded:
        image = np.zeros((batch, metadata.input_size[1], metadata.input_size[0], 3), np.uint8)
        loaded.submit(image).result()
        is_loaded.set()
        chosen = {
            "backend": choice.backend,
            "device": choice.device,
            "precision": choice.precision,
            "description": loaded.description,
            "may_improve": decision.may_improve,
            "measured_ms": measurement.latency_ms if measurement else 0.0,
            "measured_at": measured_at(model) if measurement else 0.0,
        }
        described = metadata.model_dump(mode="json", exclude={"agreement_sample"})
        _tell(answers, {"ready": {**chosen, "sha256": model.sha256, "metadata": described}})
        if users > 1:
            BatchingServer(loaded, metadata, batch, pictures, answers).run()
            return
        buffer = image.data.cast("B")
        while _read_into(pictures, buffer):
            _answer(lambda: loaded.submit(image).result(), 1, metadata, answers)


def _loading(
    model: ModelFile,
    decision: Decision,
    workload: Workload,
    users: int,
    notify: Callable[[str], None],
) -> Backend:
    batch = batch_for(decision.choice, users)
    return load_chosen(model, decision.choice, workload, batch=batch, notify=notify)


class BatchingServer:
    """A server that puts the images of several pipelines into batches.

    A batch takes as many of the waiting images as it has room for. Three threads work: one reads
    images, one submits batches, and one waits for the outputs and writes them.

    `loaded` is the backend, and `batch` its batch size. The raw bytes of the images come from
    `pictures`. The replies go to `answers`.
    """

    def __init__(
        self,
        loaded: Backend,
        metadata: Metadata,
        batch: int,
        pictures: IO[bytes],
        answers: IO[bytes],
    ) -> None:
        self._loaded = loaded
        self._metadata = metadata
        self._batch = batch
        self._pictures = pictures
        self._answers = answers
        self._read: queue.Queue[Pixels | None] = queue.Queue(batch)
        self._submitted: queue.Queue[tuple[Callable[[], Outputs], int] | None] = queue.Queue()
        self._free = threading.Semaphore(loaded.slots)
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Compute images until the input ends.

        If a batch fails with an `SsdLiveError`, the error is the reply for each image of the batch.
        Other errors are raised.
        """
        works = {"read": self._read_all, "answer": self._answer_all}
        threads = [
            threading.Thread(target=work, name=name, daemon=True) for name, work in works.items()
        ]
        for thread in threads:
            thread.start()
        while images := self._waiting():
            # The last image fills an incomplete batch.
            pixels = (
                images[0][None]
                if self._batch == 1
                else np.stack(images + images[-1:] * (self._batch - len(images)))
            )
            self._submitted.put((self._submit(pixels), len(images)))
        self._submitted.put(None)
        for thread in threads:
            thread.join()

    def _waiting(self) -> list[Pixels]:
        """Wait for an image and a free slot, then return all waiting images, at most one batch.

        More images can arrive while the backend has no free slot. Return an empty list at the end
        of the input.
        """
        first = self._read.get()
        self._free.acquire()
        if self._failure is not None:
            raise self._failure
        images = [] if first is None else [first]
        while images and len(images) < self._batch:
            try:
                image = self._read.get_nowait()
            except queue.Empty:
                break
            if image is None:
                self._read.put(None)
                break
            images.append(image)
        return images

    def _submit(self, pixels: Pixels) -> Callable[[], Outputs]:
        try:
            return self._loaded.submit(pixels).result
        except SsdLiveError as error:
            failure = error

            def fail() -> Outputs:
                raise failure

            return fail

    def _read_all(self) -> None:
        width, height = self._metadata.input_size
        while _read_into(
            self._pictures, (image := np.empty((height, width, 3), np.uint8)).data.cast("B")
        ):
            self._read.put(image)
        self._read.put(None)

    def _answer_all(self) -> None:
        while (submitted := self._submitted.get()) is not None:
            # If the pipe is broken, the parent has ended, and the input ends as well.
            try:
                _answer(*submitted, self._metadata, self._answers)
            except BrokenPipeError:
                pass
            except BaseException as error:
                self._failure = error
            self._free.release()


def _answer(
    result: Callable[[], Outputs], count: int, metadata: Metadata, answers: IO[bytes]
) -> None:
    """Call `result`, and write a reply for each of the first `count` images of the batch.

    If `result` raises an `SsdLiveError`, each reply says `FAILED`, and a line of JSON follows it.
    """
    replies = np.zeros(count, reply_type(metadata.max_detections))
    try:
        outputs = result()
    except SsdLiveError as error:
        replies["count"] = FAILED
        for reply in replies:
            answers.write(reply.tobytes())
            _tell(answers, {"error": str(error), "kind": type(error).__name__})
        return
    for index, reply in enumerate(replies):
        found = min(int(outputs.num_detections[index, 0]), metadata.max_detections)
        reply["count"] = found
        reply["boxes"][:found] = outputs.boxes[index, :found]
        reply["scores"][:found] = outputs.scores[index, :found]
        reply["classes"][:found] = outputs.classes[index, :found]
        answers.write(reply.tobytes())


def _read_into(stream: IO[bytes], buffer: memoryview) -> bool:
    """Fill `buffer` with bytes of the stream. Return False if the stream ends before that."""
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
