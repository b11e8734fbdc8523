"""One real inference process for several users."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ssd_live.backends.base import Backend, Outputs
from ssd_live.detection.filter import accept_all
from ssd_live.errors import BackendError
from ssd_live.imaging.image_files import read_image
from ssd_live.remote.client import ModelRequest, RemoteBackend
from ssd_live.remote.network import LiveModel
from ssd_live.remote.shared import SharedBackend, client_backends
from ssd_live.system.paths import assets_folder
from tests.tiny_model import SIDE, tiny_metadata, tiny_model
from tests.waiting import LIMIT_SECONDS, children, threads_named, wait_until

MODEL = "ssd300-mobilenetv2-oid"
USERS = 3


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    wait_until(lambda: not children(), what="all children to end")
    assert not threads_named("answers")


@pytest.fixture
def tiny(tmp_path: Path) -> ModelRequest:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model([(0.25, 0.25, 0.75, 0.75)], [(0.9, 0.1)]).data)
    return ModelRequest(str(path), "onnxruntime", "fp32")


def _shared(model_request: ModelRequest) -> tuple[RemoteBackend, list[Backend]]:
    remote = RemoteBackend(model_request, USERS)
    remote.wait()
    network = LiveModel(remote, (SIDE, SIDE), accept_all(tiny_metadata()), "shared", remote.kill)
    return remote, [place.backend for place in client_backends(network, USERS)]


def _close(backends: list[Backend]) -> None:
    for backend in backends:
        backend.close()


def _picture() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros((1, SIDE, SIDE, 3), np.uint8)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_each_user_gets_the_answers_to_its_own_pictures(runtime: str) -> None:
    names = ("chelsea.png", "astronaut.png", "coffee.png")
    images = [
        read_image(assets_folder() / "media" / name).network_input((300, 300))[None]
        for name in names
    ]
    with RemoteBackend(ModelRequest(MODEL, runtime, "fp32")) as alone:
        alone.wait()
        expected = [_best(alone, image) for image in images]
    assert len({classes for _, classes in expected}) == len(names)
    _, backends = _shared(ModelRequest(MODEL, runtime, "fp32"))
    try:
        with ThreadPoolExecutor(USERS) as users:
            found = list(
                users.map(
                    lambda backend, image: [_best(backend, image) for _ in range(15)],
                    backends,
                    images,
                )
            )
    finally:
        _close(backends)
    for (score, classes), answers in zip(expected, found, strict=True):
        for other_score, other_classes in answers:
            assert other_classes == classes
            assert abs(other_score - score) < 1e-3


def _best(
    backend: Backend, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> tuple[float, int]:
    outputs = backend.submit(image).result(20)
    best = int(np.argmax(outputs.scores[0, : int(outputs.num_detections[0, 0])]))
    return float(outputs.scores[0, best]), int(outputs.classes[0, best])


def test_the_process_goes_on_until_its_last_user_has_left(tiny: ModelRequest) -> None:
    remote, backends = _shared(tiny)
    for backend in backends[:-1]:
        backend.close()
    with pytest.raises(BackendError, match="closed"):
        backends[0].submit(_picture())
    assert int(backends[-1].submit(_picture()).result(10).num_detections[0, 0]) == 2
    assert remote._process.poll() is None
    backends[-1].close()
    assert remote._process.poll() is not None


def test_when_the_process_dies_every_user_is_told_now_and_later(tiny: ModelRequest) -> None:
    remote, backends = _shared(tiny)
    try:
        os.kill(remote._process.pid, signal.SIGSTOP)
        pending = [backend.submit(_picture()) for backend in backends[:-1]]
        os.kill(remote._process.pid, signal.SIGKILL)
        for waiting in pending:
            with pytest.raises(BackendError, match="crashed"):
                waiting.result(10)
        for backend in backends:
            with pytest.raises(BackendError, match="crashed"):
                backend.submit(_picture()).result(10)
    finally:
        _close(backends)


def test_a_process_that_hangs_is_given_up_and_ended(tiny: ModelRequest) -> None:
    remote, backends = _shared(tiny)
    try:
        os.kill(remote._process.pid, signal.SIGSTOP)
        waiting = backends[0].submit(_picture())
        with pytest.raises(TimeoutError, match="no answer within"):
            backends[1].submit(_picture()).result(0.1)
        with pytest.raises(BackendError, match="crashed"):
            waiting.result(10)
    finally:
        _close(backends)


def test_leaving_while_an_answer_is_on_its_way_takes_nothing_from_the_others(
    tiny: ModelRequest,
) -> None:
    _, backends = _shared(tiny)
    for _ in range(5):
        backends[0].submit(_picture())
    backends[0].close()
    try:
        for backend in backends[1:]:
            assert int(backend.submit(_picture()).result(10).num_detections[0, 0]) == 2
    finally:
        _close(backends[1:])


def test_the_last_one_leaves_a_process_that_hangs_all_the_same(tiny: ModelRequest) -> None:
    remote, backends = _shared(tiny)
    os.kill(remote._process.pid, signal.SIGSTOP)
    backends[0].submit(_picture())
    started = time.monotonic()
    _close(backends)
    assert time.monotonic() - started < 5


def test_killing_frees_one_who_cannot_get_rid_of_a_picture() -> None:
    """A pipe that nobody reads holds so much and no more."""
    remote, backends = _shared(ModelRequest(MODEL, "onnxruntime", "fp32"))
    os.kill(remote._process.pid, signal.SIGSTOP)
    failures: list[BaseException] = []

    def fill() -> None:
        try:
            for _ in range(20):
                backends[0].submit(np.zeros((1, 300, 300, 3), np.uint8))
        except BackendError as error:
            failures.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    remote.kill()
    thread.join(10)
    _close(backends)
    assert len(failures) == 1


@pytest.mark.parametrize("rows", [20, 100, 200])
def test_answers_that_came_together_are_all_handed_out(tmp_path: Path, rows: int) -> None:
    """Small ones lie in Python's buffer together, and no longer in the pipe."""
    path = tmp_path / "small.onnx"
    path.write_bytes(tiny_model([(0.25, 0.25, 0.75, 0.75)], [(0.9, 0.1)], max_detections=rows).data)
    remote = RemoteBackend(ModelRequest(str(path), "onnxruntime", "fp32"), USERS)
    remote.wait()
    os.kill(remote._process.pid, signal.SIGSTOP)
    for _ in range(USERS):
        remote.submit(_picture())
    os.kill(remote._process.pid, signal.SIGCONT)
    answers: list[Outputs] = []
    thread = threading.Thread(
        target=lambda: answers.extend(remote.answer(None) for _ in range(USERS))
    )
    thread.start()
    thread.join(LIMIT_SECONDS)
    remote.kill()
    thread.join()
    remote.close()
    assert len(answers) == USERS


class Slow:
    """In place of a process: answers a picture every twentieth of a second."""

    description = "slow"
    killed = False

    def submit(self, images: object) -> None:
        pass

    def answer(self, timeout: float | None) -> str:
        time.sleep(0.05)
        return "answer"

    def kill(self) -> None:
        self.killed = True

    def close(self) -> None:
        pass


def test_a_slow_process_that_answers_all_the_time_is_not_given_up() -> None:
    slow = Slow()
    backends = SharedBackend(slow, 12).places  # type: ignore[arg-type]
    with ThreadPoolExecutor(12) as users:
        answers = list(users.map(lambda place: place.submit(_picture()).result(0.4), backends))
    for backend in backends:
        backend.close()
    assert answers == ["answer"] * 12
    assert not slow.killed


def test_a_process_that_said_it_failed_ends_though_a_user_has_not_left(
    tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, backends = _shared(tiny)

    def fail(timeout: float | None) -> Outputs:
        raise BackendError("the GPU ran out of memory")

    monkeypatch.setattr(remote, "answer", fail)
    with pytest.raises(BackendError, match="out of memory"):
        backends[0].submit(_picture()).result(10)
    wait_until(lambda: remote._process.poll() is not None)
    _close(backends)
