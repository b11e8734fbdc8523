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

from ssd_live.backends.base import Backend
from ssd_live.errors import BackendError
from ssd_live.imaging.image_files import read_image
from ssd_live.remote.client import InferenceProcess, RemoteBackend
from ssd_live.remote.network import FAILED, ModelRequest
from ssd_live.system.paths import assets_folder
from tests.tiny_model import SIDE, tiny_model
from tests.waiting import LIMIT_SECONDS, children, wait_until

MODEL = "ssd300-mobilenetv2-oid"
USERS = 3
CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    wait_until(lambda: not children(), what="all children to end")


@pytest.fixture
def tiny(tmp_path: Path) -> ModelRequest:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_model([(0.25, 0.25, 0.75, 0.75)], [(0.9, 0.1)]).data)
    return ModelRequest(str(path), "onnxruntime", "fp32")


def _shared(model_request: ModelRequest) -> tuple[InferenceProcess, list[RemoteBackend]]:
    process = InferenceProcess(model_request, USERS)
    process.wait()
    first = process.backend()
    return process, [first, *(first.share() for _ in range(USERS - 1))]


def _close(backends: list[RemoteBackend]) -> None:
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
    with InferenceProcess(ModelRequest(MODEL, runtime, "fp32")) as alone:
        alone.wait()
        expected = [_best(alone.backend(), image) for image in images]
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
    process, backends = _shared(tiny)
    for backend in backends[:-1]:
        backend.close()
    with pytest.raises(BackendError, match="closed"):
        backends[0].submit(_picture())
    assert int(backends[-1].submit(_picture()).result(10).num_detections[0, 0]) == 2
    assert process.is_running
    backends[-1].close()
    assert not process.is_running


def test_when_the_process_dies_every_user_is_told_now_and_later(tiny: ModelRequest) -> None:
    process, backends = _shared(tiny)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        pending = [backend.submit(_picture()) for backend in backends[:-1]]
        os.kill(process.pid, signal.SIGKILL)
        for waiting in pending:
            with pytest.raises(BackendError, match="crashed"):
                waiting.result(10)
        for backend in backends:
            with pytest.raises(BackendError, match="crashed"):
                backend.submit(_picture()).result(10)
    finally:
        _close(backends)


def test_a_process_that_hangs_is_given_up_and_ended(tiny: ModelRequest) -> None:
    process, backends = _shared(tiny)
    try:
        os.kill(process.pid, signal.SIGSTOP)
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
    process, backends = _shared(tiny)
    os.kill(process.pid, signal.SIGSTOP)
    backends[0].submit(_picture())
    started = time.monotonic()
    _close(backends)
    assert time.monotonic() - started < 5


def test_killing_frees_one_who_cannot_get_rid_of_a_picture() -> None:
    """A pipe that nobody reads holds so much and no more."""
    process, backends = _shared(ModelRequest(MODEL, "onnxruntime", "fp32"))
    os.kill(process.pid, signal.SIGSTOP)
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
    process.kill()
    thread.join(10)
    _close(backends)
    assert len(failures) == 1


@pytest.mark.parametrize("rows", [20, 100, 200])
def test_replies_that_came_together_are_all_handed_out(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "small.onnx"
    path.write_bytes(tiny_model([(0.25, 0.25, 0.75, 0.75)], [(0.9, 0.1)], max_detections=rows).data)
    process, backends = _shared(ModelRequest(str(path), "onnxruntime", "fp32"))
    os.kill(process.pid, signal.SIGSTOP)
    pending = [backend.submit(_picture()) for backend in backends]
    os.kill(process.pid, signal.SIGCONT)
    counts = [int(waiting.result(LIMIT_SECONDS).num_detections[0, 0]) for waiting in pending]
    _close(backends)
    assert counts == [2] * USERS


# Python runs a module of this name first of all. It stands in for the inference process.
STAND_IN = """
import json, os, sys, time
if "ssd_live.remote.server" in sys.orig_argv:
    import numpy as np
    from ssd_live.remote.network import FAILED, reply_type
    from tests.tiny_model import SIDE, tiny_metadata
    metadata = tiny_metadata()
    said = dict(backend="a", device="CPU", precision="fp32", description="stand-in", sha256="0")
    said["metadata"] = metadata.model_dump(mode="json")
    os.write(1, json.dumps({"ready": said}).encode() + b"\\n")
    number = 0
    while sys.stdin.buffer.read(SIDE * SIDE * 3):
        number += 1
        reply = np.zeros(1, reply_type(metadata.max_detections))
        reply["count"] = answer(number)
        os.write(1, reply.tobytes())
        if reply["count"] == FAILED:
            os.write(1, b'{"error": "the GPU ran out of memory", "kind": "BackendError"}\\n')
    os._exit(0)
"""


def _stand_in(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users: int
) -> tuple[InferenceProcess, list[RemoteBackend]]:
    """A process that answers image `number` with the count that the body `answer` returns."""
    body = f"def answer(number):\n    import time\n    {answer}\n{STAND_IN}"
    (tmp_path / "sitecustomize.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(CHECKOUT)]))
    process = InferenceProcess(ModelRequest("any"), users)
    process.wait()
    return process, [process.backend() for _ in range(users)]


def test_a_slow_process_that_answers_all_the_time_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, backends = _stand_in("time.sleep(0.1); return 0", tmp_path, monkeypatch, 12)
    with ThreadPoolExecutor(12) as users:
        replies = list(users.map(lambda backend: backend.submit(_picture()).result(0.8), backends))
    assert process.is_running
    _close(backends)
    assert len(replies) == 12


def test_a_process_that_said_it_failed_ends_though_a_user_has_not_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, backends = _stand_in(
        f"return {FAILED} if number == 2 else 0", tmp_path, monkeypatch, 3
    )
    assert int(backends[0].submit(_picture()).result(10).num_detections[0, 0]) == 0
    with pytest.raises(BackendError, match="out of memory"):
        backends[1].submit(_picture()).result(10)
    wait_until(lambda: not process.is_running)
    with pytest.raises(BackendError, match="out of memory"):
        backends[2].submit(_picture())
    _close(backends)
