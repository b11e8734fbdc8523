"""Networks in real processes of their own."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from ssd_live.errors import (
    BackendError,
    CancelledError,
    ModelFileError,
    SsdLiveError,
    UnknownModelError,
    UsageError,
)
from ssd_live.imaging.image_files import read_image
from ssd_live.modelfile.catalogue import find_model
from ssd_live.remote import loader
from ssd_live.remote.client import InferenceProcess, RemoteBackend
from ssd_live.remote.loader import LoaderEvents, NetworkLoader
from ssd_live.remote.network import LiveModel, ModelInfo, ModelRequest
from ssd_live.selection.choice import BackendChoice
from ssd_live.selection.load import load_chosen
from ssd_live.system.paths import assets_folder
from tests.tiny_model import SIDE, tiny_model
from tests.waiting import LIMIT_SECONDS, children, is_zombie, open_files, threads_named, wait_until

CHECKOUT = Path(__file__).resolve().parents[3]
BOX, SCORES = (0.25, 0.25, 0.75, 0.75), (0.9, 0.1)


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    yield
    wait_until(lambda: not children(), what="all children to end")
    wait_until(lambda: not threads_named("load"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelRequest:
    """A model file that loads in a moment."""
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    path.write_bytes(tiny_model([BOX], [SCORES]).data)
    return ModelRequest(str(path), "onnxruntime", "fp32")


def _black() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.zeros((1, SIDE, SIDE, 3), np.uint8)


@contextmanager
def running(model_request: ModelRequest) -> Iterator[tuple[InferenceProcess, RemoteBackend]]:
    """A process that has loaded its network, and a handle to it."""
    with InferenceProcess(model_request) as process:
        process.wait()
        yield process, process.backend()


# One network.


@pytest.mark.parametrize(
    ("model", "runtime"),
    [("ssd300-mobilenetv2-oid", "openvino"), ("ssdlite300-mobilenetv2-person", "onnxruntime")],
)
def test_answers_are_those_of_the_same_backend_in_this_process(model: str, runtime: str) -> None:
    frames = [
        read_image(assets_folder() / "media" / name) for name in ("chelsea.png", "astronaut.png")
    ]
    with InferenceProcess(ModelRequest(model, runtime, "fp32")) as process:
        loaded = process.wait()
        backend = process.backend()
        file = find_model(model)
        assert (loaded.metadata.name, loaded.sha256, loaded.backend, loaded.precision) == (
            model,
            file.sha256,
            runtime,
            "fp32",
        )
        assert backend.description == loaded.description
        with load_chosen(file, BackendChoice(runtime, "CPU", "fp32"), "latency") as own:
            for frame in frames:
                image = frame.network_input(loaded.metadata.input_size)[None]
                here, there = own.submit(image).result(), backend.submit(image).result(20)
                count = int(here.num_detections[0, 0])
                assert count == int(there.num_detections[0, 0]) > 0
                order_here, order_there = (
                    np.argsort(-here.scores[0, :count]),
                    np.argsort(-there.scores[0, :count]),
                )
                np.testing.assert_allclose(
                    there.scores[0][order_there], here.scores[0][order_here], atol=1e-5
                )
                best_here, best_there = order_here[0], order_there[0]
                assert here.classes[0, best_here] == there.classes[0, best_there]
                np.testing.assert_allclose(
                    there.boxes[0, best_there], here.boxes[0, best_here], atol=1e-5
                )


def test_many_pictures_are_answered_one_after_the_other(tiny: ModelRequest) -> None:
    with running(tiny) as (_, backend):
        for _ in range(50):
            outputs = backend.submit(_black()).result(10)
            assert int(outputs.num_detections[0, 0]) == 2
            np.testing.assert_allclose(outputs.boxes[0, 0], BOX, atol=1e-6)


@pytest.mark.parametrize(
    ("model_request", "kind", "part"),
    [
        (ModelRequest("no-such-model"), UnknownModelError, "there is no model 'no-such-model'"),
        (ModelRequest("ssd300-mobilenetv2-oid", "no-such-backend"), UsageError, "no-such-backend"),
        (ModelRequest("ssd300-mobilenetv2-oid", "openvino:NPU9"), SsdLiveError, "NPU9"),
        (ModelRequest(str(assets_folder() / "media" / "coffee.png")), ModelFileError, "coffee.png"),
    ],
)
def test_what_goes_wrong_in_the_process_comes_through_as_the_same_error(
    model_request: ModelRequest, kind: type[SsdLiveError], part: str
) -> None:
    with InferenceProcess(model_request) as process, pytest.raises(kind, match=part) as raised:
        process.wait()
    assert "\n" not in str(raised.value)


def test_a_killed_process_is_a_failure_that_says_so(tiny: ModelRequest) -> None:
    with running(tiny) as (process, backend):
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: is_zombie(psutil.Process(process.pid)))
        with pytest.raises(BackendError, match=r"crashed \(signal 9\); choose another backend"):
            backend.submit(_black()).result(10)


def test_a_process_killed_in_the_middle_of_a_picture_is_a_failure(tiny: ModelRequest) -> None:
    with running(tiny) as (process, backend):
        os.kill(process.pid, signal.SIGSTOP)
        pending = backend.submit(_black())
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(BackendError, match="crashed"):
            pending.result(10)


def test_a_process_that_hangs_is_given_up_and_ended(tiny: ModelRequest) -> None:
    with running(tiny) as (process, backend):
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError, match="no answer within"):
            backend.submit(_black()).result(0.1)
        wait_until(
            lambda: is_zombie(psutil.Process(process.pid)) or not psutil.pid_exists(process.pid)
        )


def test_killing_from_another_thread_frees_who_waits(tiny: ModelRequest) -> None:
    with running(tiny) as (process, backend):
        os.kill(process.pid, signal.SIGSTOP)
        pending = backend.submit(_black())
        timer = threading.Timer(0.05, process.kill)
        timer.start()
        with pytest.raises(BackendError):
            pending.result(20)
        timer.join()


def test_closing_ends_the_process_and_frees_its_pipes_whatever_it_does(tiny: ModelRequest) -> None:
    with running(tiny):
        pass
    before = open_files()
    for stopped in (False, True):
        process = InferenceProcess(tiny)
        process.wait()
        backend = process.backend()
        if stopped:
            os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        backend.close()
        assert time.monotonic() - started < 5
        assert not psutil.pid_exists(process.pid)
    assert open_files() == before


def test_closing_while_it_loads_ends_the_process(tiny: ModelRequest) -> None:
    with InferenceProcess(tiny) as process:
        pass
    assert not psutil.pid_exists(process.pid)


def test_the_process_ends_when_its_parent_is_killed(tiny: ModelRequest, tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from ssd_live.remote.client import InferenceProcess\n"
        "from ssd_live.remote.network import ModelRequest\n"
        f"process = InferenceProcess(ModelRequest({tiny.model!r}, 'onnxruntime', 'fp32'))\n"
        "process.wait()\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=CHECKOUT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not psutil.pid_exists(child) or is_zombie(psutil.Process(child)))


def test_code_in_the_current_folder_is_not_run_by_the_process(
    tiny: ModelRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('stolen')")
    monkeypatch.chdir(tmp_path)
    with InferenceProcess(tiny) as process:
        assert process.wait().metadata.name == "tiny"


def test_an_error_kind_that_this_program_does_not_know_is_a_backend_error(
    tiny: ModelRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'ssd_live.remote.server' in sys.orig_argv:\n"
        """    print('{"kind": "NovelError", "error": "novel"}', flush=True)\n"""
        "    os._exit(1)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with InferenceProcess(tiny) as process, pytest.raises(BackendError, match="novel") as raised:
        process.wait()
    assert type(raised.value) is BackendError


# Loading in the background.


class Told:
    """What a loader told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ready: list[tuple[ModelRequest, ModelInfo, LiveModel]] = []
        self.failed: list[tuple[ModelRequest, SsdLiveError]] = []
        self.loader = NetworkLoader(
            LoaderEvents(
                self.lines.append,
                lambda *words: self.ready.append(words),
                lambda *words: self.failed.append(words),
            )
        )

    def close(self) -> None:
        self.loader.close()
        for _, _, network in self.ready:
            network.backend.close()


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    yield told
    told.close()


