"""What the inference process does with the pictures of several users: real pipes, a backend that
says what it was given.
"""

import io
import os
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ssd_live.backends.base import Outputs
from ssd_live.closing import Closing
from ssd_live.errors import BackendError
from ssd_live.imaging.pixels import Pixels
from ssd_live.remote.network import FAILED, reply_type
from ssd_live.remote.server import BatchingServer
from ssd_live.selection.choice import BackendChoice, batch_for
from tests.tiny_model import SIDE, tiny_metadata
from tests.waiting import LIMIT_SECONDS, threads_named, wait_until

METADATA = tiny_metadata()
ROWS = METADATA.max_detections


@dataclass
class Batches(Closing):
    """Finds in each picture one thing, scored by its brightness. Waits at the gate; fails where a
    picture is 66.
    """

    batch: int
    slots: int = 2
    description = "batches"
    given: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate = threading.Event()

    def submit(self, images: Pixels) -> "_Pending":
        assert images.shape == (self.batch, SIDE, SIDE, 3)
        numbers = [int(image[0, 0, 0]) for image in images]
        self.given.append(numbers)
        if 77 in numbers:
            raise BackendError("77 is not taken")
        return _Pending(self, numbers)

    def share(self) -> None:
        return None

    def close(self) -> None:
        pass


@dataclass
class _Pending:
    backend: Batches
    numbers: list[int]

    def result(self, timeout: float | None = None) -> Outputs:
        assert self.backend.gate.wait(LIMIT_SECONDS)
        if 66 in self.numbers:
            raise BackendError("66 cannot be looked at")
        count = len(self.numbers)
        scores = np.zeros((count, ROWS), np.float32)
        scores[:, 0] = self.numbers
        return Outputs(
            np.ones((count, 1), np.int32),
            np.zeros((count, ROWS, 4), np.float32),
            scores,
            np.zeros((count, ROWS), np.int32),
        )


class Pictures(io.FileIO):
    """The pipe that pictures come from. `asked` counts the pictures that were read before the one
    that is being asked for: the reader is done with them.
    """

    asked = 0
    _bytes = 0

    def readinto(self, buffer: Any) -> int | None:
        self.asked = self._bytes // (SIDE * SIDE * 3)
        count = super().readinto(buffer)
        self._bytes += count or 0
        return count


class Worker:
    """A flow in a thread, with both its pipes. `failure` is what nobody expected."""

    failure: BaseException | None = None

    def __init__(self, backend: Batches) -> None:
        reads, self._writes = os.pipe()
        answers, writes = os.pipe()
        self._pictures, written = Pictures(reads), io.FileIO(writes, "w")
        flow = BatchingServer(backend, METADATA, backend.batch, self._pictures, written)
        self._said: list[int | str] = []
        self._thread = threading.Thread(target=self._run, args=(flow, written), daemon=True)
        self._listener = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._thread.start()
        self._listener.start()

    def wait_until_read(self, pictures: int) -> None:
        """Until so many were read in all."""
        wait_until(lambda: self._pictures.asked == pictures)

    def send(self, *numbers: int) -> None:
        for number in numbers:
            os.write(self._writes, np.full((SIDE, SIDE, 3), number, np.uint8).tobytes())

    def end(self) -> list[int | str]:
        """All answers, in order: the score, or the line of a failure."""
        os.close(self._writes)
        for thread in (self._thread, self._listener):
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()
        return self._said

    def _run(self, flow: BatchingServer, written: io.FileIO) -> None:
        try:
            flow.run()
        except ZeroDivisionError as error:
            self.failure = error
        written.close()
        wait_until(lambda: not threads_named("read"))
        self._pictures.close()

    def _listen(self, answers: int) -> None:
        with open(answers, "rb") as stream:
            kind = reply_type(ROWS)
            while data := stream.read(kind.itemsize):
                (reply,) = np.frombuffer(data, kind)
                if reply["count"] == FAILED:
                    self._said.append(stream.readline().decode())
                else:
                    assert reply["count"] == 1
                    self._said.append(int(reply["scores"][0]))


def test_pictures_that_wait_go_on_as_one_batch_in_their_order() -> None:
    backend = Batches(4)
    worker = Worker(backend)
    worker.send(1)
    wait_until(lambda: len(backend.given) == 1)
    worker.send(2)
    wait_until(lambda: len(backend.given) == 2)
    # Both slots are taken: these must wait.
    worker.send(3, 4, 5, 6)
    worker.wait_until_read(6)
    backend.gate.set()
    assert worker.end() == [1, 2, 3, 4, 5, 6]
    assert backend.given == [[1] * 4, [2] * 4, [3, 4, 5, 6]]


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_every_picture_is_answered_once_whatever_the_batch(batch: int) -> None:
    backend = Batches(batch)
    backend.gate.set()
    worker = Worker(backend)
    worker.send(*range(1, 40))
    assert worker.end() == list(range(1, 40))


def test_a_slot_is_used_by_one_batch_at_a_time() -> None:
    backend = Batches(1, slots=3)
    worker = Worker(backend)
    worker.send(*range(1, 7))
    wait_until(lambda: len(backend.given) == 3)
    backend.gate.wait(0.1)
    assert len(backend.given) == 3
    backend.gate.set()
    assert worker.end() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("bad", "line"), [(66, "66 cannot be looked at"), (77, "77 is not taken")])
def test_a_batch_that_fails_is_said_for_each_of_its_pictures_and_the_next_goes_on(
    bad: int, line: str
) -> None:
    backend = Batches(1)
    backend.gate.set()
    worker = Worker(backend)
    worker.send(1, bad, 2)
    first, failure, last = worker.end()
    assert (first, last) == (1, 2)
    assert line in str(failure)


def test_nothing_comes_of_nothing() -> None:
    worker = Worker(Batches(2))
    assert worker.end() == []


@pytest.mark.parametrize(
    ("device", "users", "batch"),
    [("CPU", 4, 1), ("GPU", 1, 1), ("GPU", 2, 2), ("GPU", 3, 4), ("GPU", 8, 8), ("GPU", 20, 8)],
)
def test_a_gpu_takes_several_at_once_and_a_processor_one_where_each_is_wanted_soon(
    device: str, users: int, batch: int
) -> None:
    assert batch_for(BackendChoice("any", device, "fp32"), users) == batch


def test_what_nobody_expected_ends_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    def divide(self: _Pending, timeout: float | None = None) -> Outputs:
        raise ZeroDivisionError

    monkeypatch.setattr(_Pending, "result", divide)
    worker = Worker(Batches(1, slots=1))
    worker.send(1)
    assert worker.end() == []
    assert isinstance(worker.failure, ZeroDivisionError)