def test_a_loaded_network_is_ready_to_use(told: Told, tiny: ModelRequest) -> None:
    told.loader.load(tiny)
    wait_until(lambda: told.ready)
    model_request, loaded, network = told.ready[0]
    assert (model_request, loaded.metadata.name, network.name, network.input_size) == (
        tiny,
        "tiny",
        "tiny",
        (SIDE, SIDE),
    )
    outputs = network.backend.submit(_black()).result(10)
    found = network.accept_all.detections(outputs, 0, (100, 200))
    assert found.names == ["cat", "dog"]
    np.testing.assert_allclose(found.boxes[0], [25, 50, 75, 150], atol=0.01)


def test_loading_returns_at_once(told: Told, tiny: ModelRequest) -> None:
    started = time.monotonic()
    told.loader.load(tiny)
    assert time.monotonic() - started < 0.1
    wait_until(lambda: told.ready)


def test_a_network_that_cannot_be_loaded_is_told_with_its_wish(told: Told) -> None:
    told.loader.load(ModelRequest("no-such-model"))
    wait_until(lambda: told.failed)
    ((model_request, error),) = told.failed
    assert model_request.model == "no-such-model"
    assert isinstance(error, UnknownModelError)


def test_of_wishes_in_a_row_only_the_last_is_granted_and_nothing_is_said_of_the_others(
    told: Told, tiny: ModelRequest
) -> None:
    for _ in range(3):
        told.loader.load(ModelRequest("ssd300-mobilenetv2-oid", "openvino", "fp32"))
        wait_until(lambda: len(children()) >= 1)
    told.loader.load(tiny)
    wait_until(lambda: told.ready)
    wait_until(lambda: len(children()) == 1 and not threads_named("load"))
    assert [model_request for model_request, _, _ in told.ready] == [tiny]
    assert told.failed == []


def test_the_last_of_wishes_made_at_once_wins(told: Told, tiny: ModelRequest) -> None:
    for _ in range(4):
        told.loader.load(ModelRequest("no-such-model"))
        told.loader.load(tiny)
        wait_until(lambda: not threads_named("load"))
        assert told.ready
        assert told.ready[-1][0] == tiny
        told.ready.pop()[2].backend.close()
    assert not told.ready
    assert not told.failed


def test_a_new_wish_does_not_end_the_network_in_use(told: Told, tiny: ModelRequest) -> None:
    told.loader.load(tiny)
    wait_until(lambda: told.ready)
    told.loader.load(ModelRequest("no-such-model"))
    wait_until(lambda: told.failed)
    assert told.ready[0][2].backend.submit(_black()).result(10) is not None


def test_closing_ends_what_is_loading_and_tells_nothing(told: Told) -> None:
    told.loader.load(ModelRequest("ssd300-mobilenetv2-oid", "openvino", "fp32"))
    wait_until(children)
    told.loader.close()
    wait_until(lambda: not children() and not threads_named("load"))
    assert (told.ready, told.failed) == ([], [])


def test_a_closed_loader_loads_nothing(told: Told, tiny: ModelRequest) -> None:
    told.loader.close()
    told.loader.load(tiny)
    wait_until(lambda: not threads_named("load"))
    assert (told.ready, told.failed, children()) == ([], [], [])


def test_a_process_that_cannot_be_started_is_told(
    told: Told, tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    told.loader.load(tiny)
    wait_until(lambda: told.failed)
    assert "cannot be started" in str(told.failed[0][1])


# Cancelling.


def trials() -> list[psutil.Process]:
    """Backends that are being tried."""
    return [
        child
        for child in children()
        if not is_zombie(child) and "ssd_live.selection.trial" in child.cmdline()
    ]


# Python runs a module of this name first of all.
ENDLESS_TRIALS = """
import sys, threading
from ssd_live import backends
from ssd_live.errors import BackendError
def load(*_):
    if "ssd_live.selection.trial" in sys.orig_argv:
        threading.Event().wait()
    raise BackendError("what the rule chose does not load, so the backends are measured")
backends.load_backend = load
"""
PERSON = ModelRequest("ssdlite300-mobilenetv2-person")


def test_cancelling_ends_measuring(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ENDLESS_TRIALS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    told.loader.load(PERSON)
    wait_until(trials, what="a backend to be tried")
    (trial,) = trials()
    told.loader.cancel()
    wait_until(lambda: told.failed)
    assert [(refused, type(error)) for refused, error in told.failed] == [(PERSON, CancelledError)]
    wait_until(lambda: not children(), what="the worker to end")
    wait_until(
        lambda: not trial.is_running() or is_zombie(trial),
        what="the trial to end, which lost its parent",
    )
    assert any(line.startswith("trying ") for line in told.lines)
    assert not told.ready


# OpenVINO loads nothing, as after an update that broke it.
BROKEN_OPENVINO = """
import sys
from ssd_live.errors import BackendError
if any("ssd_live." in word for word in sys.orig_argv):
    from ssd_live.backends import openvino
    def load(model, options):
        raise BackendError("OpenVINO is broken")
    openvino.load = load
"""


def test_if_what_the_rule_chose_does_not_load_something_else_is_found(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN_OPENVINO)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{CHECKOUT}")
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    told.loader.load(PERSON)
    wait_until(lambda: told.ready or told.failed)
    assert not told.failed
    assert any(line.endswith("cannot be used: OpenVINO is broken") for line in told.lines)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="Windows cannot tell it")
def test_the_process_ends_at_once_if_its_parent_ends_while_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(ENDLESS_TRIALS)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{CHECKOUT}")
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    words = ["-m", "ssd_live.remote.server", PERSON.model, "auto", "auto", "1"]
    with subprocess.Popen(
        [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        wait_until(trials, what="a backend to be tried")
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 1
    wait_until(lambda: not trials(), what="the trial to end, which lost its parent")


def held_back(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Threads that load begin once it is set."""
    begin = threading.Event()

    class HeldBack(threading.Thread):
        def run(self) -> None:
            if self.name == "load":
                begin.wait(LIMIT_SECONDS)
            super().run()

    monkeypatch.setattr(threading, "Thread", HeldBack)
    return begin


def test_what_is_cancelled_before_its_process_is_there_starts_none(
    told: Told, tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = held_back(monkeypatch)
    started: list[ModelRequest] = []
    monkeypatch.setattr(loader, "InferenceProcess", started.append)
    told.loader.load(tiny)
    told.loader.cancel()
    begin.set()
    wait_until(lambda: told.failed)
    assert isinstance(told.failed[0][1], CancelledError)
    assert not started


def test_what_is_cancelled_at_the_last_moment_is_not_used(
    told: Told, tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was killed: it would die at its first picture, and be started again."""

    class Late(InferenceProcess):
        def wait(self, on_progress: Callable[[str], None] = lambda _: None) -> ModelInfo:
            loaded = super().wait(on_progress)
            told.loader.cancel()
            return loaded

    monkeypatch.setattr(loader, "InferenceProcess", Late)
    told.loader.load(tiny)
    wait_until(lambda: told.failed or told.ready)
    assert not told.ready
    assert isinstance(told.failed[0][1], CancelledError)


def test_cancelling_when_nothing_loads_does_nothing(told: Told, tiny: ModelRequest) -> None:
    told.loader.cancel()
    told.loader.load(tiny)
    wait_until(lambda: told.ready)
    wait_until(lambda: not threads_named("load"))
    told.loader.cancel()
    assert told.ready[0][2].backend.submit(_black()).result(10) is not None
    assert not told.failed


def test_a_wish_after_a_cancelled_one_is_granted(
    told: Told, tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = held_back(monkeypatch)
    told.loader.load(ModelRequest("no-such-model"))
    told.loader.cancel()
    told.loader.load(tiny)
    begin.set()
    wait_until(lambda: told.ready)
    assert not told.failed


def test_the_failure_of_an_earlier_wish_is_not_told(
    told: Told, tiny: ModelRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends while the process for the next one does not run yet."""

    class Slow(InferenceProcess):
        def wait(self, on_progress: Callable[[str], None] = lambda _: None) -> ModelInfo:
            try:
                return super().wait(on_progress)
            finally:
                if self.model_request != tiny:
                    told.loader.load(tiny)

    monkeypatch.setattr(loader, "InferenceProcess", Slow)
    told.loader.load(ModelRequest("no-such-model"))
    wait_until(lambda: told.ready)
    assert not told.failed
